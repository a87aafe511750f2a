/**
 * Being called: what is read from a ticket's or a contact's mailbox, who is let in, and what is kept of them. Whoever is let in
 * is a link from when they have shown to be live.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId } from '../identity/peer-id.ts'
import type { Reception } from '../session/answer.ts'
import {
  grantTo,
  readFirstContact,
  readKnownContact,
  type Opened,
  type OpenedFirstContact,
} from '../session/openings.ts'
import { pactIdOf, pactSecretBytes } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import { readUnmet } from '../session/unmet.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import type { TicketBook } from '../ticket/book.ts'
import type { Contact, Contacts, Granted } from './contacts.ts'
import type { Note } from './journal.ts'
import type { Slot } from './mailroom.ts'
import type { Meeting } from './meeting.ts'
import type { Parting } from './parting.ts'
import type { Roster } from './roster.ts'
import { knownPeer } from './targets.ts'

export interface CallersOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly contacts: Contacts
  readonly book: TicketBook
  readonly roster: Roster
  readonly meeting: Meeting
  readonly parting: Parting
  /** Of the mesh. */
  readonly closing: AbortSignal
  readonly note: Note
}

const unwanted = () => new HandfastError('bad-packet')

export class Callers {
  readonly #options: CallersOptions

  constructor(options: CallersOptions) {
    this.#options = options
  }

  /** What to do with a packet at a mailbox. Nothing for a contact that was forgotten. */
  at(slot: Slot): Reception | undefined {
    if (slot.contactId === undefined) return this.#atTicket(slot)
    const contact = this.#options.contacts.get(slot.contactId)
    return contact && this.#atContact(contact, slot)
  }

  #atTicket(slot: Slot): Reception {
    const { identity, network, book } = this.#options
    let opened: OpenedFirstContact
    let contact: Contact | undefined
    return {
      ...slot,
      from: 'stranger',
      mailbox: toBase64url(slot.tag),
      kinds: [packetKinds.firstContact],
      read: (packet) => {
        const { live, issuedAtMs } = book.find(slot.tag) ?? {}
        if (!live) throw unwanted()
        opened = readFirstContact(identity, network, live.ticket, live.key, packet)
        this.#admit(opened, issuedAtMs)
        return opened
      },
      admit: async () => {
        const { pactRecord, payload } = opened
        const { scopes } = book.find(slot.tag)!
        const signature = await identity.device.sign(signatureLabels.pact, pactRecord)
        const { peer, peerKey } = payload.sender
        const peerChain = await grantTo(
          identity,
          peerKey,
          this.#options.contacts.scopesOf(peer, scopes),
        )
        const granted = { ...opened, scopes, ownPeerChain: peerChain }
        contact = await this.#reserve(slot, granted, signature)
        if (!contact) return undefined
        this.#options.meeting.listenFor(contact)
        return { pact: { value: contact.pactSecret, signature, peerChain } }
      },
      onProven: (session) => void this.#letIn(contact!, opened, session, 'redeemed'),
    }
  }

  /** Not from one that was cut off, a device that was revoked, or with a ticket from before its bearer was forgotten. */
  #admit({ payload: { sender } }: Opened, ticketIssuedAtMs = Infinity): void {
    const { peers } = this.#options.contacts
    const isForgotten = peers.get(sender.peer).forgottenAtMs >= ticketIssuedAtMs
    if (isForgotten || !peers.admits(sender.peer, sender.deviceKeys)) throw unwanted()
  }

  /** Reserves a use of the ticket and writes the contact with it: both or neither. The same peer again gets the same secret. */
  async #reserve(
    { tag, expiresAtMs }: Slot,
    { payload, pactRecord: record, peerSignature, ...opened }: OpenedFirstContact & Granted,
    ownSignature: Uint8Array,
  ): Promise<Contact | undefined> {
    const { identity, contacts, book, parting } = this.#options
    const { sender, chain } = payload
    const earlier = contacts.ofTicket(tag, sender.peer)
    if (earlier && !equalBytes(earlier.deviceKey, sender.deviceKey)) return undefined
    const pactSecret = earlier?.pactSecret ?? identity.runtime.randomBytes(pactSecretBytes)
    const { peer, deviceKey, boxKey } = sender
    const lastMetMs = identity.runtime.now()
    const device = { deviceKey, boxKey, chain, relays: [], cardNumber: 0, card: null, lastMetMs }
    const contact = {
      peer,
      deviceKey,
      pact: { record, ownSignature, peerSignature },
      pactSecret,
      pactId: pactIdOf(pactSecret),
      ticketTag: tag,
      provisionalUntilMs: expiresAtMs,
      provenAtMs: 0,
    }
    const { scopes, grantedScopes, peerChain, ownPeerChain } = opened
    const granted = { scopes, grantedScopes, peerChain, ownPeerChain }
    const fresh = await contacts.prepare(contact, device, granted)
    const { id } = fresh.contact
    const redemption = await book.reserve(tag, sender.peer, id, async (pactId, transaction) => {
      if (pactId === id) await fresh.write(transaction)
    })
    if (redemption?.pactId === id) fresh.keep()
    // Another has the use of a contact that was provisional for too long.
    if (redemption?.overtaken) parting.dismiss(await contacts.discard(redemption.overtaken))
    const kept = redemption && (await contacts.recall(redemption.pactId))
    // Two messages at once, each of another device: the first has won.
    return kept && equalBytes(kept.deviceKey, sender.deviceKey) ? kept : undefined
  }

  #atContact(contact: Contact, slot: Slot): Reception {
    const { identity, network, roster, contacts } = this.#options
    let opened: Opened
    let endAttempt: (() => void) | undefined
    const known = (deviceKey: Uint8Array) => {
      const device = contacts.peers.deviceOf(contact.peer, deviceKey)
      return device && knownPeer(contact, device)
    }
    const pact = { peerKey: keyFromPeerId(contact.peer), pactSecret: contact.pactSecret }
    return {
      ...slot,
      from: 'contact',
      mailbox: contact.id,
      kinds: [packetKinds.knownContact, packetKinds.firstContact],
      read: (packet) => {
        opened =
          packet.kind === packetKinds.firstContact
            ? readUnmet(identity, network, pact, this.#revoked(contact), packet)
            : readKnownContact(identity, network, known, packet)
        this.#admit(opened)
        return opened
      },
      admit: async () => ({ pact: null }),
      onAttempt: (underWay) => {
        if (underWay) endAttempt = roster.of(contact.peer).beginAttempt('called')
        else endAttempt?.()
      },
      onProven: (session) => void this.#letIn(contact, opened, session, 'called', endAttempt),
    }
  }

  #revoked({ peer }: Contact) {
    const { identity, contacts } = this.#options
    const own = contacts.peers.get(identity.peer).revocations
    return { own, peers: contacts.peers.get(peer).revocations }
  }

  /** The caller is live: its pact is kept, then its link shown, and only then what it says is heard. */
  async #letIn(
    contact: Contact,
    opened: Opened,
    session: Session,
    how: 'redeemed' | 'called',
    end?: () => void,
  ): Promise<void> {
    const { contacts, roster, meeting, closing, note } = this.#options
    try {
      if (contact.provisionalUntilMs !== null) await meeting.keep(contact)
      const { sender, chain } = opened.payload
      const isNew = await contacts.meet(contact.peer, { ...sender, chain })
      if (isNew) note('device-added', { peer: contact.peer, detail: toBase64url(sender.deviceKey) })
      this.#admit(opened)
      if (closing.aborted || !contacts.get(contact.id)) throw unwanted()
      const sessions = roster.of(contact.peer)
      end ??= sessions.beginAttempt(how)
      roster.show(sessions)
      sessions.attach(session)
    } catch {
      session.abandon('closed')
    } finally {
      end?.()
    }
  }
}
