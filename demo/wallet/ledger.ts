/** The books with every partner, in memory as they are on the disk: what is entered is written first, and what other tabs write is read. */

import type { PeerId } from 'handfast'
import { Changes } from '../ui/changes.ts'
import { append, booksOf, sideIn, type Books } from './books.ts'
import type { Summary } from './comparison.ts'
import { readEntry, type Entry, type Position } from './entry.ts'
import { inTurns } from './in-turns.ts'
import type { Proven } from './proof.ts'
import { Refusal, type RefusalCode } from './refusal.ts'
import { blankNote, WalletStore, type Fork, type Note, type StoredEntry } from './wallet-store.ts'
import { entriesPerPage, maxKeptForks } from './wallet-limits.ts'

export interface Page {
  readonly books: Books
  readonly note: Note
  /** Why what else is on the disk can't be read: another tab may run a later version. Nothing is entered then. */
  readonly unread: RefusalCode | null
}

const isDone = ({ isSettled }: Fork) => isSettled

export class Ledger {
  readonly me: PeerId
  readonly #store: WalletStore
  readonly #pages = new Map<PeerId, Page>()
  readonly #changes = new Changes()
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
    this.#changes.clear()
    void this.#store.close()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on(listener)
  }

  changed(): void {
    this.#changes.tell()
  }

  of(partner: PeerId): Page {
    const known = this.#pages.get(partner)
    if (known) return known
    const blank = this.#blank(partner, blankNote)
    this.#pages.set(partner, blank)
    return blank
  }

  #blank(partner: PeerId, note: Note): Page {
    return { books: booksOf(this.me, partner, []), note, unread: null }
  }

  /** Everybody with whom there are books, also those whom one has forgotten. */
  get partners(): PeerId[] {
    const pages = [...this.#pages]
    return pages.flatMap(([partner, { books }]) => (books.chains.flat().length > 0 ? partner : []))
  }

  /** One tab at a time, with what the disk has now. @throws Refusal where that can't be read */
  alone<T>(partner: PeerId, work: (page: Page) => Promise<T>): Promise<T> {
    return this.#store.alone(partner, async () => {
      const page = await this.read(partner)
      if (page.unread) throw new Refusal(page.unread)
      return work(page)
    })
  }

  /** Takes over what the disk has beyond what is known. */
  async read(partner: PeerId): Promise<Page> {
    const known = this.of(partner)
    const side = sideIn(known.books, this.me)
    const [own, theirs] = [known.books.chains[side], known.books.chains[side === 0 ? 1 : 0]]
    const [note, ownNew, theirNew] = await Promise.all([
      this.#store.note(partner),
      this.allEntries(partner, this.me, own.length),
      this.allEntries(partner, partner, theirs.length),
    ])
    const [ownRead, theirRead] = await Promise.all([
      readable(ownNew, this.me, partner),
      readable(theirNew, partner, this.me),
    ])
    const fresh = [...ownRead.entries, ...theirRead.entries]
    const unread = ownRead.fault ?? theirRead.fault
    // Another call was quicker.
    if (this.of(partner) !== known) return this.read(partner)
    if (note.edition !== known.note.edition) {
      this.#pages.set(partner, this.#blank(partner, note))
      return this.read(partner)
    }
    const books =
      fresh.length > 0 ? booksOf(this.me, partner, [...own, ...theirs, ...fresh]) : known.books
    const page = { books, note, unread }
    this.#pages.set(partner, page)
    this.changed()
    return page
  }

  /** Writes entries that `books` has taken in. @throws Refusal `fork` where another tab was quicker */
  async keep(partner: PeerId, books: Books, stored: readonly StoredEntry[]): Promise<void> {
    if (!(await this.#store.append(stored))) throw new Refusal('fork')
    this.#pages.set(partner, { ...this.of(partner), books })
    this.changed()
  }

  /** @throws Refusal for one that does not hold */
  async enter(partner: PeerId, { entry, stored }: Proven): Promise<void> {
    await this.keep(partner, append(this.of(partner).books, entry), [stored])
  }

  async amend(partner: PeerId, change: Partial<Note>): Promise<void> {
    const { edition } = this.of(partner).note
    await this.#store.amend(partner, (note) => {
      // What was given up meanwhile is not held.
      const claimed = note.edition === edition ? (change.held ?? 0) : 0
      const after = { ...note, ...change, held: Math.max(note.held, claimed) }
      const names = Object.keys(change) as (keyof Note)[]
      return names.every((name) => after[name] === note[name]) ? note : after
    })
    await this.read(partner)
  }

  /** They have so much of one's own. */
  async noteHeld(partner: PeerId, position: Position | null): Promise<void> {
    const { books, note } = this.of(partner)
    if (!position || position.seq <= note.held) return
    const here = books.chains[sideIn(books, this.me)][position.seq - 1]
    if (here?.id !== position.id) return
    await this.amend(partner, { held: position.seq, isRefused: false })
  }

  /** What they say when books are compared. */
  async noteSummary(partner: PeerId, { yours, version }: Summary): Promise<void> {
    await this.noteHeld(partner, yours)
    const { note } = this.of(partner)
    const claimed = yours?.seq ?? 0
    if (claimed === note.claimed && version === note.version) return
    await this.amend(partner, { claimed, version })
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

  /** As signed, in order, at most so many. */
  entries(partner: PeerId, from: PeerId, after: number, limit: number): Promise<StoredEntry[]> {
    return this.#store.entries(partner, from, after, limit)
  }

  /** All of one signer behind `after`, a page at a time. */
  async allEntries(partner: PeerId, from: PeerId, after: number): Promise<StoredEntry[]> {
    const all: StoredEntry[] = []
    for (;;) {
      const page = await this.#store.entries(partner, from, after + all.length, entriesPerPage)
      all.push(...page)
      if (page.length < entriesPerPage) return all
    }
  }

  /** Takes away one's own entries from `seq` on. */
  async giveUp(partner: PeerId, seq: number): Promise<void> {
    await this.#store.giveUp(partner, this.me, seq)
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

/** As far as it can be read. */
async function readable(stored: readonly StoredEntry[], from: PeerId, to: PeerId) {
  const read = await inTurns(stored, ({ message }) =>
    readEntry(message, from, to).catch((error: unknown) => {
      if (error instanceof Refusal) return error
      throw error
    }),
  )
  const isFault = (each: Entry | Refusal) => each instanceof Refusal
  const end = read.findIndex(isFault)
  const entries = (end < 0 ? read : read.slice(0, end)) as Entry[]
  return { entries, fault: (read[end] as Refusal | undefined)?.code ?? null }
}
