/**
 * The sessions of a link, in the tab that leads. One at a time is used; where two are proven, a rule that both sides share picks the one
 * that stays. Messages outlive them in the outbox and the inbox.
 */

import { compareBytes } from '../base/bytes.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { recordKinds } from '../codec/records.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Session, SessionEnd } from '../session/session.ts'
import type { Carrier, CarrierEvents, Receiver, Reception } from './carrier.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import type { Delivery } from './delivery.ts'
import type { Handover } from './handover.ts'
import { Inbox } from './inbox.ts'
import type { LogOptions } from './log.ts'
import { Outbox } from './outbox.ts'
import { Receivers } from './receivers.ts'
import { Redial } from './redial.ts'
import { nextLinkState, type LinkEvent, type LinkState } from './state.ts'
import type { LinkStream } from './streams.ts'

/** What the sessions of a link need of their mesh. */
export interface SessionsOptions {
  readonly peer: PeerId
  readonly runtime: Runtime
  readonly log: LogOptions
  /** What this tab had sent in another role. */
  readonly handover?: Promise<Handover>
  /** Whether this tab leads still; asked before each message is handed over. Default: it does. */
  readonly leads?: () => true | Promise<boolean>
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

export interface SessionsEvents extends CarrierEvents {
  /** Draft `n` of a tab has become a message with an id; none: it was refused. */
  adopted: [tab: string, n: number, id: string | null]
}

export class Sessions implements Carrier {
  readonly peer: PeerId
  readonly receivers: Receivers
  readonly #emitter = new Emitter<SessionsEvents>()
  readonly #run: Uint8Array
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #conversations = new Set<Conversation>()
  readonly #redial: Redial
  readonly #cards: SessionsOptions['cards']
  readonly #signals: SessionsOptions['signals']
  readonly #waiters = new Set<Waiter>()
  #state: LinkState = 'idle'
  #current: Conversation | undefined
  #nextTransferId = 0
  /** Attempts to connect that are under way. */
  #attempts = 0
  /** The page was left, and may come back. */
  #isSuspended = false

  constructor(options: SessionsOptions) {
    const { peer, runtime, log } = options
    this.peer = peer
    this.#cards = options.cards
    this.#signals = options.signals
    this.#run = log.run
    // A tab that leads no more is about to be told.
    const onError = (error: unknown) => isNotLeading(error) || this.#emitter.emit('error', error)
    const wake = () => {
      for (const { session } of this.#conversations) session.wake()
    }
    this.#outbox = new Outbox({
      peer,
      runtime,
      log,
      nextTransferId: this.#transferId,
      ...(options.handover ? { handover: options.handover } : {}),
      onStored: () => {
        wake()
        if (!this.#current && !this.#isSuspended) this.#redial.want()
      },
      onQueued: (count) => this.#emitter.emit('queued', count),
      onDelivered: (id) => this.#emitter.emit('delivered', id),
      onAdopted: (tab, n, id) => this.#emitter.emit('adopted', tab, n, id),
      onRollback: () => {
        for (const conversation of this.#conversations) conversation.sayHello()
        this.#emitter.emit('rollback')
      },
      onError,
    })
    this.#inbox = new Inbox({
      peer,
      runtime,
      log,
      onCommitted: wake,
      onGap: (gap) => this.#emitter.emit('gap', gap),
      onStuck: (stuck) => this.#emitter.emit('stuck', stuck),
      onError,
    })
    this.receivers = new Receivers(this.#inbox, options.leads)
    this.#redial = new Redial(runtime, {
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

  // ── For the link ─────────────────────────────────────────────────────────────────────────────────

  get state(): LinkState {
    return this.#state
  }

  get queued(): number {
    return this.#outbox.length
  }

  on<K extends keyof SessionsEvents>(
    event: K,
    listener: (...args: SessionsEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  receive(receiver: Receiver): Reception {
    return this.receivers.add(receiver, 'first')
  }

  send(encoded: Uint8Array, signal?: AbortSignal): Delivery {
    const delivery = this.#outbox.add(encoded, signal)
    if (!this.#current) this.#redial.want()
    return delivery
  }

  async request(method: string, params: Uint8Array, signal: AbortSignal): Promise<unknown> {
    const { calls } = await this.#connected(signal)
    return calls.request(method, params, signal)
  }

  async openStream(name: string, signal: AbortSignal): Promise<LinkStream> {
    return (await this.#connected(signal)).streams.open(name)
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#redial.hurry()
    await this.#connected(signal)
  }

  // ── For the mesh ─────────────────────────────────────────────────────────────────────────────────

  /** Dials a few times, so that a peer that is there is found. */
  call(): void {
    this.#redial.want()
  }

  /** The network or the page is back: no more waiting. */
  wake(): void {
    for (const { session } of this.#conversations) session.probe()
    if (this.#isSuspended) this.#redial.want()
    else this.#redial.wake()
    this.#isSuspended = false
  }

  /** A way to the peer has opened: what waited for one, or was lost on one that is gone, begins anew. */
  retry(): void {
    if (!this.#isSuspended) this.#redial.wake()
  }

  /** Takes an open session into use, as the dialler before it is confirmed. What it brings waits for `until`. */
  attach(session: Session, until?: Promise<void>): void {
    if (this.#state === 'closed') {
      return session.abandon('forgotten')
    }
    const conversation = new Conversation(session, {
      outbox: this.#outbox,
      inbox: this.#inbox,
      run: this.#run,
      handlers: this.receivers,
      acceptStream: (stream) => this.receivers.stream(stream),
      nextTransferId: this.#transferId,
      takeCard: (card) => this.#cards?.take(card),
      signals: this.#signals,
      onGreeted: (greeted) => {
        if (greeted === this.#current) this.#outbox.proceed()
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

  /** An attempt to connect has begun; returns how to say that it is over. */
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

  /** Ends the sessions with a `bye`; at once, when the page is being left. */
  async suspend(reason: SessionEnd, how: 'gracefully' | 'at once'): Promise<void> {
    this.#isSuspended = true
    this.#redial.stop()
    const ending = [...this.#conversations].map(({ session }) =>
      how === 'at once' ? session.abandon(reason) : session.close(reason),
    )
    await Promise.all(ending)
  }

  /** This tab leads no more: all ends at once, and what its applications wait for goes to its next role. */
  release(): Promise<Handover> {
    this.#turnAway(new HandfastError('not-leading'))
    this.#inbox.close()
    const handover = this.#outbox.release()
    void this.suspend('suspended', 'at once')
    this.#emitter.clear()
    return handover
  }

  // ── For tabs that follow ─────────────────────────────────────────────────────────────────────────

  /** There are drafts. */
  adopt(): void {
    this.#outbox.adopt()
  }

  /** Which of these the peer has handled. */
  async deliveredOf(ids: readonly string[]): Promise<string[]> {
    await this.#outbox.ready
    return ids.filter((id) => this.#outbox.isDelivered(id))
  }

  /** Whether there was still time. */
  takeBack(id: string): Promise<boolean> {
    return this.#outbox.withdraw(id)
  }

  /** For good. */
  async close(reason: 'forgotten' | 'closed'): Promise<void> {
    if (this.#state === 'closed') return
    this.#transition('closed')
    this.#outbox.close(linkClosed())
    this.#turnAway(linkClosed())
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
    conversation?.catchUp()
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
    for (const { resolve } of this.#waiters) resolve(this.#current!)
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
   * lower device key stays, unless it is silent or turns out to be dead. One that is older than two dials at once can account for is
   * likely dead: until it shows, the newer one is used.
   */
  #settle(older: Conversation, newer: Conversation): void {
    const order = compareBytes(newer.session.diallerKey, older.session.diallerKey)
    if (order <= 0 || older.session.isSilent) {
      this.#use(newer)
      void older.session.close(order === 0 ? 'replaced' : 'glare')
      return
    }
    if (older.session.ageMs >= limits.glareMs) this.#use(newer)
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
    if (this.#state === 'closed') return Promise.reject(linkClosed())
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', () => {
        this.#waiters.delete(waiter)
        reject(signal.reason)
      })
      this.#redial.want()
    })
  }

  #turnAway(error: HandfastError): void {
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
  }
}

interface Waiter {
  readonly resolve: (conversation: Conversation) => void
  readonly reject: (error: unknown) => void
}

const linkClosed = () => new HandfastError('closed', 'The link is closed')
