/**
 * The tab that leads a mesh: it knows the contacts, calls and answers them, and holds all sessions and all logs. What it reports goes to
 * the `Mesh` of its tab, and to those of the tabs that follow.
 */

import { toBase64url, utf8 } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { Emitter, reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Identity } from '../identity/identity.ts'
import { parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { eraseLog, logTables, type LogOptions } from '../link/log.ts'
import { sweepMarkers } from '../link/drafts.ts'
import { abandon, type Handover } from '../link/handover.ts'
import { Sessions } from '../link/sessions.ts'
import { within, type RequestOptions } from '../link/within.ts'
import { Answerer } from '../session/answer.ts'
import { dial, type DialOptions } from '../session/dial.ts'
import { networkId } from '../session/handshake.ts'
import { openFirstContact, openKnownContact, type Outcome } from '../session/openings.ts'
import { contactTag, msUntilNextDay, utcDay } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { TicketBook } from '../ticket/book.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { Transport } from '../transport/transport.ts'
import { WebRtcTransport } from '../transport/webrtc.ts'
import { Callers } from './callers.ts'
import { cardText, parseCard, readCard, type Card } from './card.ts'
import { openOwnCard } from './cards.ts'
import { Contacts, type Contact } from './contacts.ts'
import { Introductions } from './introductions.ts'
import { Mailroom } from './mailroom.ts'
import type { InviteOptions, MeshOptions } from './options.ts'
import { Paths, type PathState } from './paths.ts'
import type { Role, RoleEvents } from './role.ts'
import { Roster } from './roster.ts'

export interface Leadership {
  /** 16 random bytes that name it. */
  readonly run: Uint8Array
  /** Whether it lasts; a tab that has slept has to look. */
  readonly leads?: () => true | Promise<boolean>
}

interface Parts {
  readonly contacts: Contacts
  readonly book: TicketBook
  readonly answerer: Answerer
  readonly card: Card
  readonly paths: Paths
  readonly transport: Transport
  readonly idleTimeoutMs: number
}

export class Leader implements Role {
  readonly #identity: Identity
  readonly #network: Uint8Array
  readonly #relays: readonly string[]
  readonly #parts: Parts
  readonly #callers: Callers
  readonly #introductions: Introductions | undefined
  readonly #mailroom: Mailroom
  readonly #roster: Roster
  readonly #log: LogOptions
  readonly #leads: Leadership['leads']
  readonly #emitter = new Emitter<RoleEvents>()
  readonly #dials = new Semaphore(limits.maxConcurrentDials)
  readonly #closing = new AbortController()
  readonly #underWay = new Set<AbortController>()
  readonly #undo: Unsubscribe[] = []
  #handovers = new Map<PeerId, Promise<Handover>>()
  #cancelHousekeeping: () => void = () => {}
  #closed: Promise<void> | undefined

  private constructor(
    { identity, network = 'main', relays = [], receive, introductions = true }: MeshOptions,
    { run, leads }: Leadership,
    parts: Parts,
  ) {
    const { contacts, book, answerer, paths } = parts
    this.#identity = identity
    this.#network = networkId(network)
    this.#relays = relays
    this.#parts = parts
    this.#leads = leads
    this.#log = {
      store: identity.store,
      commits: new GroupCommit(identity.store, logTables),
      run,
      commit: receive?.commit ?? 'batch',
    }
    this.#roster = new Roster(
      (peer) => this.#makeSessions(peer),
      (sessions) => this.#emitter.emit('link', sessions.peer, sessions),
    )
    this.#callers = new Callers({
      identity,
      network: this.#network,
      contacts,
      book,
      roster: this.#roster,
      onReserved: (contact) => this.#listenFor(contact),
      keep: (contact) => this.#keep(contact),
      isClosed: () => this.#closed !== undefined,
    })
    const call = (peer: PeerId) => this.#roster.proven.get(peer)?.call()
    const { runtime } = identity
    this.#introductions = introductions ? new Introductions({ runtime, call }) : undefined
    this.#mailroom = new Mailroom({
      identity,
      paths,
      introductions: this.#introductions,
      receive: (slot, packet) => {
        const reception = this.#callers.at(slot)
        if (reception) void answerer.receive(slot.tag, packet, reception)
      },
    })
  }

  /**
   * Loads what the identity's store holds; `begin` does the rest.
   * @throws HandfastError `invalid-argument`, `storage-failed`, `unsupported`
   */
  static async open(options: MeshOptions, leadership: Leadership): Promise<Leader> {
    const { identity, relays = [], ice, signaling, WebSocket } = options
    const { runtime } = identity
    const { transport = new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) }) } = options
    const { idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
    const contacts = await Contacts.open(identity)
    const book = await TicketBook.open(identity)
    const answerer = await Answerer.open({ identity, transport, idleTimeoutMs })
    const { card, formerRelays } = await openOwnCard(identity, relays)
    const paths = new Paths({ runtime, relays, formerRelays, signaling, WebSocket })
    const parts = { contacts, book, answerer, card, paths, transport, idleTimeoutMs }
    return new Leader(options, leadership, parts)
  }

  on<K extends keyof RoleEvents>(
    event: K,
    listener: (...args: RoleEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  get signaling(): readonly PathState[] {
    return this.#parts.paths.states
  }

  get tickets(): readonly Ticket[] {
    return [...this.#parts.book.values()].flatMap(({ live }) => live?.ticket ?? [])
  }

  /** Closed, or released. */
  get isOver(): boolean {
    return this.#closing.signal.aborted
  }

  /** The sessions of every proven contact. */
  get links(): ReadonlyMap<PeerId, Sessions> {
    return this.#roster.proven
  }

  async invite(options: InviteOptions = {}): Promise<Ticket> {
    const { expiresInMs = limits.defaultTicketLifetimeMs, uses = 1 } = options
    const { purpose = 'contact', memo = '' } = options
    if (
      !isWithin(expiresInMs, limits.maxTicketLifetimeMs) ||
      !isWithin(uses, limits.maxTicketUses) ||
      !Number.isInteger(uses) ||
      utf8(purpose).length > limits.maxPurposeBytes ||
      utf8(memo).length > limits.maxMemoBytes
    ) {
      throw new HandfastError('invalid-argument', 'A limit of InviteOptions')
    }
    const expiresAtMs = this.#identity.runtime.now() + expiresInMs
    const ticket = await this.#parts.book.issue({
      expiresS: Math.ceil(expiresAtMs / 1000),
      relays: this.#relays.filter(isAllowedRelayUrl).slice(0, limits.maxTicketRelays),
      uses,
      for: options.for === undefined ? null : parsePeerId(options.for),
      purpose,
      memo,
    })
    this.#mailroom.openTicket(ticket.tag, ticket.expiresAt.getTime())
    this.#scheduleHousekeeping()
    this.#emitter.emit('tickets')
    return ticket
  }

  async withdraw(tag: Uint8Array): Promise<void> {
    this.#mailroom.closeTicket(tag)
    await this.#parts.book.withdraw(tag)
    this.#emitter.emit('tickets')
  }

  async accept(ticket: Ticket, options: RequestOptions, served: Promise<void>): Promise<PeerId> {
    const now = this.#identity.runtime.now()
    if (ticket.expiresAt.getTime() <= now) {
      throw new HandfastError('ticket-expired', 'The ticket has expired; ask for a new one')
    }
    const { peer } = this.#identity
    if (ticket.issuer === peer || (ticket.for !== null && ticket.for !== peer)) {
      throw new HandfastError('ticket-wrong-party', 'The ticket is your own or for somebody else')
    }
    const earlier = this.#parts.contacts.ofTicket(ticket.tag, ticket.issuer)
    if (earlier) {
      // It has been granted a pact already: that of a lost answer, or of a link that has been there for long.
      const sessions = this.#roster.of(ticket.issuer)
      await within(this.#identity.runtime, options, this.#underWay, (signal) =>
        sessions.connect(signal),
      )
      if (earlier.provisionalUntilMs !== null) await this.#keep(earlier)
      this.#roster.show(sessions)
      return ticket.issuer
    }
    const signaling = this.#parts.paths.through(ticket.relays)
    try {
      await this.#redeem(ticket, signaling, options, served)
      return ticket.issuer
    } finally {
      await signaling.close()
    }
  }

  /** `served`: what the peer says first waits for it. */
  async #redeem(
    ticket: Ticket,
    signaling: Signaling,
    options: RequestOptions,
    served: Promise<void>,
  ): Promise<void> {
    const identity = this.#identity
    let contact: Contact
    const session = await this.#dial({
      signaling,
      tag: ticket.tag,
      open: (description, replyTag) =>
        openFirstContact(identity, this.#network, ticket, description, replyTag),
      onAcknowledged: async (outcome) => {
        contact = await this.#reserve(ticket, outcome)
        this.#listenFor(contact)
      },
      ...options,
    })
    const sessions = this.#roster.of(ticket.issuer)
    sessions.attach(session, served)
    try {
      await session.confirmed
      await this.#keep(contact!)
    } catch (error) {
      session.abandon('closed')
      throw error
    }
    this.#roster.show(sessions)
  }

  /** The issuer has granted a pact. Not one that it has with somebody else, or had with us before. */
  async #reserve(ticket: Ticket, { peer, chain, pact }: Outcome): Promise<Contact> {
    const known = this.#parts.contacts.get(toBase64url(peer.pactId))
    if (known && (known.peer !== peer.peer || known.provisionalUntilMs === null)) {
      throw new HandfastError('bad-packet')
    }
    return this.#parts.contacts.add({
      ...peer,
      chain,
      pact: pact!,
      relays: ticket.relays,
      ticketTag: ticket.tag,
      provisionalUntilMs: ticket.expiresAt.getTime(),
      provenAtMs: 0,
    })
  }

  async card(): Promise<string> {
    return cardText(this.#parts.card)
  }

  async readCard(text: string): Promise<PeerId> {
    const { contacts } = this.#parts
    const card = parseCard(text, this.#identity.runtime.now() / 1000)
    const sessions = this.#roster.proven.get(card.peer)
    if (!sessions || contacts.ofDevice(card).length === 0) {
      throw new HandfastError('bad-card', 'The card is of nobody known')
    }
    if (contacts.cardNumberOf(card) > card.number) {
      throw new HandfastError('bad-card', 'A newer card of that contact is known')
    }
    await this.#learn(card)
    this.#closing.signal.throwIfAborted()
    sessions.call()
    return card.peer
  }

  async #learn(card: Card): Promise<void> {
    for (const contact of await this.#parts.contacts.learn(card))
      this.#mailroom.moveContact(contact)
  }

  /** A card that `peer` sent: its own and well made, or else the session ends. Older ones are no news. */
  #takeCard(peer: PeerId, bytes: Uint8Array): void {
    const card = readCard(bytes, this.#identity.runtime.now() / 1000)
    if (card.peer !== peer || this.#parts.contacts.ofDevice(card).length === 0) {
      throw new HandfastError('bad-card')
    }
    this.#learn(card).catch(report)
  }

  async forget(peer: PeerId): Promise<void> {
    for (const { id } of await this.#parts.contacts.forget(peer)) this.#mailroom.closeContact(id)
    const wasSeen = this.#roster.proven.has(peer)
    const sessions = this.#roster.remove(peer)
    if (wasSeen) this.#emitter.emit('forgotten', peer)
    this.#introductions?.forget(peer)
    // At once: one that is met again meanwhile has nothing of the old log.
    await Promise.all([sessions?.close('forgotten'), eraseLog(this.#log, peer)])
  }

  /** Ends all sessions, keeps all contacts. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** What tabs that are gone have left: drafts are sent, and what tells them of their messages goes. */
  async sweep(isLive: (tab: string) => boolean): Promise<void> {
    await sweepMarkers(this.#log, isLive)
    for (const sessions of this.#roster.all()) sessions.adopt()
  }

  /** This tab leads no more: all ends at once. Returns what each link's applications wait for. */
  release(): Map<PeerId, Promise<Handover>> {
    this.#stop(new HandfastError('not-leading'))
    const all = [...this.#roster.all()].map(
      (sessions) => [sessions.peer, sessions.release()] as const,
    )
    this.#closed ??= this.#parts.paths.close()
    this.#emitter.clear()
    return new Map(all)
  }

  async #close(): Promise<void> {
    this.#stop(new HandfastError('closed', 'The mesh is closed'))
    await Promise.all(this.#roster.all().map((sessions) => sessions.close('closed')))
    await this.#parts.paths.close()
    this.#emitter.clear()
  }

  #stop(reason: HandfastError): void {
    this.#closing.abort(reason)
    for (const controller of this.#underWay) controller.abort(reason)
    this.#cancelHousekeeping()
    this.#parts.answerer.close()
    this.#mailroom.close()
    for (const undo of this.#undo) undo()
  }

  // ── Beginning and housekeeping ───────────────────────────────────────────────────────────────────

  /** Calls and answers. `handovers`: of the links that this tab had in another role. */
  begin(handovers: ReadonlyMap<PeerId, Promise<Handover>> = new Map()): void {
    this.#handovers = new Map(handovers)
    const { runtime } = this.#identity
    const { book, contacts, paths } = this.#parts
    for (const { tag, expiresAtMs } of book.values()) {
      this.#mailroom.openTicket(tag, expiresAtMs)
    }
    for (const contact of contacts.values()) {
      this.#mailroom.openContact(contact)
      const sessions = this.#roster.of(contact.peer)
      if (contact.provisionalUntilMs === null) this.#roster.show(sessions)
      // Who holds a pact of our own ticket and has never come: it is theirs to call.
      const isTheirs = contact.provisionalUntilMs !== null && book.find(contact.ticketTag)
      if (!isTheirs) sessions.call()
    }
    // Forgotten by another tab meanwhile.
    const forgotten = new HandfastError('closed', 'The link is closed')
    for (const handover of this.#handovers.values()) void abandon(handover, forgotten)
    this.#handovers.clear()
    this.#undo.push(
      runtime.onPageHide(() => {
        for (const sessions of this.#roster.all()) void sessions.suspend('suspended', 'at once')
      }),
      runtime.onWake(() => {
        paths.wake()
        for (const sessions of this.#roster.all()) sessions.wake()
      }),
      paths.onChange(() => this.#onPathsChange()),
      paths.onOpen(() => {
        for (const sessions of this.#roster.all()) sessions.retry()
      }),
    )
    this.#scheduleHousekeeping()
  }

  #onPathsChange(): void {
    this.#emitter.emit('signaling')
    const skewMs = this.#parts.paths.clockSkewMs
    if (Math.abs(skewMs) > limits.maxClockSkewMs) this.#emitter.emit('clock-skew', skewMs)
  }

  /** At the next expiry or change of day: forget what is over, turn the tags. */
  #scheduleHousekeeping(): void {
    const { runtime } = this.#identity
    const now = runtime.now()
    const ends = [now + msUntilNextDay(now)]
    for (const { expiresAtMs } of this.#parts.book.values()) ends.push(expiresAtMs)
    for (const { provisionalUntilMs } of this.#parts.contacts.values()) {
      ends.push(provisionalUntilMs ?? Infinity)
    }
    const delayMs = Math.max(0, Math.min(...ends) - now)
    this.#cancelHousekeeping()
    this.#cancelHousekeeping = runtime.setTimer(delayMs, () => {
      this.#keepHouse().catch(report)
    })
  }

  async #keepHouse(): Promise<void> {
    try {
      for (const { tag } of await this.#parts.book.prune()) this.#mailroom.closeTicket(tag)
      for (const { id, peer } of await this.#parts.contacts.prune()) {
        this.#mailroom.closeContact(id)
        void this.#roster.remove(peer, 'unproven')?.close('closed')
        if (!this.#roster.proven.has(peer)) this.#introductions?.forget(peer)
      }
      this.#mailroom.turn()
      this.#emitter.emit('tickets')
    } finally {
      if (!this.#closed) this.#scheduleHousekeeping()
    }
  }

  // ── Contacts and sessions ────────────────────────────────────────────────────────────────────────

  #listenFor(contact: Contact): void {
    this.#mailroom.openContact(contact)
    this.#scheduleHousekeeping()
  }

  /** Makes a contact permanent and its ticket's use spent: both or neither. */
  async #keep({ id, ticketTag }: Contact): Promise<void> {
    let finish: () => Contact[] = () => []
    await this.#parts.book.spend(ticketTag, id, async (transaction) => {
      finish = await this.#parts.contacts.prove(id, transaction)
    })
    for (const replaced of finish()) this.#mailroom.closeContact(replaced.id)
  }

  #makeSessions(peer: PeerId): Sessions {
    const handover = this.#handovers.get(peer)
    this.#handovers.delete(peer)
    const introductions = this.#introductions
    return new Sessions({
      peer,
      ...(handover ? { handover } : {}),
      ...(this.#leads ? { leads: this.#leads } : {}),
      runtime: this.#identity.runtime,
      log: this.#log,
      dial: (signal) => this.#dialInTurn(peer, signal),
      cards: {
        own: () => this.#parts.card.bytes,
        take: (card) => this.#takeCard(peer, card),
      },
      signals: introductions && ((send) => introductions.session(peer, send)),
    })
  }

  /** A place is held until the peer has answered, or for a short while: those who are there answer at once. */
  async #dialInTurn(peer: PeerId, signal: AbortSignal): Promise<Session> {
    const dialled = deferred<Session>()
    dialled.promise.catch(() => {})
    await this.#dials.run(async () => {
      this.#dialContact(peer, signal).then(dialled.resolve, dialled.reject)
      const patience = deferred<void>()
      const cancel = this.#identity.runtime.setTimer(limits.dialPlaceMs, () => patience.resolve())
      await Promise.race([dialled.promise.catch(() => {}), patience.promise])
      cancel()
    })
    return dialled.promise
  }

  async #dialContact(peer: PeerId, signal: AbortSignal): Promise<Session> {
    const identity = this.#identity
    const contact = this.#parts.contacts.of(peer)
    const day = this.#parts.contacts.dayToDial(contact)
    const today = utcDay(identity.runtime.now())
    const tag = contactTag(contact.pactSecret, contact.deviceKey, today + day)
    const route = this.#mailroom.signalingOf(contact.id)
    const dialled = this.#dial({
      signaling: this.#introductions?.detour(route, peer, tag) ?? route,
      tag,
      open: (description, replyTag) =>
        openKnownContact(identity, this.#network, contact, tag, description, replyTag),
      signal,
    })
    dialled
      .then(({ confirmed }) => confirmed)
      .then(
        () => this.#parts.contacts.noteDial(contact, day, true),
        () => this.#parts.contacts.noteDial(contact, day, false),
      )
    const session = await dialled
    if (contact.provisionalUntilMs !== null) {
      session.confirmed
        .then(() => this.#keep(contact))
        .then(() => this.#roster.show(this.#roster.of(peer)))
        .catch(() => session.abandon('closed'))
    }
    return session
  }

  #dial(options: Omit<DialOptions, 'identity' | 'transport' | 'idleTimeoutMs'>): Promise<Session> {
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])]
    const signal = AbortSignal.any(signals)
    return dial({
      ...options,
      identity: this.#identity,
      transport: this.#parts.transport,
      idleTimeoutMs: this.#parts.idleTimeoutMs,
      signal,
    })
  }
}

/** A tab that leads no more is about to be told. */
const report = (error: unknown) => isNotLeading(error) || reportError(error)

const isWithin = (value: number, max: number): boolean =>
  Number.isFinite(value) && value >= 1 && value <= max
