/**
 * Being called: what is read from a ticket's or a contact's mailbox, who is let in, and what is kept of them. Whoever is let in
 * is a link from when they have shown to be live.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { signatureLabels } from '../crypto/labels.ts'
import type { Identity } from '../identity/identity.ts'
import type { Reception } from '../session/answer.ts'
import { readFirstContact, readKnownContact, type OpenedFirstContact } from '../session/openings.ts'
import { pactIdOf, pactSecretBytes } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import { packetKinds } from '../signaling/packets.ts'
import type { TicketBook } from '../ticket/book.ts'
import type { Contact, Contacts } from './contacts.ts'
import type { Slot } from './mailroom.ts'
import type { Roster } from './roster.ts'

export interface CallersOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly contacts: Contacts
  readonly book: TicketBook
  readonly roster: Roster
  /** A contact has been written, provisional as yet. */
  readonly onReserved: (contact: Contact) => void
  /** Makes a contact permanent. */
  readonly keep: (contact: Contact) => Promise<void>
  readonly isClosed: () => boolean
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
      read: (packet) => {
        const live = book.find(slot.tag)?.live
        if (packet.kind !== packetKinds.firstContact || !live) throw unwanted()
        opened = readFirstContact(identity, network, live.ticket, live.key, packet)
        return opened
      },
      admit: async () => {
        const { pactRecord } = opened
        const signature = await identity.device.sign(signatureLabels.pact, pactRecord)
        contact = await this.#reserve(slot, opened, signature)
        if (!contact) return undefined
        this.#options.onReserved(contact)
        return { pact: { value: contact.pactSecret, signature } }
      },
      onProven: (session) => void this.#letIn(contact!, session, 'redeemed'),
    }
  }

  /** Reserves a use of the ticket and writes the contact with it: both or neither. The same peer again gets the same secret. */
  async #reserve(
    { tag, expiresAtMs }: Slot,
    { payload, pactRecord: record }: OpenedFirstContact,
    ownSignature: Uint8Array,
  ): Promise<Contact | undefined> {
    const { identity, contacts, book } = this.#options
    const { sender, chain, pact } = payload
    const earlier = contacts.ofTicket(tag, sender.peer)
    if (earlier && !equalBytes(earlier.deviceKey, sender.deviceKey)) return undefined
    const pactSecret = earlier?.pactSecret ?? identity.runtime.randomBytes(pactSecretBytes)
    const fresh = await contacts.prepare({
      ...sender,
      chain,
      pact: { record, ownSignature, peerSignature: pact!.signature },
      pactSecret,
      pactId: pactIdOf(pactSecret),
      relays: [],
      ticketTag: tag,
      provisionalUntilMs: expiresAtMs,
      provenAtMs: 0,
    })
    const { id } = fresh.contact
    const redemption = await book.reserve(tag, sender.peer, id, async (pactId, transaction) => {
      if (pactId === id) await fresh.write(transaction)
    })
    if (redemption?.pactId === id) fresh.keep()
    const kept = redemption && (await contacts.recall(redemption.pactId))
    // Two messages at once, each of another device: the first has won.
    return kept && equalBytes(kept.deviceKey, sender.deviceKey) ? kept : undefined
  }

  #atContact(contact: Contact, slot: Slot): Reception {
    const { identity, network, roster } = this.#options
    let endAttempt: (() => void) | undefined
    return {
      ...slot,
      read: (packet) => {
        if (packet.kind !== packetKinds.knownContact) throw unwanted()
        return readKnownContact(identity, network, contact, packet)
      },
      admit: async () => ({ pact: null }),
      onAttempt: (underWay) => {
        if (underWay) endAttempt = roster.of(contact.peer).beginAttempt('called')
        else endAttempt?.()
      },
      onProven: (session) => void this.#letIn(contact, session, 'called', endAttempt),
    }
  }

  /** The caller is live: its pact is kept, then its link shown, and only then what it says is heard. */
  async #letIn(
    contact: Contact,
    session: Session,
    how: 'redeemed' | 'called',
    end?: () => void,
  ): Promise<void> {
    const { contacts, roster, keep, isClosed } = this.#options
    try {
      if (contact.provisionalUntilMs !== null) await keep(contact)
      if (isClosed() || !contacts.get(contact.id)) throw unwanted()
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
