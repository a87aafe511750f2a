/**
 * The outbox: messages in the order they were sent, each stored before it goes out and kept until the peer has handled it. On every new
 * session what is unacknowledged goes out again, and the peer drops what it has. What is not acknowledged, 64 MiB at most, is in
 * memory as well as in storage.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import { encode } from '../codec/cbor.ts'
import { recordKinds } from '../codec/records.ts'
import { encodeBytesRecord, type FrameWriter, type Transfer } from '../session/frame-writer.ts'
import type { Source } from '../session/session.ts'
import type { StoreTransaction } from '../storage/store.ts'
import { Delivery } from './delivery.ts'
import * as log from './log.ts'

interface Entry {
  /** Given when it is stored. */
  sequence: number
  /** None: withdrawn once stored. */
  value: Uint8Array | null
  /** None for what an earlier page has sent. */
  readonly delivery: Delivery | undefined
}

export interface OutboxOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly log: log.LogOptions
  readonly nextTransferId: () => number
  /** There is more to send. */
  readonly onStored: () => void
  readonly onQueued: (count: number) => void
  readonly onDelivered: (id: string) => void
  /** Another log has begun: the peer has to hear of it before its first message. */
  readonly onRollback: () => void
  readonly onError: (error: unknown) => void
}

const cost = ({ value }: Entry): number => (value?.length ?? 0) + limits.messageOverheadBytes

export class Outbox implements Source {
  readonly ready: Promise<void>
  readonly #options: OutboxOptions
  readonly #entries = new Queue<Entry>()
  /** Where segments begin that hold something unacknowledged or not yet deleted. */
  #segments: { first: number; end: number }[] = []
  #logId: Uint8Array
  #logName: string
  #runs: log.OutboxHead['runs'] = []
  #acked = 0
  /** Entries from the front that are on disk, and behind them those of the transaction under way. */
  #stored = 0
  #storing = 0
  #queuedBytes = 0
  /** Entries from the front that this session has sent, and what they cost. */
  #sent = 0
  #sentBytes = 0
  #highestSent = 0
  #transfer: Transfer | undefined
  /** Until the peer has said on this session how far it is. */
  #isHeld = false
  /** No peer can know of this log. */
  #isNew = true
  #isReady = false
  #isClosed = false
  #isFlushing = false
  #isRewriting = false
  #isRebasing = false
  /** Whether acknowledgements of an earlier log may be on their way. */
  hasRolledBack = false
  /** The head on disk is behind. */
  #isHeadStale = false
  /** A transaction failed that may have reached the disk: the next one begins by undoing it. */
  #isDoubtful = false
  #failingSinceMs: number | undefined
  /** For the next attempt to reach the disk. */
  #isWaiting = false
  #cancelRetry: () => void = () => {}
  #cancelPrune: (() => void) | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#logId = options.runtime.randomBytes(16)
    this.#logName = toBase64url(this.#logId)
    const ready = deferred<void>()
    this.ready = ready.promise
    void this.#load(ready.resolve)
  }

  /** Names this series of sequence numbers. */
  get logId(): Uint8Array {
    return this.#logId
  }

  /** Messages not yet handled by the peer. */
  get length(): number {
    return this.#entries.length
  }

  /** Sequence number of the oldest message held. */
  get firstHeld(): number {
    return this.#acked + 1
  }

  /** What the peer may have been sent. */
  get highestSent(): number {
    return this.#highestSent
  }

  get #next(): number {
    return this.#acked + this.#stored + 1
  }

  async #load(onReady: () => void): Promise<void> {
    const { peer, log: options } = this.#options
    try {
      // Restored when the transaction is done: one that fails at its end is read again.
      const [head, segments] = await options.store.transaction(
        ['outbox'],
        { mode: 'read' },
        async (transaction) =>
          [
            (await transaction.get('outbox', peer)) as log.OutboxHead | undefined,
            await transaction.list('outbox', `${peer}/`),
          ] as const,
      )
      if (head) this.#restore(head, segments)
    } catch (error) {
      if (this.#isClosed) return
      this.#fail(error, () => void this.#load(onReady))
      return
    }
    this.#failingSinceMs = undefined
    this.#isReady = true
    onReady()
    if (this.#stored > 0) this.#options.onQueued(this.length)
    this.#flush()
  }

  #restore(head: log.OutboxHead, segments: { key: string; value: unknown }[]): void {
    const values = segments.map(({ key, value }) => ({
      first: log.firstOfSegment(key),
      values: log.unpackSegment(value),
    }))
    let sequence = head.acked + 1
    const restored: Entry[] = []
    for (const segment of values) {
      const end = segment.first + segment.values.length
      if (end <= sequence) continue
      if (segment.first > sequence) throw log.corrupted()
      for (const value of segment.values.slice(sequence - segment.first)) {
        restored.push({ sequence: sequence++, value, delivery: undefined })
      }
    }
    if (sequence !== head.next) throw log.corrupted()
    this.#segments = values.map(({ first, values: { length } }) => ({ first, end: first + length }))
    this.#isNew = false
    this.#logId = head.logId
    this.#logName = toBase64url(head.logId)
    this.#runs = head.runs
    this.#acked = head.acked
    this.#highestSent = head.next - 1
    // What was added meanwhile goes behind.
    const added: Entry[] = []
    for (let entry = this.#entries.shift(); entry; entry = this.#entries.shift()) added.push(entry)
    for (const entry of restored) this.#queuedBytes += cost(entry)
    for (const entry of [...restored, ...added]) this.#entries.push(entry)
    this.#stored = restored.length
  }

  /**
   * Queues an encoded message.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Delivery {
    signal?.throwIfAborted()
    const bytes = value.length + limits.messageOverheadBytes
    if (this.#queuedBytes + bytes > limits.maxQueuedBytes && this.length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for this peer')
    }
    this.#queuedBytes += bytes
    const delivery = new Delivery()
    const entry: Entry = { sequence: 0, value, delivery }
    this.#entries.push(entry)
    if (signal) this.#withdrawOnAbort(entry, signal, delivery)
    this.#options.onQueued(this.length)
    this.#flush()
    return delivery
  }

  #withdrawOnAbort(entry: Entry, signal: AbortSignal, delivery: Delivery): void {
    const onAbort = () => void this.#withdraw(entry, delivery, signal.reason)
    const forget = () => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort)
    delivery.then(forget, forget)
  }

  /** In memory it just goes; on disk a mark takes its place; once sent it stays. */
  async #withdraw(entry: Entry, delivery: Delivery, reason: unknown): Promise<void> {
    if (entry.sequence === 0) {
      if (this.#entries.remove(entry)) this.#queuedBytes -= cost(entry)
      return delivery.reject(reason)
    }
    if (entry.sequence <= this.#highestSent || entry.value === null) return
    this.#queuedBytes -= entry.value.length
    entry.value = null
    const { peer, log: options } = this.#options
    try {
      await options.commits.run(async (transaction) => {
        const { sequence } = entry
        const segment = this.#segments.find(({ first, end }) => first <= sequence && sequence < end)
        if (!segment || this.#isClosed) return
        const key = log.segmentKey(peer, segment.first)
        const values = log.unpackSegment(await transaction.get('outbox', key))
        values[sequence - segment.first] = null
        await transaction.put('outbox', key, log.packSegment(values))
      })
    } catch (error) {
      this.#options.onError(error)
    }
    delivery.reject(reason)
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  /** One transaction at a time, with all that has come by the time it runs. */
  #flush(): void {
    const hasWork = this.#isHeadStale || this.#entries.length > this.#stored
    const isHeldUp = this.#isFlushing || this.#isRewriting || this.#isWaiting
    if (!hasWork || !this.#isReady || isHeldUp || this.#isClosed) return
    this.#isFlushing = true
    void this.#commit()
  }

  async #commit(): Promise<void> {
    let written: { first: number; end: number }[] = []
    let pruned = 0
    let runs = this.#runs
    const acked = this.#acked
    try {
      await this.#options.log.commits.run(async (transaction) => {
        if (this.#isClosed) return
        ;({ written, pruned, runs } = await this.#write(transaction, acked))
      })
    } catch (error) {
      for (let i = 0; i < this.#storing; i++) this.#entries.at(this.#stored + i)!.sequence = 0
      this.#storing = 0
      this.#isFlushing = false
      this.#isDoubtful = true
      if (!this.#isClosed) this.#fail(error, () => this.#flush())
      return
    }
    this.#isFlushing = false
    if (this.#isClosed) return
    this.#isDoubtful = false
    this.#failingSinceMs = undefined
    this.#isHeadStale = this.#acked > acked && this.#cancelPrune === undefined
    this.#runs = runs
    this.#segments = [...this.#segments.slice(pruned), ...written]
    const from = this.#stored
    this.#stored += this.#storing
    this.#storing = 0
    for (let i = from; i < this.#stored; i++) {
      const entry = this.#entries.at(i)!
      entry.delivery?.noteStored(this.#id(entry.sequence))
    }
    if (this.#stored > from) this.#options.onStored()
    this.#flush()
  }

  /** Gives numbers to what waits, and writes it and the head. The values are read at once, so that a withdrawal later finds them stored. */
  async #write(transaction: StoreTransaction, acked: number) {
    const { peer } = this.#options
    const written: { first: number; end: number; segment: Uint8Array }[] = []
    let values: (Uint8Array | null)[] = []
    let bytes = 0
    let total = 0
    let next = this.#next
    const close = () => {
      if (values.length === 0) return
      written.push({ first: next - values.length, end: next, segment: log.packSegment(values) })
      values = []
      bytes = 0
    }
    this.#storing = 0
    for (let at = this.#stored; at < this.#entries.length; at++) {
      const entry = this.#entries.at(at)!
      const { value } = entry
      const size = log.segmentCost(value)
      if (total > 0 && total + size > limits.maxCommitBytes) break
      if (bytes + size > limits.maxSegmentBytes) close()
      entry.sequence = next++
      values.push(value)
      bytes += size
      total += size
      this.#storing++
    }
    close()
    let runs = this.#runs
    if (this.#storing > 0) runs = this.#withThisRun(this.#next)
    while (runs.length > 1 && runs[1]!.from <= acked + 1) runs = runs.slice(1)
    let pruned = 0
    while (this.#segments[pruned] && this.#segments[pruned]!.end <= acked + 1) pruned++
    const done = this.#segments.slice(0, pruned)
    if (this.#isDoubtful) {
      const kept = log.segmentKey(peer, this.#next)
      for (const { key } of await transaction.list('outbox', `${peer}/`)) {
        if (key >= kept) await transaction.delete('outbox', key)
      }
    }
    for (const { first } of done) await transaction.delete('outbox', log.segmentKey(peer, first))
    for (const { first, segment } of written) {
      await transaction.put('outbox', log.segmentKey(peer, first), segment)
    }
    const head: log.OutboxHead = { logId: this.#logId, next, acked, runs }
    await transaction.put('outbox', peer, head)
    return { written: written.map(({ first, end }) => ({ first, end })), pruned, runs }
  }

  #withThisRun(from: number): log.OutboxHead['runs'] {
    const { run } = this.#options.log
    const known = this.#runs.some(({ id }) => equalBytes(id, run))
    return known ? this.#runs : [...this.#runs, { id: run, from }].slice(-limits.maxRuns)
  }

  /** Again after a while; what has waited too long for the disk is refused. */
  #fail(error: unknown, again: () => void): void {
    const { runtime, onError } = this.#options
    this.#failingSinceMs ??= runtime.monotonicNow()
    if (runtime.monotonicNow() - this.#failingSinceMs >= limits.storePatienceMs) {
      this.#refuseUnstored(error)
    }
    this.#isWaiting = true
    this.#cancelRetry = runtime.setTimer(limits.storeRetryMs, () => {
      this.#isWaiting = false
      again()
    })
    onError(error)
  }

  #refuseUnstored(error: unknown): void {
    const refused: Entry[] = []
    for (let at = this.#stored; at < this.#entries.length; at++) {
      refused.push(this.#entries.at(at)!)
    }
    for (const entry of refused) {
      this.#entries.remove(entry)
      this.#queuedBytes -= cost(entry)
      entry.delivery?.reject(error)
    }
    if (refused.length > 0) this.#isHeadStale = true
  }

  // ── Sessions ─────────────────────────────────────────────────────────────────────────────────────

  /** Before this run sends what earlier ones have left: it is noted as one that did, for the peer will name it. */
  async announce(): Promise<void> {
    await this.ready
    if (this.#stored === 0 || this.#withThisRun(this.#next) === this.#runs) return
    await this.#rewriteHead(this.#logId, () => this.#withThisRun(this.#next))
    this.#flush()
  }

  async #rewriteHead(logId: Uint8Array, runsAt: () => log.OutboxHead['runs']): Promise<void> {
    const { peer, log: options } = this.#options
    let runs: log.OutboxHead['runs'] = []
    this.#isRewriting = true
    try {
      await options.commits.run(async (transaction) => {
        if (this.#isClosed) return
        runs = runsAt()
        // Behind a commit of this outbox that shares the transaction, its numbers are taken.
        const next = this.#next + this.#storing
        await transaction.put('outbox', peer, { logId, next, acked: this.#acked, runs })
      })
      if (!this.#isClosed) this.#runs = runs
    } finally {
      this.#isRewriting = false
    }
  }

  /**
   * The peer names what it has handled of this log, and the run that had sent it. More than that run ever gave, or of a run of
   * which nothing is known here, means that this storage was set back or copied: a new log begins with all that is held.
   */
  reconcile(handled: number, run: Uint8Array | null): void {
    if (run === null || this.#isRebasing) return
    const at = this.#runs.findIndex(({ id }) => equalBytes(id, run))
    const upper = at < 0 ? this.#acked : (this.#runs[at + 1]?.from ?? this.#next) - 1
    if (handled <= upper) return this.#settle(handled)
    if (at >= 0) this.#settle(upper)
    void this.#rebase()
  }

  async #rebase(): Promise<void> {
    this.#isRebasing = true
    const logId = this.#options.runtime.randomBytes(16)
    const { run } = this.#options.log
    try {
      await this.#rewriteHead(logId, () => [{ id: run, from: this.firstHeld }])
    } catch (error) {
      this.#isRebasing = false
      this.#options.onError(error)
      return
    }
    if (this.#isClosed) return
    this.hasRolledBack = true
    this.#logId = logId
    this.#logName = toBase64url(logId)
    this.#highestSent = this.#acked
    this.#rewind()
    this.#isRebasing = false
    this.#options.onRollback()
    this.#flush()
  }

  /**
   * The peer has handled all up to `sequence`.
   * @throws HandfastError `protocol` for what was never sent
   */
  acknowledge(sequence: number): void {
    if (sequence > this.#highestSent) throw new HandfastError('protocol')
    this.#settle(sequence)
  }

  #settle(sequence: number): void {
    if (sequence <= this.#acked) return
    while (this.#acked < sequence && this.#stored > 0) {
      const entry = this.#entries.shift()!
      this.#acked++
      this.#stored--
      this.#queuedBytes -= cost(entry)
      if (this.#sent > 0) {
        this.#sent--
        this.#sentBytes -= cost(entry)
      } else this.#transfer = undefined
      entry.delivery?.resolve()
      this.#options.onDelivered(this.#id(entry.sequence))
    }
    this.#highestSent = Math.max(this.#highestSent, this.#acked)
    this.#options.onQueued(this.length)
    this.#cancelPrune ??= this.#options.runtime.setTimer(limits.pruneLogMs, () => {
      this.#cancelPrune = undefined
      this.#isHeadStale = true
      this.#flush()
    })
  }

  #id(sequence: number): string {
    return `${this.#logName}.${sequence}`
  }

  /**
   * A new session: begin again with the oldest message held. What a set-back storage gave numbers to must not pass for other messages,
   * so that nothing goes out before the peer has said how far it is, unless the log is new to it.
   */
  begin(isGreeted: boolean): void {
    this.#isHeld = !isGreeted && (!this.#isNew || this.#highestSent > 0)
    this.#rewind()
  }

  /** The peer has said hello on this session. */
  release(): void {
    this.#isHeld = false
  }

  #rewind(): void {
    this.#sent = 0
    this.#sentBytes = 0
    this.#transfer = undefined
  }

  get pending(): boolean {
    if (this.#isRebasing || this.#isHeld) return false
    if (this.#transfer) return true
    if (this.#sent >= this.#stored) return false
    return (
      this.#sent === 0 ||
      this.#sentBytes + cost(this.#entries.at(this.#sent)!) <= limits.maxUnackedBytes
    )
  }

  fill(writer: FrameWriter): void {
    while (this.pending) {
      const entry = this.#entries.at(this.#sent)!
      const { sequence, value } = entry
      if (!this.#transfer) {
        const isWritten =
          value === null
            ? writer.record(encode([recordKinds.message, sequence, null]))
            : writer.bytesRecord(recordKinds.message, sequence, value)
        if (!isWritten) {
          if ((value?.length ?? 0) < limits.smallRecordBytes && !writer.isEmpty) return
          const record = encodeBytesRecord(recordKinds.message, sequence, value!)
          this.#transfer = { id: this.#options.nextTransferId(), record, offset: 0 }
        }
        if (sequence > this.#highestSent) this.#highestSent = sequence
      }
      if (this.#transfer) {
        if (!writer.part(this.#transfer)) return
        this.#transfer = undefined
      }
      this.#sent++
      this.#sentBytes += cost(entry)
    }
  }

  /** Rejects everything that waits. What is on disk stays there. */
  close(error: Error): void {
    this.#isClosed = true
    this.#cancelRetry()
    this.#cancelPrune?.()
    for (let entry = this.#entries.shift(); entry; entry = this.#entries.shift())
      entry.delivery?.reject(error)
    this.#queuedBytes = 0
    this.#stored = 0
    this.#storing = 0
    this.#rewind()
  }
}
