/** X25519 (RFC 7748): the keys that agree on secrets. */

import { failAs, HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import { sodium } from './sodium.ts'

/** Bytes of an X25519 key, public or secret, and of a shared secret. */
export const keyBytes = 32

/** 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** The pair of a 32-byte secret. Throws `invalid-argument` on another size. */
export function keyPairFromSecret(secretKey: Uint8Array): KeyPair {
  if (secretKey.length !== keyBytes) throw new HandfastError('invalid-argument')
  return { publicKey: sodium().crypto_scalarmult_base(secretKey), secretKey }
}

export function generateKeyPair(runtime: Pick<Runtime, 'randomBytes'>): KeyPair {
  return keyPairFromSecret(runtime.randomBytes(keyBytes))
}

/** The 32-byte shared secret. Throws `bad-key` on a public key of another size or of small order. */
export function dh(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const { crypto_scalarmult } = sodium()
  return failAs('bad-key', () => crypto_scalarmult(secretKey, publicKey))
}
