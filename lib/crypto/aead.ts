/**
 * ChaCha20-Poly1305 (RFC 8439) with Noise's nonce: four zero bytes, then the counter as 64 bits little-endian
 * (Noise revision 34, section 12.3).
 */

import { failAs, HandfastError } from '../base/errors.ts'
import { maxNonce } from '../base/limits.ts'
import { sodium } from './sodium.ts'

/** Every call fills it anew and libsodium copies it: one buffer serves all. */
const nonce = new Uint8Array(12)
const nonceView = new DataView(nonce.buffer)

function setNonce(counter: number): void {
  if (!(Number.isInteger(counter) && counter >= 0)) throw new HandfastError('invalid-argument')
  if (counter > maxNonce) throw new HandfastError('exhausted')
  nonceView.setUint32(4, counter >>> 0, true)
  nonceView.setUint32(8, counter / 2 ** 32, true)
}

/**
 * Encrypts under a 32-byte key. A counter must never serve twice under one key.
 * Throws `exhausted` beyond `maxNonce`.
 */
export function sealAt(
  key: Uint8Array,
  counter: number,
  ad: Uint8Array | null,
  plaintext: Uint8Array,
): Uint8Array {
  setNonce(counter)
  return sodium().crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, ad, null, nonce, key)
}

/** Decrypts what `sealAt` made. Throws `decrypt-failed` unless key, counter, `ad` and every byte are the same. */
export function openAt(
  key: Uint8Array,
  counter: number,
  ad: Uint8Array | null,
  ciphertext: Uint8Array,
): Uint8Array {
  setNonce(counter)
  const { crypto_aead_chacha20poly1305_ietf_decrypt: decrypt } = sodium()
  return failAs('decrypt-failed', () => decrypt(null, ciphertext, ad, nonce, key))
}

/** Noise's REKEY: the first 32 bytes of encrypting 32 zero bytes with the nonce 2^64-1 (section 4.2). */
export function rekeyed(key: Uint8Array): Uint8Array {
  nonceView.setBigUint64(4, 0xffff_ffff_ffff_ffffn)
  const { crypto_aead_chacha20poly1305_ietf_encrypt: encrypt } = sodium()
  return encrypt(new Uint8Array(32), null, null, nonce, key).slice(0, 32)
}
