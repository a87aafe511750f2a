/**
 * A device: an ed25519 key that signs handshakes and an X25519 box key that is its Noise static. The secrets stay in
 * here; what others get is signatures and handshakes.
 */

import { concat } from '../base/bytes.ts'
import { generateSigningKeyPair, sign, signingKeyPairFromSeed } from '../crypto/ed25519.ts'
import type { SigningKeyPair } from '../crypto/ed25519.ts'
import type { SignatureLabel } from '../crypto/labels.ts'
import { HandshakeState, type HandshakeOptions } from '../crypto/noise.ts'
import { generateKeyPair, keyPairFromSecret, type KeyPair } from '../crypto/x25519.ts'
import type { Runtime } from '../base/runtime.ts'

const seedBytes = 32

export class Device {
  readonly #signing: SigningKeyPair
  readonly #box: KeyPair

  private constructor(signing: SigningKeyPair, box: KeyPair) {
    this.#signing = signing
    this.#box = box
  }

  static generate(runtime: Pick<Runtime, 'randomBytes'>): Device {
    return new Device(generateSigningKeyPair(runtime), generateKeyPair(runtime))
  }

  /** From what `secrets` returned. */
  static fromSecrets(secrets: Uint8Array): Device {
    return new Device(
      signingKeyPairFromSeed(secrets.slice(0, seedBytes)),
      keyPairFromSecret(secrets.slice(seedBytes)),
    )
  }

  /** 64 bytes, for the keystore alone: signing seed ‖ box secret. */
  secrets(): Uint8Array {
    return concat(this.#signing.secretKey.subarray(0, seedBytes), this.#box.secretKey)
  }

  get key(): Uint8Array {
    return this.#signing.publicKey
  }

  get boxKey(): Uint8Array {
    return this.#box.publicKey
  }

  async sign(label: SignatureLabel, message: Uint8Array): Promise<Uint8Array> {
    return sign(label, message, this.#signing.secretKey)
  }

  /** A handshake in which this device's box key is the local static. */
  handshake(options: Omit<HandshakeOptions, 's'>): HandshakeState {
    return new HandshakeState({ ...options, s: this.#box })
  }
}
