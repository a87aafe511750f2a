/**
 * How two become contacts and meet again: a ticket is issued, or accepted; the pact that comes of it is kept once the other side has shown
 * to be live; and a contact is called.
 */

import { toBase64url, utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { atAnyTime, verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { refuseRevoked } from '../identity/revocations.ts'
import {
  deviceScopes,
  everything,
  givenScopes,
  isWithin as isCovered,
  type Scopes,
} from '../identity/scopes.ts'
import { within } from '../link/within.ts'
import { grantTo, openFirstContact, type Outcome } from '../session/openings.ts'
import type { Session } from '../session/session.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { TicketBook } from '../ticket/book.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Calling } from './calling.ts'
import type { Contact, Contacts } from './contacts.ts'
import type { Housekeeping } from './housekeeping.ts'
import type { Note } from './journal.ts'
import type { Kin } from './kin.ts'
import type { Mailroom } from './mailroom.ts'
import type { AcceptOptions, InviteOptions } from './options.ts'
import { devicePurpose } from './pairing.ts'
import type { Parting } from './parting.ts'
import type { Paths } from './paths.ts'
import type { Emit } from './role-events.ts'
import type { Roster } from './roster.ts'

export interface MeetingOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly relays: readonly string[]
  readonly contacts: Contacts
  readonly book: TicketBook
  readonly paths: Paths
  readonly roster: Roster
  readonly mailroom: Mailroom
  readonly calling: Calling
  readonly parting: Parting
  /** Ended with the mesh. */
  readonly underWay: Set<AbortController>
  readonly housekeeping: Housekeeping
  readonly kin: Kin
  readonly note: Note
  readonly emit: Emit
}

export class Meeting {
  readonly #options: MeetingOptions

  constructor(options: MeetingOptions) {
    this.#options = options
  }

  async invite(options: InviteOptions = {}): Promise<Ticket> {
    const { identity, parting, relays, contacts, book, mailroom, housekeeping, emit } =
      this.#options
    identity.assertUsable()
    parting.refuseIfRevoked()
    const { expiresInMs = limits.defaultTicketLifetimeMs, uses = 1 } = options
    const { purpose = 'contact', memo = '' } = options
    const scopes = givenScopes(options.scopes ?? everything)
    if (
      !isWithin(expiresInMs, limits.maxTicketLifetimeMs) ||
      !isWithin(uses, limits.maxTicketUses) ||
      !Number.isInteger(uses) ||
      utf8(purpose).length > limits.maxPurposeBytes ||
      utf8(memo).length > limits.maxMemoBytes ||
      (purpose === devicePurpose && uses !== 1)
    ) {
      throw new HandfastError(
        'invalid-argument',
        'expiresInMs, uses, purpose or memo is out of range',
      )
    }
    // Whoever came would be met with silence.
    const { scopes: own } = verifyChain(identity.chain, atAnyTime)
    const { introduce, devices } = deviceScopes
    if (!isCovered(purpose === devicePurpose ? [introduce, devices] : [introduce], own)) {
      throw new HandfastError('forbidden', 'This device may not let others in')
    }
    const expiresAtMs = identity.runtime.now() + expiresInMs
    const ticket = await book.issue(
      {
        expiresS: Math.ceil(expiresAtMs / 1000),
        relays: relays.filter(isAllowedRelayUrl).slice(0, limits.maxTicketRelays),
        uses,
        for: options.for === undefined ? null : parsePeerId(options.for),
        purpose,
        memo,
      },
      scopes,
      // After all that was forgotten so far, by whichever clock.
      Math.max(identity.runtime.now(), contacts.peers.lastForgottenMs + 1),
    )
    mailroom.openTicket(ticket.tag, ticket.expiresAt.getTime())
    housekeeping.schedule()
    emit('known', 'tickets')
    return ticket
  }

  async accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId> {
    const { identity, parting, contacts, roster, paths, underWay } = this.#options
    identity.assertUsable()
    parting.refuseIfRevoked()
    const now = identity.runtime.now()
    if (ticket.expiresAt.getTime() <= now) {
      throw new HandfastError('ticket-expired', 'The ticket has expired; ask for a new one')
    }
    if (ticket.purpose === devicePurpose) {
      throw new HandfastError('bad-ticket', 'The ticket is for a device: use joinIdentity')
    }
    const { peer } = identity
    if (ticket.issuer === peer || (ticket.for !== null && ticket.for !== peer)) {
      throw new HandfastError('ticket-wrong-party', 'The ticket is your own or for somebody else')
    }
    const { cutOffAtMs, revocations } = contacts.peers.get(ticket.issuer)
    if (cutOffAtMs !== null) throw new HandfastError('cut-off', 'You have cut off that contact')
    refuseRevoked(revocations, ticket.issuerDevice)
    const earlier = contacts.ofTicket(ticket.tag, ticket.issuer)
    if (earlier) {
      // It has been granted a pact already: that of a lost answer, or of a link that has been there for long.
      const sessions = roster.of(ticket.issuer)
      await within(identity.runtime, options, underWay, (signal) => sessions.connect(signal))
      if (earlier.provisionalUntilMs !== null) await this.keep(earlier)
      roster.show(sessions)
      return ticket.issuer
    }
    const signaling = paths.through(ticket.relays)
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
    { scopes = everything, ...options }: AcceptOptions,
    served: Promise<void>,
  ): Promise<void> {
    const { identity, network, calling, contacts, roster } = this.#options
    const granted = contacts.scopesOf(ticket.issuer, scopes)
    const grant = () => grantTo(identity, ticket.issuerDevice.peerKey, granted)
    let contact: Contact
    const session = await calling.dial(ticket.issuer, ticket.issuerDevice.deviceKey, {
      signaling,
      tag: ticket.tag,
      open: (description, replyTag) =>
        openFirstContact(identity, network, ticket, description, replyTag, grant()),
      onAcknowledged: async (outcome) => {
        contact = await this.#reserve(ticket, outcome, scopes)
        this.listenFor(contact)
      },
      ...options,
    })
    const sessions = roster.of(ticket.issuer)
    sessions.attach(session, served)
    try {
      await session.confirmed
      await this.keep(contact!)
    } catch (error) {
      session.abandon('closed')
      throw error
    }
    roster.show(sessions)
  }

  /** The issuer has granted a pact. Not one that it has with somebody else, or had with us before. */
  async #reserve(
    ticket: Ticket,
    { peer, chain, pact, sender, grants }: Outcome,
    scopes: Scopes,
  ): Promise<Contact> {
    const { identity, contacts } = this.#options
    refuseRevoked(contacts.peers.get(peer.peer).revocations, sender)
    const id = toBase64url(peer.pactId)
    const known = contacts.get(id)
    const isOld =
      known?.provisionalUntilMs === null ||
      contacts.peers.get(peer.peer).forgottenPacts.includes(id)
    if (isOld || (known && known.peer !== peer.peer)) {
      throw new HandfastError('bad-packet')
    }
    const { pactId, pactSecret, deviceKey, boxKey } = peer
    const { relays } = ticket
    const lastMetMs = identity.runtime.now()
    return contacts.add(
      {
        peer: peer.peer,
        pactId,
        pactSecret,
        deviceKey,
        pact: pact!,
        ticketTag: ticket.tag,
        provisionalUntilMs: ticket.expiresAt.getTime(),
        provenAtMs: 0,
      },
      { deviceKey, boxKey, chain, relays, cardNumber: 0, card: null, lastMetMs },
      { ...grants!, scopes },
    )
  }

  /** A contact has been written, provisional as yet. */
  listenFor(contact: Contact): void {
    const { mailroom, housekeeping } = this.#options
    mailroom.openContact(contact)
    housekeeping.schedule()
  }

  /** Listens for a contact, and calls it. */
  open(contact: Contact): void {
    const { roster, parting, mailroom, book, contacts } = this.#options
    const isProvisional = contact.provisionalUntilMs !== null
    const sessions = roster.of(contact.peer)
    if (!isProvisional) roster.show(sessions)
    if (parting.isRevoked) return
    mailroom.openContact(contact)
    // Who holds a pact of our own ticket and has never come: it is theirs to call.
    const isTheirs = isProvisional && book.find(contact.ticketTag)
    const hasDevices = contacts.peers.get(contact.peer).devices.length > 0
    if (!isTheirs && hasDevices) sessions.call()
  }

  /** Makes a contact permanent and its ticket's use spent: both or neither. */
  async keep({ id, peer, ticketTag }: Contact): Promise<void> {
    const { book, contacts, mailroom, note, kin, emit } = this.#options
    let finish: () => Contact[] = () => []
    const isOurTicket = book.find(ticketTag) !== undefined
    const isNew = !contacts.values().some(isProvenWith(peer))
    await book.spend(ticketTag, id, async (transaction) => {
      finish = await contacts.prove(id, transaction)
    })
    for (const replaced of finish()) mailroom.closeContact(replaced.id)
    kin.tell()
    if (isOurTicket) {
      emit('known', 'tickets')
      note('ticket-redeemed', { peer })
    }
    if (isNew) note('contact-added', { peer })
  }

  /** Calls a contact. */
  async call(peer: PeerId, signal: AbortSignal): Promise<Session> {
    const { parting, calling, contacts, roster } = this.#options
    parting.refuseIfRevoked()
    const { contact, device, chain, session } = await calling.call(peer, signal)
    // Revoked, or forgotten, while its channel opened.
    const { deviceKeys } = verifyChain(chain, atAnyTime)
    if (!contacts.get(contact.id) || !contacts.peers.admits(peer, deviceKeys)) {
      session.abandon('closed')
      throw new HandfastError('closed')
    }
    session.confirmed
      .then(async () => {
        await contacts.meet(peer, { ...device, chain })
        if (contact.provisionalUntilMs === null) return
        await this.keep(contact)
        roster.show(roster.of(peer))
      })
      .catch(() => session.abandon('closed'))
    return session
  }
}

const isProvenWith = (peer: PeerId) => (contact: Contact) =>
  contact.peer === peer && contact.provenAtMs > 0

const isWithin = (value: number, max: number): boolean =>
  Number.isFinite(value) && value >= 1 && value <= max
