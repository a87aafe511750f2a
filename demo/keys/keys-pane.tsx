/** The keys that are you: how to keep them, take them out of this browser, and lock them. */

import type { Identity, Mesh } from 'handfast'
import type { RefObject } from 'preact'
import { useReducer } from 'preact/hooks'
import { BackupCard } from './backup-card.tsx'
import { DevicesCard } from './devices-card.tsx'
import { useLock } from './use-lock.ts'
import { LockCard } from './lock-card.tsx'
import { PaneHeader } from '../ui/pane-header.tsx'
import { RootCard } from './root-card.tsx'
import { WordsCard } from './words-card.tsx'

interface KeysPaneProps {
  mesh: Mesh
  identity: Identity
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function KeysPane({ mesh, identity, leave, title }: KeysPaneProps) {
  const isLocked = useLock(identity)
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)

  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Keys and devices
          </h2>
          <p class="muted">
            Your main key is who you are. Each device has a key of its own, which the main key
            vouches for.
          </p>
        </div>
      </PaneHeader>
      <div class="cards">
        <div class="column">
          <WordsCard identity={identity} isLocked={isLocked} />
          <BackupCard mesh={mesh} identity={identity} isLocked={isLocked} />
        </div>
        <div class="column">
          <DevicesCard mesh={mesh} identity={identity} isLocked={isLocked} />
          <RootCard identity={identity} isLocked={isLocked} onRemoved={() => redraw()} />
          <LockCard identity={identity} isLocked={isLocked} />
        </div>
      </div>
    </>
  )
}
