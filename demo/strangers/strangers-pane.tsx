/** Those whom you have not met: be asked by them, at an address, and ask them. */

import type { Mesh } from 'handfast'
import type { RefObject } from 'preact'
import { AddressCard } from './address-card.tsx'
import { AskCard } from './ask-card.tsx'
import { PaneHeader } from '../ui/pane-header.tsx'

interface StrangersPaneProps {
  mesh: Mesh
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function StrangersPane({ mesh, leave, title }: StrangersPaneProps) {
  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Strangers
          </h2>
          <p class="muted">
            A question and a signed answer, by the relay alone: who asks stays unknown, and neither
            side learns where the other is.
          </p>
        </div>
      </PaneHeader>
      <div class="cards">
        <AddressCard mesh={mesh} />
        <AskCard />
      </div>
    </>
  )
}
