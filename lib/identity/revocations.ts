/**
 * Revocations: the devices of an identity that are no more, and with each whatever it has certified. Signed by the root, passed on to
 * every contact. What was revoked stays so: the list with the highest epoch is the one to pass on, and a key once
 * on any of them counts. [protocol] `docs/protocol.md`, "Revocations".
 */

import { compareBytes, equalBytes } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import { maxRevocationLists, maxRevocationsBytes, maxRevokedDevices } from '../base/limits.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes, validateIdentityKey, verify } from '../crypto/ed25519.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { badCertificate, type SigningParty } from './certificate.ts'
import { peerIdFromKey, type PeerId } from './peer-id.ts'

export interface Revocations {
  readonly peer: PeerId
  readonly epoch: number
  readonly deviceKeys: readonly Uint8Array[]
  /** As signed, to be passed on. */
  readonly bytes: Uint8Array
  /** Earlier lists with further keys, as signed: of roots that did not know of each other. */
  readonly others: readonly Uint8Array[]
}

/** All that is to be passed on: no key counts that the root has not signed. */
export const revocationLists = ({ bytes, others }: Revocations): Uint8Array[] => [bytes, ...others]

/** Keys of devices that are no more, if any are. */
export type Revoked = Pick<Revocations, 'deviceKeys'> | null | undefined

const hasKey = (keys: readonly Uint8Array[], key: Uint8Array): boolean =>
  keys.some((each) => equalBytes(each, key))

const union = (first: readonly Uint8Array[], second: readonly Uint8Array[]): Uint8Array[] => [
  ...first,
  ...second.filter((key) => !hasKey(first, key)),
]

/**
 * Signs a list with these devices besides those revoked before. The epoch is the time, unless that has gone backwards: so it rises even
 * where the root is used in two places that don't know of each other.
 * @throws HandfastError `exhausted` beyond 64 devices
 */
export async function signRevocations(
  root: SigningParty,
  held: Revocations | null,
  deviceKeys: readonly Uint8Array[],
  nowS: number,
): Promise<Revocations> {
  const issuedS = Math.floor(nowS)
  const epoch = Math.max(issuedS, (held?.epoch ?? 0) + 1)
  const keys = union(held?.deviceKeys ?? [], deviceKeys)
  if (keys.length > maxRevokedDevices) {
    throw new HandfastError('exhausted', `At most ${maxRevokedDevices} devices can be revoked`)
  }
  const body = encode([1, root.key, epoch, keys, issuedS])
  return readRevocations(encode([body, await root.sign(signatureLabels.revocations, body)]))
}

/** @throws HandfastError `bad-certificate` */
export function readRevocations(bytes: Uint8Array): Revocations {
  return failAs('bad-certificate', () => {
    if (bytes.length > maxRevocationsBytes) throw new HandfastError('too-large')
    const outer = new Fields(decode(bytes), 2, 'bad-certificate')
    const body = outer.bytes(1, maxRevocationsBytes)
    const signature = outer.bytes(signatureBytes)
    const fields = new Fields(decode(body), 5, 'bad-certificate')
    fields.constant(1)
    const rootKey = fields.bytes(32)
    const epoch = fields.integer(1)
    const deviceKeys = fields.array(maxRevokedDevices, (key) => {
      const deviceKey = key.bytes(32)
      validateIdentityKey(deviceKey)
      return deviceKey
    })
    fields.integer() // when it was issued
    const peer = peerIdFromKey(rootKey)
    if (!verify(signatureLabels.revocations, body, signature, rootKey)) {
      throw new HandfastError('bad-signature')
    }
    return { peer, epoch, deviceKeys, bytes: bytes.slice(), others: [] }
  })
}

/**
 * What holds once another list of the same identity is known: the bytes with the higher epoch, the keys of both, at most 64, the newer
 * list's first. Nothing where it is no news.
 */
export function joinRevocations(
  held: Revocations | null,
  received: Revocations,
): Revocations | undefined {
  if (!held) return received
  if (held.peer !== received.peer) return undefined
  const [newest, ...older] = [held, received]
    .flatMap(revocationLists)
    .map(readRevocations)
    .toSorted((a, b) => b.epoch - a.epoch || compareBytes(b.bytes, a.bytes))
  let { deviceKeys } = newest!
  const others: Uint8Array[] = []
  for (const list of older) {
    const all = union(deviceKeys, list.deviceKeys).slice(0, maxRevokedDevices)
    if (all.length === deviceKeys.length || others.length >= maxRevocationLists - 1) continue
    deviceKeys = all
    others.push(list.bytes)
  }
  const isNews =
    !equalBytes(newest!.bytes, held.bytes) || deviceKeys.length > held.deviceKeys.length
  return isNews ? { ...newest!, deviceKeys, others } : undefined
}

/** Whether a device, or one that has certified it, was revoked. */
export const excludes = (revoked: Revoked, deviceKeys: readonly Uint8Array[]): boolean =>
  deviceKeys.some((key) => hasKey(revoked?.deviceKeys ?? [], key))

/** @throws HandfastError `bad-certificate`: revoked */
export function refuseRevoked(
  revoked: Revoked,
  { deviceKeys }: { readonly deviceKeys: readonly Uint8Array[] },
): void {
  if (excludes(revoked, deviceKeys)) throw badCertificate('revoked')
}
