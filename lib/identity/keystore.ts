/**
 * Secrets at rest: each is sealed with AES-256-GCM under a key that WebCrypto generated and never gives out, so that
 * a copy of the database, or a script that reads it without running here, holds no secret. A script in this page can
 * still ask for them: that is the limit of what a browser can protect.
 */

import { concat, utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { systemRuntime } from '../base/runtime.ts'
import type { Runtime } from '../base/runtime.ts'
import type { Store, StoreTransaction } from '../storage/store.ts'

/** NIST SP 800-38D: 96 bits, the only length that GCM uses as it is. */
const ivBytes = 12

const strictWrite = { mode: 'write', durability: 'strict' } as const

const wrappingKeyName = 'wrapping-key'
const recordName = (name: string) => `secret/${name}`

/** A secret as it is stored. */
export interface Sealed {
  readonly iv: Uint8Array<ArrayBuffer>
  readonly ciphertext: Uint8Array<ArrayBuffer>
}

/** @internal What seals secrets, bound to `ad`. `unseal` throws unless it is given the very same. */
export interface WrappingKey {
  seal(iv: Uint8Array, ad: Uint8Array, secret: Uint8Array): Promise<Uint8Array> | Uint8Array
  unseal(iv: Uint8Array, ad: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array> | Uint8Array
}

export class Keystore {
  readonly #store: Store
  readonly #runtime: Runtime
  readonly #wrappingKey: WrappingKey

  private constructor(store: Store, runtime: Runtime, wrappingKey: WrappingKey) {
    this.#store = store
    this.#runtime = runtime
    this.#wrappingKey = wrappingKey
  }

  /**
   * Opens the keystore in table `keys`, making its wrapping key on first use. Any number may be open on one store.
   * `wrappingKey` takes the place of WebCrypto's, which no simulated clock governs.
   * @throws HandfastError `unsupported` outside a secure context; `storage-failed` when the wrapping key is damaged or gone; whatever
   * the store throws
   */
  static async open(
    store: Store,
    runtime: Runtime = systemRuntime,
    wrappingKey?: WrappingKey,
  ): Promise<Keystore> {
    return new Keystore(store, runtime, wrappingKey ?? (await webCryptoKey(store)))
  }

  /**
   * Stores secrets by their names, all in one transaction, over older ones; or none of them, if one named in `unless` is there. On disk
   * when resolved. Returns whether they were stored.
   */
  async put(
    secrets: Readonly<Record<string, Uint8Array>>,
    unless: readonly string[] = [],
  ): Promise<boolean> {
    const sealed: [name: string, Sealed][] = []
    for (const [name, secret] of Object.entries(secrets)) {
      sealed.push([recordName(name), await this.seal(name, secret)])
    }
    return this.#store.transaction(['keys'], strictWrite, async (tx) => {
      for (const name of unless) {
        if ((await tx.get('keys', recordName(name))) !== undefined) return false
      }
      for (const [name, record] of sealed) await tx.put('keys', name, record)
      return true
    })
  }

  /** @throws HandfastError `storage-failed` when what is stored is not what was put under that name */
  async get(name: string): Promise<Uint8Array | undefined> {
    const record = await this.#store.transaction(['keys'], { mode: 'read' }, (tx) =>
      tx.get('keys', recordName(name)),
    )
    return record === undefined ? undefined : this.unseal(name, record as Sealed)
  }

  /** The same secrets, read and written through another way to the same store. */
  with(store: Store): Keystore {
    return new Keystore(store, this.#runtime, this.#wrappingKey)
  }

  async delete(name: string): Promise<void> {
    await this.#store.transaction(['keys'], strictWrite, (tx) =>
      tx.delete('keys', recordName(name)),
    )
  }

  /**
   * For a secret inside a record of another table. Call it before the store's transaction, which may not await it.
   * @param name what the secret is for; `unseal` wants the same
   */
  async seal(name: string, secret: Uint8Array): Promise<Sealed> {
    const iv = new Uint8Array(this.#runtime.randomBytes(ivBytes))
    const ciphertext = await this.#wrappingKey.seal(iv, boundTo(name), secret)
    return { iv, ciphertext: new Uint8Array(ciphertext) }
  }

  /** @throws HandfastError `storage-failed` when `sealed` is damaged or was sealed under another name or keystore */
  async unseal(name: string, sealed: Sealed): Promise<Uint8Array> {
    try {
      const { iv, ciphertext } = sealed
      return await this.#wrappingKey.unseal(iv, boundTo(name), ciphertext)
    } catch {
      throw new HandfastError('storage-failed', `the secret '${name}' is damaged`)
    }
  }
}

const boundTo = (name: string) => concat(utf8('handfast/1 key\0'), utf8(name))

async function webCryptoKey(store: Store): Promise<WrappingKey> {
  const subtle = globalThis.crypto?.subtle
  if (!subtle) throw new HandfastError('unsupported', 'WebCrypto needs a secure context: https')
  const find = (tx: StoreTransaction) => tx.get('keys', wrappingKeyName)
  let key = await store.transaction(['keys'], { mode: 'read' }, find)
  if (key === undefined) {
    // Made before the transaction, which may await nothing else; whoever writes first has made the key for all.
    const algorithm = { name: 'AES-GCM', length: 256 }
    const fresh = await subtle.generateKey(algorithm, false, ['encrypt', 'decrypt'])
    key = await store.transaction(['keys'], strictWrite, async (tx) => {
      const held = await find(tx)
      if (held !== undefined) return held
      if ((await tx.list('keys', recordName(''))).length > 0) {
        throw new HandfastError('storage-failed', 'the wrapping key is lost')
      }
      await tx.put('keys', wrappingKeyName, fresh)
      return fresh
    })
  }
  if (!(key instanceof CryptoKey) || key.algorithm.name !== 'AES-GCM' || key.extractable)
    throw new HandfastError('storage-failed', 'the wrapping key is damaged')
  // WebCrypto takes no view of shared memory, which a type alone can't rule out.
  const parameters = (iv: Uint8Array, ad: Uint8Array): AesGcmParams => ({
    name: 'AES-GCM',
    iv: new Uint8Array(iv),
    additionalData: new Uint8Array(ad),
  })
  return {
    seal: async (iv, ad, secret) =>
      new Uint8Array(await subtle.encrypt(parameters(iv, ad), key, new Uint8Array(secret))),
    unseal: async (iv, ad, ciphertext) =>
      new Uint8Array(await subtle.decrypt(parameters(iv, ad), key, new Uint8Array(ciphertext))),
  }
}
