/**
 * Requests and streams on one session, without the messages of a link: nothing of it outlives the session. What a handler throws on purpose
 * crosses with its code.
 */

import { reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxMessageBytes } from '../base/limits.ts'
import { encode, type CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import type { Record } from '../codec/records.ts'
import { Calls, type RequestHandler } from '../link/calls.ts'
import { isUint32, Streams, type LinkStream } from '../link/streams.ts'
import type { SessionEnd } from '../session/session-end.ts'
import type { Session, SessionHandler } from '../session/session.ts'
import { fromTabError, toTabError, type TabError } from './tab-error.ts'

export interface DialogueHandlers {
  /** What they throw crosses with its code and message. */
  readonly handlers: ReadonlyMap<string, RequestHandler>
  /** Returns whether anybody wants the stream. */
  readonly acceptStream: (stream: LinkStream) => boolean
}

export class Dialogue implements SessionHandler {
  /** Resolves once, with the reason; everything under way has then failed with `interrupted`. */
  readonly ended: Promise<SessionEnd>
  readonly #session: Session
  readonly #calls: Calls
  readonly #streams: Streams
  #nextTransferId = 0

  constructor(session: Session, { handlers, acceptStream }: DialogueHandlers) {
    this.#session = session
    this.ended = session.ended
    this.#calls = new Calls(
      new Map([...handlers].map(([word, handler]) => [word, answer(handler)])),
      () => session.wake(),
      () => this.#nextTransferId++,
    )
    this.#streams = new Streams(session, acceptStream)
    session.sources.add(this.#calls, 'interactive')
    void session.ended.then(() => {
      this.#calls.close()
      this.#streams.close()
    })
    session.start(this)
    // A session is confirmed by what the other side says first.
    void session.ping().catch(() => {})
  }

  /**
   * Resolves with what the handler of the other side returned.
   * @throws HandfastError `invalid-argument`, `too-large`; `queue-full`, `no-handler`, `interrupted`; what the handler threw; the reason
   * of `signal`
   */
  async request(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const encoded = encode(params as CborValue)
    if (encoded.length > maxParamsBytes) throw new HandfastError('too-large')
    const answer = new Fields(await this.#calls.request(method, encoded, signal), 2, 'protocol')
    const result = answer.any()
    const error = answer.nullable(() => new Fields(answer.any(), 2, 'protocol'))
    if (error) throw fromTabError([error.match(/^/), error.match(/^/)] as TabError)
    return result
  }

  get isOpen(): boolean {
    return this.#session.isOpen
  }

  /** @throws HandfastError `interrupted`, `queue-full` */
  openStream(name: string): LinkStream {
    if (!this.#session.isOpen) throw new HandfastError('interrupted')
    return this.#streams.open(name)
  }

  /** Lets what was said before arrive, and ends. */
  close(reason?: SessionEnd): Promise<void> {
    return this.#session.close(reason)
  }

  isIdle(): boolean {
    return false
  }

  onRecords(records: readonly Record[]): void {
    for (const record of records) {
      const [kind, id] = record
      if (!isUint32(id)) throw new HandfastError('protocol')
      if (callKinds.has(kind)) this.#calls.receive(id, record)
      else if (streamKinds.has(kind)) this.#streams.receive(id, record)
      else throw new HandfastError('protocol')
    }
  }
}

/** The error, if there was one. */
type Answer = [result: unknown, error: TabError | null]

/** What is at most between two peers, and what it says beside that. */
const maxParamsBytes = maxMessageBytes - 64

const answer =
  (handler: RequestHandler): RequestHandler =>
  async (params, context): Promise<Answer> => {
    try {
      return [await handler(params, context), null]
    } catch (error) {
      if (error instanceof HandfastError) return [null, toTabError(error)]
      // What the other side learns may reach a third.
      if (!context.signal.aborted) reportError(error)
      return [null, ['request-failed', 'request-failed']]
    }
  }

/** Both ways, to the end of each. Returns whether there was room for the other. */
export function pipe(stream: LinkStream, open: () => LinkStream): boolean {
  let other: LinkStream
  try {
    other = open()
  } catch {
    void stream.readable.cancel().catch(() => {})
    return false
  }
  for (const [from, to] of [
    [stream, other],
    [other, stream],
  ] as const) {
    from.readable.pipeTo(to.writable).catch(() => {})
  }
  return true
}

const callKinds: ReadonlySet<number> = new Set([
  recordKinds.request,
  recordKinds.response,
  recordKinds.failure,
  recordKinds.cancel,
])

const streamKinds: ReadonlySet<number> = new Set([
  recordKinds.streamOpen,
  recordKinds.streamData,
  recordKinds.streamCredit,
  recordKinds.streamEnd,
  recordKinds.streamReset,
])
