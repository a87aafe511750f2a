/** The books with every partner, in memory as they are on the disk: what is entered is written first, and what other tabs write is read. */

import type { PeerId } from 'handfast'
import { append, booksOf, sideIn, type Books } from './books.ts'
import { readEntry, type Entry } from './entry.ts'
import type { Proven } from './proof.ts'
import { Refusal } from './refusal.ts'
import { blankNote, WalletStore, type Fork, type Note, type StoredEntry } from './wallet-store.ts'
import { maxKeptForks } from './wallet-limits.ts'

export interface Page {
  readonly books: Books
  readonly note: Note
}

const isDone = ({ isSettled }: Fork) => isSettled

export class Ledger {
  readonly me: PeerId
  readonly #store: WalletStore
  readonly #pages = new Map<PeerId, Page>()
  readonly #listeners = new Set<() => void>()
  readonly #stop: () => void
  #isClosed = false

  constructor(me: PeerId, identityName: string) {
    this.me = me
    this.#store = new WalletStore(identityName)
    this.#stop = this.#store.onChange((partner) => {
      this.read(partner).catch((error: unknown) => this.#isClosed || reportError(error))
    })
  }

  async readAll(): Promise<void> {
    for (const partner of await this.#store.partners()) await this.read(partner)
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
    this.#listeners.clear()
    void this.#store.close()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changed(): void {
    for (const listener of this.#listeners) listener()
  }

  of(partner: PeerId): Page {
    const known = this.#pages.get(partner)
    if (known) return known
    const blank = this.#blank(partner, blankNote)
    this.#pages.set(partner, blank)
    return blank
  }

  #blank(partner: PeerId, note: Note): Page {
    return { books: booksOf(this.me, partner, []), note }
  }

  /** Everybody with whom there are books, also those whom one has forgotten. */
  get partners(): PeerId[] {
    const pages = [...this.#pages]
    return pages.flatMap(([partner, { books }]) => (books.chains.flat().length > 0 ? partner : []))
  }

  /** One tab at a time, with what the disk has now. */
  alone<T>(partner: PeerId, work: (page: Page) => Promise<T>): Promise<T> {
    return this.#store.alone(partner, async () => work(await this.read(partner)))
  }

  /** Takes over what the disk has beyond what is known. */
  async read(partner: PeerId): Promise<Page> {
    const known = this.of(partner)
    const side = sideIn(known.books, this.me)
    const [own, theirs] = [known.books.chains[side], known.books.chains[side === 0 ? 1 : 0]]
    const [note, ownNew, theirNew] = await Promise.all([
      this.#store.note(partner),
      this.#store.entries(partner, this.me, own.length),
      this.#store.entries(partner, partner, theirs.length),
    ])
    const fresh = await Promise.all([
      ...ownNew.map(({ message }) => readEntry(message, this.me, partner)),
      ...theirNew.map(({ message }) => readEntry(message, partner, this.me)),
    ])
    // Another call was quicker.
    if (this.of(partner) !== known) return this.read(partner)
    if (note.edition !== known.note.edition) {
      this.#pages.set(partner, this.#blank(partner, note))
      return this.read(partner)
    }
    const books =
      fresh.length > 0 ? booksOf(this.me, partner, [...own, ...theirs, ...fresh]) : known.books
    const page = { books, note }
    this.#pages.set(partner, page)
    this.changed()
    return page
  }

  /** Writes entries that `books` has taken in. @throws Refusal `fork` where another tab was quicker */
  async keep(partner: PeerId, books: Books, stored: readonly StoredEntry[]): Promise<void> {
    if (!(await this.#store.append(stored))) throw new Refusal('fork')
    this.#pages.set(partner, { books, note: this.of(partner).note })
    this.changed()
  }

  /** @throws Refusal for one that does not hold */
  async enter(partner: PeerId, { entry, stored }: Proven): Promise<void> {
    await this.keep(partner, append(this.of(partner).books, entry), [stored])
  }

  async amend(partner: PeerId, change: Partial<Note>): Promise<void> {
    await this.#store.amend(partner, (note) => ({
      ...note,
      ...change,
      held: Math.max(note.held, change.held ?? 0),
    }))
    await this.read(partner)
  }

  /** They say that they have so many entries of ours. */
  async noteHeld(partner: PeerId, seq: number): Promise<void> {
    const { books, note } = this.of(partner)
    const held = Math.min(seq, books.chains[sideIn(books, this.me)].length)
    if (held > note.held) await this.amend(partner, { held, isRefused: false })
  }

  /** Keeps what they have in the place of an entry here, and that, as proof that its signer has said two things. */
  async keepFork(partner: PeerId, { from, seq, signed: there }: StoredEntry): Promise<void> {
    const [here] = await this.#store.entries(partner, from, seq - 1, 1)
    if (!here) return
    const fork = { from, seq, here: here.signed, there, isSettled: false }
    await this.#store.amend(partner, (note) => {
      const isKnown = note.forks.some((each) => each.from === from && each.seq === seq)
      const oldest = note.forks.length < maxKeptForks ? undefined : note.forks.find(isDone)
      if (isKnown || (note.forks.length >= maxKeptForks && !oldest)) return note
      return { ...note, forks: [...note.forks.filter((each) => each !== oldest), fork] }
    })
    await this.read(partner)
  }

  /** They say that they have the very same books. */
  async noteAgreement(partner: PeerId): Promise<void> {
    const { forks, fault } = this.of(partner).note
    if (fault === null && forks.every(isDone)) return
    await this.amend(partner, {
      fault: null,
      forks: forks.map((fork) => ({ ...fork, isSettled: true })),
    })
  }

  /** As signed, in order. */
  entries(partner: PeerId, from: PeerId, after: number, limit?: number): Promise<StoredEntry[]> {
    return this.#store.entries(partner, from, after, limit)
  }

  /** Takes away one's own entries from `seq` on. */
  async withdraw(partner: PeerId, seq: number): Promise<void> {
    await this.#store.withdraw(partner, this.me, seq)
    await this.read(partner)
  }

  /** The latest of one's own, signed, if the partner is not known to have it. */
  async leftOver(partner: PeerId): Promise<StoredEntry | undefined> {
    const { books, note } = this.of(partner)
    const own: readonly Entry[] = books.chains[sideIn(books, this.me)]
    if (note.held >= own.length) return undefined
    const [last] = await this.#store.entries(partner, this.me, own.length - 1, 1)
    return last
  }
}
