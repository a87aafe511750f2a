/**
 * BLAKE2b (RFC 7693), HMAC over it (RFC 2104, block of 128 bytes) and HKDF as Noise revision 34, section 4.3,
 * defines it.
 */

import { concat } from '../base/bytes.ts'
import { sodium } from './sodium.ts'

/** Bytes of BLAKE2b-512: HASHLEN of the Noise suite. */
export const hashBytes = 64

const hmacBlockBytes = 128

/** BLAKE2b of `length` bytes, 16 to 64 (default 64); `key`, if given, of 16 to 64 bytes. */
export function blake2b(bytes: Uint8Array, length = hashBytes, key?: Uint8Array): Uint8Array {
  return sodium().crypto_generichash(length, bytes, key ?? null)
}

/** HMAC-BLAKE2b-512: 64 bytes, under a key of any length. */
export function hmacBlake2b(key: Uint8Array, data: Uint8Array): Uint8Array {
  const shortKey = key.length > hmacBlockBytes ? blake2b(key) : key
  const inner = new Uint8Array(hmacBlockBytes + data.length).fill(0x36, 0, hmacBlockBytes)
  const outer = new Uint8Array(hmacBlockBytes + hashBytes).fill(0x5c, 0, hmacBlockBytes)
  for (let i = 0; i < shortKey.length; i++) {
    inner[i]! ^= shortKey[i]!
    outer[i]! ^= shortKey[i]!
  }
  inner.set(data, hmacBlockBytes)
  outer.set(blake2b(inner), hmacBlockBytes)
  return blake2b(outer)
}

/** Noise's HKDF with two outputs of 64 bytes. */
export function hkdf(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const [first, second] = hkdfOutputs(chainingKey, input)
  return [first, second]
}

/** Noise's HKDF with three outputs of 64 bytes. */
export function hkdf3(
  chainingKey: Uint8Array,
  input: Uint8Array,
): [Uint8Array, Uint8Array, Uint8Array] {
  const [first, second, tempKey] = hkdfOutputs(chainingKey, input)
  return [first, second, hmacBlake2b(tempKey, concat(second, Uint8Array.of(3)))]
}

function hkdfOutputs(chainingKey: Uint8Array, input: Uint8Array) {
  const tempKey = hmacBlake2b(chainingKey, input)
  const first = hmacBlake2b(tempKey, Uint8Array.of(1))
  return [first, hmacBlake2b(tempKey, concat(first, Uint8Array.of(2))), tempKey] as const
}
