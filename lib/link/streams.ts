/**
 * Streams of one session: bytes both ways, each way with its own end, with credit so that a slow reader stops its writer
 * and nobody else. The side that dialled numbers its streams even, the other odd.
 */

import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { CborValue } from '../codec/cbor.ts'
import { recordKinds, type Record } from '../codec/records.ts'
import type { Role } from '../crypto/noise.ts'
import type { FrameWriter } from '../session/frame-writer.ts'
import type { Source } from '../session/session.ts'

/** Bytes both ways. Cancelling `readable` or aborting `writable` ends both. */
export interface LinkStream {
  readonly name: string
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** What streams need of their session. */
export interface StreamCarrier {
  readonly role: Role
  control(record: CborValue[]): void
  addSource(source: Source, kind: 'bulk'): void
  removeSource(source: Source): void
  wake(): void
}

/** Why a stream was reset, as told to the other side. */
const resetCodes = ['interrupted', 'no-handler', 'queue-full'] as const
type ResetCode = (typeof resetCodes)[number]

export class Streams {
  readonly #carrier: StreamCarrier
  /** Takes a stream that the peer opened; returns whether anybody wants it. */
  readonly #accept: (stream: LinkStream) => boolean
  readonly #streams = new Map<number, StreamState>()
  #nextId: number

  constructor(carrier: StreamCarrier, accept: (stream: LinkStream) => boolean) {
    this.#carrier = carrier
    this.#accept = accept
    this.#nextId = carrier.role === 'initiator' ? 0 : 1
  }

  get size(): number {
    return this.#streams.size
  }

  /** @throws HandfastError `queue-full` */
  open(name: string): LinkStream {
    if (this.#streams.size >= limits.maxStreams) {
      throw new HandfastError(
        'queue-full',
        `At most ${limits.maxStreams} streams are open at a time`,
      )
    }
    const id = this.#nextId
    this.#nextId += 2
    this.#carrier.control([recordKinds.streamOpen, id, name])
    return this.#add(id, name).stream
  }

  #add(id: number, name: string): StreamState {
    const state = new StreamState(id, name, this.#carrier, () => this.#streams.delete(id))
    this.#streams.set(id, state)
    return state
  }

  /** @throws HandfastError `protocol` */
  receive(id: number, [kind, , argument]: Record): void {
    if (kind === recordKinds.streamOpen) return this.#receiveOpen(id, argument)
    // A stream that was reset here may have data of the other side on its way.
    const stream = this.#streams.get(id)
    if (!stream) return
    if (kind === recordKinds.streamData && argument instanceof Uint8Array) stream.receive(argument)
    else if (kind === recordKinds.streamCredit && isUint32(argument)) stream.allow(argument)
    else if (kind === recordKinds.streamEnd) stream.receiveEnd()
    else if (kind === recordKinds.streamReset && isUint32(argument))
      stream.fail(resetCodes[argument])
    else throw malformed()
  }

  #receiveOpen(id: number, name: unknown): void {
    const peerParity = this.#carrier.role === 'initiator' ? 1 : 0
    const isName = typeof name === 'string' && name !== '' && name.length <= limits.maxNameBytes
    if (!isName || id % 2 !== peerParity || this.#streams.has(id)) throw malformed()
    if (this.#streams.size >= limits.maxStreams) return this.#refuse(id, 'queue-full')
    const state = this.#add(id, name)
    if (!this.#accept(state.stream)) {
      this.#refuse(id, 'no-handler')
      state.fail('no-handler')
    }
  }

  #refuse(id: number, code: ResetCode): void {
    this.#carrier.control([recordKinds.streamReset, id, resetCodes.indexOf(code)])
  }

  /** The session is over. */
  close(): void {
    for (const stream of this.#streams.values()) stream.fail('interrupted')
  }
}

class StreamState implements Source {
  readonly stream: LinkStream
  readonly #id: number
  readonly #carrier: StreamCarrier
  readonly #onDone: () => void

  // Sending: chunks taken from the writer and not sent, and how much the other side still takes.
  readonly #outgoing = new Queue<Uint8Array>()
  #outgoingBytes = 0
  #offset = 0
  #credit = limits.streamWindowBytes
  #writerDone: (() => void) | undefined
  #hasEnded = false
  #endSent = false

  // Receiving: chunks not read yet, what the other side may still send, and what it is owed.
  readonly #incoming = new Queue<Uint8Array>()
  #allowed = limits.streamWindowBytes
  #owed = 0
  #readerWaits: (() => void) | undefined
  #peerEnded = false

  #readController!: ReadableStreamDefaultController<Uint8Array>
  #writeController!: WritableStreamDefaultController
  #isDone = false

  constructor(id: number, name: string, carrier: StreamCarrier, onDone: () => void) {
    this.#id = id
    this.#carrier = carrier
    this.#onDone = onDone
    carrier.addSource(this, 'bulk')
    const readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#readController = controller),
        pull: () => this.#pull(),
        cancel: () => this.#reset(),
      },
      { highWaterMark: 0 },
    )
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => void (this.#writeController = controller),
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: () => this.#reset(),
    })
    this.stream = { name, readable, writable }
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when there is room for more; the chunk is copied, since its owner may reuse it. */
  #write(chunk: Uint8Array): Promise<void> | undefined {
    if (!(chunk instanceof Uint8Array)) {
      this.#reset()
      throw new HandfastError('invalid-argument', 'A stream takes Uint8Array chunks')
    }
    if (chunk.length > 0) {
      this.#outgoing.push(chunk.slice())
      this.#outgoingBytes += chunk.length
      this.#carrier.wake()
    }
    if (this.#outgoingBytes < limits.streamBufferBytes) return undefined
    return new Promise((resolve) => (this.#writerDone = resolve))
  }

  #close(): Promise<void> {
    this.#hasEnded = true
    this.#carrier.wake()
    return new Promise((resolve) => (this.#writerDone = resolve))
  }

  allow(bytes: number): void {
    this.#credit += bytes
    if (bytes === 0 || this.#credit > limits.streamWindowBytes) throw malformed()
    this.#carrier.wake()
  }

  get pending(): boolean {
    if (this.#isDone) return false
    return this.#outgoing.length > 0
      ? this.#credit > limits.messageOverheadBytes
      : this.#hasEnded && !this.#endSent
  }

  fill(writer: FrameWriter): void {
    for (let chunk = this.#outgoing.at(0); chunk; chunk = this.#outgoing.at(0)) {
      const allowed = this.#credit - limits.messageOverheadBytes
      if (allowed <= 0) break
      const rest = chunk.subarray(this.#offset, this.#offset + allowed)
      const sent = writer.someBytes(recordKinds.streamData, this.#id, rest)
      if (sent === 0) break
      this.#offset += sent
      this.#credit -= sent + limits.messageOverheadBytes
      this.#outgoingBytes -= sent
      if (this.#offset < chunk.length) continue
      this.#outgoing.shift()
      this.#offset = 0
    }
    if (this.#outgoing.length === 0 && this.#hasEnded && !this.#endSent) {
      this.#endSent = true
      this.#carrier.control([recordKinds.streamEnd, this.#id])
      this.#finishIfBothEnded()
    }
    const hasRoom = this.#hasEnded ? this.#endSent : this.#outgoingBytes < limits.streamBufferBytes
    if (hasRoom) this.#releaseWriter()
  }

  #releaseWriter(): void {
    const done = this.#writerDone
    this.#writerDone = undefined
    done?.()
  }

  // ── Receiving ────────────────────────────────────────────────────────────────────────────────────

  receive(chunk: Uint8Array): void {
    this.#allowed -= chunk.length + limits.messageOverheadBytes
    if (this.#allowed < 0 || this.#peerEnded || chunk.length === 0) throw malformed()
    this.#incoming.push(chunk)
    this.#serveReader()
  }

  receiveEnd(): void {
    if (this.#peerEnded) throw malformed()
    this.#peerEnded = true
    if (this.#incoming.length === 0) this.#endReadable()
    this.#serveReader()
  }

  #pull(): Promise<void> | undefined {
    if (this.#incoming.length > 0) return void this.#handOver()
    if (this.#peerEnded) return undefined
    return new Promise((resolve) => (this.#readerWaits = resolve))
  }

  #serveReader(): void {
    const waits = this.#readerWaits
    if (!waits || (this.#incoming.length === 0 && !this.#peerEnded)) return
    this.#readerWaits = undefined
    if (this.#incoming.length > 0) this.#handOver()
    waits()
  }

  /** Gives the reader one chunk, and its size back to the writer once a quarter of the window has gathered. */
  #handOver(): void {
    const chunk = this.#incoming.shift()!
    this.#readController.enqueue(chunk)
    this.#owed += chunk.length + limits.messageOverheadBytes
    if (this.#peerEnded) {
      if (this.#incoming.length === 0) this.#endReadable()
    } else if (this.#owed >= limits.streamWindowBytes / 4) {
      this.#allowed += this.#owed
      this.#carrier.control([recordKinds.streamCredit, this.#id, this.#owed])
      this.#owed = 0
    }
  }

  #endReadable(): void {
    this.#readController.close()
    this.#finishIfBothEnded()
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  #finishIfBothEnded(): void {
    if (this.#endSent && this.#peerEnded && this.#incoming.length === 0) this.#finish()
  }

  /** The application gave up one of the two ways; the stream is over. */
  #reset(): void {
    if (this.#isDone) return
    this.#carrier.control([recordKinds.streamReset, this.#id, resetCodes.indexOf('interrupted')])
    this.fail('interrupted')
  }

  /** The peer or the session gave up. */
  fail(code: ResetCode = 'interrupted'): void {
    if (this.#isDone) return
    this.#finish()
    const error = new HandfastError(code, 'The stream was cut off')
    // All of the peer's data is here, and may be read to its end.
    if (!this.#peerEnded) this.#readController.error(error)
    this.#writeController.error(error)
    this.#readerWaits?.()
    this.#releaseWriter()
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#carrier.removeSource(this)
    this.#onDone()
  }
}

/** What a record counts or numbers by. */
export const isUint32 = (value: unknown): value is number => (value as number) >>> 0 === value

const malformed = () => new HandfastError('protocol', 'Malformed stream record')
