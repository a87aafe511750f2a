/**
 * Who one is: the ed25519 identity key, whose public half is the PeerId, and this browser's own device, certified by it.
 * Created at first use; afterwards the same. The identity key signs certificates and nothing else.
 */

import { HandfastError } from '../base/errors.ts'
import { systemRuntime, type Runtime } from '../base/runtime.ts'
import { generateSigningKeyPair, signingKeyPairFromSeed } from '../crypto/ed25519.ts'
import { ready } from '../crypto/sodium.ts'
import { IdbStore } from '../storage/idb-store.ts'
import type { Store } from '../storage/store.ts'
import { certifyDevice, verifyChain, type CertificateChain } from './certificate.ts'
import { Device } from './device.ts'
import { Keystore, type WrappingKey } from './keystore.ts'
import type { PeerId } from './peer-id.ts'

export interface IdentityOptions {
  /** Tells apart several identities of one origin. Default `default`. */
  name?: string
  /** Where keys, tickets and contacts are kept. Default: IndexedDB under `name`. */
  store?: Store
  runtime?: Runtime
  /** @internal What seals secrets in the store. Default: a WebCrypto key that is never given out. */
  wrappingKey?: WrappingKey
}

export class Identity {
  readonly peer: PeerId
  /** The 32 bytes that `peer` spells. */
  readonly publicKey: Uint8Array
  /** @internal */
  readonly device: Device
  /** @internal */
  readonly chain: CertificateChain
  /** @internal */
  readonly keystore: Keystore
  /** @internal */
  readonly store: Store
  /** @internal */
  readonly runtime: Runtime

  #isOccupied = false

  private constructor(
    device: Device,
    chain: CertificateChain,
    keystore: Keystore,
    store: Store,
    runtime: Runtime,
  ) {
    const { peer, peerKey } = verifyChain(chain, runtime.now() / 1000)
    this.peer = peer
    this.publicKey = peerKey
    this.device = device
    this.chain = chain
    this.keystore = keystore
    this.store = store
    this.runtime = runtime
  }

  /**
   * Opens the identity called `name`, or creates it.
   * @throws HandfastError `unsupported`, `identity-in-use`, `storage-blocked`, `storage-failed`
   */
  static async open(options: IdentityOptions = {}): Promise<Identity> {
    const runtime = options.runtime ?? systemRuntime
    await ready()
    const store = options.store ?? (await IdbStore.open(options.name ?? 'default', runtime))
    try {
      const keystore = await Keystore.open(store, runtime, options.wrappingKey)
      const [device, certificate] = await certifiedDevice(keystore, runtime)
      return new Identity(device, [certificate], keystore, store, runtime)
    } catch (error) {
      if (!options.store) await store.close()
      throw error
    }
  }

  /** @internal One mesh at a time. Returns how to let go. @throws HandfastError `identity-in-use` */
  occupy(): () => void {
    if (this.#isOccupied) throw new HandfastError('identity-in-use', 'already in a mesh')
    this.#isOccupied = true
    return () => void (this.#isOccupied = false)
  }

  /** Closes the store. Close the mesh first. Idempotent. */
  async close(): Promise<void> {
    await this.store.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * The device and its certificate, made at first use. The identity seed is written first and the device last: a half-made
 * identity is finished, not replaced.
 */
async function certifiedDevice(
  keystore: Keystore,
  runtime: Runtime,
): Promise<[Device, Uint8Array]> {
  const secrets = await keystore.get('device')
  const held = await keystore.get('certificate')
  if (secrets) {
    if (!held) throw new HandfastError('storage-failed', 'the certificate is lost')
    return [Device.fromSecrets(secrets), held]
  }
  const seed = await keystore.get('identity')
  const root = seed ? signingKeyPairFromSeed(seed) : generateSigningKeyPair(runtime)
  const device = Device.generate(runtime)
  const certificate = await certifyDevice(root, device, Math.floor(runtime.now() / 1000))
  await keystore.put('identity', root.secretKey.slice(0, 32))
  await keystore.put('certificate', certificate)
  await keystore.put('device', device.secrets())
  return [device, certificate]
}
