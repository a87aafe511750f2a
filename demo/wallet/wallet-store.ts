/**
 * The books on disk: a database of the demo's own, one per identity, which all its tabs share. Entries are only ever added, in one
 * transaction that looks first whether it still is their turn; it is on disk (`strict`) before anybody hears of it.
 */

import type { PeerId } from 'handfast'
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { RefusalCode } from './refusal.ts'

export interface StoredEntry {
  readonly partner: PeerId
  readonly from: PeerId
  readonly seq: number
  /** What was signed, and that with its signature. */
  readonly message: Uint8Array
  readonly signed: Uint8Array
}

/** Two entries of one number by one signer, each with the signature: the one here, and the one there. */
export interface Fork {
  readonly from: PeerId
  readonly seq: number
  readonly here: Uint8Array
  readonly there: Uint8Array
  /** Both have the one here since: its signer stands by it. The other stays as proof. */
  readonly isSettled: boolean
}

/** What else is known of the books with somebody. */
export interface Note {
  /** Theirs were compared with the ones here at least once, so what is signed here does not contradict what was signed elsewhere. */
  readonly hasCompared: boolean
  /** How many of one's own entries they have shown to hold: the very ones that are here. */
  readonly held: number
  /** How many they said to have the last time: may be more than are here, where another device has signed. */
  readonly claimed: number
  /** What their page can read; see `entriesVersion`. */
  readonly version: number
  readonly forks: readonly Fork[]
  /** Something of theirs that does not hold, and was not taken. */
  readonly fault: RefusalCode | null
  /** They take no entries: they have not granted it. */
  readonly isRefused: boolean
  /** Rises whenever entries are taken away: who knows of another one has to read anew. */
  readonly edition: number
}

export const blankNote: Note = {
  hasCompared: false,
  held: 0,
  claimed: 0,
  version: 1,
  forks: [],
  fault: null,
  isRefused: false,
  edition: 0,
}

interface Schema extends DBSchema {
  entries: { key: [PeerId, PeerId, number]; value: StoredEntry }
  notes: { key: PeerId; value: Note & { partner: PeerId } }
}

export class WalletStore {
  readonly #opening: Promise<IDBPDatabase<Schema>>
  readonly #channel: BroadcastChannel
  readonly #path: string
  #isClosed = false

  constructor(identityName: string) {
    this.#path = `handfast-demo/wallet/${identityName}`
    this.#opening = openDB<Schema>(this.#path, 1, {
      upgrade(db) {
        db.createObjectStore('entries', { keyPath: ['partner', 'from', 'seq'] })
        db.createObjectStore('notes', { keyPath: 'partner' })
      },
    })
    this.#opening.catch(() => {})
    this.#channel = new BroadcastChannel(this.#path)
  }

  /** Everybody with whom there are books. */
  async partners(): Promise<PeerId[]> {
    const db = await this.#opening
    const keys = await db.getAllKeys('notes')
    return keys
  }

  async note(partner: PeerId): Promise<Note> {
    const db = await this.#opening
    return { ...blankNote, ...(await db.get('notes', partner)) }
  }

  /** Those of one signer behind `after`, in order, at most so many. */
  async entries(
    partner: PeerId,
    from: PeerId,
    after: number,
    limit: number,
  ): Promise<StoredEntry[]> {
    const db = await this.#opening
    const range = IDBKeyRange.bound([partner, from, after + 1], [partner, from, Infinity])
    return db.getAll('entries', range, limit)
  }

  /** Adds entries, all or none. False where somebody else was faster with one of them. */
  async append(entries: readonly StoredEntry[]): Promise<boolean> {
    const db = await this.#opening
    const tx = db.transaction(['entries', 'notes'], 'readwrite', { durability: 'strict' })
    const notes = tx.objectStore('notes')
    try {
      for (const partner of new Set(entries.map((entry) => entry.partner))) {
        if (!(await notes.getKey(partner))) await notes.add({ ...blankNote, partner })
      }
      const store = tx.objectStore('entries')
      await Promise.all([...entries.map((entry) => store.add(entry)), tx.done])
    } catch (error) {
      await tx.done.catch(() => {})
      if ((error as DOMException).name === 'ConstraintError') return false
      throw error
    }
    this.#tell(entries.map(({ partner }) => partner))
    return true
  }

  async amend(partner: PeerId, change: (note: Note) => Note): Promise<void> {
    const db = await this.#opening
    const tx = db.transaction('notes', 'readwrite')
    const before = { ...blankNote, ...(await tx.store.get(partner)) }
    const after = change(before)
    if (after !== before) await tx.store.put({ ...after, partner })
    await tx.done
    if (after !== before) this.#tell([partner])
  }

  /** Takes away one's own entries from `seq` on, and the forks that they were part of. Before more is signed, the partner has to be heard. */
  async giveUp(partner: PeerId, from: PeerId, seq: number): Promise<void> {
    const db = await this.#opening
    const tx = db.transaction(['entries', 'notes'], 'readwrite', { durability: 'strict' })
    const range = IDBKeyRange.bound([partner, from, seq], [partner, from, Infinity])
    const notes = tx.objectStore('notes')
    await tx.objectStore('entries').delete(range)
    const note = { ...blankNote, ...(await notes.get(partner)) }
    const forks = note.forks.filter((fork) => fork.from !== from)
    const edition = note.edition + 1
    const held = Math.min(note.held, seq - 1)
    await notes.put({ ...note, held, forks, edition, hasCompared: false, partner })
    await tx.done
    this.#tell([partner])
  }

  /** What other tabs have changed. */
  onChange(listener: (partner: PeerId) => void): () => void {
    this.#channel.onmessage = ({ data }) => {
      for (const partner of data as PeerId[]) listener(partner)
    }
    return () => (this.#channel.onmessage = null)
  }

  #tell(partners: readonly PeerId[]): void {
    if (!this.#isClosed) this.#channel.postMessage([...new Set(partners)])
  }

  /** One tab at a time, from looking at the books to having written. */
  alone<T>(partner: PeerId, work: () => Promise<T>): Promise<T> {
    return navigator.locks.request(`${this.#path}/${partner}`, work) as Promise<T>
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#channel.close()
    const db = await this.#opening.catch(() => undefined)
    db?.close()
  }
}
