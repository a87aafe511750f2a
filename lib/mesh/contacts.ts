/**
 * The contacts of an identity, one a pact. A pact is provisional from the handshake until the other side has shown to be live. Two
 * peers that invite each other at once make two, and prove them in different orders; and one side may prove a pact that the other never
 * does. So the latest few are kept, all are listened for, and dials try one after the other. A pact's secret is kept encrypted.
 * Whose device is called or calls is another matter (`peers.ts`): a pact is between identities.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import {
  maxClockLeadMs,
  maxContacts,
  maxPactsPerPeer,
  maxPeers,
  metAgainMs,
} from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { parsePeerId, type PeerId } from '../identity/peer-id.ts'
import type { Scopes } from '../identity/scopes.ts'
import type { Sealed } from '../identity/wrapping-key.ts'
import { isSameList } from '../link/person.ts'
import type { SignedPact } from '../session/openings.ts'
import { readRecord, takeRecords } from '../storage/reading.ts'
import { strictWrite, type StoreTransaction } from '../storage/store.ts'
import type { Card } from './card.ts'
import {
  deviceOf,
  joinPeers,
  keysOf,
  withDevice,
  withMet,
  withoutKnowledge,
  withoutPacts,
  type KnownDevice,
  type PeerRecord,
} from './peer-record.ts'
import { Peers } from './peers.ts'
import { upgradeContacts } from './upgrade.ts'

/** What came of a first contact: a pact, and how it stands. */
export interface Contact {
  /** Key of the record: `pactId` as base64url. */
  readonly id: string
  readonly peer: PeerId
  readonly pactId: Uint8Array
  readonly pactSecret: Uint8Array
  /** The device of the peer that made the pact. */
  readonly deviceKey: Uint8Array
  readonly pact: SignedPact
  /** Tag of the ticket it came of. */
  readonly ticketTag: Uint8Array
  /** Not proven yet, and forgotten at that time (Unix ms); null once proven. */
  readonly provisionalUntilMs: number | null
  /** Unix ms; 0 until proven. */
  readonly provenAtMs: number
}

/** What each side lets the other do from first contact on, and how each has certified it. */
export type Granted = Pick<PeerRecord, 'scopes' | 'grantedScopes' | 'peerChain' | 'ownPeerChain'>

/** As a backup has it. */
export type ProvenPact = Omit<Contact, 'id' | 'provisionalUntilMs'>

/** What a snapshot has changed. */
export interface Adopted {
  readonly added: readonly Contact[]
  readonly removed: readonly Contact[]
  /** The peers it spoke of, as they were before. */
  readonly before: readonly PeerRecord[]
}

interface ContactRecord extends Omit<Contact, 'id' | 'pactSecret'> {
  readonly secret: Sealed
}

/** Nobody of that name is known, or none of its devices. */
export const forgotten = () => new HandfastError('closed', 'The contact was forgotten')

const sealName = (id: string) => `pact/${id}`

export class Contacts {
  readonly peers: Peers
  readonly #identity: Identity
  readonly #contacts = new Map<string, Contact>()

  private constructor(identity: Identity, peers: Peers) {
    this.#identity = identity
    this.peers = peers
  }

  static async open(identity: Identity): Promise<Contacts> {
    await upgradeContacts(identity)
    const contacts = new Contacts(identity, await Peers.open(identity))
    await takeRecords(identity.store, 'contacts', 'contact', (...record) =>
      contacts.#take(...record),
    )
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
    const record = await readRecord(this.#identity.store, 'contacts', id)
    return record === undefined ? undefined : this.#take(id, record)
  }

  values(): Contact[] {
    return [...this.#contacts.values()]
  }

  get(id: string): Contact | undefined {
    return this.#contacts.get(id)
  }

  /** The pacts with a peer, the latest proven first. */
  of(peer: PeerId): Contact[] {
    const all = this.values().filter((contact) => contact.peer === peer)
    return all.sort((a, b) => b.provenAtMs - a.provenAtMs)
  }

  /** What has come of a ticket with that peer. */
  ofTicket(tag: Uint8Array, peer: PeerId): Contact | undefined {
    return this.of(peer).find((contact) => equalBytes(contact.ticketTag, tag))
  }

  // ── Changes ──────────────────────────────────────────────────────────────────────────────────────

  /** There is a session with that device: it is known from now on, and called first. Returns whether it was not known before. */
  async meet(
    peer: PeerId,
    { deviceKey, boxKey, chain }: Pick<KnownDevice, 'deviceKey' | 'boxKey' | 'chain'>,
  ): Promise<boolean> {
    const met = { deviceKey, boxKey, chain }
    const lastMetMs = this.#identity.runtime.now()
    const known = this.peers.deviceOf(peer, deviceKey)
    const isSame = known && equalChains(known.chain, chain)
    // Which of two was met last matters little within an hour, and to nobody's messages.
    if (isSame && known.lastMetMs > lastMetMs - metAgainMs) return false
    const written = this.peers.change(peer, (record) => withMet(record, met, lastMetMs))
    await (isSame ? written.catch(() => {}) : written)
    return !known
  }

  /**
   * Readies a contact and the device it was made with for being written: encrypting can't happen within a transaction. Who is new gets the
   * rights.
   * @throws HandfastError `queue-full`
   */
  async prepare(
    contact: Omit<Contact, 'id'>,
    device: KnownDevice,
    granted: Granted,
  ): Promise<PreparedContact> {
    const id = toBase64url(contact.pactId)
    if (this.#contacts.size >= maxContacts && !this.#contacts.has(id)) {
      throw new HandfastError('queue-full', `At most ${maxContacts} contacts`)
    }
    const fresh = await this.#ready(contact)
    const isKnown = this.#isKnown(contact.peer)
    const { scopes, ownPeerChain, ...ofThem } = granted
    const ofUs = isKnown ? {} : { scopes, ownPeerChain }
    let keepPeer: () => unknown = () => {}
    return {
      contact: fresh.contact,
      write: async (transaction) => {
        await fresh.write(transaction)
        keepPeer = await this.peers.write(
          contact.peer,
          (peer) => {
            const isAsItWas = isKnown || isSameList(peer.scopes, scopes)
            const said = isAsItWas ? peer : this.peers.stamped(peer, { scopes })
            return withMet({ ...said, ...ofThem, ...ofUs }, device, device.lastMetMs)
          },
          transaction,
        )
      },
      keep: () => {
        keepPeer()
        fresh.keep()
      },
    }
  }

  /** What a peer may do that a ticket would let do that: a contact keeps what it has been granted, no ticket changes that in passing. */
  scopesOf(peer: PeerId, offered: Scopes): Scopes {
    return this.#isKnown(peer) ? this.peers.get(peer).scopes : offered
  }

  #isKnown(peer: PeerId): boolean {
    return this.of(peer).some(({ provenAtMs }) => provenAtMs > 0)
  }

  async #ready(contact: Omit<Contact, 'id'>): Promise<PreparedContact> {
    const id = toBase64url(contact.pactId)
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
  async add(contact: Omit<Contact, 'id'>, device: KnownDevice, granted: Granted): Promise<Contact> {
    const prepared = await this.prepare(contact, device, granted)
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
    const others = this.of(contact.peer).filter((other) => other.id !== id)
    const surplus = others.filter((other) => other.provenAtMs > 0).slice(maxPactsPerPeer - 1)
    for (const other of surplus) await transaction.delete('contacts', other.id)
    return () => {
      this.#forgetAll(surplus)
      this.#contacts.set(id, { ...contact, ...proof })
      return surplus
    }
  }

  /** Number of the latest card of a device; 0 without. */
  cardNumberOf({ peer, deviceKey }: Pick<Card, 'peer' | 'deviceKey'>): number {
    return this.peers.deviceOf(peer, deviceKey)?.cardNumber ?? 0
  }

  /** Takes note of where a device of a peer is, on disk before in use. Returns whether the card is news. */
  async learn(card: Card): Promise<boolean> {
    const { deviceKey, boxKey, chain, relays, number: cardNumber, bytes } = card
    if (!this.peers.admits(card.peer, keysOf(card))) return false
    if (this.cardNumberOf(card) >= cardNumber) return false
    await this.peers.change(card.peer, (record) => {
      const known = deviceOf(record, deviceKey)
      if (known && known.cardNumber >= cardNumber) return record
      const lastMetMs = known?.lastMetMs ?? 0
      const device = { deviceKey, boxKey, chain, relays, cardNumber, card: bytes, lastMetMs }
      return withDevice(record, device)
    })
    return this.cardNumberOf(card) === cardNumber
  }

  /**
   * Takes what a backup or another device of one's own knows of peers and pacts, all of it or nothing. Pacts that were forgotten stay so;
   * of a peer that no pact is left with, no more stays than that. Where there is no room for all, the earliest pacts are left out.
   */
  async adopt(
    toldPacts: readonly ProvenPact[],
    toldRecords: readonly PeerRecord[],
  ): Promise<Adopted> {
    const { peer: own, device, runtime } = this.#identity
    const records = toldRecords.map((record) => this.peers.credible(record))
    const latestMs = runtime.now() + maxClockLeadMs
    const pacts = toldPacts.map((pact) =>
      pact.provenAtMs > latestMs ? { ...pact, provenAtMs: 1 } : pact,
    )
    const taken = new Map<string, PreparedContact>()
    let room = maxContacts - this.#contacts.size
    for (const pact of pacts.toSorted((a, b) => b.provenAtMs - a.provenAtMs)) {
      const id = toBase64url(pact.pactId)
      const known = this.#contacts.get(id)
      // A pact is with one peer, whoever says otherwise.
      if (taken.has(id) || (known && known.peer !== pact.peer)) continue
      if (known ? known.provenAtMs >= pact.provenAtMs : room-- <= 0) continue
      taken.set(id, await this.#ready({ ...pact, provisionalUntilMs: null }))
    }
    const fresh = Array.from(taken.values(), ({ contact }) => contact)
    const all = [...this.values().filter(({ id }) => !taken.has(id)), ...fresh]
    all.sort((a, b) => b.provenAtMs - a.provenAtMs || (a.id < b.id ? -1 : 1))
    const peers = new Map(fresh.map(({ peer }) => [peer, withoutKnowledge(peer)]))
    let places = maxPeers - this.peers.size
    for (const record of records) {
      const { peer } = record
      if (this.peers.has(peer) || peers.has(peer) || places-- > 0) peers.set(peer, record)
    }

    const before = Array.from(peers.keys(), (peer) => this.peers.get(peer))
    const added: Contact[] = []
    const removed: Contact[] = []
    const keeps: (() => unknown)[] = []
    await this.#write(async (transaction) => {
      for (const record of peers.values()) {
        let left: Contact[] = []
        const change = (held: PeerRecord) => {
          const joined = joinPeers(held, exceptDevice(record, device.key))
          const { forgottenPacts, cutOffAtMs } = joined
          const live = all
            .filter(({ peer }) => peer === record.peer && cutOffAtMs === null)
            .filter(({ id }) => !forgottenPacts.includes(id))
          const isProven = ({ provenAtMs }: Contact) => provenAtMs > 0
          const proven = live.filter(isProven).slice(0, maxPactsPerPeer)
          left = [...proven, ...live.filter((contact) => !isProven(contact))]
          return left.length > 0 || record.peer === own ? joined : withoutPacts(joined)
        }
        keeps.push(await this.peers.write(record.peer, change, transaction))
        for (const contact of all.filter(({ peer }) => peer === record.peer)) {
          const fresh = taken.get(contact.id)
          if (left.includes(contact)) {
            if (!fresh) continue
            await fresh.write(transaction)
            added.push(contact)
          } else {
            await transaction.delete('contacts', contact.id)
            if (this.#contacts.has(contact.id)) removed.push(contact)
          }
        }
      }
    })
    for (const keep of keeps) keep()
    for (const contact of added) this.#contacts.set(contact.id, contact)
    this.#forgetAll(removed)
    return { added, removed, before }
  }

  /** Forgets every pact with a peer, for good: no backup brings them back. Returns them. */
  async forget(peer: PeerId, { cutOff = false } = {}): Promise<Contact[]> {
    const isContact = (other: PeerId) => this.of(other).length > 0
    return this.#remove(this.of(peer), (ids, transaction) =>
      this.peers.forget(peer, ids, { cutOff, isContact }, transaction),
    )
  }

  /** Forgets pacts that were not proven in time; returns them. */
  async prune(): Promise<Contact[]> {
    const now = this.#identity.runtime.now()
    const isOver = ({ provisionalUntilMs }: Contact) => (provisionalUntilMs ?? Infinity) <= now
    return this.#drop(this.values().filter(isOver))
  }

  /** Forgets a provisional contact before its time, and somebody who was nothing else. */
  async discard(id: string): Promise<Contact[]> {
    return this.#drop(this.values().filter((contact) => contact.id === id))
  }

  async #drop(over: Contact[]): Promise<Contact[]> {
    if (over.length === 0) return over
    return this.#remove(over, async (_, transaction) => {
      const alone = over.filter(({ peer }) => this.of(peer).every((each) => over.includes(each)))
      const keeps: (() => void)[] = []
      for (const { peer } of alone) keeps.push(await this.peers.drop(peer, transaction))
      return () => keeps.forEach((keep) => keep())
    })
  }

  async #remove(
    contacts: Contact[],
    also: (ids: string[], transaction: StoreTransaction) => Promise<() => void>,
  ): Promise<Contact[]> {
    const keep = await this.#write(async (transaction) => {
      for (const { id } of contacts) await transaction.delete('contacts', id)
      return also(
        contacts.map(({ id }) => id),
        transaction,
      )
    })
    keep()
    this.#forgetAll(contacts)
    return contacts
  }

  #forgetAll(contacts: readonly Contact[]): void {
    for (const { id } of contacts) this.#contacts.delete(id)
  }

  #write<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    return this.#identity.store.transaction(['contacts', 'peers'], strictWrite, work)
  }
}

export interface PreparedContact {
  readonly contact: Contact
  write(transaction: StoreTransaction): Promise<void>
  /** Once the transaction is done. */
  keep(): void
}

const exceptDevice = (record: PeerRecord, key: Uint8Array): PeerRecord => ({
  ...record,
  devices: record.devices.filter(({ deviceKey }) => !equalBytes(deviceKey, key)),
})

const equalChains = (a: readonly Uint8Array[], b: readonly Uint8Array[]) =>
  a.length === b.length && a.every((certificate, at) => equalBytes(certificate, b[at]!))
