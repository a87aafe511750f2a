/**
 * What was said with each person since the page was opened, in memory only. Serves every link from the moment it
 * exists, so that messages, pings and names are answered whoever is on screen.
 */

import type { Link, Mesh, PeerId } from 'handfast'
import { useEffect, useReducer, useState } from 'preact/hooks'
import { cleanName, NameBook } from '../names.ts'
import { identityName, ownName } from '../page-address.ts'

/** Older ones are dropped from the page: a chat left open for a month must not fill the tab. */
const maxEntries = 500

export interface Entry {
  key: string
  mine: boolean
  value: unknown
  at: number
  /** Of one's own: `queued` until the other side's handler has returned. */
  delivery: 'queued' | 'delivered' | 'failed'
}

export interface Conversation {
  entries: readonly Entry[]
  unread: number
}

const emptyConversation: Conversation = { entries: [], unread: 0 }

type Change =
  | { kind: 'add'; peer: PeerId; entry: Entry }
  | { kind: 'settle'; peer: PeerId; key: string; delivery: Entry['delivery'] }
  | { kind: 'read'; peer: PeerId }
  | { kind: 'drop'; peer: PeerId }

function changed(all: ReadonlyMap<PeerId, Conversation>, change: Change) {
  const { entries, unread } = all.get(change.peer) ?? emptyConversation
  const next = new Map(all)
  switch (change.kind) {
    case 'add': {
      // The same id comes twice when the tab died while handling it.
      if (entries.some(({ key }) => key === change.entry.key)) return all
      const grown = [...entries, change.entry].slice(-maxEntries)
      return next.set(change.peer, { entries: grown, unread: unread + (change.entry.mine ? 0 : 1) })
    }
    case 'settle': {
      const settled = entries.map((entry) =>
        entry.key === change.key ? { ...entry, delivery: change.delivery } : entry,
      )
      return next.set(change.peer, { entries: settled, unread })
    }
    case 'read':
      return unread === 0 ? all : next.set(change.peer, { entries, unread: 0 })
    case 'drop':
      next.delete(change.peer)
      return next
  }
}

export interface Conversations {
  of(peer: PeerId): Conversation
  send(link: Link, text: string): void
  markRead(peer: PeerId): void
  nameOf(peer: PeerId): string | undefined
  knownNames(): string[]
}

export function useConversations(mesh: Mesh): Conversations {
  const [all, apply] = useReducer(changed, new Map() as ReadonlyMap<PeerId, Conversation>)
  const [names] = useState(() => new NameBook(identityName))
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)

  useEffect(() => {
    const serve = (link: Link) => {
      const { peer } = link
      const learn = (claimed: unknown) => {
        const name = cleanName(claimed)
        if (!name || !mesh.links.has(peer)) return
        names.set(peer, name)
        redraw()
      }
      // Either side may be ready first; whichever asks second is heard, and both know then.
      const introduce = () => link.request('introduce', ownName).then(learn, () => {})
      link.handle('introduce', (name) => {
        learn(name)
        return ownName
      })
      link.handle('ping', () => null)
      if (link.state === 'open') void introduce()
      return [
        link.on('state', (state) => {
          if (state === 'open') void introduce()
        }),
        link.on('message', (value, { id }) => {
          const entry = { key: `in ${id}`, mine: false, value, at: Date.now() }
          apply({ kind: 'add', peer, entry: { ...entry, delivery: 'delivered' } })
        }),
      ]
    }
    const undo = [...mesh.links.values()].flatMap(serve)
    undo.push(
      mesh.on('link', (link) => undo.push(...serve(link))),
      mesh.on('forgotten', (peer) => {
        names.delete(peer)
        apply({ kind: 'drop', peer })
      }),
    )
    return () => undo.forEach((stop) => stop())
  }, [mesh, names])

  return {
    of: (peer) => all.get(peer) ?? emptyConversation,
    send(link, text) {
      const { peer } = link
      const key = `out ${crypto.randomUUID()}`
      const entry: Entry = { key, mine: true, value: text, at: Date.now(), delivery: 'queued' }
      apply({ kind: 'add', peer, entry })
      const settle = (delivery: Entry['delivery']) => apply({ kind: 'settle', peer, key, delivery })
      link.send(text).then(
        () => settle('delivered'),
        () => settle('failed'),
      )
    },
    markRead: (peer) => apply({ kind: 'read', peer }),
    nameOf: (peer) => names.get(peer),
    knownNames: () => names.all(),
  }
}
