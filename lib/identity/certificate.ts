/**
 * Certificates: an identity says in its own name which device signs for it and which X25519 key is that device's Noise
 * static. The device signs the same bytes, so nobody can certify a key that is not theirs. Checked against the
 * subject's key alone; there is no other authority. Form: `docs/protocol.md`, "Certificates".
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import {
  certificateClockToleranceS,
  maxCertificateBytes,
  maxChainLength,
  maxVerifiedCertificates,
} from '../base/limits.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { sign, validateIdentityKey, verify, type SigningKeyPair } from '../crypto/ed25519.ts'
import { blake2b } from '../crypto/hash.ts'
import { signatureLabels } from '../crypto/labels.ts'
import type { Device } from './device.ts'
import { peerIdFromKey, type PeerId } from './peer-id.ts'

/** Certificates from the one nearest the identity to the device's, each encoded. */
export type CertificateChain = readonly Uint8Array[]

/** What a verified chain proves: these device keys speak for this identity. */
export interface DeviceBinding {
  readonly peer: PeerId
  readonly peerKey: Uint8Array
  /** ed25519, signs handshakes. */
  readonly deviceKey: Uint8Array
  /** X25519, the device's Noise static. */
  readonly boxKey: Uint8Array
}

/** An identity certifies its own device; both sign. Valid from `nowS`, without end. */
export async function certifyDevice(
  identity: SigningKeyPair,
  device: Device,
  nowS: number,
): Promise<Uint8Array> {
  const { publicKey, secretKey } = identity
  const body = encode([1, publicKey, publicKey, device.key, device.boxKey, 0, nowS, null, []])
  return encode([
    body,
    sign(signatureLabels.certificate, body, secretKey),
    await device.sign(signatureLabels.device, body),
  ])
}

interface Certificate extends DeviceBinding {
  readonly notBeforeS: number
  readonly notAfterS: number
}

/** Certificates found good, by hash: a known contact shows the same one at every dial. Beyond the bound the oldest go. */
const verified = new Map<string, Certificate>()

/**
 * Verifies a chain as received and returns what it proves.
 * @throws HandfastError `bad-certificate`
 */
export const verifyChain = (chain: unknown, nowS: number): DeviceBinding =>
  failAs('bad-certificate', () => {
    const links = new Fields(chain, maxChainLength, 'bad-certificate')
    const encoded = links.bytes(1, maxCertificateBytes)
    const hash = toBase64url(blake2b(encoded, 32))
    const certificate = verified.get(hash) ?? verifyCertificate(encoded)
    verified.set(hash, certificate)
    for (const oldest of verified.keys()) {
      if (verified.size <= maxVerifiedCertificates) break
      verified.delete(oldest)
    }
    const { notBeforeS, notAfterS, ...binding } = certificate
    if (
      nowS < notBeforeS - certificateClockToleranceS ||
      nowS > notAfterS + certificateClockToleranceS
    ) {
      throw new HandfastError('bad-certificate')
    }
    return binding
  })

function verifyCertificate(encoded: Uint8Array): Certificate {
  const outer = new Fields(decode(encoded), 3, 'bad-certificate')
  const body = outer.bytes(1, maxCertificateBytes)
  const issuerSignature = outer.bytes(64)
  const deviceSignature = outer.bytes(64)

  const fields = new Fields(decode(body), 9, 'bad-certificate')
  fields.constant(1)
  const issuer = fields.bytes(32)
  const peerKey = fields.bytes(32)
  const deviceKey = fields.bytes(32)
  const boxKey = fields.bytes(32)
  fields.constant(0)
  const notBeforeS = fields.integer()
  const notAfterS = fields.nullable(() => fields.integer()) ?? Infinity
  fields.array(0, String)

  const peer = peerIdFromKey(peerKey)
  validateIdentityKey(deviceKey)
  if (
    !equalBytes(issuer, peerKey) ||
    !verify(signatureLabels.certificate, body, issuerSignature, peerKey) ||
    !verify(signatureLabels.device, body, deviceSignature, deviceKey)
  ) {
    throw new HandfastError('bad-certificate')
  }
  return { peer, peerKey, deviceKey, boxKey, notBeforeS, notAfterS }
}
