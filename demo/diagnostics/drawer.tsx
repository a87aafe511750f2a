/** What goes on below the page, beside it: nothing of it is needed to use the page, all of it to understand what happens. */

import type { Mesh, PeerId } from 'handfast'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { SessionsCard } from './sessions-card.tsx'
import { SwitchesCard } from './switches-card.tsx'
import type { TraceBook } from './trace-book.ts'
import { TraceList } from './trace-list.tsx'

export interface DiagnosticsDrawerProps {
  mesh: Mesh
  book: TraceBook
  callPeer(peer: PeerId): string
  /** Whom the page is about at the moment. */
  peer: PeerId | null
  close(): void
}

export function DiagnosticsDrawer({ mesh, book, callPeer, peer, close }: DiagnosticsDrawerProps) {
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus(), [])
  return (
    <aside
      class="drawer"
      aria-labelledby="drawer-title"
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <header class="drawer-header">
        <h2 id="drawer-title" ref={title} tabIndex={-1}>
          Diagnostics
        </h2>
        <button type="button" class="button bare" aria-label="Close diagnostics" onClick={close}>
          <Icon name="cross" />
        </button>
      </header>
      <SwitchesCard mesh={mesh} />
      <SessionsCard mesh={mesh} callPeer={callPeer} peer={peer} />
      <TraceList mesh={mesh} book={book} callPeer={callPeer} />
    </aside>
  )
}
