/**
 * How far the logs of one device of the peer were handled here, and what of them was refused. That is stored in batches, and the peer is told
 * what is on disk. A log that comes back goes on where it was.
 */

import { equalBytes } from '../base/bytes.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { messageId, seriesName, type LogOptions } from './log.ts'
import { Refusals } from './refusals.ts'

/** How far a log of the peer was handled, and the run of the peer that had sent the last. */
export interface Position {
  readonly logId: Uint8Array
  readonly run: Uint8Array | null
  readonly handled: number
  /** As it is stored: ends of the stretches that were refused. */
  readonly refused?: readonly number[]
}

export interface ProgressOptions {
  /** Of its record. */
  readonly key: string
  readonly runtime: Runtime
  readonly log: LogOptions
  readonly onCommitted: () => void
  readonly onError: (error: unknown) => void
}

export class Progress {
  readonly #options: ProgressOptions
  /** Of other logs than the one that is current, the latest last. */
  #others: Position[] = []
  #handled: Position | undefined
  #committed: Position | undefined
  /** As its messages are named by. */
  #series = ''
  /** Numbers that were refused, which the peer may not have been told. */
  #refusals = new Refusals()
  #isCommitting = false
  #cancelCommit: (() => void) | undefined
  #isClosed = false

  constructor(options: ProgressOptions) {
    this.#options = options
  }

  /** As on disk, the latest last. */
  restore(positions: readonly Position[]): void {
    this.#others = positions.slice(0, -1)
    const latest = positions.at(-1)
    if (latest) this.#become(latest)
  }

  #become({ refused, ...position }: Position): void {
    this.#refusals = new Refusals(refused)
    this.#series = seriesName(position.logId)
    this.#handled = this.#committed = position
  }

  /** Of the log that is current. */
  get handled(): Position | undefined {
    return this.#handled
  }

  /** What the peer may be told: it is on disk. */
  get committed(): Position | undefined {
    return this.#committed
  }

  get isCommitted(): boolean {
    return this.#handled === this.#committed
  }

  /** Whether that log is current. */
  isOf(logId: Uint8Array): boolean {
    return this.#handled !== undefined && equalBytes(this.#handled.logId, logId)
  }

  idOf(sequence: number): string {
    return messageId(this.#series, sequence)
  }

  /** Another log is current from now on. One that is not known begins with the oldest message held. */
  begin(logId: Uint8Array, firstHeld: number): void {
    const known = this.#others.find((other) => equalBytes(other.logId, logId))
    this.#others = this.#others.filter((other) => other !== known)
    // With nothing handled there is nothing to remember.
    if (this.#handled?.run) this.#others.push(this.#stored(this.#handled))
    this.#others = this.#others.slice(1 - limits.maxPeerLogs)
    this.#become(known ?? { logId, run: null, handled: firstHeld - 1 })
  }

  /** A message was handled, or refused. */
  note(sequence: number, run: Uint8Array, isRefused: boolean): void {
    if (isRefused) this.#refusals.add(sequence)
    this.#handled = { logId: this.#handled!.logId, run, handled: sequence }
    this.#scheduleCommit()
  }

  /** Ends of the stretches that were refused, in what the peer may be told of behind `sequence`. */
  refusedAfter(sequence: number): number[] {
    return this.#refusals.within(sequence + 1, this.#committed?.handled ?? 0)
  }

  /** The peer has heard what was refused up to there, and has that on disk. */
  forgetRefused(sequence: number): void {
    this.#refusals.forgetUpTo(sequence)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelCommit?.()
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  #stored(position: Position): Position {
    return { ...position, refused: this.#refusals.within(1, position.handled) }
  }

  #scheduleCommit(): void {
    if (this.#isCommitting || this.#isClosed || this.isCommitted) return
    const { runtime, log } = this.#options
    const count = this.#handled!.handled - this.#committed!.handled
    if (log.commit === 'each' || count >= limits.commitMessages) return void this.#commit()
    this.#cancelCommit ??= runtime.setTimer(limits.commitDelayMs, () => void this.#commit())
  }

  async #commit(): Promise<void> {
    const { key, log, runtime, onError, onCommitted } = this.#options
    this.#cancelCommit?.()
    this.#cancelCommit = undefined
    this.#isCommitting = true
    let position: Position | undefined
    try {
      await log.commits.run(
        async (transaction) => {
          if (this.#isClosed || !this.#handled?.run) return
          position = this.#handled
          await transaction.put('inbox', key, { logs: [...this.#others, this.#stored(position)] })
        },
        () => ['inbox'],
      )
    } catch (error) {
      if (this.#isClosed) return
      this.#cancelCommit = runtime.setTimer(limits.storeRetryMs, () => void this.#commit())
      onError(error)
      return
    } finally {
      this.#isCommitting = false
    }
    if (this.#isClosed) return
    if (position && this.isOf(position.logId)) this.#committed = position
    this.#scheduleCommit()
    onCommitted()
  }
}
