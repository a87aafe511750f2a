/**
 * The pact: what two identities share from first contact on. A record that names both and the ticket it came of, signed by
 * both, and a random secret, known to nobody else, from which their mailbox tags and pre-shared key come.
 */

import { concat, u32be, utf8 } from '../base/bytes.ts'
import { tagBytes } from '../base/limits.ts'
import { encode } from '../codec/cbor.ts'
import { blake2b } from '../crypto/hash.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import type { PeerDevice } from '../identity/certificate.ts'

export const pactSecretBytes = 32
export const pactIdBytes = 16

/** What two identities share, as a handshake needs it. */
export interface Pact extends Pick<PeerDevice, 'peerKey'> {
  readonly pactSecret: Uint8Array
}

/** A contact's device, with the pact. */
export interface KnownPeer extends PeerDevice, Pact {
  readonly pactId: Uint8Array
}

/** The bytes both sign. */
export function pactRecord(
  inviterKey: Uint8Array,
  inviteeKey: Uint8Array,
  ticketHash: Uint8Array,
  createdS: number,
): Uint8Array {
  return encode([1, inviterKey, inviteeKey, ticketHash, createdS])
}

/** Names the pact inside the sealed N message. */
export function pactIdOf(pactSecret: Uint8Array): Uint8Array {
  return blake2b(utf8(derivationLabels.pactId), pactIdBytes, pactSecret)
}

export const dayMs = 86_400_000

/** Days since 1970, UTC. */
export const utcDay = (nowMs: number): number => Math.floor(nowMs / dayMs)

/** How long until `utcDay` changes. */
export const msUntilNextDay = (nowMs: number): number => dayMs - (nowMs % dayMs)

/** The mailbox of a device for one contact and one day. */
export function contactTag(
  pactSecret: Uint8Array,
  receivingDeviceKey: Uint8Array,
  day: number,
): Uint8Array {
  const message = concat(utf8(derivationLabels.contactTag), receivingDeviceKey, u32be(day))
  return blake2b(message, tagBytes, pactSecret)
}
