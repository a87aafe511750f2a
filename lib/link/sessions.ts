/**
 * The sessions of a link, in the tab that leads. Several devices of the peer may be there at once, with one session each; where two with one
 * device are proven, a rule that both sides share picks the one that stays. What is sent goes to the _answering_ device: the one that it
 * has gone to before, as long as that is there, else the one that is proven first. Messages outlive sessions in the outbox and the inboxes.
 */

import { compareBytes, equalBytes, toBase64url } from '../base/bytes.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { CborValue } from '../codec/cbor.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Session, SessionEnd } from '../session/session.ts'
import type { Carrier, CarrierEvents, Receiver, Reception } from './carrier.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import type { Delivery, Fates } from './delivery.ts'
import type { Handover } from './handover.ts'
import { Inboxes } from './inboxes.ts'
import type { LinkStats } from './link-stats.ts'
import type { LogOptions } from './log.ts'
import { Outbox } from './outbox.ts'
import { Receivers } from './receivers.ts'
import { Redial } from './redial.ts'
import { anything, type Rights } from './rights.ts'
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
  readonly announcements?: ConversationParts['announcements']
  readonly signals?: ConversationParts['signals']
  /** What a device of the peer may do, as it is at any time. Default: anything. */
  readonly rights?: (device: Uint8Array) => Rights
  /** A record of the peer was refused, for want of that scope. */
  readonly onRefused?: (scope: string) => void
  /** Whether there are the sessions that are wanted. Default: one with any device of the peer is enough. */
  readonly isReached?: () => boolean
}

export interface SessionsEvents extends CarrierEvents {
  /** Draft `n` of a tab has become a message with an id; none: it was refused. */
  adopted: [tab: string, n: number, id: string | null]
  /** So many messages were stored. */
  stored: [count: number]
  /** One is proven; with a reason: it has ended, proven or not. */
  session: [session: Session, end?: SessionEnd]
}

export class Sessions implements Carrier {
  readonly peer: PeerId
  readonly receivers: Receivers
  readonly #emitter = new Emitter<SessionsEvents>()
  readonly #run: Uint8Array
  readonly #outbox: Outbox
  readonly #inboxes: Inboxes
  readonly #conversations = new Set<Conversation>()
  readonly #redial: Redial
  readonly #announcements: SessionsOptions['announcements']
  readonly #signals: SessionsOptions['signals']
  readonly #rightsOf: (device: Uint8Array) => Rights
  readonly #onRefused: (scope: string) => void
  readonly #isReached: () => boolean
  readonly #waiters = new Set<Waiter>()
  #state: LinkState = 'idle'
  #current: Conversation | undefined
  #nextTransferId = 0
  /** Attempts to connect that are under way. */
  #attempts = 0
  /** The page was left, and may come back. */
  #isSuspended = false
  /** The outbox has been read. */
  #isReady = false

  constructor(options: SessionsOptions) {
    const { peer, runtime, log } = options
    this.peer = peer
    this.#announcements = options.announcements
    this.#signals = options.signals
    this.#rightsOf = options.rights ?? (() => anything)
    this.#onRefused = options.onRefused ?? (() => {})
    this.#isReached = options.isReached ?? (() => this.hasSession(() => true))
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
      onStored: (stored) => {
        if (stored) this.#emitter.emit('stored', stored)
        wake()
        if (!this.#current && !this.#isSuspended) this.#redial.want()
      },
      onQueued: (count) => this.#emitter.emit('queued', count),
      onDelivered: (id) => this.#emitter.emit('delivered', id),
      onRefused: (id) => this.#emitter.emit('refused', id),
      onAdopted: (tab, n, id) => this.#emitter.emit('adopted', tab, n, id),
      onNewLog: (isRollback) => {
        for (const conversation of this.#conversations) conversation.catchUp()
        if (isRollback) this.#emitter.emit('rollback')
      },
      onError,
    })
    this.#inboxes = new Inboxes({
      peer,
      runtime,
      log,
      isThere: (device) => [...this.#conversations].some((each) => equalBytes(each.device, device)),
      rightsOf: this.#rightsOf,
      onRefused: this.#onRefused,
      onCommitted: wake,
      onGap: (gap) => this.#emitter.emit('gap', gap),
      onStuck: (stuck) => this.#emitter.emit('stuck', stuck),
      onError,
    })
    this.receivers = new Receivers(this.#inboxes, options.leads)
    this.#redial = new Redial(runtime, {
      dial: async (signal) => {
        const end = this.beginAttempt('dial')
        try {
          this.attach(await options.dial(signal))
        } finally {
          end()
        }
      },
      isOpen: () => this.#isReached(),
      isNeeded: () => this.#isNeeded,
    })
    void this.#outbox.ready.then(() => {
      this.#isReady = true
      this.#choose()
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

  /** With one of these devices, that answers. */
  hasSession(isMeant: (device: Uint8Array) => boolean): boolean {
    return [...this.#conversations].some(
      ({ device, session }) => !session.isSilent && isMeant(device),
    )
  }

  /** For developers. */
  async stats(): Promise<LinkStats> {
    const open = [...this.#conversations].filter(({ session }) => session.isOpen)
    const sessions = await Promise.all(
      open.map(async (each) => {
        const stats = await each.session.stats()
        return { ...stats, answers: each === this.#current }
      }),
    )
    const { length: messages, queuedBytes: bytes } = this.#outbox
    return { peer: this.peer, state: this.#state, waiting: { messages, bytes }, sessions }
  }

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
      inbox: this.#inboxes.of(session.peerDeviceKey),
      run: this.#run,
      rights: this.#rightsOf(session.peerDeviceKey),
      onRefused: this.#onRefused,
      handlers: this.receivers,
      acceptStream: (stream) => this.receivers.stream(stream),
      nextTransferId: this.#transferId,
      announcements: this.#announcements,
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
    this.#choose()
    void conversation.start(until)
  }

  /**
   * Ends at once what there is with these devices of the peer: nothing more of them is heard, and they get nothing more than `lastWords`.
   */
  endDevice(
    isMeant: (device: Uint8Array) => boolean,
    reason: SessionEnd,
    lastWords: readonly CborValue[][] = [],
  ): void {
    for (const conversation of this.#conversations) {
      if (!isMeant(conversation.device)) continue
      conversation.turnAway(lastWords)
      void conversation.session.close(reason)
    }
    void this.#inboxes.forget(isMeant)
    this.#choose()
  }

  /** Tells the peer what is new of what each session begins with. */
  announce(): void {
    for (const conversation of this.#conversations) {
      if (conversation.isProven) conversation.announce()
    }
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
    this.#inboxes.close()
    const handover = this.#outbox.release()
    void this.suspend('suspended', 'at once')
    this.#emitter.clear()
    return handover
  }

  /** What one side may do has changed. */
  reviewRights(): void {
    for (const conversation of this.#conversations) conversation.review()
    this.#inboxes.deliver()
  }

  // ── For tabs that follow ─────────────────────────────────────────────────────────────────────────

  /** There are drafts. */
  adopt(): void {
    this.#outbox.adopt()
  }

  /** Which of these the peer has handled, and which it has refused. */
  async deliveredOf(ids: readonly string[]): Promise<Fates> {
    await this.#outbox.ready
    return {
      handled: ids.filter((id) => this.#outbox.isDelivered(id)),
      refused: ids.filter((id) => this.#outbox.isRefused(id)),
    }
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
    this.#inboxes.close()
    await this.suspend(reason, 'gracefully')
    this.#emitter.clear()
  }

  // ── Sessions ─────────────────────────────────────────────────────────────────────────────────────

  readonly #transferId = (): number => this.#nextTransferId++

  /** The session in use stays, unless it is not proven and another is. */
  #choose(): void {
    if (!this.#isReady) return
    const open = [...this.#conversations].filter(({ session }) => session.isOpen)
    const proven = open.filter(({ isProven }) => isProven)
    const current = this.#current
    if (current && open.includes(current) && (current.isProven || proven.length === 0)) return
    const isBound = ({ device }: Conversation) => this.#outbox.isOpenTo(device)
    const best = proven.find(isBound) ?? proven[0] ?? open.find(isBound)
    // One that is ending is kept until it has, if there is no other.
    if (best || !current || !this.#conversations.has(current)) this.#use(best)
  }

  /** Messages go out on this one from now on, the unacknowledged first. */
  #use(conversation: Conversation | undefined): void {
    if (conversation === this.#current) return
    this.#current?.session.removeSource(this.#outbox)
    this.#current = conversation
    if (conversation) this.#outbox.bind(conversation.device)
    this.#outbox.begin(conversation?.isGreeted ?? false)
    if (!conversation) return
    conversation.catchUp()
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
    this.#emitter.emit('session', conversation.session)
    conversation.announce()
    const others = [...this.#conversations].filter((each) => each !== conversation && each.isProven)
    const isSame = ({ device }: Conversation) => equalBytes(device, conversation.device)
    const older = others.filter(isSame)
    if (older.length === 0) this.#choose()
    for (const each of older) this.#settle(each, conversation)
    const devices = new Set(others.map(({ device }) => toBase64url(device)))
    if (older.length === 0 && devices.size >= limits.maxDevicesPerPeer) {
      others.find((each) => each !== this.#current)?.session.abandon('replaced')
    }
    this.#redial.succeeded()
    // Where another device is wanted, too.
    this.#redial.want()
    this.#transition('proven')
    this.#serveWaiters()
  }

  /**
   * Two sessions with one device are proven. One side dialled again: it has given up the older one. Each side dialled: the one dialled by the
   * lower device key stays, unless it is silent or turns out to be dead. One that is older than two dials at once can account for is
   * likely dead: until it shows, the newer one is used.
   */
  #settle(older: Conversation, newer: Conversation): void {
    const order = compareBytes(newer.session.diallerKey, older.session.diallerKey)
    if (order <= 0 || older.session.isSilent) {
      this.#replace(older, newer)
      void older.session.close(order === 0 ? 'replaced' : 'glare')
      return
    }
    if (older.session.ageMs >= limits.glareMs) this.#replace(older, newer)
    older.session.ping().then(
      () => newer.session.close('glare'),
      () => {
        if (newer.session.isOpen) this.#replace(older, newer)
        older.session.abandon('lost')
      },
    )
  }

  /** If it is in use. */
  #replace(older: Conversation, newer: Conversation): void {
    if (!this.#current) this.#choose()
    else if (equalBytes(this.#current.device, older.device)) this.#use(newer)
  }

  #onEnded(conversation: Conversation, reason: SessionEnd): void {
    this.#conversations.delete(conversation)
    this.#emitter.emit('session', conversation.session, reason)
    this.#choose()
    if (this.#current || [...this.#conversations].some(({ session }) => session.isOpen)) {
      if (reason === 'lost' && !this.#isSuspended) this.#redial.want()
      return
    }
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
