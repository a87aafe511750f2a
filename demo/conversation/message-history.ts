/**
 * What was said, kept in a database of this page's own, which all tabs of one identity share. An entry and the id of its message are one
 * record: a message that comes again, because a tab died after it was entered, is known by it.
 */

import type { PeerId } from 'handfast'
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'

/** Older ones are dropped: a chat of years must not fill the page. */
export const maxEntries = 500

export interface Entry {
  /** Id of the message; of one's own that is not stored yet, one that only this tab knows. */
  key: string
  mine: boolean
  value: unknown
  at: number
  /** Of one's own: `queued` until the other side's handler has returned, or its rights have refused it. */
  delivery: 'queued' | 'delivered' | 'refused' | 'failed'
  /** Why it failed, in words. */
  why?: string
}

export type Change =
  | { kind: 'add'; peer: PeerId; entry: Entry }
  | { kind: 'delivered' | 'refused'; peer: PeerId; key: string }
  | { kind: 'read'; peer: PeerId }
  | { kind: 'drop'; peer: PeerId }

interface Schema extends DBSchema {
  entries: {
    key: number
    value: Entry & { peer: PeerId }
    indexes: { message: [PeerId, string]; peer: PeerId }
  }
}

export class MessageHistory {
  readonly #opening: Promise<IDBPDatabase<Schema>>
  readonly #channel: BroadcastChannel

  constructor(identityName: string) {
    const path = `handfast-demo/messages/${identityName}`
    this.#opening = openDB<Schema>(path, 1, {
      upgrade(db) {
        const entries = db.createObjectStore('entries', { autoIncrement: true })
        entries.createIndex('message', ['peer', 'key'], { unique: true })
        entries.createIndex('peer', 'peer')
      },
    })
    this.#opening.catch(() => {})
    this.#channel = new BroadcastChannel(path)
  }

  /** The latest of each person, oldest first. */
  async load(): Promise<ReadonlyMap<PeerId, Entry[]>> {
    const db = await this.#opening
    const tx = db.transaction('entries', 'readwrite')
    const [keys, values] = await Promise.all([tx.store.getAllKeys(), tx.store.getAll()])
    const byPeer = new Map<PeerId, { id: number; entry: Entry }[]>()
    values.forEach(({ peer, ...entry }, i) => {
      const of = byPeer.get(peer) ?? []
      byPeer.set(peer, of)
      of.push({ id: keys[i]!, entry })
    })
    for (const entries of byPeer.values()) {
      for (const { id } of entries.slice(0, -maxEntries)) void tx.store.delete(id)
    }
    await tx.done
    const latest = (entries: { entry: Entry }[]) =>
      entries.slice(-maxEntries).map(({ entry }) => entry)
    return new Map([...byPeer].map(([peer, entries]) => [peer, latest(entries)]))
  }

  /** Writes a change, then tells the other tabs. Returns false for an entry that was there already. */
  async apply(change: Change): Promise<boolean> {
    const db = await this.#opening
    const tx = db.transaction('entries', 'readwrite', { durability: 'strict' })
    const { store } = tx
    const { peer } = change
    if (change.kind === 'add') {
      const { key } = change.entry
      if (await store.index('message').getKey([peer, key])) return false
      await store.add({ ...change.entry, peer })
    } else if (change.kind === 'delivered' || change.kind === 'refused') {
      const cursor = await store.index('message').openCursor([peer, change.key])
      await cursor?.update({ ...cursor.value, delivery: change.kind })
    } else if (change.kind === 'drop') {
      for (const id of await store.index('peer').getAllKeys(peer)) await store.delete(id)
    }
    await tx.done
    this.#channel.postMessage(change)
    return true
  }

  /** Changes that other tabs have made. */
  onChange(listener: (change: Change) => void): () => void {
    this.#channel.onmessage = ({ data }) => listener(data as Change)
    return () => (this.#channel.onmessage = null)
  }
}
