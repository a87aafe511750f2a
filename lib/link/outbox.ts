/**
 * The outbox: messages in the order they were sent, each kept until the peer has handled it. On every new session what is
 * unacknowledged goes out again, and the peer drops what it has. In memory: it lives as long as its page.
 */

import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import {
  maxQueuedBytes,
  maxUnackedBytes,
  messageOverheadBytes,
  smallRecordBytes,
} from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import { recordKinds } from '../codec/records.ts'
import { encodeBytesRecord, type FrameWriter, type Transfer } from '../session/frame-writer.ts'
import type { Source } from '../session/session.ts'

interface Entry {
  /** Given when it is first sent, so that one withdrawn before leaves no hole. */
  sequence: number
  readonly value: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const cost = ({ value }: Entry): number => value.length + messageOverheadBytes

export class Outbox implements Source {
  /** Names this series of sequence numbers. */
  readonly logId: Uint8Array
  readonly #entries = new Queue<Entry>()
  readonly #nextTransferId: () => number
  #queuedBytes = 0
  /** Entries from the front that this session has sent, and what they cost. */
  #sent = 0
  #sentBytes = 0
  /** Of the next entry that has none. */
  #nextSequence = 1
  /** Entries from the front that have a sequence number. */
  #numbered = 0
  #transfer: Transfer | undefined

  constructor(logId: Uint8Array, nextTransferId: () => number) {
    this.logId = logId
    this.#nextTransferId = nextTransferId
  }

  /** Messages not yet handled by the peer. */
  get length(): number {
    return this.#entries.length
  }

  /** Sequence number of the oldest message held. */
  get firstHeld(): number {
    return this.#nextSequence - this.#numbered
  }

  /**
   * Queues an encoded message; resolves when the peer has handled it.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const bytes = value.length + messageOverheadBytes
    if (this.#queuedBytes + bytes > maxQueuedBytes && this.length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for this peer')
    }
    this.#queuedBytes += bytes
    const { promise, resolve, reject } = deferred<void>()
    const entry: Entry = { sequence: 0, value, resolve, reject }
    this.#entries.push(entry)
    if (signal) this.#withdrawOnAbort(entry, signal, promise)
    return promise
  }

  #withdrawOnAbort(entry: Entry, signal: AbortSignal, handled: Promise<void>): void {
    const onAbort = () => {
      entry.reject(signal.reason)
      if (entry.sequence === 0 && this.#entries.remove(entry)) this.#queuedBytes -= cost(entry)
    }
    const forget = () => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort)
    handled.then(forget, forget)
  }

  /**
   * The peer has handled all up to `sequence`.
   * @throws HandfastError `protocol` for what was never sent
   */
  acknowledge(sequence: number): void {
    if (sequence >= this.#nextSequence) {
      throw new HandfastError('protocol')
    }
    while (this.firstHeld <= sequence) {
      const entry = this.#entries.shift()!
      this.#numbered--
      this.#queuedBytes -= cost(entry)
      if (this.#sent > 0) {
        this.#sent--
        this.#sentBytes -= cost(entry)
      } else this.#transfer = undefined
      entry.resolve()
    }
  }

  /** A new session: begin again with the oldest message held. */
  rewind(): void {
    this.#sent = 0
    this.#sentBytes = 0
    this.#transfer = undefined
  }

  get pending(): boolean {
    if (this.#transfer) return true
    const next = this.#entries.at(this.#sent)
    return (
      next !== undefined && (this.#sent === 0 || this.#sentBytes + cost(next) <= maxUnackedBytes)
    )
  }

  fill(writer: FrameWriter): void {
    while (this.pending) {
      const entry = this.#entries.at(this.#sent)!
      if (!this.#transfer) {
        if (this.#sent === this.#numbered) {
          entry.sequence = this.#nextSequence++
          this.#numbered++
        }
        if (writer.bytesRecord(recordKinds.message, entry.sequence, entry.value)) {
          this.#sent++
          this.#sentBytes += cost(entry)
          continue
        }
        if (entry.value.length < smallRecordBytes && !writer.isEmpty) return
        const record = encodeBytesRecord(recordKinds.message, entry.sequence, entry.value)
        this.#transfer = { id: this.#nextTransferId(), record, offset: 0 }
      }
      if (!writer.part(this.#transfer)) return
      this.#transfer = undefined
      this.#sent++
      this.#sentBytes += cost(entry)
    }
  }

  /** Rejects everything that waits. */
  close(error: Error): void {
    for (let entry = this.#entries.shift(); entry; entry = this.#entries.shift())
      entry.reject(error)
    this.#queuedBytes = 0
    this.rewind()
  }
}
