/** The devices of one's own identity, this one first: what each is told when it joins, and what follows of what the others tell. */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import type { Identity } from '../identity/identity.ts'
import type { Adopted, Contacts } from './contacts.ts'
import type { Cards } from './cards.ts'
import type { Note } from './journal.ts'
import { makeOwnPact, type NewKin } from './kin.ts'
import type { OwnDevice } from './known.ts'
import type { Mailroom } from './mailroom.ts'
import type { Meeting } from './meeting.ts'
import type { Parting } from './parting.ts'
import { withDevice, type KnownDevice } from './peer-record.ts'
import type { People } from './people.ts'
import type { Roster } from './roster.ts'
import { takeSnapshot } from './snapshot.ts'

export interface OwnDevicesOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly cards: Cards
  readonly mailroom: Mailroom
  readonly meeting: Meeting
  readonly parting: Parting
  readonly people: People
  readonly roster: Roster
  readonly note: Note
}

export class OwnDevices {
  readonly #options: OwnDevicesOptions

  constructor(options: OwnDevicesOptions) {
    this.#options = options
  }

  /** The others as far as this device has heard of them, without those that were revoked. */
  list(): OwnDevice[] {
    const { device } = this.#options.identity
    return [
      { key: toBase64url(device.key), isThis: true, lastMetAt: null },
      ...this.#known
        .filter(({ deviceKey }) => !equalBytes(deviceKey, device.key))
        .map(({ deviceKey, lastMetMs }) => ({
          key: toBase64url(deviceKey),
          isThis: false,
          lastMetAt: lastMetMs > 0 ? new Date(lastMetMs) : null,
        })),
    ]
  }

  get #known(): readonly KnownDevice[] {
    const { contacts, identity } = this.#options
    return contacts.peers.get(identity.peer).devices
  }

  /** One's own devices tell each other what is new: each is called by each. */
  get isWithAll(): boolean {
    return this.#known.every((device) => this.isConnected(device))
  }

  /** This device, or one of the others that there is a session with. */
  isConnected({ deviceKey }: KnownDevice): boolean {
    const { identity, roster } = this.#options
    const isIt = (other: Uint8Array) => equalBytes(other, deviceKey)
    return isIt(identity.device.key) || (roster.get(identity.peer)?.hasSession(isIt) ?? false)
  }

  /** Another device, which is about to come by the pact that all of them share. */
  async welcome(device: NewKin): Promise<void> {
    const { contacts, identity, note } = this.#options
    await this.#sharePact()
    const known = { ...device, relays: [], cardNumber: 0, card: null, lastMetMs: 0 }
    await contacts.peers.change(identity.peer, (record) => withDevice(record, known))
    note('device-added', { detail: toBase64url(device.deviceKey) })
  }

  /** Of all that this identity has with others, for its backup or another device. */
  async snapshot(): Promise<Uint8Array> {
    const { identity, contacts, cards } = this.#options
    await this.#sharePact()
    return takeSnapshot(identity, contacts, cards.own)
  }

  /** Whoever gets a snapshot finds this device by it. */
  async #sharePact(): Promise<void> {
    const { contacts, identity } = this.#options
    if (contacts.of(identity.peer).length > 0) return
    await this.adopt(await contacts.adopt([await makeOwnPact(identity)], []))
  }

  /** Does what follows of what another device has told. */
  async adopt(adopted: Adopted): Promise<void> {
    const { mailroom, meeting, parting, people, roster } = this.#options
    await parting.merged(adopted)
    for (const { peer } of adopted.before) {
      mailroom.movePeer(peer)
      if (roster.proven.has(peer)) people.tell(peer)
    }
    for (const contact of adopted.added) meeting.open(contact)
    for (const sessions of roster.all()) sessions.announce()
  }
}
