/**
 * What an identity has with others, for its backup and its other devices: of each peer the proven pacts with their secrets, and what is
 * known of it, tombstones and revocations included; and the same of the own identity, whose devices are the other ones. Merging is
 * idempotent, and the order does not matter: pacts join, what the user said last holds, revocations and tombstones always win.
 *
 * Form of a peer: CBOR `[version, key, …, pacts]`, the same bytes for the same knowledge. Of a snapshot: one item after the other,
 * u32be length and bytes, first the head `[version, own key]`, then the peers.
 */

import { compareBytes, concat, equalBytes, u32be } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import {
  maxCardRelays,
  maxCertificateBytes,
  maxChainLength,
  maxDevicesPerPeer,
  maxForgottenPacts,
  maxPactsPerPeer,
  maxPeerBytes,
  maxRevocationLists,
  maxRevocationsBytes,
  tagBytes,
} from '../base/limits.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes } from '../crypto/ed25519.ts'
import { atAnyTime, verifyChain, type CertificateChain } from '../identity/certificate.ts'
import { keyOfSnapshot, snapshotVersion } from '../identity/backup.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, peerIdFromKey, type PeerId } from '../identity/peer-id.ts'
import {
  joinRevocations,
  readRevocations,
  revocationLists,
  type Revocations,
} from '../identity/revocations.ts'
import { parseScopes } from '../identity/scopes.ts'
import { pactIdOf, pactSecretBytes } from '../session/pact.ts'
import { readCard, type Card } from './card.ts'
import type { Adopted, Contact, Contacts, ProvenPact } from './contacts.ts'
import { withDevice, withoutKnowledge, type KnownDevice, type PeerRecord } from './peer-record.ts'

const version = 1
const maxRecordBytes = 1024

/** Of each peer of which there is something to tell, the own identity first. `card`: of this device. */
export function encodePeers({ peer: own }: Identity, contacts: Contacts, card: Card): Uint8Array[] {
  const ownRecord = withDevice(contacts.peers.get(own), deviceOfCard(card))
  const others = contacts.peers.values().filter(({ peer }) => peer !== own)
  return [ownRecord, ...others].flatMap((record) => {
    const pacts = provenPacts(contacts, record.peer)
    const isKnown = pacts.length > 0 || record.forgottenAtMs > 0 || record.cutOffAtMs !== null
    return isKnown || record.revocations || record.peer === own ? [encodePeer(record, pacts)] : []
  })
}

export function takeSnapshot(identity: Identity, contacts: Contacts, card: Card): Uint8Array {
  const head = encode([snapshotVersion, identity.publicKey])
  const items = [head, ...encodePeers(identity, contacts, card)]
  return concat(...items.flatMap((item) => [u32be(item.length), item]))
}

/**
 * Merges peers as `encodePeers` tells of them, all or nothing.
 * @throws HandfastError `bad-backup` (damaged: nothing has changed), `storage-failed`
 */
export async function mergePeers(
  contacts: Contacts,
  encoded: readonly Uint8Array[],
): Promise<Adopted> {
  const told = failAs('bad-backup', () =>
    encoded.filter((each) => !isKnown(contacts, each)).map(readPeer),
  )
  return contacts.adopt(
    told.flatMap(({ pacts }) => pacts),
    told.map(({ record }) => record),
  )
}

/** Whether it says just what is known, as nearly all does that devices tell each other: then no signature need be checked again. */
function isKnown(contacts: Contacts, encoded: Uint8Array): boolean {
  const key = (decode(encoded) as unknown[])[1]
  if (!(key instanceof Uint8Array) || key.length !== 32) return false
  const record = contacts.peers.get(peerIdFromKey(key))
  return equalBytes(encodePeer(record, provenPacts(contacts, record.peer)), encoded)
}

const provenPacts = (contacts: Contacts, peer: PeerId): Contact[] =>
  contacts.of(peer).filter(({ provenAtMs }) => provenAtMs > 0)

/** @throws HandfastError `bad-backup` (damaged, or of another identity: nothing has changed), `storage-failed` */
export async function mergeSnapshot(
  { publicKey }: Identity,
  contacts: Contacts,
  snapshot: Uint8Array,
): Promise<Adopted> {
  const items = failAs('bad-backup', () => {
    if (!equalBytes(keyOfSnapshot(snapshot), publicKey)) throw new HandfastError('bad-backup')
    return itemsOf(snapshot).slice(1)
  })
  return mergePeers(contacts, items)
}

/** A backup, or the device that has certified this one, has left a snapshot. One that is damaged stays. */
export async function mergeWaiting(identity: Identity, contacts: Contacts): Promise<void> {
  const { keystore } = identity
  const snapshot = await keystore.get('snapshot')
  if (!snapshot) return
  await mergeSnapshot(identity, contacts, snapshot)
  await keystore.delete('snapshot')
}

function itemsOf(snapshot: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = []
  const view = new DataView(snapshot.buffer, snapshot.byteOffset, snapshot.length)
  for (let at = 0; at < snapshot.length;) {
    const end = at + 4 + view.getUint32(at)
    if (end > snapshot.length) throw new HandfastError('bad-encoding')
    items.push(snapshot.subarray(at + 4, end))
    at = end
  }
  return items
}

const encodePeer = (record: PeerRecord, pacts: readonly Contact[]): Uint8Array =>
  encode([
    version,
    keyFromPeerId(record.peer),
    record.name,
    record.verified,
    [...record.scopes],
    [...record.grantedScopes],
    record.peerChain && [...record.peerChain],
    record.ownPeerChain && [...record.ownPeerChain],
    record.revocations && revocationLists(record.revocations),
    record.devices
      .toSorted((a, b) => compareBytes(a.deviceKey, b.deviceKey))
      .map(({ card, chain, relays }) => card ?? [[...chain], [...relays]]),
    record.forgottenPacts.toSorted(),
    record.forgottenAtMs,
    record.cutOffAtMs,
    record.updatedAtMs,
    pacts.toSorted((a, b) => compareBytes(a.pactId, b.pactId)).map(writePact),
  ])

const writePact = ({ pactSecret, deviceKey, pact, ticketTag, provenAtMs }: Contact): CborValue => {
  const { record, ownSignature, peerSignature } = pact
  return [pactSecret, deviceKey, record, ownSignature, peerSignature, ticketTag, provenAtMs]
}

function readPeer(encoded: Uint8Array): { record: PeerRecord; pacts: ProvenPact[] } {
  if (encoded.length > maxPeerBytes) throw new HandfastError('too-large')
  const fields = new Fields(decode(encoded), 15, 'bad-backup')
  fields.constant(version)
  const peer = peerIdFromKey(fields.bytes(32))
  const text = () => fields.nullable(() => fields.text(maxRecordBytes))
  const chain = () => fields.nullable(() => readChain(fields, maxChainLength + 1))
  const record: PeerRecord = {
    ...withoutKnowledge(peer),
    name: text(),
    verified: text(),
    scopes: parseScopes(fields.any()),
    grantedScopes: parseScopes(fields.any()),
    peerChain: chain(),
    ownPeerChain: chain(),
    revocations: fields.nullable(() => readRevoked(fields, peer)),
    devices: fields.array(maxDevicesPerPeer, (device) => readDevice(device.any(), peer)),
    forgottenPacts: fields.array(maxForgottenPacts, (id) => id.match(/^[\w-]{22}$/)),
    forgottenAtMs: fields.integer(),
    cutOffAtMs: fields.nullable(() => fields.integer()),
    updatedAtMs: fields.integer(),
  }
  return { record, pacts: fields.array(maxPactsPerPeer, (pact) => readPact(pact.any(), peer)) }
}

function readPact(value: unknown, peer: PeerId): ProvenPact {
  const fields = new Fields(value, 7, 'bad-backup')
  const bytes = (min: number, max = min) => fields.bytes(min, max).slice()
  const pactSecret = bytes(pactSecretBytes)
  const pactId = pactIdOf(pactSecret)
  const deviceKey = bytes(32)
  const record = bytes(1, maxRecordBytes)
  const pact = {
    record,
    ownSignature: bytes(signatureBytes),
    peerSignature: bytes(signatureBytes),
  }
  const ticketTag = bytes(tagBytes)
  const provenAtMs = fields.integer(1)
  return { peer, pactId, pactSecret, deviceKey, pact, ticketTag, provenAtMs }
}

function readRevoked(fields: Fields, peer: PeerId): Revocations | null {
  return fields
    .array(maxRevocationLists, (list) =>
      readRevocations(list.bytes(1, maxRevocationsBytes).slice()),
    )
    .map((list) => (list.peer === peer ? list : fields.fail('peer')))
    .reduce<Revocations | null>((all, list) => joinRevocations(all, list) ?? all, null)
}

function readDevice(value: unknown, peer: PeerId): KnownDevice {
  if (value instanceof Uint8Array) {
    const card = readCard(value, atAnyTime)
    if (card.peer !== peer) throw new HandfastError('bad-card')
    return deviceOfCard(card)
  }
  const fields = new Fields(value, 2, 'bad-backup')
  const chain = readChain(fields, maxChainLength)
  const { deviceKey, boxKey, ...binding } = verifyChain(chain, atAnyTime)
  if (binding.peer !== peer) fields.fail('peer')
  const relays = fields.relays(maxCardRelays)
  return { deviceKey, boxKey, chain, relays, cardNumber: 0, card: null, lastMetMs: 0 }
}

const deviceOfCard = ({ deviceKey, boxKey, chain, relays, number, bytes }: Card): KnownDevice => ({
  deviceKey,
  boxKey,
  chain,
  relays,
  cardNumber: number,
  card: bytes,
  lastMetMs: 0,
})

/** A copy: what it comes in holds secrets, and goes. */
const readChain = (fields: Fields, maxLength: number): CertificateChain =>
  fields.array(maxLength, (each) => each.bytes(1, maxCertificateBytes).slice())
