/**
 * A link: what two peers have from first contact on, for good. The application sends, asks and streams on it in every state; sessions
 * come and go below. One session at a time is used; where two are proven, a rule that both sides share picks the one that stays.
 */

import { compareBytes } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { Emitter, reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { Slab } from '../base/slab.ts'
import { recordKinds } from '../codec/records.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Session, SessionEnd } from '../session/session.ts'
import { encodeValue, type RequestHandler } from './calls.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import { Delivery } from './delivery.ts'
import { Inbox, type Gap, type MessageHandler, type Stuck } from './inbox.ts'
import type { LogOptions } from './log.ts'
import { Outbox } from './outbox.ts'
import { Redial } from './redial.ts'
import { nextLinkState, type LinkEvent, type LinkState } from './state.ts'
import type { LinkStream } from './streams.ts'

export interface LinkEvents {
  state: [state: LinkState]
  /** A stream that the peer opened. Without a listener it is refused with `no-handler`. */
  stream: [stream: LinkStream]
  /** How many messages wait for the peer. */
  queued: [count: number]
  /** The peer has handled a message. */
  delivered: [id: string]
  /** Messages of the peer are missing here for good. Comes in order, before the next message; needs a `message` handler. */
  gap: [gap: Gap]
  /** This storage was set back or copied: what waited goes out under new ids, and the peer may get some of it twice. */
  rollback: []
  /** A handler has failed five times or more with the same message, which holds up all others. */
  stuck: [stuck: Stuck]
  /** Storage failed. It is tried again. */
  error: [error: unknown]
}

export interface RequestOptions {
  signal?: AbortSignal
  /** Default 30,000. */
  timeoutMs?: number
}

/** @internal What a link needs of its mesh. */
export interface LinkOptions {
  readonly peer: PeerId
  readonly safetyNumber: string
  readonly runtime: Runtime
  readonly log: LogOptions
  /** Makes one dial; resolves with its session. */
  readonly dial: (signal: AbortSignal) => Promise<Session>
  /** What goes out first on each proven session, and who takes what comes. Default: none goes, and none is heard. */
  readonly cards?: {
    readonly own: () => Uint8Array
    /** @throws HandfastError for one that the peer should not have sent */
    readonly take: (card: Uint8Array) => void
  }
  readonly signals?: ConversationParts['signals']
}

export class Link {
  readonly peer: PeerId
  /** Twelve groups of five digits, the same on both sides, for two people to compare. */
  readonly safetyNumber: string

  readonly #runtime: Runtime
  readonly #emitter = new Emitter<LinkEvents>()
  readonly #run: Uint8Array
  readonly #outbox: Outbox
  readonly #slab = new Slab()
  readonly #inbox: Inbox
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #conversations = new Set<Conversation>()
  readonly #redial: Redial
  readonly #cards: LinkOptions['cards']
  readonly #signals: LinkOptions['signals']
  readonly #onClose = new Set<() => void>()
  readonly #waiters = new Set<(conversation: Conversation) => void>()
  #state: LinkState = 'idle'
  #current: Conversation | undefined
  #nextTransferId = 0
  /** Attempts to connect that are under way. */
  #attempts = 0
  /** The page was left, and may come back. */
  #isSuspended = false

  /** @internal */
  constructor(options: LinkOptions) {
    this.peer = options.peer
    this.safetyNumber = options.safetyNumber
    this.#runtime = options.runtime
    this.#cards = options.cards
    this.#signals = options.signals
    this.#run = options.log.run
    const onError = (error: unknown) => this.#tell('error', error, error)
    const wake = () => {
      for (const { session } of this.#conversations) session.wake()
    }
    const { peer, runtime, log } = options
    this.#outbox = new Outbox({
      peer,
      runtime,
      log,
      nextTransferId: this.#transferId,
      onStored: wake,
      onQueued: (count) => this.#emitter.emit('queued', count),
      onDelivered: (id) => this.#emitter.emit('delivered', id),
      onRollback: () => {
        for (const conversation of this.#conversations) conversation.sayHello()
        this.#tell('rollback', new HandfastError('rollback', 'The storage was set back or copied'))
      },
      onError,
    })
    this.#inbox = new Inbox({
      peer,
      runtime,
      log,
      onCommitted: wake,
      onGap: (gap) => {
        const error = new HandfastError('gap', `Messages ${gap.from} to ${gap.to} are missing`)
        this.#tell('gap', error, gap)
      },
      onStuck: (stuck) => this.#emitter.emit('stuck', stuck),
      onError,
    })
    this.#redial = new Redial(options.runtime, {
      dial: async (signal) => {
        const end = this.beginAttempt('dial')
        try {
          this.attach(await options.dial(signal))
        } finally {
          end()
        }
      },
      isOpen: () => [...this.#conversations].some(({ session }) => !session.isSilent),
      isNeeded: () => this.#isNeeded,
    })
    void this.#outbox.ready.then(() => {
      if (this.#outbox.length > 0 && !this.#current) this.#redial.want()
    })
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

  /** `idle`, `pending` (dialling), `ticket` or `request` (being called), `open`, `closed` (forgotten). */
  get state(): LinkState {
    return this.#state
  }

  /** Messages that the peer has not handled yet. */
  get queued(): number {
    return this.#outbox.length
  }

  on<K extends keyof LinkEvents>(event: K, listener: (...args: LinkEvents[K]) => void): Unsubscribe
  /** Takes each message in order; the next comes when this one's promise has resolved, and only then does it count as handled. */
  on(event: 'message', handler: MessageHandler): Unsubscribe
  on(event: keyof LinkEvents | 'message', listener: (...args: never[]) => void): Unsubscribe {
    return event === 'message'
      ? this.#inbox.addHandler(listener as MessageHandler)
      : this.#emitter.on(event, listener as (...args: unknown[]) => void)
  }

  /**
   * Sends a message, in any state; dials when there is no session. It is stored before it goes out, and goes out again after a reload
   * (`stored`, with its id). Resolves when a handler of the peer has returned. Aborting `signal` withdraws a message that has not
   * been sent yet; afterwards it is too late.
   * @throws HandfastError `invalid-argument`, `too-large` (over 4 MiB), `queue-full` (64 MiB wait), `storage-failed`, `closed`
   */
  send(message: unknown, options: { signal?: AbortSignal } = {}): Delivery {
    try {
      this.#checkNotClosed()
      const delivery = this.#outbox.add(encodeValue(message, this.#slab.keep), options.signal)
      if (!this.#current) this.#redial.want()
      return delivery
    } catch (error) {
      const refused = new Delivery()
      refused.reject(error)
      return refused
    }
  }

  /** The messages of the peer, in order. A message counts as handled when the next is asked for. Ends when the link is closed. */
  async *messages(): AsyncGenerator<unknown, void, void> {
    let taken = deferred<{ message: unknown; handled: () => void } | undefined>()
    const end = () => taken.resolve(undefined)
    this.#onClose.add(end)
    const unsubscribe = this.#inbox.addHandler((message) => {
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
      this.#onClose.delete(end)
    }
  }

  /** Answers the peer's requests of one method. Replaces an earlier handler. */
  handle(method: string, handler: RequestHandler): Unsubscribe {
    this.#handlers.set(method, handler)
    return () => {
      if (this.#handlers.get(method) === handler) this.#handlers.delete(method)
    }
  }

  /**
   * Asks the peer and resolves with its answer; dials when there is no session. Not sent again: when the session ends meanwhile it fails, and
   * whether it was handled is not known.
   * @throws HandfastError `timeout`, `interrupted`, `no-handler`, `request-failed`, `queue-full`, `too-large`, `invalid-argument`,
   * `closed`; the reason of `signal`
   */
  async request(
    method: string,
    params: unknown = null,
    options: RequestOptions = {},
  ): Promise<unknown> {
    checkName(method)
    const encoded = encodeValue(params)
    return this.#within(options, async (signal) => {
      const { calls } = await this.#connected(signal)
      return calls.request(method, encoded, signal)
    })
  }

  /**
   * Opens a stream of bytes both ways; dials when there is no session. It is cut off with the session.
   * @throws HandfastError `timeout`, `queue-full`, `closed`; the reason of `signal`
   */
  async openStream(name: string, options: RequestOptions = {}): Promise<LinkStream> {
    checkName(name)
    return this.#within(options, async (signal) =>
      (await this.#connected(signal)).streams.open(name),
    )
  }

  /** Dials now, unless there is a session. @throws HandfastError `timeout`, `closed`; the reason of `signal` */
  async connect(options: RequestOptions = {}): Promise<void> {
    await this.#within(options, (signal) => {
      this.#redial.hurry()
      return this.#connected(signal)
    })
  }

  // ── For the mesh ─────────────────────────────────────────────────────────────────────────────────

  /** @internal Dials a few times, so that a peer that is there is found. */
  call(): void {
    this.#redial.want()
  }

  /** @internal The network or the page is back: no more waiting. */
  wake(): void {
    for (const { session } of this.#conversations) session.probe()
    if (this.#isSuspended) this.#redial.want()
    else this.#redial.wake()
    this.#isSuspended = false
  }

  /** @internal Takes an open session into use, as the dialler before it is confirmed. What it brings waits for `until`. */
  attach(session: Session, until?: Promise<void>): void {
    if (this.#state === 'closed') {
      return session.abandon('forgotten')
    }
    const conversation = new Conversation(session, {
      outbox: this.#outbox,
      inbox: this.#inbox,
      run: this.#run,
      handlers: this.#handlers,
      acceptStream: (stream) => {
        const isWanted = this.#emitter.listenerCount('stream') > 0
        this.#emitter.emit('stream', stream)
        return isWanted
      },
      nextTransferId: this.#transferId,
      takeCard: (card) => this.#cards?.take(card),
      signals: this.#signals,
      onGreeted: (greeted) => {
        if (greeted === this.#current) this.#outbox.release()
      },
    })
    this.#conversations.add(conversation)
    void session.ended.then((reason) => this.#onEnded(conversation, reason))
    session.confirmed.then(
      () => this.#onProven(conversation),
      () => {},
    )
    // The next dial begins while this session still stands: a new one replaces it, or it answers after all.
    session.onSilent(() => this.#redial.want())
    if (!this.#current) this.#use(conversation)
    void conversation.start(until)
  }

  /** @internal An attempt to connect has begun; returns how to say that it is over. */
  beginAttempt(event: 'dial' | 'redeemed' | 'called'): () => void {
    this.#attempts++
    this.#transition(event)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#attempts--
      this.#giveUpIfAlone()
    }
  }

  /** Nothing is under way any more. */
  #giveUpIfAlone(): void {
    if (this.#attempts === 0 && this.#conversations.size === 0) this.#transition('failed')
  }

  #transition(event: LinkEvent): void {
    const state = nextLinkState(this.#state, event)
    if (state === this.#state) return
    this.#state = state
    this.#emitter.emit('state', state)
  }

  /** @internal Ends the sessions with a `bye`; at once, when the page is being left. */
  async suspend(reason: SessionEnd, how: 'gracefully' | 'at once'): Promise<void> {
    this.#isSuspended = true
    this.#redial.stop()
    const ending = [...this.#conversations].map(({ session }) =>
      how === 'at once' ? session.abandon(reason) : session.close(reason),
    )
    await Promise.all(ending)
  }

  /** @internal For good. */
  async close(reason: 'forgotten' | 'closed'): Promise<void> {
    if (this.#state === 'closed') return
    this.#transition('closed')
    this.#outbox.close(linkClosed())
    for (const onClose of this.#onClose) onClose()
    this.#inbox.close()
    await this.suspend(reason, 'gracefully')
    this.#emitter.clear()
  }

  // ── Sessions ─────────────────────────────────────────────────────────────────────────────────────

  readonly #transferId = (): number => this.#nextTransferId++

  /** Messages go out on this one from now on, the unacknowledged first. */
  #use(conversation: Conversation | undefined): void {
    if (conversation === this.#current) return
    this.#current?.session.removeSource(this.#outbox)
    this.#current = conversation
    this.#outbox.begin(conversation?.isGreeted ?? false)
    if (!conversation) return
    conversation.session.addSource(this.#outbox, 'interactive')
    conversation.session.wake()
    this.#serveWaiters()
  }

  /** Whether requests and streams can go out. */
  get #isConnected(): boolean {
    return this.#current !== undefined && this.#current.isProven && this.#current.session.isOpen
  }

  #serveWaiters(): void {
    if (!this.#isConnected) return
    for (const waiter of this.#waiters) waiter(this.#current!)
    this.#waiters.clear()
  }

  #onProven(conversation: Conversation): void {
    if (!conversation.session.isOpen) return
    conversation.isProven = true
    if (this.#cards) conversation.calls.push([recordKinds.card, this.#cards.own()])
    const older = [...this.#conversations].filter((each) => each !== conversation && each.isProven)
    if (older.length === 0) this.#use(conversation)
    for (const each of older) this.#settle(each, conversation)
    this.#redial.succeeded()
    this.#transition('proven')
    this.#serveWaiters()
  }

  /**
   * Two sessions are proven. One side dialled again: it has given up the older one. Each side dialled: the one dialled by the
   * lower device key stays, unless it is silent or turns out to be dead.
   */
  #settle(older: Conversation, newer: Conversation): void {
    const order = compareBytes(newer.session.diallerKey, older.session.diallerKey)
    if (order <= 0 || older.session.isSilent) {
      this.#use(newer)
      void older.session.close(order === 0 ? 'replaced' : 'glare')
      return
    }
    older.session.ping().then(
      () => newer.session.close('glare'),
      () => {
        if (newer.session.isOpen) this.#use(newer)
        older.session.abandon('lost')
      },
    )
  }

  #onEnded(conversation: Conversation, reason: SessionEnd): void {
    this.#conversations.delete(conversation)
    if (this.#current === conversation) {
      const others = [...this.#conversations].filter(({ session }) => session.isOpen)
      this.#use(others.find(({ isProven }) => isProven) ?? others[0])
    }
    if (this.#current) return
    this.#transition('lost')
    this.#giveUpIfAlone()
    if (this.#state === 'closed' || this.#isSuspended) return
    const isOurs = reason === 'aged' && conversation.session.role === 'initiator'
    if (reason === 'protocol' || !conversation.isProven) this.#redial.failed()
    else if (reason === 'lost' || this.#isNeeded || isOurs) {
      // Those who wait to connect get one dial each: they are served by a session, however short.
      this.#redial.lost(
        conversation.session.ageMs >= limits.briefSessionMs || this.#waiters.size > 0,
      )
    }
  }

  /** Whether something waits for a session. */
  get #isNeeded(): boolean {
    return this.#outbox.length + this.#waiters.size > 0
  }

  // ── Waiting ──────────────────────────────────────────────────────────────────────────────────────

  /** The session in use, as soon as one is proven. */
  #connected(signal: AbortSignal): Promise<Conversation> {
    if (this.#isConnected) return Promise.resolve(this.#current!)
    return new Promise((resolve, reject) => {
      this.#waiters.add(resolve)
      signal.addEventListener('abort', () => {
        this.#waiters.delete(resolve)
        reject(signal.reason)
      })
      this.#redial.want()
    })
  }

  /** Runs `work` with a signal that also fires at the time-out and when the link is closed. */
  async #within<T>(
    { signal, timeoutMs = limits.defaultRequestTimeoutMs }: RequestOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#checkNotClosed()
    signal?.throwIfAborted()
    const controller = new AbortController()
    const onAbort = () => controller.abort(signal!.reason)
    const onClose = () => controller.abort(linkClosed())
    signal?.addEventListener('abort', onAbort)
    this.#onClose.add(onClose)
    const cancelTimeout = this.#runtime.setTimer(timeoutMs, () =>
      controller.abort(new HandfastError('timeout', 'The peer did not answer in time')),
    )
    try {
      return await work(controller.signal)
    } finally {
      cancelTimeout()
      this.#onClose.delete(onClose)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #checkNotClosed(): void {
    if (this.#state === 'closed') throw linkClosed()
  }
}

const linkClosed = () => new HandfastError('closed', 'The link is closed')

function checkName(name: string): void {
  if (typeof name !== 'string' || name.length === 0 || name.length > limits.maxNameBytes / 4) {
    throw new HandfastError('invalid-argument', 'A name has 1 to 64 characters')
  }
}
