/**
 * Whom a call goes to: the devices of a contact, each with the pact, the mailbox and the kind of call that it is most likely to answer, by what
 * has become of the calls before. That is remembered as long as the pact.
 */

import { toBase64url } from '../base/bytes.ts'
import { maxRacingDials } from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, type PeerId } from '../identity/peer-id.ts'
import type { KnownPeer } from '../session/pact.ts'
import { forgotten, type Contact, type Contacts } from './contacts.ts'
import type { KnownDevice } from './peer-record.ts'

/** A device to call, and the pact to call it by. */
export interface Target {
  readonly contact: Contact
  readonly device: KnownDevice
}

interface Past {
  /** Calls in vain since the last that was answered. */
  failures: number
  /** In which day's mailbox that one had found it, from today. */
  day: number
}

/** From today, in the order in which a contact is looked for. */
const days = [0, 1, -1]

export class Targets {
  readonly #identity: Identity
  readonly #contacts: Contacts
  /** By pact secret, then by device. */
  readonly #pasts = new WeakMap<Uint8Array, Map<string, Past>>()

  constructor(identity: Identity, contacts: Contacts) {
    this.#identity = identity
    this.#contacts = contacts
  }

  #past({ contact, device }: Target): Past {
    const pasts = this.#pasts.get(contact.pactSecret) ?? new Map<string, Past>()
    this.#pasts.set(contact.pactSecret, pasts)
    const name = toBase64url(device.deviceKey)
    const past = pasts.get(name) ?? { failures: 0, day: 0 }
    pasts.set(name, past)
    return past
  }

  /**
   * The devices to call, the last met first; each by the pact with the fewest failures, the latest proven first.
   * @throws HandfastError `closed`
   */
  of(peer: PeerId, isWanted: (device: KnownDevice) => boolean): Target[] {
    const contacts = this.#contacts.of(peer)
    const devices = this.#contacts.peers.get(peer).devices.filter(isWanted).slice(0, maxRacingDials)
    if (contacts.length === 0 || devices.length === 0) throw forgotten()
    return devices.map((device) => {
      const targets = contacts.map((contact) => ({ contact, device }))
      return targets.sort((a, b) => this.#past(a).failures - this.#past(b).failures)[0]!
    })
  }

  /**
   * In which day's mailbox to look for a device, from today: where it was last, and after a dial in vain at the others in turn. With the
   * three days that it listens for, clocks 48 hours apart find each other.
   */
  dayOf(target: Target): number {
    const { day, failures } = this.#past(target)
    return days[(days.indexOf(day) + failures) % days.length]!
  }

  /**
   * Whether to call it as a device that it has met. One that it has not shows that the contact vouches for this identity; after a call in
   * vain it may be the other way.
   */
  isCalledAsMet(target: Target): boolean {
    const { contact, device } = target
    const isProvable =
      this.#contacts.peers.get(contact.peer).peerChain !== null ||
      contact.peer === this.#identity.peer
    const isMet = device.lastMetMs > 0
    return !isProvable || isMet === (this.#past(target).failures % 2 === 0)
  }

  /** A call at the mailbox of that day was answered, or in vain. */
  note(target: Target, day: number, wasAnswered: boolean): void {
    const past = this.#past(target)
    if (wasAnswered) Object.assign(past, { day, failures: 0 })
    else past.failures++
  }
}

/** How a device of the contact is called, or read. */
export function knownPeer(
  { peer, pactId, pactSecret }: Contact,
  { deviceKey, boxKey }: KnownDevice,
): KnownPeer {
  return { peer, peerKey: keyFromPeerId(peer), deviceKey, boxKey, pactId, pactSecret }
}
