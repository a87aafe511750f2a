/**
 * CipherState of Noise revision 34, section 5.1: a key and a counter. It always has a key: the keyless phase of
 * a handshake is the symmetric state's business, so transport data cannot leave in the clear.
 */

import { HandfastError } from '../base/errors.ts'
import { openAt, rekeyed, sealAt } from './aead.ts'
import { keyBytes } from './x25519.ts'

export class CipherState {
  #key: Uint8Array
  #nonce: number

  /** `nonce` is the first counter to use. Throws `invalid-argument` on a key that is not 32 bytes. */
  constructor(key: Uint8Array, nonce = 0) {
    if (key?.length !== keyBytes) throw new HandfastError('invalid-argument')
    this.#key = key
    this.#nonce = nonce
  }

  /** Counter of the next message. */
  get nonce(): number {
    return this.#nonce
  }

  /** Ciphertext with its 16-byte tag. Throws `exhausted` when no counter is left. */
  encryptWithAd(ad: Uint8Array | null, plaintext: Uint8Array): Uint8Array {
    const ciphertext = sealAt(this.#key, this.#nonce, ad, plaintext)
    this.#nonce++
    return ciphertext
  }

  /** Throws `decrypt-failed`, and then nothing has changed, or `exhausted` when no counter is left. */
  decryptWithAd(ad: Uint8Array | null, ciphertext: Uint8Array): Uint8Array {
    const plaintext = openAt(this.#key, this.#nonce, ad, ciphertext)
    this.#nonce++
    return plaintext
  }

  /** Replaces the key by one from which it can't be found again; the counter goes on. */
  rekey(): void {
    this.#key = rekeyed(this.#key)
  }

  clone(): CipherState {
    return new CipherState(this.#key, this.#nonce)
  }
}
