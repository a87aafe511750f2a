/**
 * The outgoing log of a link on disk: messages get their numbers in the strict transaction that stores them, are kept until they are
 * acknowledged, and have a mark in their place when they are withdrawn. One transaction at a time takes all that has come by the time
 * it runs, drafts of other tabs too. After one that failed, and may have reached the disk, the next begins by looking. All of it goes to one
 * device of the peer; for another it goes on in a log with another id and the same numbers.
 */

import { equalBytes } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import type { StoreRecord, StoreTransaction } from '../storage/store.ts'
import { Batch } from './batch.ts'
import { Committer } from './committer.ts'
import { Delivery } from './delivery.ts'
import { Former } from './former.ts'
import { nothing, type Handover, type Unstored } from './handover.ts'
import { bytesOf, entryOf, Held, type Entry, type Extent } from './held.ts'
import * as log from './log.ts'
import { Refusals } from './refusals.ts'

export interface OutboxLogOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly log: log.LogOptions
  /** Of this tab in its former role. */
  readonly handover?: Promise<Handover> | undefined
  /** There is more to send: so many have been stored, or some were read. */
  readonly onStored: (stored?: number) => void
  readonly onQueued: (count: number) => void
  readonly onDelivered: (id: string) => void
  /** The peer has stepped over a message, which may not be sent to it. */
  readonly onRefused: (id: string) => void
  /** A draft of another tab is in the log, under that id; or refused, for there are no more numbers. */
  readonly onAdopted?: (tab: string, n: number, id: string | null) => void
  readonly onError: (error: unknown) => void
}

/** A log that is to take the place of the present one. */
interface NextLog {
  readonly id: Uint8Array
  readonly device: Uint8Array | null
  /** This storage was set back or copied: its numbers may mean other messages. */
  readonly isRollback: boolean
}

/** What one transaction writes. */
interface Attempt {
  readonly head: log.OutboxHead
  readonly batch: Batch
  /** Segments from the front that go. */
  readonly pruned: number
  /** Withdrawn ones that have a mark. */
  readonly withdrawn: readonly Entry[]
  /** Markers that go. */
  readonly obsolete: readonly string[]
}

export class OutboxLog {
  readonly ready: Promise<void>
  /** On disk and not acknowledged. */
  readonly held: Held
  /** What the peer may have been sent. */
  highestSent = 0
  /** Whether acknowledgements of an earlier log may be on their way. */
  hasChangedLog = false
  readonly #options: OutboxLogOptions
  /** Not on disk, or not known to be. */
  #waiting = new Queue<Entry>()
  readonly #taken: Promise<void>
  #logId!: Uint8Array
  /** As messages are named by. */
  #series!: string
  #device: Uint8Array | null = null
  #nextLog: NextLog | undefined
  #isNew = true
  #runs: log.OutboxHead['runs'] = []
  #acked = 0
  #ackedOnDisk = 0
  /** Of those acknowledged. */
  #refused = new Refusals()
  #next = 1
  #segments: readonly Extent[] = []
  /** What it counts for. */
  queuedBytes = 0
  /** What this tab had before it came to lead. */
  #former = new Former(nothing())
  #cancelAdopt: (() => void) | undefined
  #adoptAgain = false
  #mayHaveDrafts = false
  /** Whether drafts are part of the transaction under way. */
  #hasDrafts = false
  /** Withdrawn, which is not on disk yet. */
  readonly #withdrawn = new Map<Entry, Deferred<void>>()
  /** What a transaction writes, or may have written. */
  #attempt: Attempt | undefined
  /** Whether it was made in the latest transaction. */
  #isAttemptNew = false
  /** The head or a segment on disk is behind. */
  #isStale = false
  readonly #committer: Committer
  /** Those who wait for a transaction. */
  #waiters: Deferred<void>[] = []
  #isLoaded = false
  #cancelPrune: (() => void) | undefined

  constructor(options: OutboxLogOptions) {
    this.#options = options
    this.#become(options.runtime.randomBytes(16))
    this.held = new Held({ ...options, store: options.log.store, extents: () => this.#segments })
    this.#committer = new Committer({
      runtime: options.runtime,
      commits: options.log.commits,
      hasWork: () =>
        this.#isLoaded && (this.#isStale || this.#waiting.length > 0 || this.#canAdopt),
      scope: () => {
        const { obsolete } = this.#former
        this.#hasDrafts = this.#canAdopt || obsolete.length > 0 || this.#attempt !== undefined
        return this.#hasDrafts ? log.logTables : ['outbox']
      },
      write: (transaction) => this.#write(transaction),
      onWritten: () => this.#conclude(),
      onFailed: (error) => {
        // What another tab's lead refuses has surely not been written.
        if (isNotLeading(error) && this.#isAttemptNew) this.#giveBack()
        this.#isAttemptNew = false
        this.#isStale = true
        this.#endWait(({ reject }) => reject(error))
      },
      refuse: (error) => this.#refuse(error),
      onError: options.onError,
    })
    const ready = deferred<void>()
    this.ready = ready.promise
    this.#taken = this.#take()
    void this.#taken.then(() => this.#load(ready.resolve))
  }

  #become(logId: Uint8Array): void {
    this.#logId = logId
    this.#series = log.seriesName(logId)
  }

  /** Names this log. */
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

  /** Another log is being written. */
  get isChanging(): boolean {
    return this.#nextLog !== undefined
  }

  /** Whether that is since this storage was set back or copied. */
  protected get isRollingBack(): boolean {
    return this.#nextLog?.isRollback ?? false
  }

  /** The device of the peer that messages go to. */
  get #target(): Uint8Array | null {
    return this.#nextLog ? this.#nextLog.device : this.#device
  }

  isFor(device: Uint8Array): boolean {
    return this.#target !== null && equalBytes(this.#target, device)
  }

  /** Whether messages can go to a device as things are. */
  isOpenTo(device: Uint8Array): boolean {
    return this.#target === null || this.isFor(device)
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
    const sequence = log.sequenceOf(id)
    return sequence <= this.#acked && !this.#refused.has(sequence)
  }

  /** Whether the peer has refused it. */
  isRefused(id: string): boolean {
    return this.#refused.has(log.sequenceOf(id))
  }

  /**
   * Queues an encoded message.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Delivery {
    signal?.throwIfAborted()
    if (this.queuedBytes + bytesOf(value) > limits.maxQueuedBytes && this.length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for this peer')
    }
    const delivery = new Delivery()
    if (signal) delivery.listen(signal)
    this.#await(entryOf(value, delivery))
    this.#options.onQueued(this.length)
    this.#committer.flush(bytesOf(value))
    return delivery
  }

  #await(entry: Entry): void {
    this.queuedBytes += entry.bytes
    this.#waiting.push(entry)
    this.#watch(entry)
  }

  /**
   * There may be drafts of other tabs. Taking them reads what it writes, and a page that hangs in the midst of that keeps all tabs from the
   * database: it is done at once, and then not again for a while.
   */
  adopt(): void {
    if (this.#committer.isEnded) return
    if (this.#cancelAdopt) return void (this.#adoptAgain = true)
    this.#mayHaveDrafts = true
    this.#committer.flush()
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
        (error: unknown) => this.#committer.isEnded || delivery.reject(error),
      )
    })
  }

  /** Withdraws a message that another tab has sent. Resolves with whether it was in time, once that is on disk. */
  async withdraw(id: string): Promise<boolean> {
    await this.ready
    const entry = this.held.at(log.sequenceOf(id) - this.firstHeld)
    return entry !== undefined && this.#takeBack(entry)
  }

  /** In memory it just goes; on disk a mark takes its place; once sent it stays. */
  async #takeBack(entry: Entry): Promise<boolean> {
    if (this.#committer.isEnded) return false
    if (entry.value !== null) {
      if (entry.sequence > 0 && entry.sequence <= this.highestSent) return false
      if (entry.sequence === 0 && this.#waiting.remove(entry)) {
        this.queuedBytes -= entry.bytes
        return true
      }
      entry.value = null
      this.#mustMark(entry)
      this.#committer.flush()
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
    const handover = (await this.#options.handover) ?? nothing()
    this.#former = new Former(handover)
    this.#putFirst(handover.unstored)
  }

  #putFirst(unstored: readonly Unstored[]): void {
    const others = this.#waiting
    this.#waiting = new Queue()
    for (const { value, delivery } of unstored) this.#await(entryOf(value, delivery))
    for (let entry = others.shift(); entry; entry = others.shift()) this.#waiting.push(entry)
  }

  async #load(onReady: () => void): Promise<void> {
    const { peer, log: options } = this.#options
    if (this.#committer.isEnded) return
    try {
      const tables = ['outbox', 'drafts'] as const
      const [head, segments, drafts] = await options.store.transaction(
        tables,
        { mode: 'read' },
        async (transaction) => [
          log.readHead(await transaction.get('outbox', peer)),
          await transaction.list('outbox', `${peer}/`),
          await transaction.list('drafts', `${peer}/`),
        ],
      )
      if (this.#committer.isEnded) return
      this.#restore(head, head ? log.readSegments(head, segments) : [], drafts)
    } catch (error) {
      this.#committer.retry(error, () => void this.#load(onReady))
      return
    }
    this.#committer.succeeded()
    this.#isLoaded = true
    onReady()
    if (this.length > 0) this.#options.onQueued(this.length)
    this.#committer.flush()
  }

  #restore(
    head: log.OutboxHead | undefined,
    segments: readonly log.Segment[],
    drafts: readonly StoreRecord[],
  ): void {
    if (head) {
      this.#isNew = false
      this.#become(head.logId)
      this.#device = head.device
      this.#runs = head.runs
      this.#acked = this.#ackedOnDisk = head.acked
      this.#refused = new Refusals(head.refused)
      this.#next = head.next
      this.highestSent = head.next - 1
    }
    this.#segments = segments.map(extentOf)
    this.#mayHaveDrafts = drafts.some(({ value }) => value instanceof Uint8Array)
    const { pending, unstored } = this.#former.find(drafts)
    for (const draft of this.#former.drafts.values()) this.#watch(draft)
    this.#putFirst(unstored)
    for (const { first, values } of segments) {
      for (const [at, value] of values.entries()) {
        const sequence = first + at
        if (sequence <= this.#acked) continue
        const entry = entryOf(value, pending.get(sequence), { sequence })
        this.queuedBytes += entry.bytes
        this.held.push(entry)
        this.#watch(entry)
      }
    }
    for (const [sequence, delivery] of pending) {
      if (this.#refused.has(sequence)) delivery.reject(log.forbidden())
      else if (sequence <= this.#acked) delivery.resolve()
      else if (sequence >= this.#next) delivery.reject(log.gone())
    }
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  /** Drafts are taken while there is room for a whole transaction of them; this tab's own at once. */
  get #canAdopt(): boolean {
    return this.#mayHaveDrafts && (this.#hasRoom || this.#former.drafts.size > 0)
  }

  get #hasRoom(): boolean {
    return this.queuedBytes + limits.maxCommitBytes <= limits.maxQueuedBytes
  }

  async #write(transaction: StoreTransaction): Promise<void> {
    const { peer } = this.#options
    this.#isAttemptNew = false
    if (this.#attempt) {
      const head = log.readHead(await transaction.get('outbox', peer))
      // Once more, so that it is known to be on disk to stay.
      if (this.#isThere(head)) return transaction.put('outbox', peer, head)
      this.#giveBack()
    }
    let drafts: StoreRecord[] = []
    if (this.#hasDrafts && this.#canAdopt) {
      this.#mayHaveDrafts = false
      drafts = await transaction.list('drafts', `${peer}/`)
    }
    this.#attempt = this.#prepare(drafts)
    this.#isAttemptNew = true
    const { head, batch, pruned, withdrawn, obsolete } = this.#attempt
    for (const { first } of this.#segments.slice(0, pruned)) {
      await transaction.delete('outbox', log.segmentKey(peer, first))
    }
    const stored = head.next - batch.entries.length
    for (const { sequence } of withdrawn) {
      if (sequence < stored) await this.#mark(transaction, sequence)
    }
    for (const { first, values } of batch.segments) {
      await transaction.put('outbox', log.segmentKey(peer, first), log.packSegment(values))
    }
    const series = log.seriesName(head.logId)
    for (const { draft, sequence } of [...batch.entries, ...batch.refused]) {
      const id = sequence > 0 ? log.messageId(series, sequence) : null
      if (draft) await transaction.put('drafts', draft, { id } satisfies log.Marker)
    }
    for (const key of obsolete) await transaction.delete('drafts', key)
    await transaction.put('outbox', peer, head)
  }

  /** Gives numbers to what waits. Who withdraws from here on finds it in the log. */
  #prepare(records: readonly StoreRecord[]): Attempt {
    const batch = new Batch(this.#next)
    const take = (entry: Entry) => batch.take(entry)
    const { own, others } = this.#former.sort(records)
    const isOwnTaken = own.every(take)
    const areOthersTaken = others.length === 0 || (this.#hasRoom && others.every(take))
    if (!isOwnTaken || !areOthersTaken) this.#mayHaveDrafts = true
    // This tab's own come before what it has sent since.
    const waiting = isOwnTaken ? this.#waiting.length : 0
    for (let at = 0; at < waiting; at++) if (!take(this.#waiting.at(at)!)) break
    const acked = this.#acked
    const kept = this.#segments.findIndex(({ end }) => end > acked + 1)
    const obsolete = this.#hasDrafts ? this.#former.obsolete : []
    if (this.#hasDrafts) this.#former.obsolete = []
    this.#isStale = false
    const logId = this.#nextLog?.id ?? this.#logId
    return {
      head: {
        logId,
        device: this.#target,
        next: batch.next,
        acked,
        runs: this.#runsNow(),
        refused: this.#refused.within(1, acked),
      },
      batch,
      pruned: kept < 0 ? this.#segments.length : kept,
      withdrawn: [...this.#withdrawn.keys()].filter(({ sequence }) => sequence > 0),
      obsolete,
    }
  }

  /** This run is among them as soon as it may send something, for the peer will name it. */
  #runsNow(): log.OutboxHead['runs'] {
    const { run } = this
    if (this.isRollingBack) return [{ id: run, from: this.#acked + 1 }]
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
    const record = await transaction.get('outbox', key)
    // All of it has been acknowledged.
    if (record === undefined) return
    const values = log.unpackSegment(record)
    values[sequence - segment.first] = null
    await transaction.put('outbox', key, log.packSegment(values))
  }

  /** It is on disk. */
  #conclude(): void {
    this.#isAttemptNew = false
    if (!this.#attempt) return
    const { head, batch, pruned, withdrawn } = this.#attempt
    const nextLog = this.#nextLog
    const isChanged = nextLog !== undefined && equalBytes(head.logId, nextLog.id)
    this.#attempt = undefined
    this.#isNew = false
    this.#become(head.logId)
    this.#runs = head.runs
    this.#next = head.next
    this.#ackedOnDisk = head.acked
    this.#segments = [...this.#segments.slice(pruned), ...batch.segments.map(extentOf)]
    for (const entry of batch.entries) {
      if (entry.draft === undefined) this.#waiting.shift()
      else this.queuedBytes += entry.bytes
      this.held.push(entry)
      this.#tell(entry, this.idOf(entry.sequence))
    }
    for (const entry of batch.refused) {
      if (this.#waiting.remove(entry)) this.queuedBytes -= entry.bytes
      entry.delivery?.reject(log.exhausted())
      this.#tell(entry, null)
    }
    for (const entry of withdrawn) this.#endWithdrawal(entry)
    if (isChanged) {
      this.#device = nextLog.device
      this.#nextLog = undefined
      this.hasChangedLog = true
      this.onChanged(nextLog.isRollback)
    }
    if (this.#acked > head.acked && !this.#cancelPrune) this.#isStale = true
    this.#endWait(({ resolve }) => resolve())
    if (batch.entries.some(({ draft }) => draft)) this.#options.onQueued(this.length)
    if (batch.entries.length > 0) this.#options.onStored(batch.entries.length)
  }

  #tell({ delivery, draft }: Entry, id: string | null): void {
    if (id !== null) delivery?.noteStored(id)
    if (draft === undefined) return
    if (this.#former.drafts.delete(draft)) this.#former.obsolete.push(draft)
    else {
      const { tab, n } = log.parseDraftKey(draft)
      this.#options.onAdopted?.(tab, n, id)
    }
  }

  #endWithdrawal(entry: Entry): void {
    this.#withdrawn.get(entry)?.resolve()
    this.#withdrawn.delete(entry)
  }

  #endWait(end: (waiter: Deferred<void>) => void): void {
    const waiters = this.#waiters
    this.#waiters = []
    waiters.forEach(end)
  }

  /** The log has another id, and the same numbers. */
  protected onChanged(_isRollback: boolean): void {}

  /** A transaction that failed may have reached the disk all the same, as the head there tells. */
  #isThere(head: log.OutboxHead | undefined): boolean {
    const { head: written, batch } = this.#attempt!
    const isWritten = head?.next === written.next && equalBytes(head.logId, written.logId)
    return isWritten && (batch.entries.length > 0 || !equalBytes(written.logId, this.#logId))
  }

  /** It is not: what it would have stored waits again. */
  #giveBack(): void {
    const { batch, obsolete } = this.#attempt!
    this.#attempt = undefined
    this.#isStale = true
    this.#former.obsolete.push(...obsolete)
    for (const entry of [...batch.entries, ...batch.refused]) {
      entry.sequence = 0
      if (entry.draft) this.#mayHaveDrafts = true
      else if (entry.value === null && this.#waiting.remove(entry)) {
        this.queuedBytes -= entry.bytes
        this.#endWithdrawal(entry)
      }
    }
  }

  #refuse(error: unknown): void {
    const waiting = this.#waiting
    if (waiting.length + this.#withdrawn.size === 0) return
    this.#waiting = new Queue()
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      entry.delivery!.reject(error)
      if (entry.sequence === 0) this.queuedBytes -= entry.bytes
      else {
        // It may be on disk, and must not go out.
        this.#waiting.push(entry)
        if (entry.value !== null) this.#mustMark(entry)
        entry.value = null
      }
    }
    for (const { reject } of this.#withdrawn.values()) reject(error)
    this.#options.onQueued(this.length)
  }

  // ── For those who send ───────────────────────────────────────────────────────────────────────────

  /** Before this run sends what earlier ones have left: it is noted as one that did, for the peer will name it. */
  async announce(): Promise<void> {
    await this.ready
    if (this.held.length > 0 && this.lastOf(this.#options.log.run) === undefined) {
      await this.#nextWrite()
    }
    // The peer forgets what it has refused once it hears that it is held no more.
    while (this.#refused.within(this.#ackedOnDisk + 1, this.#acked).length > 0) {
      await this.#nextWrite()
    }
  }

  #nextWrite(): Promise<void> {
    const waiter = deferred<void>()
    this.#waiters.push(waiter)
    this.#isStale = true
    this.#committer.flush()
    return waiter.promise
  }

  /** The highest number that a run gave, or may have sent. */
  lastOf(run: Uint8Array): number | undefined {
    return log.lastOf(this.#runs, run, this.#next)
  }

  /** A new log begins with all that is held: this storage was set back or copied. */
  protected rollBack(): void {
    const id = this.#options.runtime.randomBytes(16)
    this.#change({ id, device: this.#target, isRollback: true })
  }

  /**
   * What is held and what comes goes to this device of the peer. Another that has had some of it may come back: for each time a log goes from
   * one to another it has another id, so that none misses what went to others.
   */
  bind(device: Uint8Array): void {
    if (this.isFor(device)) return
    const isRollback = this.isRollingBack
    if (this.#target && !this.isNew) {
      const id = log.continuedLogId(this.#nextLog?.id ?? this.#logId, this.#options.runtime)
      this.#change({ id, device, isRollback })
    } else if (this.#nextLog) this.#nextLog = { ...this.#nextLog, device }
    else this.#device = device
  }

  #change(nextLog: NextLog): void {
    this.#nextLog = nextLog
    this.#isStale = true
    this.#committer.flush()
  }

  /** The peer has handled the oldest message held, or refused it. */
  drop(isRefused: boolean): Entry {
    const entry = this.held.shift()!
    this.#acked = entry.sequence
    this.queuedBytes -= entry.bytes
    const id = this.idOf(entry.sequence)
    if (entry.value !== null && isRefused) {
      this.#refused.add(entry.sequence)
      entry.delivery?.reject(log.forbidden())
      this.#options.onRefused(id)
    } else if (entry.value !== null) {
      entry.delivery?.resolve()
      this.#options.onDelivered(id)
    }
    this.#cancelPrune ??= this.#options.runtime.setTimer(limits.pruneLogMs, () => {
      this.#cancelPrune = undefined
      this.#isStale = true
      this.#committer.flush()
    })
    return entry
  }

  idOf(sequence: number): string {
    return log.messageId(this.#series, sequence)
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  /** Writes no more. What this tab has waiting goes on in its next role. */
  async release(): Promise<Handover> {
    await Promise.all([this.#end(), this.#taken])
    const pending = this.#isLoaded ? new Map<number, Delivery>() : this.#former.pending
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
    const { drafted, nextDraft } = this.#former
    return { unstored, drafted, pending, nextDraft }
  }

  /** Whether a transaction that failed has reached the disk, where another tab may have written since. */
  async #lastWritten(): Promise<boolean | Error> {
    const { peer, log: options } = this.#options
    if (!this.#attempt) return false
    try {
      const record = await options.store.transaction(['outbox'], { mode: 'read' }, (transaction) =>
        transaction.get('outbox', peer),
      )
      const { head } = this.#attempt
      const isWritten = log.wasWritten(head, options.run, log.readHead(record), this.#logId)
      if (isWritten !== undefined) return isWritten
      return new HandfastError('storage-failed', 'It is not known whether the message was stored')
    } catch (error) {
      return error as Error
    }
  }

  /** Rejects everything that waits. What is on disk stays there. */
  close(error: Error): void {
    void this.#end()
    this.#attempt = undefined
    for (const delivery of this.#former.pending.values()) delivery.reject(error)
    for (const { delivery } of this.#former.drafts.values()) delivery!.reject(error)
    for (const queue of [this.held, this.#waiting]) {
      for (let entry = queue.shift(); entry; entry = queue.shift()) entry.delivery?.reject(error)
    }
  }

  #end(): Promise<void> {
    this.#cancelPrune?.()
    this.#cancelAdopt?.()
    this.held.end()
    const closed = new HandfastError('closed')
    this.#endWait(({ reject }) => reject(closed))
    for (const { reject } of this.#withdrawn.values()) reject(closed)
    return this.#committer.end()
  }
}

const extentOf = ({ first, values }: log.Segment): Extent => ({ first, end: first + values.length })
