/**
 * ed25519 (RFC 8032) with a label in front of every message, so that a signature made for one purpose
 * is worth nothing for another.
 */

import { concat, utf8 } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import type { SignatureLabel } from './labels.ts'
import { sodium } from './sodium.ts'

const publicKeyBytes = 32
export const signatureBytes = 64
const seedBytes = 32

/** `publicKey` of 32 bytes; `secretKey` of 64, the seed followed by the public key. */
export interface SigningKeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** The pair of a 32-byte seed. Throws `invalid-argument` on another size. */
export function signingKeyPairFromSeed(seed: Uint8Array): SigningKeyPair {
  if (seed.length !== seedBytes) throw new HandfastError('invalid-argument')
  const { publicKey, privateKey: secretKey } = sodium().crypto_sign_seed_keypair(seed)
  return { publicKey, secretKey }
}

/** What a signature for that purpose covers: `label ‖ 0x00 ‖ message`. */
export const labelled = (label: SignatureLabel, message: Uint8Array) =>
  concat(utf8(label), Uint8Array.of(0), message)

/** 64 bytes over `label ‖ 0x00 ‖ message`. */
export function sign(
  label: SignatureLabel,
  message: Uint8Array,
  secretKey: Uint8Array,
): Uint8Array {
  return signDetached(labelled(label, message), secretKey)
}

/** 64 bytes over exactly `message`, which says itself what it is for. */
export const signDetached = (message: Uint8Array, secretKey: Uint8Array): Uint8Array =>
  sodium().crypto_sign_detached(message, secretKey)

/** Whether the signature holds; `false` too for a signature or key of the wrong size. */
export function verify(
  label: SignatureLabel,
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  return (
    signature.length === signatureBytes &&
    publicKey.length === publicKeyBytes &&
    sodium().crypto_sign_verify_detached(signature, labelled(label, message), publicKey)
  )
}

/** Throws `bad-key` on what is not the canonical encoding of a point of the prime-order group. */
export function validateIdentityKey(publicKey: Uint8Array): void {
  const { crypto_sign_ed25519_pk_to_curve25519: validate } = sodium()
  failAs('bad-key', () => validate(publicKey))
}
