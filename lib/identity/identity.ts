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

type Parts = Pick<
  Identity,
  'peer' | 'publicKey' | 'device' | 'chain' | 'keystore' | 'store' | 'database' | 'runtime'
>

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
  /** @internal The name of its own database, which other tabs may have open too. None: the store is the application's. */
  readonly database: string | undefined
  /** @internal */
  readonly runtime: Runtime

  #isOccupied = false

  private constructor(parts: Parts) {
    this.peer = parts.peer
    this.publicKey = parts.publicKey
    this.device = parts.device
    this.chain = parts.chain
    this.keystore = parts.keystore
    this.store = parts.store
    this.database = parts.database
    this.runtime = parts.runtime
  }

  /**
   * Opens the identity called `name`, or creates it.
   * @throws HandfastError `unsupported`, `storage-blocked`, `storage-failed`
   */
  static async open(options: IdentityOptions = {}): Promise<Identity> {
    const runtime = options.runtime ?? systemRuntime
    await ready()
    const { name = 'default' } = options
    const database = options.store ? undefined : name
    const store = options.store ?? (await IdbStore.open(name, runtime))
    try {
      const keystore = await Keystore.open(store, runtime, options.wrappingKey)
      const [device, certificate] = await certifiedDevice(keystore, runtime)
      const chain = [certificate]
      const { peer, peerKey: publicKey } = verifyChain(chain, runtime.now() / 1000)
      return new Identity({ peer, publicKey, device, chain, keystore, store, database, runtime })
    } catch (error) {
      if (!options.store) await store.close()
      throw error
    }
  }

  /** @internal The same identity through another way to its store, such as one that only the leader of the day can write to. */
  with(store: Store): Identity {
    return new Identity({ ...(this as Parts), store, keystore: this.keystore.with(store) })
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
 * The device and its certificate, made at first use in one transaction: of several tabs that open a new identity at once, one makes it
 * and the others find it. An identity without a device is given one, not replaced.
 */
async function certifiedDevice(
  keystore: Keystore,
  runtime: Runtime,
): Promise<[Device, Uint8Array]> {
  // The device first: where it is found, so is the rest.
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
  const made = { certificate, device: device.secrets() }
  const isFirst = seed
    ? await keystore.put(made, ['device'])
    : await keystore.put({ identity: root.secretKey.slice(0, 32), ...made }, ['identity', 'device'])
  return isFirst ? [device, certificate] : certifiedDevice(keystore, runtime)
}
