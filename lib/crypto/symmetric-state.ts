/** SymmetricState of Noise revision 34, section 5.2, for the suite 25519_ChaChaPoly_BLAKE2b. */

import { concat, utf8 } from '../base/bytes.ts'
import { aeadTagBytes } from '../base/limits.ts'
import { CipherState } from './cipher-state.ts'
import { blake2b, hashBytes, hkdf, hkdf3, hmacBlake2b } from './hash.ts'
import type { PatternName } from './patterns.ts'
import { keyBytes } from './x25519.ts'

/** A cipher's key is the first half of an output of HKDF. */
const cipherOf = (output: Uint8Array) => new CipherState(output.slice(0, keyBytes))

/** Byte arrays held here are replaced, never written to, so that a clone may share them. */
export class SymmetricState {
  #chainingKey: Uint8Array
  #hash: Uint8Array
  #cipher: CipherState | undefined

  constructor(pattern: PatternName) {
    // Every name of the suite is shorter than a hash, so none needs hashing.
    this.#hash = new Uint8Array(hashBytes)
    this.#hash.set(utf8(`Noise_${pattern}_25519_ChaChaPoly_BLAKE2b`))
    this.#chainingKey = this.#hash
  }

  clone(): SymmetricState {
    const copy = new SymmetricState('NN')
    copy.#chainingKey = this.#chainingKey
    copy.#hash = this.#hash
    copy.#cipher = this.#cipher?.clone()
    return copy
  }

  /** A copy of h. */
  get hash(): Uint8Array {
    return this.#hash.slice()
  }

  /** What encryption adds at present: nothing before the first key. */
  get tagBytes(): number {
    return this.#cipher ? aeadTagBytes : 0
  }

  mixHash(data: Uint8Array): void {
    this.#hash = blake2b(concat(this.#hash, data))
  }

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#chainingKey, inputKeyMaterial)
    this.#chainingKey = chainingKey
    this.#cipher = cipherOf(key)
  }

  mixKeyAndHash(psk: Uint8Array): void {
    const [chainingKey, hashInput, key] = hkdf3(this.#chainingKey, psk)
    this.#chainingKey = chainingKey
    this.mixHash(hashInput)
    this.#cipher = cipherOf(key)
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encryptWithAd(this.#hash, plaintext) ?? plaintext
    this.mixHash(ciphertext)
    return ciphertext
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher?.decryptWithAd(this.#hash, ciphertext) ?? ciphertext.slice()
    this.mixHash(ciphertext)
    return plaintext
  }

  split(): [CipherState, CipherState] {
    const [first, second] = hkdf(this.#chainingKey, new Uint8Array())
    return [cipherOf(first), cipherOf(second)]
  }

  exportKey(label: string): Uint8Array {
    const input = concat(utf8(label), Uint8Array.of(0), this.#hash)
    return hmacBlake2b(this.#chainingKey, input).slice(0, keyBytes)
  }
}
