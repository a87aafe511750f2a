/**
 * A device: an ed25519 key that signs handshakes, held by a signer, and an X25519 box key that is its Noise static. The secrets stay
 * in here; what others get is signatures and handshakes, and while it is locked not even those.
 */

import { toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxSharedSecrets } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { SignatureLabel } from '../crypto/labels.ts'
import { HandshakeState, type HandshakeOptions } from '../crypto/noise.ts'
import { dh, generateKeyPair, keyPairFromSecret, type KeyPair } from '../crypto/x25519.ts'
import {
  generateWebCryptoKeys,
  seedSigner,
  signWith,
  webCryptoSigner,
  type Signer,
  type WebCryptoKeys,
} from './signer.ts'

const seedBytes = 32

/** What a device is made of. */
export interface DeviceSecrets {
  /** The X25519 secret, 32 bytes. */
  readonly box: Uint8Array
  /** An ed25519 seed of 32 bytes; keys of WebCrypto's; or the application's own signer. */
  readonly signing: Uint8Array | WebCryptoKeys | Signer
}

const signerOf = (signing: DeviceSecrets['signing']): Signer => {
  if (signing instanceof Uint8Array) return seedSigner(signing)
  return 'sign' in signing ? signing : webCryptoSigner(signing)
}

interface Keys {
  readonly secrets: DeviceSecrets
  readonly signer: Signer
  readonly box: KeyPair
  /** What it agrees on with others' box keys: the same for good, and worth a key agreement each time. The latest last. */
  readonly shared: Map<string, Uint8Array>
}

function keysOf(secrets: DeviceSecrets): Keys {
  const box = keyPairFromSecret(secrets.box)
  return { secrets, signer: signerOf(secrets.signing), box, shared: new Map() }
}

function agreed(box: KeyPair, peerKey: Uint8Array, shared: Keys['shared']): Uint8Array {
  const name = toBase64url(peerKey)
  const secret = shared.get(name) ?? dh(box.secretKey, peerKey)
  shared.delete(name)
  shared.set(name, secret)
  const [oldest] = shared.keys()
  if (shared.size > maxSharedSecrets) shared.delete(oldest!)
  return secret
}

export class Device {
  /** ed25519, 32 bytes. */
  readonly key: Uint8Array
  /** X25519, 32 bytes. */
  readonly boxKey: Uint8Array
  #keys: Keys | undefined

  private constructor(keys: Keys) {
    this.#keys = keys
    this.key = keys.signer.publicKey
    this.boxKey = keys.box.publicKey
  }

  /** With an ed25519 key of libsodium's. */
  static generate(runtime: Pick<Runtime, 'randomBytes'>): Device {
    const signing = runtime.randomBytes(seedBytes)
    return Device.fromSecrets({ signing, box: generateKeyPair(runtime).secretKey })
  }

  /** With the application's signer, or with keys that WebCrypto keeps to itself where `webCrypto` asks for them and the platform has them. */
  static async create(
    runtime: Pick<Runtime, 'randomBytes'>,
    { signer, webCrypto = false }: { signer?: Signer | undefined; webCrypto?: boolean } = {},
  ): Promise<Device> {
    const signing = signer ?? (webCrypto ? await generateWebCryptoKeys() : undefined)
    if (!signing) return Device.generate(runtime)
    return Device.fromSecrets({ signing, box: generateKeyPair(runtime).secretKey })
  }

  static fromSecrets(secrets: DeviceSecrets): Device {
    return new Device(keysOf(secrets))
  }

  /** For the keystore alone. @throws HandfastError `locked` */
  secrets(): DeviceSecrets {
    return this.#unlocked().secrets
  }

  /** @throws HandfastError `locked`, `bad-signature` */
  async sign(label: SignatureLabel, message: Uint8Array): Promise<Uint8Array> {
    return signWith(this.#unlocked().signer, label, message)
  }

  /** A handshake in which this device's box key is the local static. @throws HandfastError `locked` */
  handshake(options: Omit<HandshakeOptions, 's'>): HandshakeState {
    const { box, shared } = this.#unlocked()
    const { pattern, rs } = options
    // Where both statics are known beforehand.
    const ss = pattern === 'KKpsk0' && rs ? () => agreed(box, rs, shared) : undefined
    return new HandshakeState({ ...options, s: box, ss })
  }

  /** Forgets its secrets; `unlock` brings them back. */
  lock(): void {
    this.#keys = undefined
  }

  unlock(secrets: DeviceSecrets): void {
    this.#keys = keysOf(secrets)
  }

  #unlocked(): Keys {
    if (!this.#keys) throw new HandfastError('locked', 'The keys are locked')
    return this.#keys
  }
}
