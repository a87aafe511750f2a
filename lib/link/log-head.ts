/**
 * Where the log to a peer stands: its id, the device of the peer that it goes to, the runs of this mesh that have written it, and how far the
 * peer is. For another device of the peer it goes on under another id, and the same numbers. Where the peer has had more of a run than that
 * ever gave, this storage was set back or copied: a log of its own then begins with all that is held.
 */

import { equalBytes } from '../base/bytes.ts'
import { maxRuns } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { continuedLogId, messageId, sequenceOf, seriesName, type OutboxHead } from './log.ts'
import { Refusals } from './refusals.ts'

/** A log that is to take the place of the present one. */
interface NextLog {
  readonly id: Uint8Array
  readonly device: Uint8Array | null
  /** This storage was set back or copied: its numbers may mean other messages. */
  readonly isRollback: boolean
}

export class LogHead {
  /** Of this mesh. */
  readonly run: Uint8Array
  /** Number of the next message. */
  next = 1
  /** Number of the last that the peer has handled or refused. */
  acked = 0
  /** Of those acknowledged. */
  refused = new Refusals()
  /** What the peer may have been sent. */
  highestSent = 0
  /** Whether acknowledgements of an earlier log may be on their way. */
  hasChanged = false
  readonly #runtime: Runtime
  #logId!: Uint8Array
  /** As messages are named by. */
  #series!: string
  #device: Uint8Array | null = null
  #nextLog: NextLog | undefined
  #isStored = false
  #runs: OutboxHead['runs'] = []
  #ackedOnDisk = 0

  constructor(runtime: Runtime, run: Uint8Array) {
    this.#runtime = runtime
    this.run = run
    this.#become(runtime.randomBytes(16))
  }

  #become(logId: Uint8Array): void {
    this.#logId = logId
    this.#series = seriesName(logId)
  }

  /** As an earlier page has left it. */
  restore(head: OutboxHead): void {
    this.#device = head.device
    this.acked = head.acked
    this.refused = new Refusals(head.refused)
    this.highestSent = head.next - 1
    this.stored(head)
  }

  get logId(): Uint8Array {
    return this.#logId
  }

  /** No peer can know of this log. */
  get isNew(): boolean {
    return !this.#isStored && this.highestSent === 0
  }

  /** Sequence number of the oldest message held. */
  get firstHeld(): number {
    return this.acked + 1
  }

  /** What handlers and senders know a message by. */
  idOf(sequence: number): string {
    return messageId(this.#series, sequence)
  }

  /** Whether the peer has handled a message that is stored. Its log may have another id by now, but not other numbers. */
  isDelivered(id: string): boolean {
    return sequenceOf(id) <= this.acked && !this.isRefused(id)
  }

  /** Whether the peer has refused it. */
  isRefused(id: string): boolean {
    return this.refused.has(sequenceOf(id))
  }

  // ── Whom it goes to ──────────────────────────────────────────────────────────────────────────────

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

  /** Another log is being written. */
  get isChanging(): boolean {
    return this.#nextLog !== undefined
  }

  /** Whether that is since this storage was set back or copied. */
  get isRollingBack(): boolean {
    return this.#nextLog?.isRollback ?? false
  }

  /**
   * What is held and what comes goes to this device of the peer. Another that has had some of it may come back: for each time a log goes from
   * one to another it has another id, so that none misses what went to others. Returns whether it has.
   */
  bind(device: Uint8Array): boolean {
    if (this.isFor(device)) return false
    const isChange = this.#target !== null && !this.isNew
    if (isChange) {
      const id = continuedLogId(this.#nextLog?.id ?? this.#logId, this.#runtime)
      this.#nextLog = { id, device, isRollback: this.isRollingBack }
    } else if (this.#nextLog) this.#nextLog = { ...this.#nextLog, device }
    else this.#device = device
    return isChange
  }

  /** This storage was set back or copied. */
  rollBack(): void {
    const id = this.#runtime.randomBytes(16)
    this.#nextLog = { id, device: this.#target, isRollback: true }
  }

  // ── Who has written it ───────────────────────────────────────────────────────────────────────────

  /** The highest number that a run gave, or may have sent. */
  lastOf(run: Uint8Array): number | undefined {
    return lastOf(this.#runs, run, this.next)
  }

  /** This run is among them as soon as it may send something, for the peer will name it. */
  #runsNow(): OutboxHead['runs'] {
    const { run, firstHeld } = this
    if (this.isRollingBack) return [{ id: run, from: firstHeld }]
    const runs = this.#runs.filter((_, at, all) => (all[at + 1]?.from ?? Infinity) > firstHeld)
    return this.lastOf(run) === undefined
      ? [...runs, { id: run, from: this.next }].slice(-maxRuns)
      : runs
  }

  // ── On disk ──────────────────────────────────────────────────────────────────────────────────────

  /** As it is to be stored, when the next message has that number. */
  toStore(next: number): OutboxHead {
    return {
      logId: this.#nextLog?.id ?? this.#logId,
      device: this.#target,
      next,
      acked: this.acked,
      runs: this.#runsNow(),
      refused: this.refused.within(1, this.acked),
    }
  }

  /** It is on disk. Returns what made it another log, if it is one now. */
  stored({ logId, runs, next, acked }: OutboxHead): NextLog | undefined {
    const nextLog = this.#nextLog
    this.#isStored = true
    this.#become(logId)
    this.#runs = runs
    this.next = next
    this.#ackedOnDisk = acked
    if (!nextLog || !equalBytes(logId, nextLog.id)) return undefined
    this.#device = nextLog.device
    this.#nextLog = undefined
    this.hasChanged = true
    return nextLog
  }

  /** Whether what was to be stored has reached the disk, as far as the head there now, maybe of other runs, tells. */
  wasStored(head: OutboxHead, now: OutboxHead | undefined): boolean | undefined {
    return wasWritten(head, this.run, now, this.#logId)
  }

  /** A peer that hears that nothing of it is held any more forgets what it has refused: this says that it may hear. */
  get isRefusalStored(): boolean {
    return this.refused.within(this.#ackedOnDisk + 1, this.acked).length === 0
  }
}

/** The highest number that a run gave or sent. */
function lastOf(runs: OutboxHead['runs'], run: Uint8Array, next: number): number | undefined {
  const at = runs.findIndex(({ id }) => equalBytes(id, run))
  return at < 0 ? undefined : (runs[at + 1]?.from ?? next) - 1
}

/** Whether a head that a run wrote over a log has reached the disk, as far as the head there now, maybe of other runs, tells. */
export function wasWritten(
  head: OutboxHead,
  run: Uint8Array,
  now: OutboxHead | undefined,
  formerLogId: Uint8Array,
): boolean | undefined {
  if (!now) return false
  const isNewLog = !equalBytes(head.logId, formerLogId)
  if (isNewLog && equalBytes(now.logId, formerLogId)) return false
  if (!equalBytes(now.logId, head.logId)) return undefined
  const last = lastOf(now.runs, run, now.next)
  if (last !== undefined) return last >= head.next - 1
  // With all of its messages acknowledged a run is remembered no more.
  return now.acked < head.next - 1 ? false : undefined
}
