/**
 * The tab that leads a mesh: it knows the contacts, calls and answers them, and holds all sessions and all logs. What it reports goes to
 * the `Mesh` of its tab, and to those of the tabs that follow.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { Emitter, reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Revocations } from '../identity/revocations.ts'
import { logTables, type LogOptions } from '../link/log.ts'
import { sweepMarkers } from '../link/drafts.ts'
import { abandon, type Handover } from '../link/handover.ts'
import { Sessions } from '../link/sessions.ts'
import { within } from '../link/within.ts'
import type { Person, PersonChange } from '../link/person.ts'
import { Answerer } from '../session/answer.ts'
import { networkId } from '../session/handshake.ts'
import { Intake } from '../session/intake.ts'
import { msUntilNextDay } from '../session/pact.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import type { Address } from '../ticket/address.ts'
import { TicketBook } from '../ticket/book.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { Transport } from '../transport/transport.ts'
import { WebRtcTransport } from '../transport/webrtc.ts'
import { Announcer } from './announcer.ts'
import type { Answering, Answers } from './answers.ts'
import { Callers } from './callers.ts'
import { Calling } from './calling.ts'
import { cardText, parseCard, type Card } from './card.ts'
import { openOwnCard } from './cards.ts'
import { Contacts, type Adopted, type Contact } from './contacts.ts'
import { Grants } from './grants.ts'
import { Introductions } from './introductions.ts'
import { Journal, type EventAbout, type Note, type SecurityEvent } from './journal.ts'
import type { SecurityEventKind, SecurityLogOptions } from './journal.ts'
import { Kin, makeOwnPact, type NewKin } from './kin.ts'
import { Mailroom } from './mailroom.ts'
import { Meeting } from './meeting.ts'
import { ownDevices, type OwnDevice } from './own-devices.ts'
import { Pairings } from './pairings.ts'
import { Monitor, type LeaderStats } from './monitor.ts'
import type { AcceptOptions, AddressOptions, InviteOptions } from './options.ts'
import { Parting } from './parting.ts'
import { Paths, type PathState } from './paths.ts'
import { keysOf, withDevice, type KnownDevice } from './peer-record.ts'
import { People } from './people.ts'
import { Queries } from './queries.ts'
import type { Role, RoleEvents, RoleOptions, TaskResult, Tasks } from './role.ts'
import { askForRenewal, isExpiring, renewalDesk } from './renewal.ts'
import { Roster } from './roster.ts'
import { encodePeers, mergeSnapshot, mergeWaiting, takeSnapshot } from './snapshot.ts'
import type { Tracer } from './tracer.ts'

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
  readonly intake: Intake
  readonly card: Card
  readonly paths: Paths
  readonly queries: Queries
  readonly transport: Transport
  readonly idleTimeoutMs: number
}

export class Leader implements Role, Tasks {
  /** Of this tab; others hear it, too. */
  readonly tracer: Tracer
  readonly #identity: Identity
  readonly #network: Uint8Array
  readonly #relays: readonly string[]
  readonly #parts: Parts
  readonly #announcer: Announcer
  readonly #grants: Grants
  readonly #callers: Callers
  readonly #kin: Kin
  readonly #meeting: Meeting
  readonly #monitor: Monitor
  readonly #people: People
  readonly #introductions: Introductions | undefined
  readonly #mailroom: Mailroom
  readonly #pairings: Pairings
  readonly #parting: Parting
  readonly #roster: Roster
  readonly #journal: Journal
  readonly #log: LogOptions
  readonly #leads: Leadership['leads']
  readonly #emitter = new Emitter<RoleEvents>()
  readonly #closing = new AbortController()
  readonly #underWay = new Set<AbortController>()
  readonly #undo: Unsubscribe[] = []
  #card: Card
  #handovers = new Map<PeerId, Promise<Handover>>()
  #cancelHousekeeping: () => void = () => {}
  #unserve: Unsubscribe = () => {}
  #closed: Promise<void> | undefined

  private constructor(
    { identity, network = 'main', relays = [], receive, introductions = true, tracer }: RoleOptions,
    { run, leads }: Leadership,
    parts: Parts,
  ) {
    const { contacts, book, answerer, paths } = parts
    this.#identity = identity
    this.tracer = tracer
    this.#card = parts.card
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
    this.#journal = new Journal({
      store: identity.store,
      runtime: identity.runtime,
      onEvent: (event) => this.#emitter.emit('security', event),
    })
    this.#roster = new Roster(
      identity.peer,
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
      onOvertaken: async (id) => this.#dismiss(await contacts.discard(id)),
      keep: (contact) => this.#meeting.keep(contact),
      isClosed: () => this.#closed !== undefined,
      note: (...event) => this.#journal.note(...event),
    })
    this.#monitor = new Monitor(identity.runtime, tracer)
    const call = (peer: PeerId) => this.#roster.proven.get(peer)?.call()
    const { runtime } = identity
    this.#grants = new Grants(identity, contacts.peers)
    this.#kin = new Kin({
      identity,
      contacts,
      announce: () => {
        const sessions = this.#roster.get(identity.peer)
        sessions?.announce()
        // Those that are not connected are to hear of it, too.
        sessions?.call()
      },
      adopt: (adopted) => this.#adopt(adopted),
      onError: report,
    })
    this.#announcer = new Announcer({
      identity,
      peers: contacts.peers,
      grants: this.#grants,
      card: () => this.#card,
      onCard: (card) => void this.#learn(card).catch(report),
      onRevocations: (revocations) => void this.revoke(revocations).catch(report),
      known: () => encodePeers(identity, contacts, this.#card),
      onKnown: (peer) => this.#kin.take(peer),
      onError: report,
    })
    this.#introductions = introductions ? new Introductions({ runtime, call }) : undefined
    this.#pairings = new Pairings({
      identity,
      network: this.#network,
      book,
      snapshot: () => this.snapshot(),
      onChange: () => this.#emitter.emit('pairings'),
      onCertified: (device) => this.#welcome(device),
    })
    this.#mailroom = new Mailroom({
      identity,
      contacts,
      paths,
      introductions: this.#introductions,
      receive: (slot, packet, path) => {
        const reception = this.#pairings.at(slot) ?? this.#callers.at(slot)
        if (!reception) return
        const peer = contacts.get(slot.contactId ?? '')?.peer
        answerer.receive(slot.tag, packet, path, this.#monitor.watchReception(reception, peer))
      },
    })
    this.#parting = new Parting({
      identity,
      contacts,
      roster: this.#roster,
      mailroom: this.#mailroom,
      introductions: this.#introductions,
      log: this.#log,
      note: this.#note,
      onForgotten: (peer) => this.#emitter.emit('forgotten', peer),
      onRevoked: () => {
        parts.queries.close()
        this.#emitter.emit('revoked')
      },
    })
    const common = { ...parts, identity, network: this.#network, relays, note: this.#note }
    this.#meeting = new Meeting({
      ...common,
      roster: this.#roster,
      mailroom: this.#mailroom,
      parting: this.#parting,
      calling: new Calling({
        ...common,
        introductions: this.#introductions,
        signalingOf: (contactId) => this.#mailroom.signalingOf(contactId),
        closing: this.#closing.signal,
        monitor: this.#monitor,
        isWanted: (peer, device) => peer !== identity.peer || !this.#isConnected(device),
      }),
      underWay: this.#underWay,
      onReserved: (contact) => this.#listenFor(contact),
      onKept: () => this.#kin.tell(),
    })
    this.#people = new People({
      ...common,
      peers: contacts.peers,
      roster: this.#roster,
      grants: this.#grants,
      onChange: (peer) => {
        if (peer === identity.peer) this.#emitter.emit('devices')
        else this.#emitter.emit('person', peer, this.person(peer))
      },
      onError: report,
    })
  }

  /**
   * Loads what the identity's store holds; `begin` does the rest.
   * @throws HandfastError `invalid-argument`, `storage-failed`, `unsupported`, `locked`
   */
  static async open(options: RoleOptions, leadership: Leadership): Promise<Leader> {
    const { identity, relays = [], ice, signaling, WebSocket } = options
    if (identity.isLocked) throw new HandfastError('locked', 'The keys are locked')
    const { runtime } = identity
    const { transport = new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) }) } = options
    const { idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
    const contacts = await Contacts.open(identity)
    const book = await TicketBook.open(identity)
    const intake = new Intake(runtime)
    const answerer = await Answerer.open({ identity, transport, intake, idleTimeoutMs })
    const { card, formerRelays } = await openOwnCard(identity, relays)
    await mergeWaiting(identity, contacts).catch(report)
    const paths = new Paths({ runtime, relays, formerRelays, signaling, WebSocket })
    const network = networkId(options.network ?? 'main')
    const queries = await Queries.open({ identity, network, relays, paths, intake })
    const parts = {
      contacts,
      book,
      answerer,
      intake,
      card,
      paths,
      queries,
      transport,
      idleTimeoutMs,
    }
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

  get devices(): readonly OwnDevice[] {
    return ownDevices(this.#identity, this.#parts.contacts.peers)
  }

  get tickets(): readonly Ticket[] {
    return [...this.#parts.book.values()].flatMap(({ live }) => live?.ticket ?? [])
  }

  get pairings(): ReadonlyMap<string, string> {
    return new Map([...this.#pairings.waiting].map(([id, { code }]) => [id, code]))
  }

  do<T extends keyof Tasks>(task: T, params: Parameters<Tasks[T]>): Promise<TaskResult<T>> {
    const work = this[task] as (...args: Parameters<Tasks[T]>) => Promise<TaskResult<T>>
    return work.apply(this, params)
  }

  async settlePairing(id: string, isWelcome: boolean): Promise<void> {
    const pairing = this.#pairings.waiting.get(id)
    if (!pairing) throw new HandfastError('interrupted', 'The new device has gone')
    await (isWelcome ? pairing.confirm() : pairing.refuse())
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
    const ticket = await this.#meeting.invite(options)
    this.#scheduleHousekeeping()
    this.#emitter.emit('tickets')
    return ticket
  }

  async withdraw(tag: Uint8Array): Promise<void> {
    this.#mailroom.closeTicket(tag)
    await this.#parts.book.withdraw(tag)
    await this.#parts.queries.withdraw(tag)
    this.#emitter.emit('tickets')
  }

  get addresses(): readonly Address[] {
    return this.#parts.queries.addresses
  }

  async address(options: AddressOptions = {}): Promise<Address> {
    this.#parting.refuseIfRevoked()
    const address = await this.#parts.queries.publish(options)
    this.#scheduleHousekeeping()
    this.#emitter.emit('tickets')
    return address
  }

  serve(answers: Answers): void {
    this.#unserve()
    this.#unserve = this.#parts.queries.add(answers, 'first')
  }

  /** Another tab that answers strangers, after those there are. */
  addAnswering(tab: Answering): Unsubscribe {
    return this.#parts.queries.add(tab, 'last')
  }

  accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId> {
    return this.#meeting.accept(ticket, options, served)
  }

  async card(): Promise<string> {
    return cardText(this.#card)
  }

  async readCard(text: string): Promise<PeerId> {
    const { contacts } = this.#parts
    const card = parseCard(text, this.#identity.runtime.now() / 1000)
    const sessions = this.#roster.proven.get(card.peer)
    if (!sessions || !contacts.peers.admits(card.peer, keysOf(card))) {
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
    const { contacts } = this.#parts
    const isNew = !contacts.peers.deviceOf(card.peer, card.deviceKey)
    if (!(await contacts.learn(card))) return
    this.#mailroom.movePeer(card.peer)
    const detail = toBase64url(card.deviceKey)
    if (isNew) this.#note('device-added', { peer: card.peer, detail })
  }

  async forget(peer: PeerId, cutOff: boolean): Promise<void> {
    await this.#parting.forget(peer, cutOff)
  }

  get isRevoked(): boolean {
    return this.#parting.isRevoked
  }

  async revocations(): Promise<Revocations | null> {
    return this.#parts.contacts.peers.get(this.#identity.peer).revocations
  }

  async revoke(revocations: Revocations): Promise<void> {
    await this.#parting.revoke(revocations)
  }

  /** Of all that this identity has with others, for its backup or another device. */
  async snapshot(): Promise<Uint8Array> {
    await this.#shareOwnPact()
    return takeSnapshot(this.#identity, this.#parts.contacts, this.#card)
  }

  /** Takes what a snapshot of this identity knows besides. @throws HandfastError `bad-backup`, `storage-failed` */
  async merge(snapshot: Uint8Array): Promise<void> {
    await this.#adopt(await mergeSnapshot(this.#identity, this.#parts.contacts, snapshot))
  }

  async #adopt(adopted: Adopted): Promise<void> {
    await this.#parting.merged(adopted)
    for (const { peer } of adopted.before) {
      this.#mailroom.movePeer(peer)
      if (this.#roster.proven.has(peer)) this.#emitter.emit('person', peer, this.person(peer))
    }
    for (const contact of adopted.added) this.#open(contact)
    for (const sessions of this.#roster.all()) sessions.announce()
  }

  person(peer: PeerId): Person {
    return this.#people.get(peer)
  }

  async changePerson(peer: PeerId, change: PersonChange): Promise<void> {
    await this.#people.change(peer, change)
  }

  async note(kind: SecurityEventKind, about: EventAbout = {}): Promise<void> {
    this.#note(kind, about)
  }

  /** What concerns one's own identity concerns no peer. */
  readonly #note: Note = (kind, { peer, ...about } = {}) => {
    const isOwn = peer === undefined || peer === this.#identity.peer
    this.#journal.note(kind, isOwn ? about : { peer, ...about })
  }

  securityLog(options: SecurityLogOptions): Promise<SecurityEvent[]> {
    return this.#journal.list(options)
  }

  stats(): Promise<LeaderStats> {
    return this.#monitor.stats(this.links.values(), this.#roster.get(this.#identity.peer))
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
    await this.#journal.settled()
    this.#emitter.clear()
  }

  #stop(reason: HandfastError): void {
    this.#closing.abort(reason)
    for (const controller of this.#underWay) controller.abort(reason)
    this.#cancelHousekeeping()
    this.#kin.stop()
    this.#parts.answerer.close()
    this.#pairings.close()
    this.#parts.queries.close()
    this.#mailroom.close()
    for (const undo of this.#undo) undo()
  }

  // ── Beginning and housekeeping ───────────────────────────────────────────────────────────────────

  /** Calls and answers. `handovers`: of the links that this tab had in another role. */
  begin(handovers: ReadonlyMap<PeerId, Promise<Handover>> = new Map()): void {
    this.#handovers = new Map(handovers)
    const { runtime } = this.#identity
    const { book, contacts, paths } = this.#parts
    this.tracer.trace('leading', {})
    this.#undo.push(this.#monitor.watchPaths(paths))
    if (!this.isRevoked) {
      for (const { tag, expiresAtMs } of book.values()) this.#mailroom.openTicket(tag, expiresAtMs)
      this.#parts.queries.begin()
    }
    for (const contact of contacts.values()) this.#open(contact)
    // Forgotten by another tab meanwhile.
    const forgotten = new HandfastError('closed', 'The link is closed')
    for (const handover of this.#handovers.values()) void abandon(handover, forgotten)
    this.#handovers.clear()
    this.#undo.push(
      contacts.peers.onChange((...change) => this.#people.follow(...change)),
      contacts.peers.onChange(() => this.#kin.tell()),
      runtime.onPageHide(() => {
        for (const sessions of this.#roster.all()) void sessions.suspend('suspended', 'at once')
      }),
      runtime.onWake(() => {
        paths.wake()
        this.#wake()
      }),
      this.#identity.on('lock', (isLocked) => {
        if (isLocked) return
        this.#kin.resume()
        this.#wake()
      }),
      this.#identity.on('certificate', () => {
        this.#renewCard().catch(report)
        this.#wake()
      }),
      paths.onChange(() => this.#onPathsChange()),
      paths.onFlood((path, peer) =>
        this.#journal.note('flood', { detail: path, ...(peer === undefined ? {} : { peer }) }),
      ),
      paths.onOpen(() => {
        for (const sessions of this.#roster.all()) sessions.retry()
      }),
    )
    this.#scheduleHousekeeping()
    this.#noteExpiry()
  }

  #wake(): void {
    for (const sessions of this.#roster.all()) sessions.wake()
  }

  #noteExpiry(): void {
    const { certificateExpiresAt: end, runtime } = this.#identity
    if (!end || end.getTime() - runtime.now() >= limits.certificateWarningMs) return
    this.#journal.note('certificate-expiring', { detail: end.toISOString() })
  }

  /** With the certificates of now. */
  async #renewCard(): Promise<void> {
    this.#card = (await openOwnCard(this.#identity, this.#relays)).card
    for (const sessions of this.#roster.all()) sessions.announce()
  }

  /** Listens for a contact, and calls it. */
  #open(contact: Contact): void {
    const sessions = this.#roster.of(contact.peer)
    if (contact.provisionalUntilMs === null) this.#roster.show(sessions)
    if (this.isRevoked) return
    this.#mailroom.openContact(contact)
    // Who holds a pact of our own ticket and has never come: it is theirs to call.
    const isTheirs = contact.provisionalUntilMs !== null && this.#parts.book.find(contact.ticketTag)
    const hasDevices = this.#parts.contacts.peers.get(contact.peer).devices.length > 0
    if (!isTheirs && hasDevices) sessions.call()
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
    for (const { expiresAt } of this.addresses) ends.push(expiresAt.getTime())
    const delayMs = Math.max(0, Math.min(...ends) - now)
    this.#cancelHousekeeping()
    this.#cancelHousekeeping = runtime.setTimer(delayMs, () => {
      this.#keepHouse().catch(report)
    })
  }

  /** Provisional contacts are no more. */
  #dismiss(contacts: readonly Contact[]): void {
    for (const { id, peer } of contacts) {
      this.#mailroom.closeContact(id)
      void this.#roster.remove(peer, 'unproven')?.close('closed')
      if (!this.#roster.proven.has(peer)) this.#introductions?.forget(peer)
    }
  }

  async #keepHouse(): Promise<void> {
    try {
      for (const { tag } of await this.#parts.book.prune()) this.#mailroom.closeTicket(tag)
      this.#dismiss(await this.#parts.contacts.prune())
      await this.#parts.queries.prune()
      this.#mailroom.turn()
      this.#renewCertificate()
      this.#noteExpiry()
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

  /** Another device of one's own, which is about to come by the pact that all of them share. */
  async #welcome(device: NewKin): Promise<void> {
    await this.#shareOwnPact()
    const known = { ...device, relays: [], cardNumber: 0, card: null, lastMetMs: 0 }
    const { peers } = this.#parts.contacts
    await peers.change(this.#identity.peer, (record) => withDevice(record, known))
    this.#note('device-added', { detail: toBase64url(device.deviceKey) })
  }

  /** Whoever gets a snapshot finds this device by it. */
  async #shareOwnPact(): Promise<void> {
    const { contacts } = this.#parts
    if (contacts.of(this.#identity.peer).length > 0) return
    await this.#adopt(await contacts.adopt([await makeOwnPact(this.#identity)], []))
  }

  /** One's own devices tell each other what is new: each is called by each. */
  get #isWithAll(): boolean {
    const { devices } = this.#parts.contacts.peers.get(this.#identity.peer)
    return devices.every((device) => this.#isConnected(device))
  }

  /** This device, or one of the others that there is a session with. */
  #isConnected({ deviceKey }: KnownDevice): boolean {
    const { peer, device } = this.#identity
    const isIt = (other: Uint8Array) => equalBytes(other, deviceKey)
    return isIt(device.key) || (this.#roster.get(peer)?.hasSession(isIt) ?? false)
  }

  #makeSessions(peer: PeerId): Sessions {
    const handover = this.#handovers.get(peer)
    this.#handovers.delete(peer)
    const introductions = this.#introductions
    const sessions = new Sessions({
      peer,
      ...(handover ? { handover } : {}),
      ...(this.#leads ? { leads: this.#leads } : {}),
      runtime: this.#identity.runtime,
      log: this.#log,
      dial: (signal) => this.#meeting.call(peer, signal),
      announcements: this.#announcer.with(peer),
      rights: (deviceKey) => this.#grants.rights(peer, deviceKey),
      onRefused: (scope) => this.#note('refused', { peer, detail: scope }),
      signals: introductions && ((send) => introductions.session(peer, send)),
      ...(peer === this.#identity.peer ? { isReached: () => this.#isWithAll } : {}),
    })
    this.#monitor.watchSessions(sessions)
    sessions.on('gap', ({ from, to }) => this.#note('gap', { peer, detail: String(to - from + 1) }))
    sessions.on('rollback', () => this.#note('rollback', { peer }))
    const isKin = peer === this.#identity.peer
    if (isKin) sessions.receive(renewalDesk(this.#identity, this.#parts.contacts.peers))
    sessions.on('state', (state) => {
      if (state !== 'open') return
      if (isKin) this.#renewCertificate()
      else this.#grants.refresh(peer).catch(report)
    })
    return sessions
  }

  /** By another device, where the root is not here. In vain it is no worse than before: the application has been told, and it is tried again. */
  #renewCertificate(): void {
    const { hasRoot, peer, runtime } = this.#identity
    const kin = this.#roster.get(peer)
    if (hasRoot || kin?.state !== 'open' || !isExpiring(this.#identity)) return
    within(runtime, {}, this.#underWay, (signal) =>
      askForRenewal(this.#identity, kin, signal),
    ).catch(() => {})
  }
}

/** A tab that leads no more is about to be told. */
const report = (error: unknown) => isNotLeading(error) || reportError(error)
