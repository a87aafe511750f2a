/** How this page reaches others, what it calls you, and how it looks. */

import type { RefObject } from 'preact'
import { PersonsCard } from '../keys/persons-card.tsx'
import { PaneHeader } from '../ui/pane-header.tsx'
import { NameCard } from './name-card.tsx'
import { RelaysCard } from './relays-card.tsx'
import { RouteCard } from './route-card.tsx'
import { ThemeCard } from './theme-card.tsx'

interface SettingsPaneProps {
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function SettingsPane({ leave, title }: SettingsPaneProps) {
  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Settings
          </h2>
          <p class="muted">Kept in this browser, for all its tabs.</p>
        </div>
      </PaneHeader>
      <div class="cards">
        <div class="column">
          <NameCard />
          <ThemeCard />
          <PersonsCard />
        </div>
        <div class="column">
          <RelaysCard />
          <RouteCard />
        </div>
      </div>
    </>
  )
}
