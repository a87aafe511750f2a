/**
 * Streams of one session: bytes both ways, each way with its own end, with credit so that a slow reader stops its writer
 * and nobody else. The side that dialled numbers its streams even, the other odd.
 */

import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { CborValue } from '../codec/cbor.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed, type Record } from '../codec/records.ts'
import type { Role } from '../crypto/noise.ts'
import type { Source, Sources } from '../session/sources.ts'
import { anything, isName, type Rights } from './rights.ts'

/** Bytes both ways. Cancelling `readable` or aborting `writable` ends both. */
export interface LinkStream {
  /** What the side that opened it called it. */
  readonly name: string
  /** What the peer writes, in chunks of any size. Whoever does not read holds the writer up after 1 MiB. */
  readonly readable: ReadableStream<Uint8Array>
  /** What the peer reads. Close it to say that there is no more; a write waits as long as the peer does not read. */
  readonly writable: WritableStream<Uint8Array>
}

/** What streams need of their session. */
export interface StreamCarrier {
  readonly role: Role
  control(record: CborValue[]): void
  readonly sources: Pick<Sources, 'add' | 'remove'>
  wake(): void
}

/** Why a stream was reset, as told to the other side. */
const resetCodes = ['interrupted', 'no-handler', 'queue-full', 'forbidden'] as const
type ResetCode = (typeof resetCodes)[number]

export class Streams {
  readonly #carrier: StreamCarrier
  /** Takes a stream that the peer opened; returns whether anybody wants it. */
  readonly #accept: (stream: LinkStream) => boolean
  readonly #rights: Rights
  readonly #streams = new Map<number, StreamState>()
  #nextId: number

  constructor(
    carrier: StreamCarrier,
    accept: (stream: LinkStream) => boolean,
    rights: Rights = anything,
  ) {
    this.#carrier = carrier
    this.#accept = accept
    this.#rights = rights
    this.#nextId = carrier.role === 'initiator' ? 0 : 1
  }

  get size(): number {
    return this.#streams.size
  }

  /** @throws HandfastError `queue-full` */
  open(name: string): LinkStream {
    if (this.#streams.size >= limits.maxStreams) {
      throw new HandfastError('queue-full', 'Too many streams are open')
    }
    const id = this.#nextId
    this.#nextId += 2
    this.#carrier.control([recordKinds.streamOpen, id, name])
    return this.#add(id, name).stream
  }

  #add(id: number, name: string): StreamState {
    const state = createStream(id, name, this.#carrier, () => this.#streams.delete(id))
    this.#streams.set(id, state)
    return state
  }

  /** @throws HandfastError `protocol` */
  receive(id: number, [kind, , argument]: Record): void {
    if (kind === recordKinds.streamOpen) return this.#receiveOpen(id, argument)
    // A stream that was reset here may have data of the other side on its way.
    const stream = this.#streams.get(id)
    if (!stream || this.#isForbidden(id, stream)) return
    if (kind === recordKinds.streamData && argument instanceof Uint8Array) stream.receive(argument)
    else if (kind === recordKinds.streamCredit && isUint32(argument)) stream.allow(argument)
    else if (kind === recordKinds.streamEnd) stream.receiveEnd()
    else if (kind === recordKinds.streamReset && isUint32(argument))
      stream.fail(resetCodes[argument])
    else throw malformed()
  }

  #receiveOpen(id: number, name: unknown): void {
    const peerParity = this.#carrier.role === 'initiator' ? 1 : 0
    if (!isName(name) || id % 2 !== peerParity || this.#streams.has(id)) throw malformed()
    if (!this.#rights.allows(scopeOf(name))) return this.#refuse(id, 'forbidden')
    if (this.#streams.size >= limits.maxStreams) return this.#refuse(id, 'queue-full')
    const state = this.#add(id, name)
    if (!this.#accept(state.stream)) {
      this.#refuse(id, 'no-handler')
      state.fail('no-handler')
    }
  }

  /** What the peer may do has changed. */
  review(): void {
    for (const [id, stream] of this.#streams) this.#isForbidden(id, stream)
  }

  /** A stream that the peer opened, and may no longer have: it is over. */
  #isForbidden(id: number, state: StreamState): boolean {
    const isOwn = id % 2 === this.#nextId % 2
    if (isOwn || this.#rights.allows(scopeOf(state.stream.name))) return false
    this.#refuse(id, 'forbidden')
    state.fail('forbidden')
    return true
  }

  #refuse(id: number, code: ResetCode): void {
    this.#carrier.control([recordKinds.streamReset, id, resetCodes.indexOf(code)])
  }

  /** The session is over. */
  close(): void {
    for (const stream of this.#streams.values()) stream.fail('interrupted')
  }
}

interface StreamState extends Source {
  readonly stream: LinkStream
  receive(chunk: Uint8Array): void
  receiveEnd(): void
  /** The other side takes so many more bytes. */
  allow(bytes: number): void
  /** The peer or the session gave up. */
  fail(code?: ResetCode): void
}

const scopeOf = (name: string): string => `stream:${name}`

/** What a chunk counts against credit. */
const cost = (chunk: Uint8Array): number => chunk.length + limits.messageOverheadBytes

function createStream(
  id: number,
  name: string,
  carrier: StreamCarrier,
  onDone: () => void,
): StreamState {
  // Sending: chunks taken from the writer and not sent, and how much the other side still takes.
  const outgoing = new Queue<Uint8Array>()
  let outgoingBytes = 0
  let offset = 0
  let credit = limits.streamWindowBytes
  let releaseWriter = () => {}
  let hasEnded = false
  let endSent = false

  // Receiving: what the other side may still send. What is not read yet waits in the readable.
  let allowed = limits.streamWindowBytes
  let peerEnded = false
  let readController!: ReadableStreamDefaultController<Uint8Array>
  let writeController!: WritableStreamDefaultController
  let isDone = false

  const writerWaits = () => new Promise<void>((resolve) => (releaseWriter = resolve))

  function finish(): void {
    isDone = true
    carrier.sources.remove(state)
    onDone()
  }

  /** The application gave up one of the two ways; the stream is over. */
  function reset(): void {
    if (isDone) return
    carrier.control([recordKinds.streamReset, id, resetCodes.indexOf('interrupted')])
    state.fail()
  }

  /** What was read goes back to the writer as credit, once a quarter of the window has gathered. */
  function giveCredit(): void {
    const owed = readController.desiredSize! - allowed
    if (owed < limits.streamWindowBytes / 4) return
    allowed += owed
    carrier.control([recordKinds.streamCredit, id, owed])
  }

  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (readController = controller),
      pull: giveCredit,
      cancel: reset,
    },
    { highWaterMark: limits.streamWindowBytes, size: cost },
  )

  const writable = new WritableStream<Uint8Array>({
    start: (controller) => void (writeController = controller),
    /** Resolves when there is room for more; the chunk is copied, since its owner may reuse it. */
    write(chunk) {
      if (!(chunk instanceof Uint8Array)) {
        reset()
        throw new HandfastError('invalid-argument', 'A stream takes Uint8Array chunks')
      }
      if (chunk.length > 0) {
        outgoing.push(chunk.slice())
        outgoingBytes += chunk.length
        carrier.wake()
      }
      return outgoingBytes < limits.streamBufferBytes ? undefined : writerWaits()
    },
    close() {
      hasEnded = true
      carrier.wake()
      return writerWaits()
    },
    abort: reset,
  })

  const state: StreamState = {
    stream: { name, readable, writable },

    get pending() {
      if (isDone) return false
      return outgoing.length > 0 ? credit > limits.messageOverheadBytes : hasEnded && !endSent
    },

    fill(writer) {
      for (let chunk = outgoing.at(0); chunk; chunk = outgoing.at(0)) {
        const room = credit - limits.messageOverheadBytes
        if (room <= 0) break
        const rest = chunk.subarray(offset, offset + room)
        const sent = writer.someBytes(recordKinds.streamData, id, rest)
        if (sent === 0) break
        offset += sent
        credit -= sent + limits.messageOverheadBytes
        outgoingBytes -= sent
        if (offset < chunk.length) continue
        outgoing.shift()
        offset = 0
      }
      if (outgoing.length === 0 && hasEnded && !endSent) {
        endSent = true
        carrier.control([recordKinds.streamEnd, id])
        if (peerEnded) finish()
      }
      if (hasEnded ? endSent : outgoingBytes < limits.streamBufferBytes) releaseWriter()
    },

    allow(bytes) {
      credit += bytes
      if (bytes === 0 || credit > limits.streamWindowBytes) throw malformed()
      carrier.wake()
    },

    receive(chunk) {
      allowed -= cost(chunk)
      if (allowed < 0 || peerEnded || chunk.length === 0) throw malformed()
      // The application's own: the frame is not kept.
      readController.enqueue(chunk.slice())
    },

    receiveEnd() {
      if (peerEnded) throw malformed()
      peerEnded = true
      readController.close()
      if (endSent) finish()
    },

    fail(code = 'interrupted') {
      if (isDone) return
      finish()
      const error = new HandfastError(code, 'The stream was cut off')
      // All of the peer's data is here, and may be read to its end.
      if (!peerEnded) readController.error(error)
      writeController.error(error)
      releaseWriter()
    },
  }
  carrier.sources.add(state, 'bulk')
  return state
}

/** What a record counts or numbers by. */
export const isUint32 = (value: unknown): value is number => (value as number) >>> 0 === value
