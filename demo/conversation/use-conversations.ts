/**
 * What was said with each person. Serves every link from the moment it exists, so that messages, pings and names are answered whoever is on
 * screen. A message counts as handled once it is in the history.
 */

import type { Link, Mesh, PeerId } from 'handfast'
import { useEffect, useReducer, useState } from 'preact/hooks'
import { cleanFileName } from './file-name.ts'
import { asMessage } from './file-note.ts'
import { fileProblemOf, fileProblemWords } from './file-problem.ts'
import { receiveFile, sendFile } from './files.ts'
import { pictureOf } from './picture.ts'
import { maxEntries, MessageHistory, type Change, type Entry } from './message-history.ts'
import { cleanName, NameBook, shortPeer } from '../people/names.ts'
import { identityName, ownName } from '../page-address.ts'
import { codeOf, explain } from '../ui/problems.ts'
import { Transfers } from './transfers.ts'
import { walletTopic } from '../wallet/wallet.ts'

export interface Conversation {
  entries: readonly Entry[]
  unread: number
  /** What a person must know of this link's storage. */
  notice?: string
}

type All = ReadonlyMap<PeerId, Conversation>

const emptyConversation: Conversation = { entries: [], unread: 0 }

type ShownChange =
  | Change
  /** What the history held before this page. */
  | { kind: 'loaded'; history: ReadonlyMap<PeerId, Entry[]> }
  | { kind: 'notice'; peer: PeerId; notice: string }
  /** One's own has got the id under which all tabs know it. */
  | { kind: 'stored'; peer: PeerId; key: string; id: string }
  | { kind: 'failed'; peer: PeerId; key: string; why: string }
  /** A file that was coming is whole. */
  | { kind: 'kept'; peer: PeerId; entry: Entry }
  /** What failed is tried again. */
  | { kind: 'again'; peer: PeerId; key: string }
  /** What failed is put away. */
  | { kind: 'removed'; peer: PeerId; key: string }

function changed(all: All, change: ShownChange): All {
  const next = new Map(all)
  if (change.kind === 'loaded') {
    for (const [peer, earlier] of change.history) {
      const now = all.get(peer) ?? emptyConversation
      const isNew = ({ key }: Entry) => !earlier.some((entry) => entry.key === key)
      next.set(peer, { ...now, entries: [...earlier, ...now.entries.filter(isNew)] })
    }
    return next
  }
  const now = all.get(change.peer) ?? emptyConversation
  const { entries, unread } = now
  const update = (key: string, fields: Partial<Entry>) =>
    next.set(change.peer, {
      ...now,
      entries: entries.map((entry) => (entry.key === key ? { ...entry, ...fields } : entry)),
    })
  switch (change.kind) {
    case 'add': {
      if (entries.some(({ key }) => key === change.entry.key)) return all
      const grown = [...entries, change.entry].slice(-maxEntries)
      return next.set(change.peer, {
        ...now,
        entries: grown,
        unread: unread + (change.entry.mine ? 0 : 1),
      })
    }
    case 'stored':
      return update(change.key, { key: change.id })
    case 'failed':
      return update(change.key, { delivery: 'failed', why: change.why })
    case 'again':
      return update(change.key, { delivery: 'queued' })
    case 'removed':
      return next.set(change.peer, {
        ...now,
        entries: entries.filter(({ key }) => key !== change.key),
      })
    case 'kept':
      return update(change.entry.key, change.entry)
    case 'delivered':
    case 'refused':
      return update(change.key, { delivery: change.kind })
    case 'read':
      return unread === 0 ? all : next.set(change.peer, { ...now, unread: 0 })
    case 'notice':
      return next.set(change.peer, { ...now, notice: change.notice })
    case 'drop':
      next.delete(change.peer)
      return next
  }
}

export interface Conversations {
  /** What was said before this page is here, too. */
  readonly isLoaded: boolean
  of(peer: PeerId): Conversation
  send(link: Link, text: string): void
  sendFile(link: Link, file: File): void
  /** For a file that failed, while this tab has it. */
  sendAgain(link: Link, key: string): (() => void) | undefined
  /** Takes a file that failed from the list; no history has it. */
  removeFile(peer: PeerId, key: string): void
  readonly transfers: Transfers
  markRead(peer: PeerId): void
  /** What somebody calls themselves. */
  claimedNameOf(peer: PeerId): string | undefined
  claimedNames(): string[]
}

export function useConversations(mesh: Mesh): Conversations {
  const [all, show] = useReducer(changed, new Map() as All)
  const [names] = useState(() => new NameBook(identityName))
  const [history] = useState(() => new MessageHistory(identityName))
  const [transfers] = useState(() => new Transfers())
  const [unsent] = useState(() => new Map<string, File>())
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  const [isLoaded, setLoaded] = useState(false)
  const called = ({ name, peer }: Link) => name ?? names.get(peer) ?? shortPeer(peer)

  /** On disk, then on screen, here and in the other tabs. */
  const apply = async (change: Change) => {
    if (await history.apply(change)) show(change)
  }

  useEffect(() => {
    history
      .load()
      .then((loaded) => show({ kind: 'loaded', history: loaded }), reportError)
      .finally(() => setLoaded(true))
    return history.onChange(show)
  }, [history])

  useEffect(() => {
    const serve = (link: Link) => {
      const { peer } = link
      const learn = (claimed: unknown) => {
        const name = cleanName(claimed)
        if (!name || !mesh.links.has(peer)) return
        names.set(peer, name)
        redraw()
      }
      const notice = (text: string) => show({ kind: 'notice', peer, notice: text })
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
        link.on('message', async (value, { id, topic }) => {
          // The books' affair.
          if (topic === walletTopic) return
          const entry: Entry = {
            key: id,
            mine: false,
            value: asMessage(value),
            at: Date.now(),
            delivery: 'delivered',
          }
          await apply({ kind: 'add', peer, entry })
        }),
        link.on('stream', (stream) => {
          void receiveFile(link, stream, (file) => {
            const key = `file ${crypto.randomUUID()}`
            const stop = new AbortController()
            const entry: Entry = {
              key,
              mine: false,
              value: { file },
              at: Date.now(),
              delivery: 'queued',
            }
            show({ kind: 'add', peer, entry })
            return {
              ...transfers.begin(key, file.size, () => stop.abort()),
              signal: stop.signal,
              async keep(content) {
                const picture = await pictureOf(content)
                const value = { file: { ...file, content, ...(picture && { picture }) } }
                const kept: Entry = { ...entry, value, delivery: 'delivered' }
                await history.apply({ kind: 'add', peer, entry: kept })
                transfers.end(key)
                show({ kind: 'kept', peer, entry: kept })
              },
              failed(why) {
                transfers.end(key)
                show({ kind: 'failed', peer, key, why: fileProblemWords(why, called(link)) })
              },
            }
          })
        }),
        link.on('gap', ({ from, to }) =>
          notice(
            `${to - from + 1} of their messages are missing: their browser no longer has them, or this one was set back to an older copy.`,
          ),
        ),
        link.on('rollback', () =>
          notice(
            'This browser was set back to an older copy. What was not confirmed goes out again, so they may get some of it twice.',
          ),
        ),
        link.on('stuck', () =>
          notice('A message of theirs can’t be kept here, and holds up those behind it.'),
        ),
        link.on('error', () =>
          notice('This browser could not write to its storage. It is tried again by itself.'),
        ),
        link.on('delivered', (id) => {
          apply({ kind: 'delivered', peer, key: id }).catch(reportError)
        }),
        link.on('refused', (id) => {
          apply({ kind: 'refused', peer, key: id }).catch(reportError)
        }),
      ]
    }
    const undo = [...mesh.links.values()].flatMap(serve)
    undo.push(
      mesh.on('link', (link) => undo.push(...serve(link))),
      mesh.on('forgotten', (peer) => {
        names.delete(peer)
        apply({ kind: 'drop', peer }).catch(reportError)
      }),
    )
    return () => undo.forEach((stop) => stop())
  }, [mesh, names])

  const upload = (link: Link, file: File, entry: Entry) => {
    const { peer } = link
    const { key } = entry
    const stop = new AbortController()
    const watcher = transfers.begin(key, file.size, () => stop.abort())
    unsent.delete(key)
    sendFile(link, file, watcher, stop.signal)
      .then(async () => {
        await history.apply({ kind: 'add', peer, entry: { ...entry, delivery: 'delivered' } })
        show({ kind: 'delivered', peer, key })
      })
      .catch((error: unknown) => {
        const { kind } = fileProblemOf(error)
        if (kind !== 'too large' && kind !== 'unreadable') unsent.set(key, file)
        if (kind === 'forbidden') show({ kind: 'refused', peer, key })
        else show({ kind: 'failed', peer, key, why: fileProblemWords(kind, called(link)) })
      })
      .finally(() => transfers.end(key))
  }

  return {
    isLoaded,
    of: (peer) => all.get(peer) ?? emptyConversation,
    send(link, text) {
      const { peer } = link
      const key = `out ${crypto.randomUUID()}`
      const entry: Entry = { key, mine: true, value: text, at: Date.now(), delivery: 'queued' }
      show({ kind: 'add', peer, entry })
      const delivery = link.send(text)
      const kept = delivery.stored.then(async (id) => {
        show({ kind: 'stored', peer, key, id })
        await history.apply({ kind: 'add', peer, entry: { ...entry, key: id } })
        return id
      })
      delivery.then(
        async () => apply({ kind: 'delivered', peer, key: await kept }),
        async (error) => {
          if (codeOf(error) !== 'forbidden') {
            const why = explain(error).title
            return kept.then(
              (id) => show({ kind: 'failed', peer, key: id, why }),
              () => show({ kind: 'failed', peer, key, why }),
            )
          }
          await apply({ kind: 'refused', peer, key: await kept })
        },
      )
      kept.catch(() => {})
    },
    sendFile(link, file) {
      const { peer } = link
      const { name, size } = file
      const entry: Entry = {
        key: `file ${crypto.randomUUID()}`,
        mine: true,
        value: { file: { name: cleanFileName(name), size } },
        at: Date.now(),
        delivery: 'queued',
      }
      show({ kind: 'add', peer, entry })
      upload(link, file, entry)
    },
    sendAgain(link, key) {
      const file = unsent.get(key)
      const failed = all.get(link.peer)?.entries.find((each) => each.key === key)
      if (!file || !failed) return undefined
      const { why: _, ...entry } = failed
      return () => {
        show({ kind: 'again', peer: link.peer, key })
        upload(link, file, entry)
      }
    },
    removeFile(peer, key) {
      unsent.delete(key)
      show({ kind: 'removed', peer, key })
    },
    transfers,
    markRead(peer) {
      apply({ kind: 'read', peer }).catch(reportError)
    },
    claimedNameOf: (peer) => names.get(peer),
    claimedNames: () => names.all(),
  }
}
