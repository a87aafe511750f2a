/**
 * The outbox: messages in the order they were sent, each stored before it goes out and kept until the peer has handled it. On every new
 * session what is unacknowledged goes out again, and the peer drops what it has. What is not acknowledged, 64 MiB at most, is in
 * memory as well as in storage.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { encode } from '../codec/cbor.ts'
import { recordKinds } from '../codec/records.ts'
import { encodeBytesRecord, type FrameWriter, type Transfer } from '../session/frame-writer.ts'
import type { Source } from '../session/session.ts'
import { OutboxLog, type OutboxLogOptions } from './outbox-log.ts'

export interface OutboxOptions extends OutboxLogOptions {
  readonly nextTransferId: () => number
  /** Another log has begun: the peer has to hear of it before its first message. */
  readonly onRollback: () => void
}

export class Outbox extends OutboxLog implements Source {
  readonly #nextTransferId: () => number
  readonly #onQueued: (count: number) => void
  readonly #onRollback: () => void
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
    this.#onQueued = options.onQueued
    this.#onRollback = options.onRollback
  }

  /**
   * The peer names what it has handled of this log, and the run that had sent it. More than that run ever gave, or of a run of
   * which nothing is known here, means that this storage was set back or copied: a new log begins with all that is held.
   */
  reconcile(handled: number, run: Uint8Array | null): void {
    if (run === null || this.isRebasing) return
    const last = this.lastOf(run)
    this.#settle(Math.min(handled, last ?? 0))
    // Till it was told, the peer has dropped what this run sent behind.
    if (!equalBytes(run, this.run)) this.#rewind()
    if (handled > (last ?? this.firstHeld - 1)) this.rebase()
  }

  /**
   * The peer has handled all up to `sequence`.
   * @throws HandfastError `protocol` for what was never sent
   */
  acknowledge(sequence: number): void {
    if (sequence > this.highestSent) throw new HandfastError('protocol')
    this.#settle(sequence)
  }

  #settle(sequence: number): void {
    if (sequence < this.firstHeld) return
    while (this.held.length > 0 && this.firstHeld <= sequence) {
      const entry = this.drop()
      if (this.#sent > 0) {
        this.#sent--
        this.#sentBytes -= entry.bytes
      }
    }
    this.highestSent = Math.max(this.highestSent, this.firstHeld - 1)
    this.#onQueued(this.length)
  }

  protected override onRebased(): void {
    this.#rewind()
    this.#onRollback()
  }

  /**
   * A new session: begin again with the oldest message held. What a set-back storage gave numbers to must not pass for other messages,
   * so that nothing goes out before the peer has said how far it is, unless the log is new to it.
   */
  begin(isGreeted: boolean): void {
    this.#isHeld = !isGreeted && !this.isNew
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
    if (this.isRebasing || this.#isHeld) return false
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
        this.highestSent = Math.max(this.highestSent, sequence)
      }
    }
  }

  #noteSent(): void {
    const entry = this.held.at(this.#sent++)!
    this.#sentBytes += entry.bytes
    this.highestSent = Math.max(this.highestSent, entry.sequence)
  }

  override close(error: Error): void {
    super.close(error)
    this.#transfer = undefined
  }
}
