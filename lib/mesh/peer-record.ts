/**
 * What is known of a peer, as a value: how it is made, changed, and joined with what another device or a backup says of the same peer.
 */

import { compareBytes, equalBytes, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxDevicesPerPeer, maxForgottenPacts } from '../base/limits.ts'
import { decode } from '../codec/cbor.ts'
import { atAnyTime, verifyChain, type CertificateChain } from '../identity/certificate.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { excludes, joinRevocations, type Revocations } from '../identity/revocations.ts'
import { everything, type Scopes } from '../identity/scopes.ts'

/** A device of a peer, as a call needs it. */
export interface KnownDevice {
  readonly deviceKey: Uint8Array
  readonly boxKey: Uint8Array
  readonly chain: CertificateChain
  /** Where it listens besides one's own relays. */
  readonly relays: readonly string[]
  /** Number of the card that said so; 0 where only a ticket did. */
  readonly cardNumber: number
  /** That card. */
  readonly card: Uint8Array | null
  /** Unix ms of the last session between it and this device; 0 before the first: it does not know this device either. */
  readonly lastMetMs: number
}

export interface PeerRecord {
  readonly peer: PeerId
  /** As the user calls it. */
  readonly name: string | null
  /** The safety number that the user has compared. */
  readonly verified: string | null
  /** What it may ask of us. */
  readonly scopes: Scopes
  /** What we may ask of it, as its certificate for us says. */
  readonly grantedScopes: Scopes
  /** Its certificate for us, which shows its other devices that they know us. */
  readonly peerChain: CertificateChain | null
  /** Ours for it. */
  readonly ownPeerChain: CertificateChain | null
  /** Its list of the highest epoch, with the device keys of all its lists so far. */
  readonly revocations: Revocations | null
  /** The last met first, at most `maxDevicesPerPeer`. */
  readonly devices: readonly KnownDevice[]
  /** Ids of pacts that no backup brings back, the latest first. */
  readonly forgottenPacts: readonly string[]
  /** Unix ms; 0: never. Tickets from before are none for it. */
  readonly forgottenAtMs: number
  /** Unix ms; null unless it is to be met with silence for good. */
  readonly cutOffAtMs: number | null
  /** Unix ms of what the user said last: name, verified, scopes. */
  readonly updatedAtMs: number
}

/** Nothing is known of the peer, or no more. */
export const withoutKnowledge = (peer: PeerId): PeerRecord => ({
  peer,
  name: null,
  verified: null,
  scopes: everything,
  grantedScopes: everything,
  peerChain: null,
  ownPeerChain: null,
  revocations: null,
  devices: [],
  forgottenPacts: [],
  forgottenAtMs: 0,
  cutOffAtMs: null,
  updatedAtMs: 0,
})

/** Of a peer that no pact is left with: how to reach it goes. */
export const withoutPacts = (record: PeerRecord): PeerRecord => {
  const { grantedScopes, peerChain, ownPeerChain, devices } = withoutKnowledge(record.peer)
  return { ...record, grantedScopes, peerChain, ownPeerChain, devices }
}

export const deviceOf = (
  { devices }: Pick<PeerRecord, 'devices'>,
  deviceKey: Uint8Array,
): KnownDevice | undefined => devices.find((device) => equalBytes(device.deviceKey, deviceKey))

/** Of the device and of those that certified it. Of a chain that is damaged: of the device alone. */
export function keysOf({
  deviceKey,
  chain,
}: Pick<KnownDevice, 'deviceKey' | 'chain'>): Uint8Array[] {
  try {
    return [deviceKey, ...verifyChain(chain, atAnyTime).deviceKeys]
  } catch {
    return [deviceKey]
  }
}

/** Puts a device into a record, in place of what was known of it; beyond the bound, the one not met for longest makes way. */
export function withDevice(record: PeerRecord, device: KnownDevice): PeerRecord {
  if (excludes(record.revocations, keysOf(device))) return record
  const name = toBase64url(device.deviceKey)
  const others = record.devices.filter(({ deviceKey }) => toBase64url(deviceKey) !== name)
  const devices = [device, ...others]
    .toSorted(
      (a, b) =>
        b.lastMetMs - a.lastMetMs ||
        b.cardNumber - a.cardNumber ||
        compareBytes(a.deviceKey, b.deviceKey),
    )
    .slice(0, maxDevicesPerPeer)
  return { ...record, devices }
}

/**
 * One record of what two say of a peer. `held` is this device's, which alone knows what it has met; else neither comes first. What the user
 * said last holds, of two certificates the newer; revocations and tombstones join.
 */
export function joinPeers(held: PeerRecord, other: PeerRecord): PeerRecord {
  const forgottenPacts = [...new Set([...held.forgottenPacts, ...other.forgottenPacts])].toSorted()
  const cutOffs = [held.cutOffAtMs, other.cutOffAtMs].filter((at) => at !== null)
  const { revocations } = other
  // Of who was forgotten nothing holds that was said before, or in ignorance of it.
  const { name, verified, scopes, updatedAtMs } = latest(held, other, (record) => [
    [record.forgottenAtMs, record.updatedAtMs],
    [record.name, record.verified, ...record.scopes],
  ])
  const { peerChain, grantedScopes } = latest(held, other, ({ peerChain: chain }) => [
    [issuedS(chain)],
    chain?.map(toBase64url),
  ])
  const { ownPeerChain } = latest(held, other, ({ ownPeerChain: chain }) => [
    [issuedS(chain)],
    chain?.map(toBase64url),
  ])
  const joined: PeerRecord = {
    peer: held.peer,
    name,
    verified,
    scopes,
    grantedScopes,
    peerChain,
    ownPeerChain,
    revocations:
      (revocations && joinRevocations(held.revocations, revocations)) ?? held.revocations,
    devices: [],
    forgottenPacts: forgottenPacts.slice(0, maxForgottenPacts),
    forgottenAtMs: Math.max(held.forgottenAtMs, other.forgottenAtMs),
    cutOffAtMs: cutOffs.length > 0 ? Math.min(...cutOffs) : null,
    updatedAtMs,
  }
  return other.devices.reduce(
    (record, device) => {
      const known = deviceOf(record, device.deviceKey)
      const lastMetMs = known?.lastMetMs ?? 0
      const isNews = !known || device.cardNumber > known.cardNumber
      return isNews ? withDevice(record, { ...device, lastMetMs }) : record
    },
    held.devices.reduce(withDevice, joined),
  )
}

/** The one with the higher numbers, the first counts most; of equals the one whose text comes later, so that it is the same one everywhere. */
function latest(
  a: PeerRecord,
  b: PeerRecord,
  rank: (record: PeerRecord) => [number[], unknown],
): PeerRecord {
  const [[numbersOfA, textOfA], [numbersOfB, textOfB]] = [rank(a), rank(b)]
  for (const [at, number] of numbersOfA.entries()) {
    const other = numbersOfB[at]!
    if (number !== other) return number > other ? a : b
  }
  return JSON.stringify(textOfA ?? '') >= JSON.stringify(textOfB ?? '') ? a : b
}

/** Not before that second; −1 without a chain. */
function issuedS(chain: CertificateChain | null): number {
  try {
    const [body] = decode(chain!.at(-1)!) as [Uint8Array]
    return Number((decode(body) as unknown[])[6])
  } catch {
    return -1
  }
}

/** Puts a device that was met into a record. What a card has said of where a device listens stays. */
export function withMet(
  record: PeerRecord,
  met: Pick<KnownDevice, 'deviceKey' | 'boxKey' | 'chain'> & Partial<KnownDevice>,
  lastMetMs: number,
): PeerRecord {
  const { deviceKey, boxKey, chain, relays } = met
  const known = deviceOf(record, deviceKey)
  const isFromCard = known && known.cardNumber > 0
  const where = {
    relays: (isFromCard ? undefined : relays) ?? known?.relays ?? [],
    cardNumber: known?.cardNumber ?? 0,
    card: known?.card ?? null,
  }
  return withDevice(record, { ...where, deviceKey, boxKey, chain, lastMetMs })
}

/** @throws HandfastError `storage-failed` for a record that is none */
export function checked(key: string, value: unknown): PeerRecord {
  const record = value as PeerRecord | null
  const isRecord = record?.peer === key && Array.isArray(record.devices)
  if (!isRecord) throw new HandfastError('storage-failed', `the peer '${key}' is damaged`)
  return record
}
