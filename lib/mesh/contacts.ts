/**
 * The contacts of an identity, one a pact. A pact is provisional from the handshake until the other side has shown to be live. Two
 * peers that invite each other at once make two, and prove them in different orders; and one side may prove a pact that the other never
 * does. So the latest few are kept, all are listened for, and dials try one after the other. A pact's secret is kept encrypted.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxContacts, maxPactsPerPeer } from '../base/limits.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { Sealed } from '../identity/keystore.ts'
import { parsePeerId, type PeerId } from '../identity/peer-id.ts'
import type { SignedPact } from '../session/openings.ts'
import type { KnownPeer } from '../session/pact.ts'
import type { StoreTransaction } from '../storage/store.ts'
import type { Card } from './card.ts'

/** What came of a first contact. */
export interface Contact extends KnownPeer {
  /** Key of the record: `pactId` as base64url. */
  readonly id: string
  readonly chain: CertificateChain
  readonly pact: SignedPact
  /** Where the peer listens besides one's own relays. */
  readonly relays: readonly string[]
  /** Number of the card that said so; none yet where only a ticket did. */
  readonly cardNumber?: number
  /** Tag of the ticket it came of. */
  readonly ticketTag: Uint8Array
  /** Not proven yet, and forgotten at that time (Unix ms); null once proven. */
  readonly provisionalUntilMs: number | null
  /** Unix ms; 0 until proven. */
  readonly provenAtMs: number
}

interface ContactRecord extends Omit<Contact, 'id' | 'pactSecret'> {
  readonly secret: Sealed
}

const forgotten = () => new HandfastError('closed', 'The contact was forgotten')

/** From today, in the order in which a contact is looked for. */
const days = [0, 1, -1]

const sealName = (id: string) => `pact/${id}`

export class Contacts {
  readonly #identity: Identity
  readonly #contacts = new Map<string, Contact>()
  /** Dials in vain since the last that was answered, by contact id. */
  readonly #failures = new Map<string, number>()
  /** In which day's mailbox the last dial that was answered had found it, from today, by contact id. */
  readonly #days = new Map<string, number>()

  private constructor(identity: Identity) {
    this.#identity = identity
  }

  static async open(identity: Identity): Promise<Contacts> {
    const contacts = new Contacts(identity)
    const records = await identity.store.transaction(
      ['contacts'],
      { mode: 'read' },
      (transaction) => transaction.list('contacts'),
    )
    for (const { key, value } of records) {
      // One damaged record costs one contact. It stays where it is, and is reported at every opening.
      try {
        await contacts.#take(key, value)
      } catch (cause) {
        reportError(
          new HandfastError('storage-failed', `the contact '${key}' is damaged`, { cause }),
        )
      }
    }
    await contacts.prune()
    return contacts
  }

  async #take(key: string, value: unknown): Promise<Contact> {
    const { secret, ...rest } = value as ContactRecord
    if (toBase64url(rest.pactId) !== key) throw new HandfastError('storage-failed')
    parsePeerId(rest.peer)
    const pactSecret = await this.#identity.keystore.unseal(sealName(key), secret)
    const contact = { ...rest, id: key, pactSecret }
    this.#contacts.set(key, contact)
    return contact
  }

  /** A contact that is on disk: also one whose write was said to have failed. */
  async recall(id: string): Promise<Contact | undefined> {
    const known = this.#contacts.get(id)
    if (known) return known
    const record = await this.#identity.store.transaction(
      ['contacts'],
      { mode: 'read' },
      (transaction) => transaction.get('contacts', id),
    )
    return record === undefined ? undefined : this.#take(id, record)
  }

  values(): Contact[] {
    return [...this.#contacts.values()]
  }

  get(id: string): Contact | undefined {
    return this.#contacts.get(id)
  }

  /** The pact to dial by: the one with the fewest failures, the latest proven first. @throws HandfastError `closed` */
  of(peer: PeerId): Contact {
    const failures = ({ id }: Contact) => this.#failures.get(id) ?? 0
    const [contact] = this.#latestFirst(peer).sort((a, b) => failures(a) - failures(b))
    if (!contact) throw forgotten()
    return contact
  }

  /**
   * In which day's mailbox to look for a contact, from today: where it was last, and after a dial in vain at the others in turn. With the
   * three days that it listens for, clocks 48 hours apart find each other.
   */
  dayToDial({ id }: Contact): number {
    const first = days.indexOf(this.#days.get(id) ?? 0)
    return days[(first + (this.#failures.get(id) ?? 0)) % days.length]!
  }

  /** A dial by this pact, at the mailbox of that day, was answered, or in vain. */
  noteDial({ id }: Contact, day: number, wasAnswered: boolean): void {
    if (wasAnswered) this.#days.set(id, day)
    this.#failures.set(id, wasAnswered ? 0 : (this.#failures.get(id) ?? 0) + 1)
  }

  #latestFirst(peer: PeerId): Contact[] {
    const all = this.values().filter((contact) => contact.peer === peer)
    return all.sort((a, b) => b.provenAtMs - a.provenAtMs)
  }

  /** What has come of a ticket with that peer. */
  ofTicket(tag: Uint8Array, peer: PeerId): Contact | undefined {
    return this.values().find(
      (contact) => contact.peer === peer && equalBytes(contact.ticketTag, tag),
    )
  }

  /**
   * Readies a contact for being written: encrypting can't happen within a transaction.
   * @throws HandfastError `queue-full`
   */
  async prepare(contact: Omit<Contact, 'id'>): Promise<PreparedContact> {
    const id = toBase64url(contact.pactId)
    if (this.#contacts.size >= maxContacts && !this.#contacts.has(id)) {
      throw new HandfastError('queue-full', `At most ${maxContacts} contacts`)
    }
    const { pactSecret, ...rest } = contact
    const secret = await this.#identity.keystore.seal(sealName(id), pactSecret)
    const record: ContactRecord = { ...rest, secret }
    return {
      contact: { ...contact, id },
      write: (transaction) => transaction.put('contacts', id, record),
      keep: () => void this.#contacts.set(id, { ...contact, id }),
    }
  }

  /** Writes a contact by itself. */
  async add(contact: Omit<Contact, 'id'>): Promise<Contact> {
    const prepared = await this.prepare(contact)
    await this.#write((transaction) => prepared.write(transaction))
    prepared.keep()
    return prepared.contact
  }

  /** Makes a contact permanent, and forgets the oldest pacts with the same peer. Returns what to do once `transaction` is done. */
  async prove(id: string, transaction: StoreTransaction): Promise<() => Contact[]> {
    const contact = this.#contacts.get(id)
    const record = (await transaction.get('contacts', id)) as ContactRecord | undefined
    if (!contact || !record) throw forgotten()
    const proof = { provisionalUntilMs: null, provenAtMs: this.#identity.runtime.now() }
    await transaction.put('contacts', id, { ...record, ...proof })
    const others = this.#latestFirst(contact.peer).filter((other) => other.id !== id)
    const surplus = others.filter((other) => other.provenAtMs > 0).slice(maxPactsPerPeer - 1)
    for (const other of surplus) await transaction.delete('contacts', other.id)
    return () => {
      this.#forgetAll(surplus)
      // A card may have come meanwhile.
      this.#contacts.set(id, { ...(this.#contacts.get(id) ?? contact), ...proof })
      return surplus
    }
  }

  /** The contacts of one device of a peer. */
  ofDevice({ peer, deviceKey }: Pick<Contact, 'peer' | 'deviceKey'>): Contact[] {
    return this.values().filter(
      (contact) => contact.peer === peer && equalBytes(contact.deviceKey, deviceKey),
    )
  }

  /** Number of the latest card of a device; 0 without. */
  cardNumberOf(device: Pick<Contact, 'peer' | 'deviceKey'>): number {
    return Math.max(0, ...this.ofDevice(device).map(({ cardNumber = 0 }) => cardNumber))
  }

  /** Takes note of where a device is, on disk before in use. Returns the contacts that change: none when the card is no news. */
  async learn(card: Card): Promise<Contact[]> {
    const { relays, number: cardNumber } = card
    const isNews = ({ cardNumber: known = 0 }: Pick<Contact, 'cardNumber'>) => known < cardNumber
    const ids = this.ofDevice(card)
      .filter(isNews)
      .map(({ id }) => id)
    if (ids.length === 0 || this.cardNumberOf(card) > cardNumber) return []
    await this.#write(async (transaction) => {
      for (const id of ids) {
        const record = (await transaction.get('contacts', id)) as ContactRecord | undefined
        if (record && isNews(record)) {
          await transaction.put('contacts', id, { ...record, relays, cardNumber })
        }
      }
    })
    const changed = ids.flatMap((id) => this.#contacts.get(id) ?? []).filter(isNews)
    return changed.map((contact) => {
      const learned = { ...contact, relays, cardNumber }
      this.#contacts.set(contact.id, learned)
      return learned
    })
  }

  /** Forgets every pact with a peer; returns them. */
  async forget(peer: PeerId): Promise<Contact[]> {
    return this.#remove((contact) => contact.peer === peer)
  }

  /** Forgets pacts that were not proven in time; returns them. */
  async prune(): Promise<Contact[]> {
    const now = this.#identity.runtime.now()
    return this.#remove(({ provisionalUntilMs }) => (provisionalUntilMs ?? Infinity) <= now)
  }

  async #remove(matches: (contact: Contact) => boolean): Promise<Contact[]> {
    const removed = this.values().filter(matches)
    if (removed.length === 0) return removed
    await this.#write(async (transaction) => {
      for (const { id } of removed) await transaction.delete('contacts', id)
    })
    this.#forgetAll(removed)
    return removed
  }

  #forgetAll(contacts: readonly Contact[]): void {
    for (const { id } of contacts) {
      this.#contacts.delete(id)
      this.#failures.delete(id)
      this.#days.delete(id)
    }
  }

  #write<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    const options = { mode: 'write', durability: 'strict' } as const
    return this.#identity.store.transaction(['contacts'], options, work)
  }
}

export interface PreparedContact {
  readonly contact: Contact
  write(transaction: StoreTransaction): Promise<void>
  /** Once the transaction is done. */
  keep(): void
}
