/**
 * The sessions of a link, in the tab that leads. Several devices of the peer may be there at once, with one session each; where two with one
 * device are proven, a rule that both sides share picks the one that stays. What is sent goes to the _answering_ device: the one that it
 * has gone to before, as long as that is there, else the one that is proven first. Messages outlive sessions in the outbox and the inboxes.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import type { Runtime } from '../base/runtime.ts'
import type { CborValue } from '../codec/cbor.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { SessionEnd } from '../session/session-end.ts'
import type { Session } from '../session/session.ts'
import { linkClosed, type Carrier, type Receiver, type Reception } from './carrier.ts'
import { choose, isSameDevice, settle } from './choice.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import type { Delivery, Fates } from './delivery.ts'
import type { SessionsEvents } from './events.ts'
import type { Handover } from './handover.ts'
import { Inboxes } from './inboxes.ts'
import type { LinkStats } from './link-stats.ts'
import type { LogOptions } from './log.ts'
import { Outbox } from './outbox.ts'
import { Receivers } from './receivers.ts'
import { Redial } from './redial.ts'
import type { Rights } from './rights.ts'
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
  /** What a device of the peer may do, as it is at any time. */
  readonly rights: (device: Uint8Array) => Rights
  /** A record or message of the peer was refused, for want of that scope. */
  readonly onRefused: (scope: string) => void
  /** Whether there are the sessions that are wanted. Default: one with any device of the peer is enough. */
  readonly isReached?: () => boolean
}

export class Sessions implements Carrier {
  readonly peer: PeerId
  readonly receivers: Receivers
  readonly #options: SessionsOptions
  readonly #events = new Emitter<SessionsEvents>()
  readonly #outbox: Outbox
  readonly #inboxes: Inboxes
  #conversations: readonly Conversation[] = []
  readonly #redial: Redial
  readonly #waiters = new Set<Deferred<Conversation>>()
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
    const { peer, runtime, isReached = () => this.hasSession(() => true) } = options
    const events = this.#events
    this.peer = peer
    this.#options = options
    // A tab that leads no more is about to be told.
    const onError = (error: unknown) => isNotLeading(error) || events.emit('error', error)
    const wake = () => {
      for (const { session } of this.#conversations) session.wake()
    }
    this.#outbox = new Outbox({
      ...options,
      events,
      nextTransferId: this.#transferId,
      onMore: () => {
        wake()
        if (!this.#current && !this.#isSuspended) this.#redial.want()
      },
      onNewLog: (isRollback) => {
        for (const conversation of this.#conversations) conversation.catchUp()
        if (isRollback) events.emit('rollback')
      },
      onError,
    })
    this.#inboxes = new Inboxes({
      ...options,
      events,
      isThere: (device) => this.#conversations.some((each) => equalBytes(each.device, device)),
      onCommitted: wake,
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
      isOpen: isReached,
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
    return this.#events.on(event, listener)
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
    return this.#conversations.some(({ device, session }) => !session.isSilent && isMeant(device))
  }

  /** For developers. */
  async stats(): Promise<LinkStats> {
    const open = this.#conversations.filter(({ session }) => session.isOpen)
    const sessions = await Promise.all(
      open.map(async (each) => {
        const stats = await each.session.stats()
        return { ...stats, answers: each === this.#current }
      }),
    )
    const { length: messages, bytes } = this.#outbox
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
    const { rights, onRefused, announcements, signals } = this.#options
    const conversation = new Conversation(session, {
      outbox: this.#outbox,
      inbox: this.#inboxes.of(session.peerDeviceKey),
      rights: rights(session.peerDeviceKey),
      onRefused,
      receivers: this.receivers,
      nextTransferId: this.#transferId,
      announcements,
      signals,
      onGreeted: (greeted) => {
        if (greeted === this.#current) this.#outbox.proceed()
      },
    })
    this.#conversations = [...this.#conversations, conversation]
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
    if (this.#attempts === 0 && this.#conversations.length === 0) this.#transition('failed')
  }

  #transition(event: LinkEvent): void {
    const state = nextLinkState(this.#state, event)
    if (state === this.#state) return
    this.#state = state
    this.#events.emit('state', state)
  }

  /** Ends the sessions with a `bye`; at once, when the page is being left. */
  async suspend(reason: SessionEnd, how: 'gracefully' | 'at once'): Promise<void> {
    this.#isSuspended = true
    this.#redial.stop()
    const ending = this.#conversations.map(({ session }) =>
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
    this.#events.clear()
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
      handled: ids.filter((id) => this.#outbox.head.isDelivered(id)),
      refused: ids.filter((id) => this.#outbox.head.isRefused(id)),
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
    this.#events.clear()
  }

  // ── Sessions ─────────────────────────────────────────────────────────────────────────────────────

  readonly #transferId = (): number => this.#nextTransferId++

  #choose(): void {
    if (!this.#isReady) return
    const isOpenTo = (device: Uint8Array) => this.#outbox.head.isOpenTo(device)
    this.#use(choose(this.#conversations, this.#current, isOpenTo))
  }

  /** Messages go out on this one from now on, the unacknowledged first. */
  #use(conversation: Conversation | undefined): void {
    if (conversation === this.#current) return
    this.#current?.session.sources.remove(this.#outbox)
    this.#current = conversation
    if (conversation) this.#outbox.bind(conversation.device)
    this.#outbox.begin(conversation?.isGreeted ?? false)
    if (!conversation) return
    conversation.catchUp()
    conversation.session.sources.add(this.#outbox, 'interactive')
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
    this.#events.emit('session', conversation.session)
    conversation.announce()
    const others = this.#conversations.filter((each) => each !== conversation && each.isProven)
    const older = others.filter((each) => isSameDevice(each, conversation))
    if (older.length === 0) this.#choose()
    for (const each of older) settle(each, conversation, () => this.#replace(each, conversation))
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

  /** If it is in use. */
  #replace(older: Conversation, newer: Conversation): void {
    if (!this.#current) this.#choose()
    else if (isSameDevice(this.#current, older)) this.#use(newer)
  }

  #onEnded(conversation: Conversation, reason: SessionEnd): void {
    this.#conversations = this.#conversations.filter((each) => each !== conversation)
    this.#events.emit('session', conversation.session, reason)
    this.#choose()
    if (this.#current || this.#conversations.some(({ session }) => session.isOpen)) {
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
    const waiter = deferred<Conversation>()
    this.#waiters.add(waiter)
    onAbort(signal, () => {
      this.#waiters.delete(waiter)
      waiter.reject(signal.reason)
    })
    this.#redial.want()
    return waiter.promise
  }

  #turnAway(error: HandfastError): void {
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
  }
}
