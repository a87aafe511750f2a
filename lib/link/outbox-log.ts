/**
 * The outgoing log of a link on disk: messages get their numbers in the strict transaction that stores them, are kept until they are
 * acknowledged, and have a mark in their place when they are withdrawn. One transaction at a time takes all that has come by the time
 * it runs, drafts of other tabs too. After one that failed, and may have reached the disk, the next begins by looking.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import type { StoreRecord, StoreTransaction } from '../storage/store.ts'
import { Delivery } from './delivery.ts'
import { nothing, type Drafted, type Handover, type Unstored } from './handover.ts'
import * as log from './log.ts'

export interface Entry {
  /** Given when it is stored; 0 before. */
  sequence: number
  /** `null`: withdrawn. `undefined`: a draft, not read yet. */
  value: Uint8Array | null | undefined
  /** None for what an earlier page or another tab has sent. */
  readonly delivery: Delivery | undefined
  /** The key of the draft that it was. */
  readonly draft?: string
}

export interface OutboxLogOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly log: log.LogOptions
  /** Of this tab in its former role. */
  readonly handover?: Promise<Handover> | undefined
  /** There is more to send. */
  readonly onStored: () => void
  readonly onQueued: (count: number) => void
  readonly onDelivered: (id: string) => void
  /** A draft of another tab is in the log, under that id; or refused, for there are no more numbers. */
  readonly onAdopted?: (tab: string, n: number, id: string | null) => void
  readonly onError: (error: unknown) => void
}

/** Its messages are on disk alone. */
interface Extent {
  readonly first: number
  readonly end: number
}

/** What one transaction writes. */
interface Attempt {
  readonly head: log.OutboxHead
  readonly entries: readonly Entry[]
  readonly segments: readonly Extent[]
  /** Segments from the front that go. */
  readonly pruned: number
  /** Withdrawn ones that leave a mark. */
  readonly withdrawn: readonly Entry[]
  /** For which there is no number. */
  readonly refused: readonly Entry[]
  /** Markers that go. */
  readonly obsolete: readonly string[]
}

export const cost = ({ value }: Entry): number => (value?.length ?? 0) + limits.messageOverheadBytes

export class OutboxLog {
  readonly ready: Promise<void>
  /** On disk and not acknowledged. */
  readonly held = new Queue<Entry>()
  /** What the peer may have been sent. */
  highestSent = 0
  /** Whether acknowledgements of an earlier log may be on their way. */
  hasRolledBack = false
  readonly #options: OutboxLogOptions
  /** Not on disk, or not known to be. */
  #waiting = new Queue<Entry>()
  readonly #taken: Promise<void>
  #logId: Uint8Array
  #logName: string
  /** Of the log that is to begin. */
  #nextLogId: Uint8Array | undefined
  #isNew = true
  #runs: log.OutboxHead['runs'] = []
  #acked = 0
  #next = 1
  #segments: readonly Extent[] = []
  #queuedBytes = 0
  /** This tab's drafts of when it did not lead, by key; and what else it had, by number. */
  readonly #drafted = new Map<string, Entry>()
  #pending: ReadonlyMap<number, Delivery> = new Map()
  #nextDraft = 1
  #obsolete: string[] = []
  #cancelAdopt: (() => void) | undefined
  #adoptAgain = false
  #mayHaveDrafts = false
  /** Withdrawn, which is not on disk yet. */
  readonly #withdrawn = new Map<Entry, Deferred<void>>()
  /** What a transaction writes, or may have written. */
  #attempt: Attempt | undefined
  /** The head or a segment on disk is behind. */
  #isStale = false
  #committing: Promise<void> | undefined
  /** Those who wait for the next transaction. */
  #waiters: Deferred<void>[] = []
  #isLoaded = false
  #isClosed = false
  #failingSinceMs: number | undefined
  /** For the next attempt to reach the disk. */
  #isPausing = false
  #cancelRetry: () => void = () => {}
  #cancelPrune: (() => void) | undefined

  constructor(options: OutboxLogOptions) {
    this.#options = options
    this.#logId = options.runtime.randomBytes(16)
    this.#logName = toBase64url(this.#logId)
    const ready = deferred<void>()
    this.ready = ready.promise
    this.#taken = this.#take()
    void this.#taken.then(() => this.#load(ready.resolve))
  }

  /** Names this series of sequence numbers. */
  get logId(): Uint8Array {
    return this.#logId
  }

  /** No peer can know of this log. */
  get isNew(): boolean {
    return this.#isNew && this.highestSent === 0
  }

  /** Of this mesh. */
  get run(): Uint8Array {
    return this.#options.log.run
  }

  get isRebasing(): boolean {
    return this.#nextLogId !== undefined
  }

  /** Messages not yet handled by the peer. */
  get length(): number {
    return this.held.length + this.#waiting.length
  }

  /** Sequence number of the oldest message held. */
  get firstHeld(): number {
    return this.#acked + 1
  }

  /** Whether the peer has handled a message that is stored. Its log may have another id by now, but not other numbers. */
  isDelivered(id: string): boolean {
    return log.sequenceOf(id) <= this.#acked
  }

  /**
   * Queues an encoded message.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Delivery {
    signal?.throwIfAborted()
    const entry: Entry = { sequence: 0, value, delivery: new Delivery() }
    if (this.#queuedBytes + cost(entry) > limits.maxQueuedBytes && this.length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for this peer')
    }
    if (signal) entry.delivery!.listen(signal)
    this.#await(entry)
    this.#options.onQueued(this.length)
    this.#flush()
    return entry.delivery!
  }

  #await(entry: Entry): void {
    this.#queuedBytes += cost(entry)
    this.#waiting.push(entry)
    this.#watch(entry)
  }

  /**
   * There may be drafts of other tabs. Taking them reads what it writes, and a page that hangs in the midst of that keeps all tabs from the
   * database: it is done at once, and then not again for a while.
   */
  adopt(): void {
    if (this.#isClosed) return
    if (this.#cancelAdopt) return void (this.#adoptAgain = true)
    this.#mayHaveDrafts = true
    this.#flush()
    this.#cancelAdopt = this.#options.runtime.setTimer(limits.adoptEveryMs, () => {
      this.#cancelAdopt = undefined
      if (!this.#adoptAgain) return
      this.#adoptAgain = false
      this.adopt()
    })
  }

  // ── Withdrawing ──────────────────────────────────────────────────────────────────────────────────

  #watch(entry: Entry): void {
    const { delivery } = entry
    delivery?.withdrawBy((reason) => {
      this.#takeBack(entry).then(
        (isGone) => isGone && delivery.reject(reason),
        (error: unknown) => this.#isClosed || delivery.reject(error),
      )
    })
  }

  /** Withdraws a message that another tab has sent. Resolves with whether it was in time, once that is on disk. */
  async withdraw(id: string): Promise<boolean> {
    const entry = this.held.at(log.sequenceOf(id) - this.firstHeld)
    return entry !== undefined && this.#takeBack(entry)
  }

  /** In memory it just goes; on disk a mark takes its place; once sent it stays. */
  async #takeBack(entry: Entry): Promise<boolean> {
    if (this.#isClosed) return false
    if (entry.value !== null) {
      if (entry.sequence > 0 && entry.sequence <= this.highestSent) return false
      const isWaiting = entry.sequence === 0 && !entry.draft
      if (isWaiting) this.#waiting.remove(entry)
      this.#queuedBytes -= isWaiting ? cost(entry) : (entry.value?.length ?? 0)
      entry.value = null
      if (isWaiting) return true
      this.#mustMark(entry)
      this.#flush()
    }
    await this.#withdrawn.get(entry)?.promise
    return true
  }

  #mustMark(entry: Entry): void {
    const marked = deferred<void>()
    marked.promise.catch(() => {})
    this.#withdrawn.set(entry, marked)
    this.#isStale = true
  }

  // ── Beginning ────────────────────────────────────────────────────────────────────────────────────

  async #take(): Promise<void> {
    const { unstored, drafted, pending, nextDraft } = (await this.#options.handover) ?? nothing()
    this.#putFirst(unstored)
    for (const [draft, { value, delivery }] of drafted) {
      this.#drafted.set(draft, { sequence: 0, value, delivery, draft })
    }
    this.#pending = pending
    this.#nextDraft = nextDraft
  }

  #putFirst(unstored: readonly Unstored[]): void {
    const others = this.#waiting
    this.#waiting = new Queue()
    for (const { value, delivery } of unstored) this.#await({ sequence: 0, value, delivery })
    for (let entry = others.shift(); entry; entry = others.shift()) this.#waiting.push(entry)
  }

  async #load(onReady: () => void): Promise<void> {
    const { peer, log: options } = this.#options
    if (this.#isClosed) return
    try {
      const tables = ['outbox', 'drafts'] as const
      const [head, segments, drafts] = await options.store.transaction(
        tables,
        { mode: 'read' },
        async (transaction) => [
          (await transaction.get('outbox', peer)) as log.OutboxHead | undefined,
          await transaction.list('outbox', `${peer}/`),
          await transaction.list('drafts', `${peer}/`),
        ],
      )
      if (this.#isClosed) return
      this.#restore(head, head ? log.readSegments(head, segments) : [], drafts)
    } catch (error) {
      if (!this.#isClosed) this.#fail(error, () => void this.#load(onReady))
      return
    }
    this.#failingSinceMs = undefined
    this.#isLoaded = true
    onReady()
    if (this.length > 0) this.#options.onQueued(this.length)
    this.#flush()
  }

  #restore(
    head: log.OutboxHead | undefined,
    segments: readonly log.Segment[],
    drafts: readonly StoreRecord[],
  ): void {
    if (head) {
      this.#isNew = false
      this.#logId = head.logId
      this.#logName = toBase64url(head.logId)
      this.#runs = head.runs
      this.#acked = head.acked
      this.#next = head.next
      this.highestSent = head.next - 1
    }
    this.#segments = segments.map(extentOf)
    const pending = this.#findDrafts(drafts)
    for (const { first, values } of segments) {
      for (const [at, value] of values.entries()) {
        const sequence = first + at
        if (sequence <= this.#acked) continue
        const entry = { sequence, value, delivery: pending.get(sequence) }
        this.#queuedBytes += cost(entry)
        this.held.push(entry)
        this.#watch(entry)
      }
    }
    for (const [sequence, delivery] of pending) {
      if (sequence <= this.#acked) delivery.resolve()
      else if (sequence >= this.#next) delivery.reject(log.gone())
    }
  }

  /** What has become of this tab's own drafts. Returns what of this tab is in the log. */
  #findDrafts(records: readonly StoreRecord[]): ReadonlyMap<number, Delivery> {
    const pending = new Map(this.#pending)
    const found = new Map(records.map(({ key, value }) => [key, value]))
    this.#mayHaveDrafts = records.some(({ value }) => value instanceof Uint8Array)
    const unstored: Unstored[] = []
    for (const [key, entry] of this.#drafted) {
      const delivery = entry.delivery!
      const record = found.get(key)
      if (record instanceof Uint8Array) {
        this.#watch(entry)
        continue
      }
      this.#drafted.delete(key)
      if (record) {
        const { id } = record as log.Marker
        this.#obsolete.push(key)
        if (id === null) delivery.reject(log.exhausted())
        else {
          delivery.noteStored(id)
          pending.set(log.sequenceOf(id), delivery)
        }
      } else if (entry.value) unstored.push({ value: entry.value, delivery })
      else delivery.reject(log.gone())
    }
    this.#putFirst(unstored)
    return pending
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  /** Drafts are taken while there is room for a whole transaction of them; this tab's own at once. */
  get #canAdopt(): boolean {
    return this.#mayHaveDrafts && (this.#hasRoom || this.#drafted.size > 0)
  }

  get #hasRoom(): boolean {
    return this.#queuedBytes + limits.maxCommitBytes <= limits.maxQueuedBytes
  }

  #flush(): void {
    const hasWork = this.#isStale || this.#waiting.length > 0 || this.#canAdopt
    const isHeldUp = this.#committing !== undefined || this.#isPausing || this.#isClosed
    if (hasWork && this.#isLoaded && !isHeldUp) this.#committing = this.#commit()
  }

  async #commit(): Promise<void> {
    const waiters = this.#waiters
    this.#waiters = []
    let isWritten = false
    let withDrafts = false
    const scope = () => {
      withDrafts = this.#canAdopt || this.#obsolete.length > 0 || this.#attempt !== undefined
      return withDrafts ? log.logTables : (['outbox'] as const)
    }
    const work = async (transaction: StoreTransaction) => {
      if (this.#isClosed) return
      await this.#write(transaction, withDrafts)
      isWritten = true
    }
    try {
      await this.#options.log.commits.run(work, scope)
    } catch (error) {
      this.#committing = undefined
      this.#isStale = true
      for (const { reject } of waiters) reject(error)
      if (!this.#isClosed) this.#fail(error, () => this.#flush())
      return
    }
    this.#committing = undefined
    this.#failingSinceMs = undefined
    if (isWritten) this.#conclude()
    for (const { resolve } of waiters) resolve()
    this.#flush()
  }

  async #write(transaction: StoreTransaction, withDrafts: boolean): Promise<void> {
    const { peer } = this.#options
    if (this.#attempt) {
      const head = (await transaction.get('outbox', peer)) as log.OutboxHead | undefined
      // Once more, so that it is known to be on disk to stay.
      if (this.#isThere(head)) return transaction.put('outbox', peer, head)
      this.#giveBack()
    }
    let drafts: StoreRecord[] = []
    if (withDrafts && this.#canAdopt) {
      this.#mayHaveDrafts = false
      drafts = await transaction.list('drafts', `${peer}/`)
    }
    const { attempt, written } = this.#prepare(drafts, withDrafts)
    this.#attempt = attempt
    const { head, entries, pruned, withdrawn, refused, obsolete } = attempt
    for (const { first } of this.#segments.slice(0, pruned)) {
      await transaction.delete('outbox', log.segmentKey(peer, first))
    }
    const stored = head.next - entries.length
    for (const { sequence } of withdrawn) {
      if (sequence > head.acked && sequence < stored) await this.#mark(transaction, sequence)
    }
    for (const { first, values } of written) {
      await transaction.put('outbox', log.segmentKey(peer, first), log.packSegment(values))
    }
    const put = (key: string | undefined, id: log.Marker['id']) =>
      key === undefined ? undefined : transaction.put('drafts', key, { id } satisfies log.Marker)
    const name = toBase64url(head.logId)
    for (const { draft, sequence } of entries) await put(draft, log.messageId(name, sequence))
    for (const { draft } of refused) await put(draft, null)
    for (const key of obsolete) await transaction.delete('drafts', key)
    await transaction.put('outbox', peer, head)
  }

  /** Gives numbers to what waits. Who withdraws from here on finds it in the log. */
  #prepare(
    records: readonly StoreRecord[],
    withDrafts: boolean,
  ): { attempt: Attempt; written: log.Segment[] } {
    const entries: Entry[] = []
    const refused: Entry[] = []
    const written: { first: number; values: (Uint8Array | null)[] }[] = []
    let next = this.#next
    let segmentBytes = Infinity
    let bytes = 0
    /** Whether there was room. */
    const take = (entry: Entry): boolean => {
      const value = entry.value!
      const size = log.segmentCost(value)
      if (bytes > 0 && bytes + size > limits.maxCommitBytes) return false
      if (next > limits.maxSequence) return refused.push(entry) > 0
      if (segmentBytes + size > limits.maxSegmentBytes) {
        written.push({ first: next, values: [] })
        segmentBytes = 0
      }
      written.at(-1)!.values.push(value)
      segmentBytes += size
      bytes += size
      entry.sequence = next++
      return entries.push(entry) > 0
    }
    const { own, others } = this.#draftsIn(records)
    const isOwnTaken = own.every(take)
    const areOthersTaken = others.length === 0 || (this.#hasRoom && others.every(take))
    if (!isOwnTaken || !areOthersTaken) this.#mayHaveDrafts = true
    if (isOwnTaken)
      for (let at = 0; at < this.#waiting.length && take(this.#waiting.at(at)!); at++);
    const acked = this.#acked
    const kept = this.#segments.findIndex(({ end }) => end > acked + 1)
    const attempt: Attempt = {
      head: { logId: this.#nextLogId ?? this.#logId, next, acked, runs: this.#runsNow() },
      entries,
      segments: written.map(extentOf),
      pruned: kept < 0 ? this.#segments.length : kept,
      withdrawn: [...this.#withdrawn.keys()].filter(({ sequence }) => sequence > 0),
      refused,
      obsolete: withDrafts ? this.#obsolete : [],
    }
    if (withDrafts) this.#obsolete = []
    this.#isStale = false
    return { attempt, written }
  }

  #draftsIn(records: readonly StoreRecord[]): { own: Entry[]; others: Entry[] } {
    const own: Entry[] = []
    const others: Entry[] = []
    for (const { key, value } of records) {
      if (!(value instanceof Uint8Array)) continue
      const entry = this.#drafted.get(key)
      if (!entry) others.push({ sequence: 0, value, delivery: undefined, draft: key })
      else {
        if (entry.value !== null) entry.value = value
        own.push(entry)
      }
    }
    return { own, others }
  }

  /** This run is among them as soon as it may send something, for the peer will name it. */
  #runsNow(): log.OutboxHead['runs'] {
    const { run } = this
    if (this.#nextLogId) return [{ id: run, from: this.#acked + 1 }]
    const runs = this.#runs.filter(
      (_, at) => !(at + 1 < this.#runs.length && this.#runs[at + 1]!.from <= this.#acked + 1),
    )
    return this.lastOf(run) === undefined
      ? [...runs, { id: run, from: this.#next }].slice(-limits.maxRuns)
      : runs
  }

  async #mark(transaction: StoreTransaction, sequence: number): Promise<void> {
    const segment = this.#segments.find(({ first, end }) => first <= sequence && sequence < end)!
    const key = log.segmentKey(this.#options.peer, segment.first)
    const values = log.unpackSegment(await transaction.get('outbox', key))
    values[sequence - segment.first] = null
    await transaction.put('outbox', key, log.packSegment(values))
  }

  /** It is on disk. */
  #conclude(): void {
    const attempt = this.#attempt
    if (!attempt) return
    this.#attempt = undefined
    const { head, entries, segments, pruned, withdrawn, refused } = attempt
    const isRebased = !equalBytes(head.logId, this.#logId)
    this.#isNew = false
    this.#logId = head.logId
    this.#logName = toBase64url(head.logId)
    this.#runs = head.runs
    this.#next = head.next
    this.#segments = [...this.#segments.slice(pruned), ...segments]
    for (const entry of entries) {
      this.held.push(entry)
      if (entry.draft) this.#queuedBytes += cost(entry)
      else this.#waiting.shift()
    }
    for (const entry of refused) {
      if (!entry.draft && this.#waiting.remove(entry)) this.#queuedBytes -= cost(entry)
      entry.delivery?.reject(log.exhausted())
    }
    for (const entry of withdrawn) {
      this.#withdrawn.get(entry)?.resolve()
      this.#withdrawn.delete(entry)
    }
    for (const entry of [...entries, ...refused]) this.#tell(entry)
    if (isRebased) {
      this.#nextLogId = undefined
      this.hasRolledBack = true
      this.onRebased()
    }
    if (this.#acked > head.acked && !this.#cancelPrune) this.#isStale = true
    if (entries.some(({ draft }) => draft)) this.#options.onQueued(this.length)
    if (entries.length > 0) this.#options.onStored()
  }

  #tell({ sequence, delivery, draft }: Entry): void {
    const id = sequence > 0 ? this.idOf(sequence) : null
    if (id !== null) delivery?.noteStored(id)
    if (draft === undefined) return
    if (this.#drafted.delete(draft)) this.#obsolete.push(draft)
    else {
      const { tab, n } = log.parseDraftKey(draft)
      this.#options.onAdopted?.(tab, n, id)
    }
  }

  /** The log has another id, and the same numbers. */
  protected onRebased(): void {}

  /** A transaction that failed may have reached the disk all the same, as the head there tells. */
  #isThere(head: log.OutboxHead | undefined): boolean {
    const { head: written, entries } = this.#attempt!
    const isWritten = head?.next === written.next && equalBytes(head.logId, written.logId)
    return isWritten && (entries.length > 0 || !equalBytes(written.logId, this.#logId))
  }

  /** It is not: what it would have stored waits again. */
  #giveBack(): void {
    const attempt = this.#attempt!
    this.#attempt = undefined
    this.#isStale = true
    this.#obsolete.push(...attempt.obsolete)
    for (const entry of [...attempt.entries, ...attempt.refused]) {
      entry.sequence = 0
      if (entry.draft) this.#mayHaveDrafts = true
      else if (entry.value === null && this.#waiting.remove(entry)) {
        this.#queuedBytes -= cost(entry)
        this.#withdrawn.get(entry)?.resolve()
        this.#withdrawn.delete(entry)
      }
    }
  }

  /** Again after a while; what has waited too long for the disk is refused. */
  #fail(error: unknown, again: () => void): void {
    const { runtime, onError } = this.#options
    this.#failingSinceMs ??= runtime.monotonicNow()
    if (runtime.monotonicNow() - this.#failingSinceMs >= limits.storePatienceMs) {
      this.#refuse(error)
    }
    this.#isPausing = true
    this.#cancelRetry = runtime.setTimer(limits.storeRetryMs, () => {
      this.#isPausing = false
      again()
    })
    onError(error)
  }

  #refuse(error: unknown): void {
    const waiting = this.#waiting
    if (waiting.length + this.#withdrawn.size === 0) return
    this.#waiting = new Queue()
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      entry.delivery!.reject(error)
      this.#queuedBytes -= cost(entry)
      if (entry.sequence === 0) continue
      // It may be on disk, and must not go out.
      if (entry.value !== null) this.#mustMark(entry)
      entry.value = null
      this.#queuedBytes += cost(entry)
      this.#waiting.push(entry)
    }
    for (const { reject } of this.#withdrawn.values()) reject(error)
    this.#options.onQueued(this.length)
  }

  // ── For those who send ───────────────────────────────────────────────────────────────────────────

  /** Before this run sends what earlier ones have left: it is noted as one that did, for the peer will name it. */
  async announce(): Promise<void> {
    await this.ready
    if (this.held.length === 0 || this.lastOf(this.#options.log.run) !== undefined) return
    const waiter = deferred<void>()
    this.#waiters.push(waiter)
    this.#isStale = true
    this.#flush()
    await waiter.promise
  }

  /** The highest number that a run gave, or may have sent. */
  lastOf(run: Uint8Array): number | undefined {
    return log.lastOf(this.#runs, run, this.#next)
  }

  /** A new log begins with all that is held: this storage was set back or copied. */
  rebase(): void {
    if (this.isRebasing) return
    this.#nextLogId = this.#options.runtime.randomBytes(16)
    this.#isStale = true
    this.#flush()
  }

  /** The peer has handled the oldest message held. */
  drop(): Entry {
    const entry = this.held.shift()!
    this.#acked = entry.sequence
    this.#queuedBytes -= cost(entry)
    if (entry.value !== null) {
      entry.delivery?.resolve()
      this.#options.onDelivered(this.idOf(entry.sequence))
    }
    this.#cancelPrune ??= this.#options.runtime.setTimer(limits.pruneLogMs, () => {
      this.#cancelPrune = undefined
      this.#isStale = true
      this.#flush()
    })
    return entry
  }

  idOf(sequence: number): string {
    return log.messageId(this.#logName, sequence)
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  /** Writes no more. What this tab has waiting goes on in its next role. */
  async release(): Promise<Handover> {
    this.#end()
    await this.#taken
    await this.#committing
    const pending = new Map(this.#isLoaded ? [] : this.#pending)
    const unstored: Unstored[] = []
    const written = await this.#lastWritten()
    for (let entry = this.held.shift(); entry; entry = this.held.shift()) {
      if (entry.delivery) pending.set(entry.sequence, entry.delivery)
    }
    for (let entry = this.#waiting.shift(); entry; entry = this.#waiting.shift()) {
      const { sequence, value, delivery } = entry
      if (sequence > 0 && written instanceof Error) delivery!.reject(written)
      else if (sequence > 0 && written) {
        delivery!.noteStored(this.idOf(sequence))
        pending.set(sequence, delivery!)
      } else if (value) unstored.push({ value, delivery: delivery! })
    }
    const drafted = new Map<string, Drafted>()
    for (const [key, { value, delivery }] of this.#drafted) {
      drafted.set(key, { value: value ?? undefined, delivery: delivery! })
    }
    return { unstored, drafted, pending, nextDraft: this.#nextDraft }
  }

  /** Whether a transaction that failed has reached the disk, where another tab may have written since. */
  async #lastWritten(): Promise<boolean | Error> {
    const { peer, log: options } = this.#options
    if (!this.#attempt) return false
    const { head } = this.#attempt
    try {
      const now = (await options.store.transaction(['outbox'], { mode: 'read' }, (transaction) =>
        transaction.get('outbox', peer),
      )) as log.OutboxHead | undefined
      if (!now || equalBytes(now.logId, head.logId)) {
        const last = now && log.lastOf(now.runs, options.run, now.next)
        if (last !== undefined) return last >= head.next - 1
        // With all of its messages acknowledged a run is remembered no more.
        if (!now || now.acked < head.next - 1) return false
      }
      return new HandfastError('storage-failed', 'It is not known whether the message was stored')
    } catch (error) {
      return error instanceof Error ? error : new HandfastError('storage-failed')
    }
  }

  /** Rejects everything that waits. What is on disk stays there. */
  close(error: Error): void {
    this.#end()
    this.#attempt = undefined
    const waiting = [this.held, this.#waiting].flatMap((queue) => {
      const entries: Entry[] = []
      for (let entry = queue.shift(); entry; entry = queue.shift()) entries.push(entry)
      return entries
    })
    for (const { delivery } of [...waiting, ...this.#drafted.values()]) delivery?.reject(error)
    for (const delivery of this.#pending.values()) delivery.reject(error)
  }

  #end(): void {
    this.#isClosed = true
    this.#cancelRetry()
    this.#cancelPrune?.()
    this.#cancelAdopt?.()
    const closed = new HandfastError('closed')
    for (const { reject } of [...this.#withdrawn.values(), ...this.#waiters]) reject(closed)
  }
}

const extentOf = ({ first, values }: log.Segment): Extent => ({ first, end: first + values.length })
