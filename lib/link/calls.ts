/**
 * Requests and responses of one session, matched by id, in any order, both ways at once. A request whose session ends before
 * its response fails with `interrupted`: whether it was handled is not known.
 */

import { concat } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { HandfastError, type ErrorCode } from '../base/errors.ts'
import { reportError } from '../base/emitter.ts'
import * as limits from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed, type Record } from '../codec/records.ts'
import type { Slab } from '../base/slab.ts'
import { Queue } from '../base/queue.ts'
import type { FrameWriter, Transfer } from '../session/frame-writer.ts'
import type { Source } from '../session/sources.ts'
import { anything, type Rights } from './rights.ts'
import { isUint32 } from './streams.ts'

/**
 * Answers one request: what it returns, or resolves with, is the answer; what it throws stays here, and the asker gets `request-failed`.
 * `signal` is aborted when nobody waits for the answer any more.
 */
export type RequestHandler = (
  params: unknown,
  context: { readonly signal: AbortSignal },
) => unknown | Promise<unknown>

export type RequestHandlers = Pick<ReadonlyMap<string, RequestHandler>, 'get'>

/** What a peer may learn of a failure. */
const failureCodes: readonly ErrorCode[] = [
  'no-handler',
  'request-failed',
  'queue-full',
  'forbidden',
]

export class Calls implements Source {
  readonly #handlers: RequestHandlers
  readonly #wake: () => void
  readonly #nextTransferId: () => number
  readonly #rights: Rights
  readonly #pending = new Map<number, Deferred<unknown>>()
  readonly #running = new Map<number, AbortController>()
  /** Of the params of what runs. */
  #runningBytes = 0
  readonly #small = new Queue<Uint8Array>()
  readonly #large = new Queue<Uint8Array>()
  readonly #transfers: Transfer[] = []
  /** Of records that wait for being sent. */
  #queuedBytes = 0
  #nextId = 0
  #isClosed = false

  constructor(
    handlers: RequestHandlers,
    wake: () => void,
    nextTransferId: () => number,
    rights: Rights = anything,
  ) {
    this.#handlers = handlers
    this.#wake = wake
    this.#nextTransferId = nextTransferId
    this.#rights = rights
  }

  /** Requests waited for, and requests being handled. */
  get size(): number {
    return this.#pending.size + this.#running.size
  }

  /** @throws HandfastError `queue-full`, `no-handler`, `request-failed`, `forbidden`, `interrupted`; the reason of `signal` */
  async request(method: string, params: Uint8Array, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    if (this.#isClosed) throw interrupted()
    const isFull = this.#queuedBytes + params.length > limits.maxQueuedBytes
    if (isFull || this.#pending.size >= limits.maxPendingRequests) {
      throw new HandfastError('queue-full', 'Too many requests wait for this peer')
    }
    const id = this.#nextId++
    const answer = deferred<unknown>()
    let stop = () => {}
    try {
      this.#send([recordKinds.request, id, method, params])
      stop = onAbort(signal, () => {
        this.#send([recordKinds.cancel, id])
        answer.reject(signal.reason)
      })
      this.#pending.set(id, answer)
      return await answer.promise
    } finally {
      stop()
      this.#pending.delete(id)
    }
  }

  /** @throws HandfastError `protocol` */
  receive(id: number, [kind, , ...fields]: Record): void {
    if (kind === recordKinds.request) this.#receiveRequest(id, ...fields)
    else if (kind === recordKinds.cancel) this.#running.get(id)?.abort(interrupted())
    else if (kind === recordKinds.response) this.#receiveResponse(id, fields[0])
    else this.#receiveFailure(id, ...fields)
  }

  #receiveRequest(id: number, method?: unknown, params?: unknown): void {
    // The last: a peer that asks on and takes no answers.
    if (
      typeof method !== 'string' ||
      !(params instanceof Uint8Array) ||
      this.#running.has(id) ||
      this.#small.length + this.#large.length > limits.maxControlRecords
    ) {
      throw malformed()
    }
    if (!this.#rights.allows(`request:${method}`)) return this.#sendFailure(id, 'forbidden')
    const handler = this.#handlers.get(method)
    if (!handler) return this.#sendFailure(id, 'no-handler')
    const isFull =
      this.#running.size >= limits.maxConcurrentRequests ||
      this.#runningBytes + params.length > limits.maxRunningBytes
    if (isFull) return this.#sendFailure(id, 'queue-full')
    void this.#run(id, handler, params)
  }

  async #run(id: number, handler: RequestHandler, params: Uint8Array): Promise<void> {
    const controller = new AbortController()
    const { signal } = controller
    this.#running.set(id, controller)
    this.#runningBytes += params.length
    try {
      const result = await handler(decode(params), { signal })
      this.#running.delete(id)
      if (!signal.aborted) this.#sendResponse(id, encodeValue(result))
    } catch (error) {
      this.#running.delete(id)
      if (signal.aborted) return
      // Only what a handler says on purpose reaches the peer; other errors may speak of anything.
      const isOnPurpose = error instanceof HandfastError
      if (!isOnPurpose) reportError(error)
      this.#sendFailure(id, 'request-failed', isOnPurpose ? error.message : undefined)
    } finally {
      this.#runningBytes -= params.length
    }
  }

  #sendResponse(id: number, result: Uint8Array): void {
    if (this.#queuedBytes + result.length > limits.maxQueuedBytes) {
      return this.#sendFailure(id, 'queue-full')
    }
    this.#send([recordKinds.response, id, result])
  }

  #receiveResponse(id: number, result: unknown): void {
    if (!(result instanceof Uint8Array)) throw malformed()
    const pending = this.#pending.get(id)
    try {
      pending?.resolve(decode(result))
    } catch (error) {
      pending?.reject(error)
    }
  }

  #receiveFailure(id: number, code?: unknown, text?: unknown): void {
    const known = isUint32(code) && failureCodes[code]
    if (!known || typeof text !== 'string') throw malformed()
    const error = new HandfastError(known, text.slice(0, limits.maxFailureTextBytes))
    this.#pending.get(id)?.reject(error)
  }

  #sendFailure(id: number, code: ErrorCode, text: string = code): void {
    const short = text.slice(0, limits.maxFailureTextBytes / 4).replace(notText, '\ufffd')
    this.#send([recordKinds.failure, id, failureCodes.indexOf(code), short])
  }

  /** Sends a record that is answered by nothing; not if more than so many bytes wait already. */
  push(record: CborValue[], maxWaitingBytes = Infinity): void {
    if (this.#queuedBytes <= maxWaitingBytes) this.#send(record)
  }

  #send(record: CborValue[]): void {
    if (this.#isClosed) return
    const encoded = encode(record)
    this.#queuedBytes += encoded.length
    ;(encoded.length < limits.smallRecordBytes ? this.#small : this.#large).push(encoded)
    this.#wake()
  }

  get pending(): boolean {
    return this.#small.length > 0 || this.#transfers.length > 0 || this.#large.length > 0
  }

  /** Small records first; then a piece of each large one in turn. */
  fill(writer: FrameWriter): void {
    for (let next = this.#small.at(0); next; next = this.#small.at(0)) {
      if (!writer.record(next)) {
        if (!writer.isEmpty) return
        this.#large.push(next)
      } else this.#queuedBytes -= next.length
      this.#small.shift()
    }
    while (this.#transfers.length < limits.maxTransfers - 1 && this.#large.length > 0) {
      this.#transfers.push({ id: this.#nextTransferId(), record: this.#large.shift()!, offset: 0 })
    }
    for (let turns = this.#transfers.length; turns > 0; turns--) {
      if (writer.room < limits.minPartBytes) return
      const transfer = this.#transfers.shift()!
      if (!writer.part(transfer)) this.#transfers.push(transfer)
      else this.#queuedBytes -= transfer.record.length
    }
  }

  /** The session is over. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#pending.values()) reject(interrupted())
    for (const controller of this.#running.values()) controller.abort(interrupted())
  }
}

/** What an application hands over, as bytes. @throws HandfastError `invalid-argument`, `too-large` */
export function encodeValue(value: unknown, keep?: Slab['keep']): Uint8Array {
  return checkSize(encode(value as CborValue, keep))
}

/** A message and what it is about. @throws HandfastError `invalid-argument`, `too-large` */
export function encodeMessage(
  message: unknown,
  topic: string | undefined,
  keep?: Slab['keep'],
): Uint8Array {
  if (topic === undefined) return encodeValue(message, keep)
  return checkSize(concat(encodeValue(message), encode(topic)))
}

function checkSize(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= limits.maxValueBytes) return bytes
  throw new HandfastError(
    'too-large',
    `A message has at most ${limits.maxValueBytes} bytes; use a stream for more`,
  )
}

/** What CBOR text can't hold: half of a surrogate pair, a byte order mark in front. */
const notText = /^\ufeff|\p{Surrogate}/gu

const interrupted = () => new HandfastError('interrupted')
