/**
 * The mesh: an identity's links, and how new ones come to be. `invite` makes a ticket and waits in its mailbox; `accept` uses
 * one; known contacts are called when the mesh opens and answered whenever they call. What strangers send gets silence.
 */

import { toBase64url, utf8 } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { Emitter, reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import { Link } from '../link/link.ts'
import { eraseLog, type LogOptions } from '../link/log.ts'
import { Answerer } from '../session/answer.ts'
import { dial, type DialOptions } from '../session/dial.ts'
import { networkId } from '../session/handshake.ts'
import { openFirstContact, openKnownContact, type Outcome } from '../session/openings.ts'
import { contactTag, msUntilNextDay, utcDay } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import type { RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { TicketBook } from '../ticket/book.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { Transport } from '../transport/transport.ts'
import { WebRtcTransport, type IceOptions } from '../transport/webrtc.ts'
import { Callers } from './callers.ts'
import { cardText, parseCard, readCard, type Card } from './card.ts'
import { openOwnCard } from './cards.ts'
import { Contacts, type Contact } from './contacts.ts'
import { Introductions } from './introductions.ts'
import { Mailroom } from './mailroom.ts'
import { Paths, type PathState } from './paths.ts'
import { Roster } from './roster.ts'

export interface MeshOptions {
  identity: Identity
  /**
   * URLs of relays, `wss:` (or `ws:` on loopback). Default: none; tabs of one browser find each other all the same. Contacts learn of
   * the first four; those that an earlier mesh had are listened at for 30 days more.
   */
  relays?: readonly string[]
  /** Peers of different networks can't meet. Default `main`. */
  network?: string
  /** How peers find a way to each other. Default: no STUN or TURN server. */
  ice?: IceOptions
  /** Sessions that one answered are ended when nothing has moved for so long. Default 300,000; from 1,000 to 86,400,000. */
  idleTimeoutMs?: number
  /** What carries frames. Default: WebRTC. */
  transport?: Transport
  /** Paths besides the relays, in place of the tabs of this browser. */
  signaling?: readonly Signaling[]
  /** Where the platform has no WebSocket of its own. */
  WebSocket?: RelayClientOptions['WebSocket']
  /**
   * When what a handler has handled is stored: `batch` (default) after 64 messages or 20 ms, so that a crash gives some again, marked
   * `redelivered`; `each` before the next message is handed over.
   */
  receive?: { commit: 'batch' | 'each' }
  /**
   * Whether to pass signaling between contacts, and to be found through them where no relay leads to a contact any more. They learn how many
   * contacts one has, and may learn who two of theirs are that look for each other. Default true.
   */
  introductions?: boolean
}

export interface InviteOptions {
  /** Default 600,000; at most 30 days. */
  expiresInMs?: number
  /** How many different peers may use it. Default 1, at most 1,000. */
  uses?: number
  /** The only peer that may use it. Default: whoever has it. */
  for?: PeerId | string
  /** A name that the application branches on, at most 32 bytes. Default `contact`. */
  purpose?: string
  /** A word to the invited, at most 128 bytes. */
  memo?: string
}

export interface AcceptOptions {
  signal?: AbortSignal
  /** Default 20,000. */
  timeoutMs?: number
}

export interface MeshEvents {
  /** There is a new link. */
  link: [link: Link]
  /** A contact was forgotten. */
  forgotten: [peer: PeerId]
  /** A signaling path has come up or gone down. */
  signaling: []
  /** A relay's clock differs from ours by so many ms that contacts may not be found. */
  'clock-skew': [skewMs: number]
}

export class Mesh {
  readonly #identity: Identity
  readonly #network: Uint8Array
  readonly #relays: readonly string[]
  readonly #paths: Paths
  readonly #contacts: Contacts
  readonly #book: TicketBook
  readonly #answerer: Answerer
  readonly #transport: Transport
  readonly #idleTimeoutMs: number
  readonly #callers: Callers
  readonly #introductions: Introductions | undefined
  readonly #mailroom: Mailroom
  readonly #roster: Roster
  readonly #card: Card
  readonly #log: LogOptions
  readonly #emitter = new Emitter<MeshEvents>()
  readonly #dials = new Semaphore(limits.maxConcurrentDials)
  readonly #closing = new AbortController()
  readonly #undo: Unsubscribe[] = []
  #cancelHousekeeping: () => void = () => {}
  #closed: Promise<void> | undefined

  private constructor(
    { identity, network = 'main', relays = [], receive, introductions = true }: MeshOptions,
    paths: Paths,
    contacts: Contacts,
    book: TicketBook,
    answerer: Answerer,
    transport: Transport,
    idleTimeoutMs: number,
    card: Card,
  ) {
    this.#identity = identity
    this.#network = networkId(network)
    this.#relays = relays
    this.#paths = paths
    this.#contacts = contacts
    this.#book = book
    this.#answerer = answerer
    this.#transport = transport
    this.#idleTimeoutMs = idleTimeoutMs
    this.#card = card
    this.#log = {
      store: identity.store,
      commits: new GroupCommit(identity.store, ['outbox', 'inbox']),
      run: identity.runtime.randomBytes(16),
      commit: receive?.commit ?? 'batch',
    }
    this.#roster = new Roster(
      (peer) => this.#makeLink(peer),
      (link) => this.#emitter.emit('link', link),
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
   * Opens the mesh of an identity and calls its contacts.
   * @throws HandfastError `identity-in-use`, `invalid-argument`, `storage-failed`, `unsupported`
   */
  static async open(options: MeshOptions): Promise<Mesh> {
    const { identity, relays = [], ice, signaling, WebSocket } = options
    const { runtime } = identity
    const { transport = new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) }) } = options
    const { idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
    if (!(idleTimeoutMs >= limits.minIdleTimeoutMs && idleTimeoutMs <= limits.maxIdleTimeoutMs)) {
      throw new HandfastError('invalid-argument', 'idleTimeoutMs is from 1 second to 24 hours')
    }
    const release = identity.occupy()
    try {
      const contacts = await Contacts.open(identity)
      const book = await TicketBook.open(identity)
      const answerer = await Answerer.open({ identity, transport, idleTimeoutMs })
      const { card, formerRelays } = await openOwnCard(identity, relays)
      const paths = new Paths({ runtime, relays, formerRelays, signaling, WebSocket })
      const mesh = new Mesh(
        options,
        paths,
        contacts,
        book,
        answerer,
        transport,
        idleTimeoutMs,
        card,
      )
      mesh.#undo.push(release)
      mesh.#begin()
      return mesh
    } catch (error) {
      release()
      throw error
    }
  }

  get peer(): PeerId {
    return this.#identity.peer
  }

  /** One link a proven contact. */
  get links(): ReadonlyMap<PeerId, Link> {
    return this.#roster.proven
  }

  /** The signaling paths and how they stand. */
  get signaling(): readonly PathState[] {
    return this.#paths.states
  }

  on<K extends keyof MeshEvents>(
    event: K,
    listener: (...args: MeshEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  /**
   * Makes a ticket. Whoever redeems it in time becomes a link (event `link`).
   * @throws HandfastError `invalid-argument`, `bad-key`, `queue-full`, `storage-failed`, `closed`
   */
  async invite(options: InviteOptions = {}): Promise<Ticket> {
    this.#checkOpen()
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
    const ticket = await this.#book.issue({
      expiresS: Math.ceil(expiresAtMs / 1000),
      relays: this.#relays.filter(isAllowedRelayUrl).slice(0, limits.maxTicketRelays),
      uses,
      for: options.for === undefined ? null : parsePeerId(options.for),
      purpose,
      memo,
    })
    this.#mailroom.openTicket(ticket.tag, ticket.expiresAt.getTime())
    this.#scheduleHousekeeping()
    return ticket
  }

  /** One's own tickets that can still be used, also from before a reload. */
  get tickets(): readonly Ticket[] {
    return [...this.#book.values()].flatMap(({ live }) => live?.ticket ?? [])
  }

  /** Withdraws a ticket. Who has redeemed it already stays a contact. */
  async withdraw(ticket: Ticket): Promise<void> {
    this.#mailroom.closeTicket(ticket.tag)
    await this.#book.withdraw(ticket.tag)
  }

  /**
   * Redeems a ticket, given as text, link or object. Resolves when the peer is proven and the contact is kept.
   * @throws HandfastError `bad-ticket`, `ticket-expired`, `ticket-wrong-party`, `timeout` (also for a spent ticket: its issuer
   * stays silent), `transport-failed`, `storage-failed`, `closed`; the reason of `signal`
   */
  async accept(ticket: Ticket | string, options: AcceptOptions = {}): Promise<Link> {
    this.#checkOpen()
    const identity = this.#identity
    const now = identity.runtime.now()
    const parsed = typeof ticket === 'string' ? Ticket.parse(ticket, now / 1000) : ticket
    if (parsed.expiresAt.getTime() <= now) {
      throw new HandfastError('ticket-expired', 'The ticket has expired; ask for a new one')
    }
    if (parsed.issuer === this.peer || (parsed.for !== null && parsed.for !== this.peer)) {
      throw new HandfastError('ticket-wrong-party', 'The ticket is your own or for somebody else')
    }
    const earlier = this.#contacts.ofTicket(parsed.tag, parsed.issuer)
    if (earlier) {
      // It has been granted a pact already: that of a lost answer, or of a link that has been there for long.
      const link = this.#roster.of(parsed.issuer)
      await link.connect(options)
      if (earlier.provisionalUntilMs !== null) await this.#keep(earlier)
      this.#roster.show(link)
      return link
    }
    const signaling = this.#paths.through(parsed.relays)
    try {
      return await this.#redeem(parsed, signaling, options)
    } finally {
      await signaling.close()
    }
  }

  async #redeem(ticket: Ticket, signaling: Signaling, options: AcceptOptions): Promise<Link> {
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
    const link = this.#roster.of(ticket.issuer)
    const served = deferred<void>()
    link.attach(session, served.promise)
    try {
      await session.confirmed
      await this.#keep(contact!)
    } catch (error) {
      session.abandon('closed')
      throw error
    }
    this.#roster.show(link)
    // Whoever waits for this link sets its handlers first.
    identity.runtime.setTimer(0, () => served.resolve())
    return link
  }

  /** The issuer has granted a pact. Not one that it has with somebody else, or had with us before. */
  async #reserve(ticket: Ticket, { peer, chain, pact }: Outcome): Promise<Contact> {
    const known = this.#contacts.get(toBase64url(peer.pactId))
    if (known && (known.peer !== peer.peer || known.provisionalUntilMs === null)) {
      throw new HandfastError('bad-packet')
    }
    return this.#contacts.add({
      ...peer,
      chain,
      pact: pact!,
      relays: ticket.relays,
      ticketTag: ticket.tag,
      provisionalUntilMs: ticket.expiresAt.getTime(),
      provenAtMs: 0,
    })
  }

  /**
   * One's address card as text: where contacts find this device from now on. They get it on every session by themselves; by hand it
   * helps those that know only relays that are gone. It holds no secret.
   */
  async card(): Promise<string> {
    return cardText(this.#card)
  }

  /**
   * Takes note of a contact's address card, got by hand, and calls it there. Resolves when that is stored.
   * @throws HandfastError `bad-card` (not a card, forged, of nobody known, or older than the one that is known), `storage-failed`,
   * `closed`
   */
  async readCard(text: string): Promise<Link> {
    this.#checkOpen()
    const card = parseCard(text, this.#identity.runtime.now() / 1000)
    const link = this.#roster.proven.get(card.peer)
    if (!link || this.#contacts.ofDevice(card).length === 0) {
      throw new HandfastError('bad-card', 'The card is of nobody known')
    }
    if (this.#contacts.cardNumberOf(card) > card.number) {
      throw new HandfastError('bad-card', 'A newer card of that contact is known')
    }
    await this.#learn(card)
    this.#checkOpen()
    link.call()
    return link
  }

  async #learn(card: Card): Promise<void> {
    for (const contact of await this.#contacts.learn(card)) this.#mailroom.moveContact(contact)
  }

  /** A card that `peer` sent: its own and well made, or else the session ends. Older ones are no news. */
  #takeCard(peer: PeerId, bytes: Uint8Array): void {
    const card = readCard(bytes, this.#identity.runtime.now() / 1000)
    if (card.peer !== peer || this.#contacts.ofDevice(card).length === 0) {
      throw new HandfastError('bad-card')
    }
    this.#learn(card).catch(reportError)
  }

  /**
   * Forgets a contact: ends its session, and answers it no more. Messages that wait for it are lost.
   * @throws HandfastError `storage-failed`
   */
  async forget(peer: PeerId): Promise<void> {
    for (const { id } of await this.#contacts.forget(peer)) this.#mailroom.closeContact(id)
    const wasSeen = this.#roster.proven.has(peer)
    const link = this.#roster.remove(peer)
    if (wasSeen) this.#emitter.emit('forgotten', peer)
    this.#introductions?.forget(peer)
    await link?.close('forgotten')
    await eraseLog(this.#log, peer)
  }

  /** Ends all sessions, keeps all contacts. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(new HandfastError('closed', 'The mesh is closed'))
    this.#cancelHousekeeping()
    this.#answerer.close()
    this.#mailroom.close()
    await Promise.all(this.#roster.all().map((link) => link.close('closed')))
    await this.#paths.close()
    for (const undo of this.#undo) undo()
    this.#roster.proven.clear()
    this.#emitter.clear()
  }

  #checkOpen(): void {
    if (this.#closed) throw new HandfastError('closed', 'The mesh is closed')
  }

  // ── Beginning and housekeeping ───────────────────────────────────────────────────────────────────

  #begin(): void {
    const { runtime } = this.#identity
    for (const { tag, expiresAtMs } of this.#book.values())
      this.#mailroom.openTicket(tag, expiresAtMs)
    for (const contact of this.#contacts.values()) {
      this.#mailroom.openContact(contact)
      const link = this.#roster.of(contact.peer)
      if (contact.provisionalUntilMs === null) this.#roster.show(link)
      // Who holds a pact of our own ticket and has never come: it is theirs to call.
      const isTheirs = contact.provisionalUntilMs !== null && this.#book.find(contact.ticketTag)
      if (!isTheirs) link.call()
    }
    this.#undo.push(
      runtime.onPageHide(() => {
        for (const link of this.#roster.all()) void link.suspend('suspended', 'at once')
      }),
      runtime.onWake(() => {
        this.#paths.wake()
        for (const link of this.#roster.all()) link.wake()
      }),
      this.#paths.onChange(() => this.#onPathsChange()),
    )
    this.#scheduleHousekeeping()
  }

  #onPathsChange(): void {
    this.#emitter.emit('signaling')
    const skewMs = this.#paths.clockSkewMs
    if (Math.abs(skewMs) > limits.maxClockSkewMs) this.#emitter.emit('clock-skew', skewMs)
  }

  /** At the next expiry or change of day: forget what is over, turn the tags. */
  #scheduleHousekeeping(): void {
    const { runtime } = this.#identity
    const now = runtime.now()
    const ends = [now + msUntilNextDay(now)]
    for (const { expiresAtMs } of this.#book.values()) ends.push(expiresAtMs)
    for (const { provisionalUntilMs } of this.#contacts.values()) {
      ends.push(provisionalUntilMs ?? Infinity)
    }
    const delayMs = Math.max(0, Math.min(...ends) - now)
    this.#cancelHousekeeping()
    this.#cancelHousekeeping = runtime.setTimer(delayMs, () => {
      this.#keepHouse().catch(reportError)
    })
  }

  async #keepHouse(): Promise<void> {
    try {
      for (const { tag } of await this.#book.prune()) this.#mailroom.closeTicket(tag)
      for (const { id, peer } of await this.#contacts.prune()) {
        this.#mailroom.closeContact(id)
        void this.#roster.remove(peer, 'unproven')?.close('closed')
        if (!this.#roster.proven.has(peer)) this.#introductions?.forget(peer)
      }
      this.#mailroom.turn()
    } finally {
      if (!this.#closed) this.#scheduleHousekeeping()
    }
  }

  // ── Contacts and links ───────────────────────────────────────────────────────────────────────────

  #listenFor(contact: Contact): void {
    this.#mailroom.openContact(contact)
    this.#scheduleHousekeeping()
  }

  /** Makes a contact permanent and its ticket's use spent: both or neither. */
  async #keep({ id, ticketTag }: Contact): Promise<void> {
    let finish: () => Contact[] = () => []
    await this.#book.spend(ticketTag, id, async (transaction) => {
      finish = await this.#contacts.prove(id, transaction)
    })
    for (const replaced of finish()) this.#mailroom.closeContact(replaced.id)
  }

  #makeLink(peer: PeerId): Link {
    const introductions = this.#introductions
    return new Link({
      peer,
      safetyNumber: safetyNumber(this.#identity.publicKey, keyFromPeerId(peer)),
      runtime: this.#identity.runtime,
      log: this.#log,
      dial: (signal) => this.#dialInTurn(peer, signal),
      cards: {
        own: () => this.#card.bytes,
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
    const contact = this.#contacts.of(peer)
    const tag = contactTag(contact.pactSecret, contact.deviceKey, utcDay(identity.runtime.now()))
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
        () => this.#contacts.noteDial(contact, true),
        () => this.#contacts.noteDial(contact, false),
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
      transport: this.#transport,
      idleTimeoutMs: this.#idleTimeoutMs,
      signal,
    })
  }
}

const isWithin = (value: number, max: number): boolean =>
  Number.isFinite(value) && value >= 1 && value <= max
