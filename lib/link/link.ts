/**
 * A link: what two peers have from first contact on, for good. The application sends, asks and streams on it in every state; what carries
 * it comes and goes below.
 */

import { deferred } from '../base/deferred.ts'
import { Emitter, reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import type { Runtime } from '../base/runtime.ts'
import { Slab } from '../base/slab.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { givenScopes, type Scopes } from '../identity/scopes.ts'
import { encodeMessage, encodeValue, type RequestHandler } from './calls.ts'
import { linkClosed, takesNothing, type Carrier, type Receiver } from './carrier.ts'
import { Delivery } from './delivery.ts'
import type { CarrierEvents } from './events.ts'
import type { MessageHandler, MessageInfo } from './inbox.ts'
import {
  checkPersonName,
  isSameNumber,
  isSamePerson,
  type PersonChange,
  type Person,
} from './person.ts'
import type { LinkState } from './state.ts'
import type { LinkStream } from './streams.ts'
import { unlessAborted, within, type RequestOptions } from './within.ts'

/** What `link.on` tells of, with the arguments of the listener. */
export interface LinkEvents extends CarrierEvents {
  /** A stream that the peer opened. Without a listener it is refused with `no-handler`. */
  stream: [stream: LinkStream]
  /** The name, the verified mark or rights are others, in this tab or in another one. */
  person: []
}

/** What `link.send` takes. */
export interface SendOptions {
  /** What the message is about, 1 to 64 characters: the peer may have granted that alone. Default: nothing in particular. */
  topic?: string | undefined
  /** Withdraws the message, if it has not been sent yet; `send` then rejects with its reason. */
  signal?: AbortSignal | undefined
}

/** @internal What a link needs of its mesh. */
export interface LinkOptions {
  readonly peer: PeerId
  readonly safetyNumber: string
  readonly runtime: Runtime
  readonly carrier: Carrier
  readonly person: Person
  /** Resolves when it is stored, for all tabs. */
  readonly changePerson: (change: PersonChange) => Promise<void>
}

/** What two peers have from first contact on, for good. The application sends, asks and streams on it in every state; the sessions that carry it come and go. Links come from `mesh.accept`, the event `link` and `mesh.links`. */
export class Link {
  /** Who is on the other side, whichever device it is. */
  readonly peer: PeerId
  /** Twelve groups of five digits, the same on both sides, for two people to compare. */
  readonly safetyNumber: string

  readonly #runtime: Runtime
  readonly #changeWho: LinkOptions['changePerson']
  readonly #emitter = new Emitter<LinkEvents>()
  readonly #messageHandlers = new Set<MessageHandler>()
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #slab = new Slab()
  readonly #closing = new AbortController()
  /** Requests, and what waits for a session. */
  readonly #underWay = new Set<AbortController>()
  readonly #receiver: Receiver
  #state: LinkState = 'idle'
  #who: Person
  #carrier!: Carrier
  #reception = takesNothing
  #stops: Unsubscribe[] = []
  /** Resolves with the next carrier. */
  #moved = deferred<void>()

  /** @internal */
  constructor(options: LinkOptions) {
    const { peer, safetyNumber, runtime, carrier, person, changePerson } = options
    this.peer = peer
    this.safetyNumber = safetyNumber
    this.#runtime = runtime
    this.#who = person
    this.#changeWho = changePerson
    const messageHandlers = this.#messageHandlers
    const handlers = this.#handlers
    const emitter = this.#emitter
    this.#receiver = {
      get takesMessages() {
        return messageHandlers.size > 0
      },
      get methods() {
        return [...handlers.keys()]
      },
      get takesStreams() {
        return emitter.listenerCount('stream') > 0
      },
      message: (message, info) => this.#take(message, info),
      handlerOf: (method) => this.#handlers.get(method),
      stream: (stream) => {
        const isWanted = this.#emitter.listenerCount('stream') > 0
        this.#emitter.emit('stream', stream)
        return isWanted
      },
    }
    this.use(carrier)
  }

  /** @internal What carries the link from now on. */
  use(carrier: Carrier): void {
    for (const stop of this.#stops) stop()
    this.#reception.remove()
    this.#carrier = carrier
    this.#stops = [
      carrier.on('state', (state) => this.#become(state)),
      carrier.on('gap', (gap) => {
        const error = new HandfastError('gap', `Messages ${gap.from} to ${gap.to} are missing`)
        this.#tell('gap', error, gap)
      }),
      carrier.on('rollback', () =>
        this.#tell('rollback', new HandfastError('rollback', 'The storage was set back or copied')),
      ),
      carrier.on('error', (error) => this.#tell('error', error, error)),
      ...(['queued', 'delivered', 'refused', 'stuck'] as const).map((event) =>
        carrier.on(event, (...args) => this.#emitter.emit(event, ...args)),
      ),
    ]
    this.#reception = carrier.receive(this.#receiver)
    this.#become(carrier.state)
    this.#moved.resolve()
    this.#moved = deferred()
  }

  /** @internal */
  know(person: Person): void {
    const before = this.#who
    this.#who = person
    if (!isSamePerson(before, person)) this.#emitter.emit('person')
  }

  /** @internal There is no such contact any more. */
  end(): void {
    this.#become('closed')
  }

  #become(state: LinkState): void {
    if (state === this.#state || this.#state === 'closed') return
    this.#state = state
    this.#emitter.emit('state', state)
    if (state !== 'closed') return
    this.#closing.abort(linkClosed())
    for (const controller of this.#underWay) controller.abort(linkClosed())
    this.#reception.remove()
    this.#emitter.clear()
  }

  /** What must not pass unnoticed. */
  #tell<K extends 'gap' | 'rollback' | 'error'>(
    event: K,
    error: unknown,
    ...args: LinkEvents[K]
  ): void {
    if (this.#emitter.listenerCount(event) > 0) this.#emitter.emit(event, ...args)
    else reportError(error)
  }

  /** A message is handled when all handlers have returned; each has its own copy. */
  #take(message: unknown, info: MessageInfo): void | Promise<void> {
    const calls = [...this.#messageHandlers].map((handler, at) => ({
      handler,
      copy: at === 0 ? message : structuredClone(message),
    }))
    const pending = calls.flatMap(({ handler, copy }) => handler(copy, info) ?? [])
    if (pending.length > 0) return Promise.all(pending).then(() => {})
  }

  /** `idle`, `pending` (dialling), `ticket` or `request` (being called), `open`, `closed` (forgotten). */
  get state(): LinkState {
    return this.#state
  }

  /** What you call the peer, for yourself alone; null until you have. */
  get name(): string | null {
    return this.#who.name
  }

  /** Names the peer, in all tabs and for good; null takes the name away. @throws HandfastError `invalid-argument`, `storage-failed`, `closed` */
  async rename(name: string | null): Promise<void> {
    const kept = checkPersonName(name)
    await this.#changePerson({ name: kept })
  }

  /** Whether you have compared safety numbers. No other key ever has this mark, and somebody forgotten and met again has not. */
  get verified(): boolean {
    return this.#who.verified
  }

  /**
   * Marks the peer as verified: `number` is what the peer sees on their screen, got in person or by a call, not over this link.
   * @throws HandfastError `invalid-argument` when it is not the safety number: somebody may stand between you; `storage-failed`, `closed`
   */
  async verify(number: string): Promise<void> {
    if (!isSameNumber(number, this.safetyNumber)) {
      throw new HandfastError('invalid-argument', 'This is not the safety number of this link')
    }
    await this.#changePerson({ verified: this.safetyNumber })
  }

  /** Takes the mark away. @throws HandfastError `storage-failed`, `closed` */
  async unverify(): Promise<void> {
    await this.#changePerson({ verified: null })
  }

  /** What the peer may do here, `['*']` (all) unless you have said otherwise. `docs/protocol.md`, "Scopes", has their words. */
  get scopes(): Scopes {
    return this.#who.scopes
  }

  /** What you may do there, as far as the peer has said. */
  get grantedScopes(): Scopes {
    return this.#who.grantedScopes
  }

  /**
   * Says what the peer may do here, in place of what it might before: at most 16 scopes of at most 80 bytes, 640 in all, such as `message`, `request:balance` or `stream`; none at all
   * with `[]`; `docs/protocol.md`, "Scopes", has their words, and there are no others. It counts from the next thing the peer does, also on a session that is open.
   * @throws HandfastError `invalid-argument`, `storage-failed`, `closed`
   */
  async allow(scopes: Scopes): Promise<void> {
    await this.#changePerson({ scopes: givenScopes(scopes) })
  }

  async #changePerson(change: PersonChange): Promise<void> {
    this.#closing.signal.throwIfAborted()
    await this.#changeWho(change)
  }

  /** Messages that the peer has not handled yet. */
  get queued(): number {
    return this.#carrier.queued
  }

  /** Calls `listener` at every such event. Returns the way to stop. */
  on<K extends keyof LinkEvents>(event: K, listener: (...args: LinkEvents[K]) => void): Unsubscribe
  /** Takes each message in order; the next comes when this one's promise has resolved, and only then does it count as handled. */
  on(event: 'message', handler: MessageHandler): Unsubscribe
  on(event: keyof LinkEvents | 'message', listener: (...args: never[]) => void): Unsubscribe {
    if (event === 'message') return this.#addMessageHandler(listener as MessageHandler)
    const off = this.#emitter.on(event, listener as (...args: unknown[]) => void)
    if (event !== 'stream') return off
    this.#reception.changed()
    return () => {
      off()
      this.#reception.changed()
    }
  }

  #addMessageHandler(handler: MessageHandler): Unsubscribe {
    this.#messageHandlers.add(handler)
    this.#reception.changed()
    return () => {
      this.#messageHandlers.delete(handler)
      this.#reception.changed()
    }
  }

  /**
   * Sends a message: anything made of `null`, `undefined`, booleans, numbers, bigints (256 bits), texts, `Uint8Array`s, arrays and plain
   * objects. In any state; dials when there is no session. It is stored before it goes out, and goes out again after a reload
   * (`stored`, with its id). Resolves when a handler of the peer has returned. Aborting `signal` withdraws a message that has not
   * been sent yet; afterwards it is too late.
   * @throws HandfastError `invalid-argument`, `too-large` (over 4 MiB), `queue-full` (64 MiB wait), `storage-failed`, `closed`;
   * `forbidden` when the peer has not granted it: no handler got it
   */
  send(message: unknown, { topic, signal }: SendOptions = {}): Delivery {
    try {
      this.#closing.signal.throwIfAborted()
      if (topic !== undefined) checkName(topic)
      return this.#carrier.send(encodeMessage(message, topic, this.#slab.keep), signal)
    } catch (error) {
      const refused = new Delivery()
      refused.reject(error)
      return refused
    }
  }

  /** The messages of the peer, in order. A message counts as handled when the next is asked for. Ends when the link is closed. */
  async *messages(): AsyncGenerator<unknown, void, void> {
    let taken = deferred<{ message: unknown; handled: () => void } | undefined>()
    const stop = onAbort(this.#closing.signal, () => taken.resolve(undefined))
    const unsubscribe = this.#addMessageHandler((message) => {
      const { promise, resolve } = deferred<void>()
      taken.resolve({ message, handled: () => resolve() })
      return promise
    })
    try {
      while (this.#state !== 'closed') {
        const next = await taken.promise
        if (!next) return
        taken = deferred()
        try {
          yield next.message
        } finally {
          next.handled()
        }
      }
    } finally {
      unsubscribe()
      stop()
    }
  }

  /** Answers the peer's requests of one method. Replaces an earlier handler. */
  handle(method: string, handler: RequestHandler): Unsubscribe {
    this.#handlers.set(method, handler)
    this.#reception.changed()
    return () => {
      if (this.#handlers.get(method) !== handler) return
      this.#handlers.delete(method)
      this.#reception.changed()
    }
  }

  /**
   * Asks the peer and resolves with its answer; dials when there is no session. Not sent again: when the session ends meanwhile it fails, and
   * whether it was handled is not known.
   * @throws HandfastError `timeout`, `interrupted`, `no-handler`, `forbidden`, `request-failed`, `queue-full`, `too-large`, `invalid-argument`,
   * `closed`; the reason of `signal`
   */
  async request(
    method: string,
    params: unknown = null,
    options: RequestOptions = {},
  ): Promise<unknown> {
    checkName(method)
    const encoded = encodeValue(params)
    return this.#carried(options, (carrier, signal) => carrier.request(method, encoded, signal))
  }

  /**
   * Opens a stream of bytes both ways; dials when there is no session. It is cut off with the session; with `forbidden` where the peer has
   * not granted it, or does not any more.
   * @throws HandfastError `invalid-argument`, `timeout`, `queue-full`, `closed`; the reason of `signal`
   */
  async openStream(name: string, options: RequestOptions = {}): Promise<LinkStream> {
    checkName(name)
    return this.#carried(options, (carrier, signal) => carrier.openStream(name, signal))
  }

  /** Dials now, unless there is a session. @throws HandfastError `timeout`, `closed`; the reason of `signal` */
  async connect(options: RequestOptions = {}): Promise<void> {
    await this.#carried(options, (carrier, signal) => carrier.connect(signal))
  }

  /** By what carries the link at the time; by the next, where this one is no more before anything has begun. */
  async #carried<T>(
    options: RequestOptions,
    work: (carrier: Carrier, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#closing.signal.throwIfAborted()
    return within(this.#runtime, options, this.#underWay, async (signal) => {
      for (;;) {
        const carrier = this.#carrier
        try {
          return await work(carrier, signal)
        } catch (error) {
          if (!isNotLeading(error)) throw error
          if (this.#carrier === carrier) await unlessAborted(signal, this.#moved.promise)
        }
      }
    })
  }
}

function checkName(name: string): void {
  if (typeof name !== 'string' || name.length === 0 || name.length > limits.maxNameBytes / 4) {
    throw new HandfastError('invalid-argument', 'A name has 1 to 64 characters')
  }
}
