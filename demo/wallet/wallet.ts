/**
 * The wallet of one identity: books with every partner, kept in this browser, told to the partner over the link, and compared with theirs
 * whenever it opens.
 *
 * An entry is signed and on disk before it is sent; it is sent as a message, which waits until the partner is there. That is the quick way.
 * The sure one is comparing: on every opening each side says how far it has which chain, and fetches what it lacks, also of its own. So it
 * does not matter where a tab dies between storing and sending, whether a profile was set back, or whether a device is new: everything in
 * the books is signed, and whoever has it can give it back.
 */

import { HandfastError, type Identity, type Link, type Mesh, type PeerId } from 'handfast'
import { booksOf, drafted, entryAt, sideIn } from './books.ts'
import { firstDifference, taken } from './catching-up.ts'
import { compare, readSummary, summaryOf, type Comparison } from './comparison.ts'
import type { Act, Entry } from './entry.ts'
import { inTurns } from './in-turns.ts'
import { Ledger, type Page } from './ledger.ts'
import { prove, proven } from './proof.ts'
import { Refusal, type RefusalCode } from './refusal.ts'
import type { Note } from './wallet-store.ts'
import {
  answerTimeoutMs,
  hearFirstTimeoutMs,
  maxEntriesPerRequest,
  maxRoundsPerComparison,
  withdrawVersion,
} from './wallet-limits.ts'

export const walletTopic = 'wallet'

type NewsListener = (partner: PeerId, entry: Entry) => void

export class Wallet {
  readonly me: PeerId
  readonly #mesh: Mesh
  readonly #identity: Identity
  readonly #ledger: Ledger
  readonly #newsListeners = new Set<NewsListener>()
  /** Comparisons under way, one a partner, and those that begin when that is done. */
  readonly #comparing = new Map<PeerId, Promise<Comparison>>()
  readonly #comparingNext = new Map<PeerId, Promise<Comparison>>()
  readonly #stops: (() => void)[] = []
  /** Whether, and when, everything that this browser has is read; or why it can't be. */
  isReady = false
  failure: unknown
  readonly ready: Promise<void>

  constructor(mesh: Mesh, identity: Identity, identityName: string) {
    this.me = mesh.peer
    this.#mesh = mesh
    this.#identity = identity
    this.#ledger = new Ledger(this.me, identityName)
    this.ready = this.#ledger.readAll().then(() => void (this.isReady = true))
    this.ready.catch((error: unknown) => {
      this.failure = error
      this.#ledger.changed()
    })
    // At once: a message that nobody listens for yet would be somebody else's.
    for (const link of mesh.links.values()) this.#serve(link)
    this.#stops.push(mesh.on('link', (link) => this.#serve(link)))
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.#newsListeners.clear()
    this.#ledger.close()
  }

  onChange(listener: () => void): () => void {
    return this.#ledger.onChange(listener)
  }

  /** What partners do, as it comes to this tab. */
  onNews(listener: NewsListener): () => void {
    this.#newsListeners.add(listener)
    return () => this.#newsListeners.delete(listener)
  }

  of(partner: PeerId): Page {
    return this.#ledger.of(partner)
  }

  get partners(): PeerId[] {
    return this.#ledger.partners
  }

  /** For whoever is about to look: another device of one's own may have entered something meanwhile. */
  refresh(partner: PeerId): void {
    if (this.#mesh.links.get(partner)?.state === 'open') this.#catchUp(partner)
  }

  // ── Doing ────────────────────────────────────────────────────────────────────────────────────────

  /** Signs and keeps it; it is told to the partner now, or when they come. @throws Refusal, HandfastError `locked`, `forbidden` */
  async act(partner: PeerId, act: Act): Promise<Entry> {
    await this.ready
    await this.#hearFirst(partner)
    const { entry, stored } = await this.#ledger.alone(partner, async ({ books, note }) => {
      if (!note.hasCompared) throw new Refusal('not-compared')
      if (hasOpenFork(note)) throw new Refusal('fork')
      // Another device of one's own has signed what is not here.
      if (note.claimed > books.chains[sideIn(books, this.me)].length) throw new Refusal('hole')
      if (note.version < versionOf(act)) throw new Refusal('older')
      const done = await proven(this.#identity, drafted(books, this.me, act, Date.now()))
      await this.#ledger.enter(partner, done)
      return done
    })
    this.#send(partner, stored.signed)
    return entry
  }

  /** Another device of one's own may have signed meanwhile: whoever is there can tell. */
  async #hearFirst(partner: PeerId): Promise<void> {
    if (this.#mesh.links.get(partner)?.state !== 'open') return
    const late = new Promise<null>((resolve) => setTimeout(resolve, hearFirstTimeoutMs, null))
    await Promise.race([this.compareWith(partner).catch(() => null), late])
  }

  /** Whatever goes wrong with it, comparing makes good for it. That it was heard is not yet that it was taken. */
  #send(partner: PeerId, signed: Uint8Array): void {
    const delivery = this.#mesh.links.get(partner)?.send(signed, { topic: walletTopic })
    delivery
      ?.then(() => this.#catchUp(partner))
      .catch((error: unknown) => this.#noteRefusal(partner, error))
      .catch(() => {})
  }

  async #noteRefusal(partner: PeerId, error: unknown): Promise<void> {
    const isRefused = error instanceof HandfastError && error.code === 'forbidden'
    if (isRefused) await this.#ledger.amend(partner, { isRefused })
  }

  // ── Hearing ──────────────────────────────────────────────────────────────────────────────────────

  #serve(link: Link): void {
    const { peer } = link
    const begin = () => {
      if (link.state === 'open') this.#catchUp(peer)
    }
    this.#stops.push(
      link.on('message', (value, { topic }) => {
        if (topic === walletTopic) return this.#hear(peer, value)
      }),
      link.handle('wallet-books', async (params) => {
        await this.ready
        const theirs = readSummary(params)
        const { books, note } = this.of(peer)
        await this.#ledger.noteSummary(peer, theirs)
        const { missing, forks, agrees } = compare(books, this.me, theirs)
        if (agrees) await this.#ledger.noteAgreement(peer)
        // Of somebody whose entries don't hold, no more is asked until there is an occasion.
        const isSound = note.fault === null && !hasOpenFork(note)
        if (isSound && missing.length + forks.length > 0) this.#catchUp(peer)
        return summaryOf(books, this.me)
      }),
      link.handle('wallet-entries', async (params) => {
        const { from, after } = params as { from: unknown; after: unknown }
        const isOurs = from === peer || from === this.me
        if (!isOurs || !Number.isSafeInteger(after)) throw new Refusal('malformed')
        const of = from === peer ? peer : this.me
        const asked = await this.#ledger.entries(peer, of, after as number, maxEntriesPerRequest)
        return asked.map(({ signed }) => signed)
      }),
      link.on('state', begin),
    )
    begin()
    void this.ready.then(() => this.#sendLeftOver(link)).catch(reportError)
  }

  /** Where an entry was stored, and its tab died before sending: one message brings the partner here, and comparing does the rest. */
  async #sendLeftOver(link: Link): Promise<void> {
    const last = link.queued === 0 ? await this.#ledger.leftOver(link.peer) : undefined
    if (last) this.#send(link.peer, last.signed)
  }

  async #hear(partner: PeerId, value: unknown): Promise<void> {
    await this.ready
    try {
      const { entry, stored } = await prove(value, this.me, partner, partner)
      await this.#ledger.alone(partner, async ({ books }) => {
        const held = entryAt(books, entry)
        if (held?.id === entry.id) return
        if (held) return this.#ledger.keepFork(partner, stored)
        await this.#ledger.enter(partner, { entry, stored })
        await this.#ledger.noteHeld(partner, entry.seen)
        for (const listener of this.#newsListeners) listener(partner, entry)
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { code } = error
      // What is missing, or contradicts, is asked for; a message does not wait for that.
      if (code === 'hole' || code === 'fork') this.#catchUp(partner)
      else await this.#ledger.amend(partner, { fault: code })
    }
  }

  // ── Comparing ────────────────────────────────────────────────────────────────────────────────────

  /**
   * Compares the books with theirs and fetches what is missing here. Begins after it was asked for: one that is under way may have heard of an
   * older state. @throws HandfastError `timeout` and what else a request can meet
   */
  compareWith(partner: PeerId): Promise<Comparison> {
    const running = this.#comparing.get(partner)
    if (!running) return this.#beginComparing(partner)
    const waiting = this.#comparingNext.get(partner)
    if (waiting) return waiting
    const next = running
      .catch(() => {})
      .then(() => {
        this.#comparingNext.delete(partner)
        return this.#comparing.get(partner) ?? this.#beginComparing(partner)
      })
    this.#comparingNext.set(partner, next)
    return next
  }

  #beginComparing(partner: PeerId): Promise<Comparison> {
    const comparing = this.ready
      .then(() => this.#compare(partner))
      .finally(() => this.#comparing.delete(partner))
    this.#comparing.set(partner, comparing)
    return comparing
  }

  /** Compares when there is an occasion; what fails has another one when the link opens again. */
  #catchUp(partner: PeerId): void {
    this.compareWith(partner).catch(() => {})
  }

  async #compare(partner: PeerId): Promise<Comparison> {
    for (let round = 0; round < maxRoundsPerComparison; round++) {
      const own = summaryOf(this.of(partner).books, this.me)
      const theirs = readSummary(await this.#ask(partner, 'wallet-books', own))
      await this.#ledger.noteSummary(partner, theirs)
      const comparison = compare(this.of(partner).books, this.me, theirs)
      const { missing, forks, agrees } = comparison
      const { parties } = this.of(partner).books
      for (const { side, seq } of forks) await this.#findFork(partner, parties[side], seq)
      if (forks.length > 0) return comparison
      if (agrees) await this.#ledger.noteAgreement(partner)
      if (missing.length === 0) {
        const { hasCompared } = this.of(partner).note
        if (!hasCompared) await this.#ledger.amend(partner, { hasCompared: true })
        return comparison
      }
      const fault = await this.#fetch(partner, missing)
      if (!fault) continue
      if (fault === 'fork') {
        for (const { side, after } of missing) await this.#findFork(partner, parties[side], after)
      }
      if (!hasOpenFork(this.of(partner).note)) await this.#ledger.amend(partner, { fault })
      return comparison
    }
    throw new Refusal('malformed')
  }

  async #ask(partner: PeerId, method: string, params: unknown): Promise<unknown> {
    const link = this.#mesh.links.get(partner)
    if (!link) throw new HandfastError('closed')
    try {
      return await link.request(method, params, { timeoutMs: answerTimeoutMs })
    } catch (error) {
      await this.#noteRefusal(partner, error)
      throw error
    }
  }

  /** Asks for the entries of one signer behind `after`. @throws Refusal for an answer that is none */
  async #entriesThere(partner: PeerId, from: PeerId, after: number): Promise<Uint8Array[]> {
    const answer = await this.#ask(partner, 'wallet-entries', { from, after })
    const isList = Array.isArray(answer) && answer.length <= maxEntriesPerRequest
    if (!isList) throw new Refusal('malformed')
    return answer as Uint8Array[]
  }

  /** Fetches a stretch of each chain that is missing. Returns why it came no further, if it came nowhere. */
  async #fetch(partner: PeerId, missing: Comparison['missing']): Promise<RefusalCode | null> {
    const { parties } = this.of(partner).books
    try {
      const chains = await Promise.all(
        missing.map(async ({ side, after }) => {
          const signed = await this.#entriesThere(partner, parties[side], after)
          return inTurns(signed, (each) => prove(each, this.me, partner, parties[side]))
        }),
      )
      const all = chains.flat()
      return await this.#ledger.alone(partner, async ({ books }) => {
        const { entries, fault, ...grown } = await taken(
          books,
          chains.map((chain) => chain.map(({ entry }) => entry)),
        )
        // What has come as a message meanwhile is not missing.
        const isGrown = missing.some(({ side, after }) => books.chains[side].length > after)
        if (entries.length === 0) return fault ?? (isGrown ? null : 'hole')
        const isNew = new Set(entries)
        const stored = all.filter(({ entry }) => isNew.has(entry)).map((each) => each.stored)
        await this.#ledger.keep(partner, grown.books, stored)
        return null
      })
    } catch (error) {
      if (error instanceof Refusal) return error.code
      throw error
    }
  }

  /** Where they have another entry of that signer than the one here, keeps both as proof. */
  async #findFork(partner: PeerId, from: PeerId, latest: number): Promise<void> {
    const { books } = this.of(partner)
    const there = async (seq: number) => {
      const [signed] = await this.#entriesThere(partner, from, seq - 1)
      const { entry, stored } = await prove(signed, this.me, partner, from)
      if (entry.seq !== seq) throw new Refusal('malformed')
      return { ...stored, id: entry.id }
    }
    const seq = await firstDifference(
      books.chains[sideIn(books, from)],
      latest,
      async (at) => (await there(at)).id,
    )
    if (seq === null) return
    await this.#ledger.keepFork(partner, await there(seq))
  }

  // ── Checking, and setting right ──────────────────────────────────────────────────────────────────

  /** Reads everything from the disk again, checks each signature and each rule, and says how many held. @throws Refusal */
  async verify(
    partner: PeerId,
    onProgress: (checked: number, all: number) => void = () => {},
  ): Promise<number> {
    const stored = await Promise.all([
      this.#ledger.allEntries(partner, this.me, 0),
      this.#ledger.allEntries(partner, partner, 0),
    ])
    const all = stored[0].length + stored[1].length
    let checked = 0
    const chains = []
    for (const chain of stored) {
      const proofs = await inTurns(chain, async ({ from, signed }) => {
        const { entry } = await prove(signed, this.me, partner, from)
        onProgress(++checked, all)
        return entry
      })
      chains.push(proofs)
    }
    const { entries, fault } = await taken(booksOf(this.me, partner, []), chains)
    if (fault) throw new Refusal(fault)
    return entries.length
  }

  /**
   * Where this browser was set back, and has signed something else since than what the partner has of one's own: takes theirs. Of what is
   * given up, the partner may have proof. @throws HandfastError as `compareWith`
   */
  async takeTheirs(partner: PeerId): Promise<void> {
    const fork = this.of(partner).note.forks.find(
      ({ from, isSettled }) => from === this.me && !isSettled,
    )
    if (!fork) return
    await this.#ledger.alone(partner, () => this.#ledger.giveUp(partner, fork.seq))
    await this.compareWith(partner)
  }
}

/** From which version on pages know what it does. */
const versionOf = (act: Act): number => (act.do === 'withdraw' ? withdrawVersion : 1)

const hasOpenFork = ({ forks }: Note): boolean => forks.some(({ isSettled }) => !isSettled)
