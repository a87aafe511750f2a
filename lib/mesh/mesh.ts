/**
 * The mesh: an identity's links, and how new ones come to be. `invite` makes a ticket and waits in its mailbox; `accept` uses
 * one; known contacts are called when the mesh opens and answered whenever they call. What strangers send gets silence.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { Semaphore } from '../base/semaphore.ts'
import { signatureLabels } from '../crypto/labels.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import { Link } from '../link/link.ts'
import { Answerer, type Reception } from '../session/answer.ts'
import { dial } from '../session/dial.ts'
import { networkId } from '../session/handshake.ts'
import {
  openFirstContact,
  openKnownContact,
  readFirstContact,
  readKnownContact,
  type OpenedFirstContact,
} from '../session/openings.ts'
import { contactTag, msUntilNextDay, pactIdOf, pactSecretBytes, utcDay } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import { packetKinds } from '../signaling/packets.ts'
import type { RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { TicketBook } from '../ticket/book.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { Transport } from '../transport/transport.ts'
import { WebRtcTransport, type IceOptions } from '../transport/webrtc.ts'
import { Contacts, type Contact } from './contacts.ts'
import { DailyMailbox, openMailbox, type Mailbox } from './mailbox.ts'
import { Paths, type PathState } from './paths.ts'

export interface MeshOptions {
  identity: Identity
  /** URLs of relays, `wss:` (or `ws:` on loopback). Default: none; tabs of one browser find each other all the same. */
  relays?: readonly string[]
  /** Peers of different networks can't meet. Default `main`. */
  network?: string
  /** How peers find a way to each other. Default: no STUN or TURN server. */
  ice?: IceOptions
  /** Sessions that one answered are ended when nothing has moved for so long. Default 300,000. */
  idleTimeoutMs?: number
  /** What carries frames. Default: WebRTC. */
  transport?: Transport
  /** Paths besides the relays, in place of the tabs of this browser. */
  signaling?: readonly Signaling[]
  /** Where the platform has no WebSocket of its own. */
  WebSocket?: RelayClientOptions['WebSocket']
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

const dayMs = 24 * 3600_000

export class Mesh {
  readonly #identity: Identity
  readonly #network: Uint8Array
  readonly #relays: readonly string[]
  readonly #idleTimeoutMs: number
  readonly #transport: Transport
  readonly #paths: Paths
  readonly #contacts: Contacts
  readonly #book: TicketBook
  readonly #answerer: Answerer
  readonly #emitter = new Emitter<MeshEvents>()
  readonly #links = new Map<PeerId, Link>()
  /** Links whose contact is not proven yet: nobody sees them. */
  readonly #unproven = new Map<PeerId, Link>()
  readonly #ticketMailboxes = new Map<string, Mailbox>()
  readonly #contactMailboxes = new Map<string, ContactMailbox>()
  readonly #dials = new Semaphore(limits.maxConcurrentDials)
  readonly #closing = new AbortController()
  readonly #undo: Unsubscribe[] = []
  #cancelHousekeeping: () => void = () => {}
  #closed: Promise<void> | undefined

  private constructor(
    options: MeshOptions,
    rooms: { paths: Paths; contacts: Contacts; book: TicketBook; answerer: Answerer },
    transport: Transport,
  ) {
    this.#identity = options.identity
    this.#network = networkId(options.network ?? 'main')
    this.#relays = options.relays ?? []
    this.#idleTimeoutMs = options.idleTimeoutMs ?? limits.defaultIdleTimeoutMs
    this.#transport = transport
    this.#paths = rooms.paths
    this.#contacts = rooms.contacts
    this.#book = rooms.book
    this.#answerer = rooms.answerer
  }

  /**
   * Opens the mesh of an identity and calls its contacts.
   * @throws HandfastError `identity-in-use`, `invalid-argument`, `storage-failed`, `unsupported`
   */
  static async open(options: MeshOptions): Promise<Mesh> {
    const { identity, relays = [], ice, signaling, WebSocket } = options
    const { runtime } = identity
    const release = identity.occupy()
    try {
      const transport =
        options.transport ?? new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) })
      const idleTimeoutMs = options.idleTimeoutMs ?? limits.defaultIdleTimeoutMs
      const contacts = await Contacts.open(identity)
      const book = await TicketBook.open(identity)
      const answerer = await Answerer.open({ identity, transport, idleTimeoutMs })
      const paths = new Paths({ runtime, relays, signaling, WebSocket })
      const mesh = new Mesh(options, { paths, contacts, book, answerer }, transport)
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
    return this.#links
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
    const { expiresInMs = limits.defaultTicketLifetimeMs, uses = 1, memo = '' } = options
    const expiresAtMs = this.#identity.runtime.now() + expiresInMs
    checkInvitation(options)
    const ticket = await this.#book.issue({
      expiresS: Math.ceil(expiresAtMs / 1000),
      relays: this.#relays.filter(isAllowedRelayUrl).slice(0, limits.maxTicketRelays),
      uses,
      for: options.for === undefined ? null : parsePeerId(options.for),
      purpose: options.purpose ?? 'contact',
      memo,
    })
    this.#listenForTicket(ticket.tag, ticket.expiresAt.getTime())
    this.#scheduleHousekeeping()
    return ticket
  }

  /** Withdraws a ticket. Who has redeemed it already stays a contact. */
  async withdraw(ticket: Ticket): Promise<void> {
    this.#closeTicketMailbox(ticket.tag)
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
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closing.signal])
      : this.#closing.signal
    const signaling = this.#paths.through(parsed.relays)
    try {
      return await this.#redeem(parsed, signaling, { ...options, signal })
    } finally {
      await signaling.close()
    }
  }

  async #redeem(ticket: Ticket, signaling: Signaling, options: AcceptOptions): Promise<Link> {
    const identity = this.#identity
    let contactId = ''
    const { session } = await dial({
      identity,
      signaling,
      transport: this.#transport,
      idleTimeoutMs: this.#idleTimeoutMs,
      tag: ticket.tag,
      open: (description, replyTag) =>
        openFirstContact(identity, this.#network, ticket, description, replyTag),
      onAcknowledged: async ({ peer, chain, pact }) => {
        const known = this.#contacts.get(toBase64url(peer.pactId))
        if (known && (known.peer !== peer.peer || known.provisionalUntilMs === null)) {
          throw new HandfastError('bad-packet', 'The pact granted is in use already')
        }
        const contact = await this.#contacts.add({
          ...peer,
          chain,
          pact: pact!,
          relays: ticket.relays,
          ticketTag: null,
          provisionalUntilMs: ticket.expiresAt.getTime(),
        })
        contactId = contact.id
        this.#listenForContact(contact)
        this.#scheduleHousekeeping()
      },
      ...options,
    })
    const link = this.#linkOf(ticket.issuer)
    const served = deferred<void>()
    link.attach(session, served.promise)
    await session.confirmed
    await this.#keep(contactId)
    this.#show(link)
    // Whoever waits for this link sets its handlers first.
    identity.runtime.setTimer(0, () => served.resolve())
    return link
  }

  /**
   * Forgets a contact: ends its session, and answers it no more. Messages that wait for it are lost.
   * @throws HandfastError `storage-failed`
   */
  async forget(peer: PeerId): Promise<void> {
    for (const contact of await this.#contacts.forget(peer)) this.#closeContactMailbox(contact.id)
    const link = this.#links.get(peer)
    if (!link) return
    this.#links.delete(peer)
    this.#emitter.emit('forgotten', peer)
    await link.close('forgotten')
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
    for (const mailbox of this.#ticketMailboxes.values()) mailbox.close()
    this.#ticketMailboxes.clear()
    for (const id of [...this.#contactMailboxes.keys()]) this.#closeContactMailbox(id)
    await Promise.all(this.#allLinks().map((link) => link.close('closed')))
    await this.#paths.close()
    for (const undo of this.#undo) undo()
    this.#links.clear()
    this.#emitter.clear()
  }

  #checkOpen(): void {
    if (this.#closed) throw new HandfastError('closed', 'The mesh is closed')
  }

  // ── Beginning and housekeeping ───────────────────────────────────────────────────────────────────

  #begin(): void {
    const { runtime } = this.#identity
    for (const { tag, expiresAtMs } of this.#book.values()) this.#listenForTicket(tag, expiresAtMs)
    for (const contact of this.#contacts.values()) {
      this.#listenForContact(contact)
      const link = this.#linkOf(contact.peer)
      if (contact.provisionalUntilMs === null) this.#show(link)
    }
    this.#undo.push(
      runtime.onPageHide(() => {
        for (const link of this.#allLinks()) void link.suspend('suspended', 'at once')
      }),
      runtime.onWake(() => {
        this.#paths.wake()
        for (const link of this.#allLinks()) link.wake()
      }),
      this.#paths.onChange(() => this.#onPathsChange()),
    )
    for (const link of this.#allLinks()) link.call()
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
      if (provisionalUntilMs !== null) ends.push(provisionalUntilMs)
    }
    const delayMs = Math.max(0, Math.min(...ends) - now)
    this.#cancelHousekeeping()
    this.#cancelHousekeeping = runtime.setTimer(delayMs, () => void this.#keepHouse())
  }

  async #keepHouse(): Promise<void> {
    try {
      for (const { tag } of await this.#book.prune()) this.#closeTicketMailbox(tag)
      for (const { id } of await this.#contacts.prune()) this.#closeContactMailbox(id)
      const today = utcDay(this.#identity.runtime.now())
      for (const { daily } of this.#contactMailboxes.values()) daily.turn(today)
    } finally {
      if (!this.#closed) this.#scheduleHousekeeping()
    }
  }

  // ── Links ────────────────────────────────────────────────────────────────────────────────────────

  #allLinks(): Link[] {
    return [...this.#links.values(), ...this.#unproven.values()]
  }

  #linkOf(peer: PeerId): Link {
    const known = this.#links.get(peer) ?? this.#unproven.get(peer)
    if (known) return known
    const link = new Link({
      peer,
      safetyNumber: safetyNumber(this.#identity.publicKey, keyFromPeerId(peer)),
      runtime: this.#identity.runtime,
      dial: (signal) =>
        this.#dials.run(() =>
          this.#dialContact(peer, AbortSignal.any([signal, this.#closing.signal])),
        ),
    })
    this.#unproven.set(peer, link)
    return link
  }

  /** A link is part of the mesh from when its contact is proven. */
  #show(link: Link): void {
    if (!this.#unproven.delete(link.peer)) return
    this.#links.set(link.peer, link)
    this.#emitter.emit('link', link)
  }

  async #keep(id: string): Promise<void> {
    for (const replaced of await this.#contacts.proveNow(id)) this.#closeContactMailbox(replaced.id)
  }

  async #dialContact(peer: PeerId, signal: AbortSignal): Promise<Session> {
    const contact = this.#contactOf(peer)
    const identity = this.#identity
    const tag = contactTag(contact.pactSecret, contact.deviceKey, utcDay(identity.runtime.now()))
    const { session } = await dial({
      identity,
      signaling: this.#contactMailboxes.get(contact.id)!.signaling,
      transport: this.#transport,
      idleTimeoutMs: this.#idleTimeoutMs,
      tag,
      open: (description, replyTag) =>
        openKnownContact(identity, this.#network, contact, tag, description, replyTag),
      onAcknowledged: async () => {},
      signal,
    })
    if (contact.provisionalUntilMs !== null) {
      session.confirmed
        .then(() => this.#keep(contact.id))
        .then(() => this.#show(this.#linkOf(peer)))
        .catch(() => session.abandon('closed'))
    }
    return session
  }

  /** A proven pact before a provisional one. */
  #contactOf(peer: PeerId): Contact {
    const contacts = [...this.#contacts.values()].filter((contact) => contact.peer === peer)
    const contact = contacts.find((one) => one.provisionalUntilMs === null) ?? contacts[0]
    if (!contact) throw new HandfastError('closed', 'The contact was forgotten')
    return contact
  }

  // ── Mailboxes ────────────────────────────────────────────────────────────────────────────────────

  #listenForTicket(tag: Uint8Array, expiresAtMs: number): void {
    const { runtime } = this.#identity
    const signaling = this.#paths.through([])
    const mailbox = openMailbox(tag, signaling, runtime, (packet) => {
      void this.#answerer.receive(tag, packet, this.#ticketReception(tag, expiresAtMs, signaling))
    })
    this.#ticketMailboxes.set(toBase64url(tag), {
      close: () => (mailbox.close(), void signaling.close()),
    })
  }

  #closeTicketMailbox(tag: Uint8Array): void {
    const key = toBase64url(tag)
    this.#ticketMailboxes.get(key)?.close()
    this.#ticketMailboxes.delete(key)
  }

  #listenForContact(contact: Contact): void {
    if (this.#contactMailboxes.has(contact.id)) return
    const { runtime, device } = this.#identity
    const signaling = this.#paths.through(contact.relays)
    const daily = new DailyMailbox(utcDay(runtime.now()), (day) => {
      const tag = contactTag(contact.pactSecret, device.key, day)
      const expiresAtMs = (day + 2) * dayMs
      return openMailbox(tag, signaling, runtime, (packet) => {
        const reception = this.#contactReception(contact.id, expiresAtMs, signaling)
        if (reception) void this.#answerer.receive(tag, packet, reception)
      })
    })
    this.#contactMailboxes.set(contact.id, { signaling, daily })
  }

  #closeContactMailbox(id: string): void {
    const mailbox = this.#contactMailboxes.get(id)
    this.#contactMailboxes.delete(id)
    mailbox?.daily.close()
    void mailbox?.signaling.close()
  }

  // ── Being called ─────────────────────────────────────────────────────────────────────────────────

  #ticketReception(tag: Uint8Array, expiresAtMs: number, signaling: Signaling): Reception {
    const identity = this.#identity
    let opened: OpenedFirstContact
    let contact: Contact | undefined
    return {
      signaling,
      expiresAtMs,
      read: (packet) => {
        const live = this.#book.find(tag)?.live
        if (packet.kind !== packetKinds.firstContact || !live) throw unwanted()
        opened = readFirstContact(identity, this.#network, live.ticket, live.key, packet)
        return opened
      },
      admit: async () => {
        const { payload, pactRecord: record } = opened
        const { sender, chain, pact } = payload
        const ownSignature = await identity.device.sign(signatureLabels.pact, record)
        const earlier = [...this.#contacts.values()].find(
          (other) =>
            other.peer === sender.peer && other.ticketTag && equalBytes(other.ticketTag, tag),
        )
        const pactSecret = earlier?.pactSecret ?? identity.runtime.randomBytes(pactSecretBytes)
        const about = {
          chain,
          pact: { record, ownSignature, peerSignature: pact!.signature },
          relays: [],
          ticketTag: tag,
          provisionalUntilMs: expiresAtMs,
        }
        const fresh = await this.#contacts.prepare({
          ...sender,
          ...about,
          pactSecret,
          pactId: pactIdOf(pactSecret),
        })
        const redemption = await this.#book.reserve(
          tag,
          sender.peer,
          fresh.contact.id,
          async (pactId, transaction) => {
            if (pactId === fresh.contact.id) await fresh.write(transaction)
          },
        )
        if (!redemption) return undefined
        if (redemption.pactId === fresh.contact.id) fresh.keep()
        contact = this.#contacts.get(redemption.pactId)
        if (!contact || !equalBytes(contact.deviceKey, sender.deviceKey)) return undefined
        this.#listenForContact(contact)
        this.#scheduleHousekeeping()
        return { pact: { value: contact.pactSecret, signature: ownSignature } }
      },
      onProven: (session) => void this.#takeProven(contact!, session, 'redeemed'),
    }
  }

  #contactReception(id: string, expiresAtMs: number, signaling: Signaling): Reception | undefined {
    const contact = this.#contacts.get(id)
    if (!contact) return undefined
    let endAttempt: (() => void) | undefined
    return {
      signaling,
      expiresAtMs,
      read: (packet) => {
        if (packet.kind !== packetKinds.knownContact) throw unwanted()
        return readKnownContact(this.#identity, this.#network, contact, packet)
      },
      admit: async () => ({ pact: null }),
      onAttempt: (underWay) => {
        if (underWay) endAttempt = this.#links.get(contact.peer)?.beginAttempt('called')
        else endAttempt?.()
      },
      onProven: (session) => void this.#takeProven(contact, session, 'called', endAttempt),
    }
  }

  /** The caller is live: its pact is kept, and only then its session is used. */
  async #takeProven(
    contact: Contact,
    session: Session,
    how: 'redeemed' | 'called',
    endAttempt?: () => void,
  ): Promise<void> {
    try {
      if (contact.provisionalUntilMs !== null) await this.#keepAndSpend(contact)
      if (this.#closed || !this.#contacts.get(contact.id)) throw unwanted()
      const link = this.#linkOf(contact.peer)
      const end = endAttempt ?? link.beginAttempt(how)
      this.#show(link)
      link.attach(session)
      end()
    } catch {
      endAttempt?.()
      session.abandon('closed')
    }
  }

  async #keepAndSpend({ id, ticketTag }: Contact): Promise<void> {
    if (!ticketTag) return this.#keep(id)
    let done: () => Contact[] = () => []
    await this.#book.spend(ticketTag, id, async (transaction) => {
      done = await this.#contacts.prove(id, transaction)
    })
    for (const replaced of done()) this.#closeContactMailbox(replaced.id)
  }
}

interface ContactMailbox {
  readonly signaling: Signaling
  readonly daily: DailyMailbox
}

const unwanted = () => new HandfastError('bad-packet', 'Nobody waits for this packet here')

function checkInvitation({ expiresInMs, uses, purpose = '', memo = '' }: InviteOptions): void {
  const isIn = (value: number | undefined, max: number) =>
    value === undefined || (Number.isFinite(value) && value >= 1 && value <= max)
  const byteLength = (text: string) => new TextEncoder().encode(text).length
  if (
    !isIn(expiresInMs, limits.maxTicketLifetimeMs) ||
    !isIn(uses, limits.maxTicketUses) ||
    (uses !== undefined && !Number.isInteger(uses)) ||
    byteLength(purpose) > limits.maxPurposeBytes ||
    byteLength(memo) > limits.maxMemoBytes
  ) {
    throw new HandfastError(
      'invalid-argument',
      `A ticket lives at most 30 days, has 1 to ${limits.maxTicketUses} uses, a purpose of ${limits.maxPurposeBytes} and a memo of ${limits.maxMemoBytes} bytes`,
    )
  }
}
