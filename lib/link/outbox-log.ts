/**
 * The outgoing log of a link on disk: messages get their numbers in the strict transaction that stores them, are kept until they are
 * acknowledged, and have a mark in their place when they are withdrawn. One transaction at a time takes all that has come by the time
 * it runs, drafts of other tabs too. After one that failed, and may have reached the disk, the next begins by looking.
 */

import { equalBytes } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import type { Emitter } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { StoreRecord, StoreTransaction } from '../storage/store.ts'
import { Adoption } from './adoption.ts'
import { Batch, writeAttempt, type Attempt } from './attempt.ts'
import { Committer } from './committer.ts'
import { Delivery } from './delivery.ts'
import { nothing, type Handover, type Unstored } from './handover.ts'
import { bytesOf, Entries, entryOf, type Entry } from './entries.ts'
import type { SessionsEvents } from './events.ts'
import { Held, type Extent } from './held.ts'
import * as log from './log.ts'
import { LogHead } from './log-head.ts'
import { Withdrawals } from './withdrawals.ts'

export interface OutboxLogOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly log: log.LogOptions
  /** Of this tab in its former role. */
  readonly handover?: Promise<Handover> | undefined
  /** Told of what becomes of messages. */
  readonly events: Emitter<SessionsEvents>
  /** There is more to send. */
  readonly onMore: () => void
  readonly onError: (error: unknown) => void
}

export class OutboxLog {
  readonly ready: Promise<void>
  readonly head: LogHead
  /** On disk and not acknowledged. */
  readonly held: Held
  readonly #options: OutboxLogOptions
  /** Not on disk, or not known to be. */
  readonly #waiting = new Entries()
  readonly #taken: Promise<void>
  #segments: readonly Extent[] = []
  readonly #adoption: Adoption
  /** Whether drafts are part of the transaction under way. */
  #hasDrafts = false
  readonly #withdrawals: Withdrawals
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
    const { runtime } = options
    this.head = new LogHead(runtime, options.log.run)
    this.held = new Held({ ...options, store: options.log.store, extents: () => this.#segments })
    this.#adoption = new Adoption(runtime, () => this.#committer.flush())
    this.#withdrawals = new Withdrawals({
      waiting: this.#waiting,
      isSent: ({ sequence }) => sequence > 0 && sequence <= this.head.highestSent,
      isEnded: () => this.#committer.isEnded,
      onMark: () => this.#mustWrite(),
    })
    this.#committer = new Committer({
      runtime,
      commits: options.log.commits,
      hasWork: () =>
        this.#isLoaded && (this.#isStale || this.#waiting.length > 0 || this.#canAdopt),
      scope: () => {
        const { obsolete } = this.#adoption
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

  /** Messages not yet handled by the peer. */
  get length(): number {
    return this.held.length + this.#waiting.length
  }

  /** What they count for. */
  get bytes(): number {
    return this.held.bytes + this.#waiting.bytes
  }

  /**
   * Queues an encoded message.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Delivery {
    signal?.throwIfAborted()
    if (this.bytes + bytesOf(value) > limits.maxQueuedBytes && this.length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for this peer')
    }
    const delivery = new Delivery()
    if (signal) delivery.listen(signal)
    const entry = entryOf(value, delivery)
    this.#waiting.push(entry)
    this.#withdrawals.watch(entry)
    this.tellQueued()
    this.#committer.flush(bytesOf(value))
    return delivery
  }

  protected tellQueued(): void {
    this.#options.events.emit('queued', this.length)
  }

  /** There may be drafts of other tabs. */
  adopt(): void {
    if (!this.#committer.isEnded) this.#adoption.want()
  }

  /** Withdraws a message that another tab has sent. Resolves with whether it was in time, once that is on disk. */
  async withdraw(id: string): Promise<boolean> {
    await this.ready
    const entry = this.held.at(log.sequenceOf(id) - this.head.firstHeld)
    return entry !== undefined && this.#withdrawals.withdraw(entry)
  }

  // ── Beginning ────────────────────────────────────────────────────────────────────────────────────

  async #take(): Promise<void> {
    const handover = (await this.#options.handover) ?? nothing()
    this.#adoption.take(handover)
    this.#putFirst(handover.unstored)
  }

  #putFirst(unstored: readonly Unstored[]): void {
    const older = unstored.map(({ value, delivery }) => entryOf(value, delivery))
    for (const entry of [...older, ...this.#waiting.drain()]) this.#waiting.push(entry)
    for (const entry of older) this.#withdrawals.watch(entry)
  }

  async #load(onReady: () => void): Promise<void> {
    const { peer, log: options } = this.#options
    if (this.#committer.isEnded) return
    try {
      const [head, segments, drafts] = await log.readLog(options.store, peer)
      if (this.#committer.isEnded) return
      this.#restore(head, head ? log.readSegments(head, segments) : [], drafts)
    } catch (error) {
      this.#committer.retry(error, () => void this.#load(onReady))
      return
    }
    this.#committer.succeeded()
    this.#isLoaded = true
    onReady()
    if (this.length > 0) this.tellQueued()
    this.#committer.flush()
  }

  #restore(
    head: log.OutboxHead | undefined,
    segments: readonly log.Segment[],
    drafts: readonly StoreRecord[],
  ): void {
    if (head) this.head.restore(head)
    this.#segments = segments.map(extentOf)
    const { pending, unstored } = this.#adoption.find(drafts)
    for (const draft of this.#adoption.own.values()) this.#withdrawals.watch(draft)
    this.#putFirst(unstored)
    for (const { first, values } of segments) {
      for (const [at, value] of values.entries()) {
        const sequence = first + at
        if (sequence < this.head.firstHeld) continue
        const entry = entryOf(value, pending.get(sequence), { sequence })
        this.held.push(entry)
        this.#withdrawals.watch(entry)
      }
    }
    for (const [sequence, delivery] of pending) {
      if (this.head.refused.has(sequence)) delivery.reject(log.forbidden())
      else if (sequence < this.head.firstHeld) delivery.resolve()
      else if (sequence >= this.head.next) delivery.reject(log.gone())
    }
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  /** Drafts are taken while there is room for a whole transaction of them; this tab's own at once. */
  get #canAdopt(): boolean {
    return this.#adoption.isWanted && (this.#hasRoom || this.#adoption.own.size > 0)
  }

  get #hasRoom(): boolean {
    return this.bytes + limits.maxCommitBytes <= limits.maxQueuedBytes
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
      this.#adoption.isWanted = false
      drafts = await transaction.list('drafts', `${peer}/`)
    }
    this.#attempt = this.#prepare(drafts)
    this.#isAttemptNew = true
    await writeAttempt(transaction, peer, this.#attempt)
  }

  /** Gives numbers to what waits. Who withdraws from here on finds it in the log. */
  #prepare(records: readonly StoreRecord[]): Attempt {
    const adoption = this.#adoption
    const batch = new Batch(this.head.next)
    batch.fill(adoption, records, this.#waiting, this.#hasRoom)
    const segments = this.#segments
    const kept = segments.findIndex(({ end }) => end > this.head.firstHeld)
    this.#isStale = false
    return {
      head: this.head.toStore(batch.next),
      batch,
      segments,
      pruned: kept < 0 ? segments.length : kept,
      withdrawn: this.#withdrawals.numbered,
      obsolete: this.#hasDrafts ? adoption.obsolete.splice(0) : [],
    }
  }

  /** It is on disk. */
  #conclude(): void {
    this.#isAttemptNew = false
    if (!this.#attempt) return
    const { head, batch, segments, pruned, withdrawn } = this.#attempt
    this.#attempt = undefined
    const nextLog = this.head.stored(head)
    this.#segments = [...segments.slice(pruned), ...batch.segments.map(extentOf)]
    for (const entry of batch.entries) {
      if (entry.draft === undefined) this.#waiting.shift()
      this.held.push(entry)
      this.#tell(entry, this.head.idOf(entry.sequence))
    }
    for (const entry of batch.refused) {
      this.#waiting.remove(entry)
      entry.delivery?.reject(log.exhausted())
      this.#tell(entry, null)
    }
    for (const entry of withdrawn) this.#withdrawals.end(entry)
    if (nextLog) this.onChanged(nextLog.isRollback)
    if (this.head.acked > head.acked && !this.#cancelPrune) this.#isStale = true
    this.#endWait(({ resolve }) => resolve())
    if (batch.entries.some(({ draft }) => draft)) this.tellQueued()
    if (batch.entries.length === 0) return
    this.#options.events.emit('stored', batch.entries.length)
    this.#options.onMore()
  }

  #tell({ delivery, draft }: Entry, id: string | null): void {
    if (id !== null) delivery?.noteStored(id)
    if (draft === undefined) return
    if (this.#adoption.own.delete(draft)) this.#adoption.obsolete.push(draft)
    else {
      const { tab, n } = log.parseDraftKey(draft)
      this.#options.events.emit('adopted', tab, n, id)
    }
  }

  #endWait(end: (waiter: Deferred<void>) => void): void {
    const waiters = this.#waiters
    this.#waiters = []
    waiters.forEach(end)
  }

  /** The log has another id, and the same numbers. */
  protected onChanged(_isRollback: boolean): void {}

  /** A transaction that failed may have reached the disk all the same, as the head there tells. */
  #isThere(now: log.OutboxHead | undefined): boolean {
    const { head, batch } = this.#attempt!
    const isNothing = batch.entries.length === 0 && equalBytes(head.logId, this.head.logId)
    return !isNothing && this.head.wasStored(head, now) === true
  }

  /** It is not: what it would have stored waits again. */
  #giveBack(): void {
    const { batch, obsolete } = this.#attempt!
    this.#attempt = undefined
    this.#isStale = true
    this.#adoption.obsolete.push(...obsolete)
    for (const entry of [...batch.entries, ...batch.refused]) {
      entry.sequence = 0
      if (entry.draft) this.#adoption.isWanted = true
      else if (entry.value === null && this.#waiting.remove(entry)) this.#withdrawals.end(entry)
    }
  }

  #refuse(error: unknown): void {
    if (this.#waiting.length + this.#withdrawals.size === 0) return
    for (const entry of this.#waiting.drain()) {
      entry.delivery!.reject(error)
      if (entry.sequence === 0) continue
      // It may be on disk, and must not go out.
      this.#waiting.push(entry)
      this.#withdrawals.mark(entry)
    }
    this.#withdrawals.fail(error)
    this.tellQueued()
  }

  // ── For those who send ───────────────────────────────────────────────────────────────────────────

  /** Before this run sends what earlier ones have left: it is noted as one that did, for the peer will name it. */
  async announce(): Promise<void> {
    await this.ready
    const { head } = this
    if (this.held.length > 0 && head.lastOf(head.run) === undefined) await this.#nextWrite()
    // The peer forgets what it has refused once it hears that it is held no more.
    while (!head.isRefusalStored) await this.#nextWrite()
  }

  #nextWrite(): Promise<void> {
    const waiter = deferred<void>()
    this.#waiters.push(waiter)
    this.#mustWrite()
    return waiter.promise
  }

  /** A new log begins with all that is held: this storage was set back or copied. */
  protected rollBack(): void {
    this.head.rollBack()
    this.#mustWrite()
  }

  /** What is held and what comes goes to this device of the peer. */
  bind(device: Uint8Array): void {
    if (this.head.bind(device)) this.#mustWrite()
  }

  #mustWrite(): void {
    this.#isStale = true
    this.#committer.flush()
  }

  /** The peer has handled the oldest message held, or refused it. */
  drop(isRefused: boolean): Entry {
    const { events, runtime } = this.#options
    const entry = this.held.shift()!
    this.head.acked = entry.sequence
    const id = this.head.idOf(entry.sequence)
    if (entry.value !== null && isRefused) {
      this.head.refused.add(entry.sequence)
      entry.delivery?.reject(log.forbidden())
      events.emit('refused', id)
    } else if (entry.value !== null) {
      entry.delivery?.resolve()
      events.emit('delivered', id)
    }
    this.#cancelPrune ??= runtime.setTimer(limits.pruneLogMs, () => {
      this.#cancelPrune = undefined
      this.#mustWrite()
    })
    return entry
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  /** Writes no more. What this tab has waiting goes on in its next role. */
  async release(): Promise<Handover> {
    await Promise.all([this.#end(), this.#taken])
    const pending = this.#isLoaded ? new Map<number, Delivery>() : this.#adoption.pending
    const unstored: Unstored[] = []
    const written = await this.#lastWritten()
    for (const { sequence, delivery } of this.held.drain()) {
      if (delivery) pending.set(sequence, delivery)
    }
    for (const { sequence, value, delivery } of this.#waiting.drain()) {
      if (sequence > 0 && written instanceof Error) delivery!.reject(written)
      else if (sequence > 0 && written) {
        delivery!.noteStored(this.head.idOf(sequence))
        pending.set(sequence, delivery!)
      } else if (value) unstored.push({ value, delivery: delivery! })
    }
    const { drafted, nextDraft } = this.#adoption
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
      const isWritten = this.head.wasStored(this.#attempt.head, log.readHead(record))
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
    for (const delivery of this.#adoption.pending.values()) delivery.reject(error)
    for (const { delivery } of [
      ...this.#adoption.own.values(),
      ...this.held.drain(),
      ...this.#waiting.drain(),
    ]) {
      delivery?.reject(error)
    }
  }

  #end(): Promise<void> {
    this.#cancelPrune?.()
    this.#adoption.end()
    this.held.end()
    const closed = new HandfastError('closed')
    this.#endWait(({ reject }) => reject(closed))
    this.#withdrawals.fail(closed)
    return this.#committer.end()
  }
}

const extentOf = ({ first, values }: log.Segment): Extent => ({ first, end: first + values.length })
