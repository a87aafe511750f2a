/**
 * The outbox: messages in the order they were sent, each stored before it goes out and kept until the peer has handled it. They go to one
 * device of the peer at a time, and what any other says of them changes nothing. On every new session what is unacknowledged goes out again, and the peer drops what it has. What is not acknowledged, 64 MiB at most, is in
 * memory as well as in storage.
 */

import { equalBytes } from '../base/bytes.ts'
import * as limits from '../base/limits.ts'
import { encode } from '../codec/cbor.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed } from '../codec/records.ts'
import { encodeBytesRecord, type FrameWriter, type Transfer } from '../session/frame-writer.ts'
import type { Source } from '../session/sources.ts'
import { isSameSeries } from './log.ts'
import { OutboxLog, type OutboxLogOptions } from './outbox-log.ts'
import { Refusals } from './refusals.ts'

export interface OutboxOptions extends OutboxLogOptions {
  readonly nextTransferId: () => number
  /** Another log has begun: the peer has to hear of it before its first message. */
  readonly onNewLog: (isRollback: boolean) => void
}

/** What a device of the peer is told of the log: nothing, when messages do not go to it. */
export interface Introduction {
  readonly logId: Uint8Array | null
  readonly firstHeld: number
  readonly highestSent: number
}

const none = new Refusals()

export class Outbox extends OutboxLog implements Source {
  readonly #nextTransferId: () => number
  readonly #onNewLog: OutboxOptions['onNewLog']
  /** Entries from the front that this session has sent, and what they cost. */
  #sent = 0
  #sentBytes = 0
  /** A message that goes out in parts, to its end. */
  #transfer: (Transfer & { readonly sequence: number }) | undefined
  /** Until the peer has said on this session how far it is. */
  #isHeld = false

  constructor(options: OutboxOptions) {
    super(options)
    this.#nextTransferId = options.nextTransferId
    this.#onNewLog = options.onNewLog
  }

  introduction(device: Uint8Array): Introduction {
    if (this.head.isChanging || !this.head.isFor(device))
      return { logId: null, firstHeld: 1, highestSent: 0 }
    const { logId, firstHeld, highestSent } = this.head
    return { logId, firstHeld, highestSent }
  }

  /**
   * A device of the peer names what it has handled of a log, and the run that had sent it. More than that run ever gave, or of a run of
   * which nothing is known here, means that this storage was set back or copied: a new log begins with all that is held. An earlier log with the
   * same numbers tells of that as well.
   */
  reconcile(
    device: Uint8Array,
    logId: Uint8Array,
    handled: number,
    run: Uint8Array | null,
    refused = none,
  ): void {
    if (run === null || this.head.isRollingBack || !isSameSeries(logId, this.head.logId)) return
    const last = this.head.lastOf(run)
    if (this.#isAnswered(device, logId)) {
      this.#settle(Math.min(handled, last ?? 0), refused)
      // Till it was told, the peer has dropped what this run sent behind.
      if (!equalBytes(run, this.head.run)) this.#rewind()
    }
    if (handled > (last ?? this.head.firstHeld - 1)) this.rollBack()
  }

  #isAnswered(device: Uint8Array, logId: Uint8Array): boolean {
    return !this.head.isChanging && this.head.isFor(device) && equalBytes(logId, this.head.logId)
  }

  /**
   * The peer has handled all up to `sequence`, but for what it has refused.
   * @throws HandfastError `protocol` for what was never sent
   */
  acknowledge(sequence: number, refused = none): void {
    if (sequence > this.head.highestSent) throw malformed()
    this.#settle(sequence, refused)
  }

  #settle(sequence: number, refused: Refusals): void {
    if (sequence < this.head.firstHeld) return
    while (this.held.length > 0 && this.head.firstHeld <= sequence) {
      const entry = this.drop(refused.has(this.head.firstHeld))
      if (this.#sent > 0) {
        this.#sent--
        this.#sentBytes -= entry.bytes
      }
    }
    this.head.highestSent = Math.max(this.head.highestSent, this.head.firstHeld - 1)
    this.tellQueued()
  }

  protected override onChanged(isRollback: boolean): void {
    this.#rewind()
    this.#onNewLog(isRollback)
  }

  /**
   * A new session: begin again with the oldest message held. What a set-back storage gave numbers to must not pass for other messages,
   * so that nothing goes out before the peer has said how far it is, unless the log is new to it.
   */
  begin(isGreeted: boolean): void {
    this.#isHeld = !isGreeted && !this.head.isNew
    this.#transfer = undefined
    this.#rewind()
  }

  /** The peer has said hello on this session. */
  proceed(): void {
    this.#isHeld = false
  }

  #rewind(): void {
    this.#sent = 0
    this.#sentBytes = 0
  }

  get pending(): boolean {
    if (this.head.isChanging || this.#isHeld) return false
    if (this.#transfer) return true
    const entry = this.held.at(this.#sent)
    if (entry?.value === undefined) return false
    return this.#sent === 0 || this.#sentBytes + entry.bytes <= limits.maxUnackedBytes
  }

  fill(writer: FrameWriter): void {
    while (this.pending) {
      if (this.#transfer) {
        if (!writer.part(this.#transfer)) return
        const { sequence } = this.#transfer
        this.#transfer = undefined
        // It may have been acknowledged meanwhile, or all begun again.
        if (this.held.at(this.#sent)?.sequence === sequence) this.#noteSent()
        continue
      }
      const { sequence, value } = this.held.at(this.#sent)!
      if (!value) {
        if (!writer.record(encode([recordKinds.message, sequence, null]))) return
        this.#noteSent()
      } else if (writer.bytesRecord(recordKinds.message, sequence, value)) this.#noteSent()
      else {
        if (value.length < limits.smallRecordBytes && !writer.isEmpty) return
        const record = encodeBytesRecord(recordKinds.message, sequence, value)
        this.#transfer = { id: this.#nextTransferId(), record, offset: 0, sequence }
        this.head.highestSent = Math.max(this.head.highestSent, sequence)
      }
    }
  }

  #noteSent(): void {
    const entry = this.held.at(this.#sent++)!
    this.#sentBytes += entry.bytes
    this.head.highestSent = Math.max(this.head.highestSent, entry.sequence)
  }

  override close(error: Error): void {
    super.close(error)
    this.#transfer = undefined
  }
}
