/**
 * Secrets at rest: each is sealed with AES-256-GCM under a key that WebCrypto generated and never gives out, so that
 * a copy of the database, or a script that reads it without running here, holds no secret. A script in this page can
 * still ask for them: that is the limit of what a browser can protect. With a passphrase the key is stored sealed under
 * one derived from it (PBKDF2-HMAC-SHA-256), and nothing on the disk opens anything.
 */

import { utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { passphraseIterations, passphraseSaltBytes } from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import type { Runtime } from '../base/runtime.ts'
import { sealLabel } from '../crypto/labels.ts'
import {
  strictWrite,
  type Store,
  type StoreTransaction,
  type StoreValue,
} from '../storage/store.ts'

/** NIST SP 800-38D: 96 bits, the only length that GCM uses as it is. */
const ivBytes = 12

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

export interface KeystoreOptions {
  /** Takes the place of WebCrypto's, which no simulated clock governs. */
  readonly wrappingKey?: WrappingKey | undefined
  /** Protects a keystore from its first use on. */
  readonly passphrase?: string | undefined
}

/** The wrapping key while it is not locked; one for all ways to the same store. */
interface Lock {
  key: WrappingKey | undefined
}

export class Keystore {
  readonly #store: Store
  readonly #runtime: Runtime
  readonly #lock: Lock
  readonly #open: (passphrase?: string) => Promise<WrappingKey>

  private constructor(
    store: Store,
    runtime: Runtime,
    lock: Lock,
    open: (passphrase?: string) => Promise<WrappingKey>,
  ) {
    this.#store = store
    this.#runtime = runtime
    this.#lock = lock
    this.#open = open
  }

  /**
   * Opens the keystore in table `keys`, making its wrapping key on first use. Any number may be open on one store.
   * @throws HandfastError `invalid-argument` for an empty passphrase; `unsupported` outside a secure context; `wrong-passphrase`, also for none where there is one, and for one
   * where there is none; `storage-failed` when the wrapping key is damaged or gone; whatever the store throws
   */
  static async open(
    store: Store,
    runtime: Runtime = systemRuntime,
    { wrappingKey, passphrase }: KeystoreOptions = {},
  ): Promise<Keystore> {
    const open = async (phrase?: string) =>
      wrappingKey ?? (await webCryptoKey(store, runtime, phrase))
    return new Keystore(store, runtime, { key: await open(passphrase) }, open)
  }

  get isLocked(): boolean {
    return !this.#lock.key
  }

  /** Forgets the wrapping key: until `unlockAs`, sealing and unsealing fail with `locked`. */
  lock(): void {
    this.#lock.key = undefined
  }

  /** The same keystore unlocked, while this one stays as it is. @throws HandfastError as `open` */
  async unlocked(passphrase?: string): Promise<Keystore> {
    const key = await this.#open(passphrase)
    return new Keystore(this.#store, this.#runtime, { key }, this.#open)
  }

  /** Becomes what `unlocked` returned. */
  unlockAs(other: Keystore): void {
    this.#lock.key = other.#lock.key
  }

  /**
   * Stores secrets by their names, all in one transaction, over older ones; or none of them, if one named in `unless` is there. On disk
   * when resolved. `plain` goes with them as it is: keys that WebCrypto guards by itself. Returns whether they were stored.
   */
  async put(
    secrets: Readonly<Record<string, Uint8Array>>,
    unless: readonly string[] = [],
    plain: Readonly<Record<string, StoreValue>> = {},
  ): Promise<boolean> {
    const sealed: [name: string, Sealed][] = []
    for (const [name, secret] of Object.entries(secrets)) {
      sealed.push([recordName(name), await this.seal(name, secret)])
    }
    return this.#store.transaction(['keys'], strictWrite, async (tx) => {
      for (const name of unless) {
        if ((await tx.get('keys', recordName(name))) !== undefined) return false
      }
      for (const [name, record] of [...sealed, ...Object.entries(plain)]) {
        await tx.put('keys', name, record)
      }
      return true
    })
  }

  /** What was put as `plain`. */
  async getPlain(name: string): Promise<StoreValue | undefined> {
    return this.#store.transaction(['keys'], { mode: 'read' }, (tx) => tx.get('keys', name))
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
    return new Keystore(store, this.#runtime, this.#lock, this.#open)
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
    const wrappingKey = this.#key
    const iv = new Uint8Array(this.#runtime.randomBytes(ivBytes))
    const ciphertext = await wrappingKey.seal(iv, boundTo(name), secret)
    return { iv, ciphertext: new Uint8Array(ciphertext) }
  }

  /** @throws HandfastError `storage-failed` when `sealed` is damaged or was sealed under another name or keystore */
  async unseal(name: string, sealed: Sealed): Promise<Uint8Array> {
    const wrappingKey = this.#key
    try {
      const { iv, ciphertext } = sealed
      return await wrappingKey.unseal(iv, boundTo(name), ciphertext)
    } catch {
      throw new HandfastError('storage-failed', `the secret '${name}' is damaged`)
    }
  }

  get #key(): WrappingKey {
    if (!this.#lock.key) throw new HandfastError('locked', 'The keys are locked')
    return this.#lock.key
  }
}

const boundTo = (name: string) => utf8(`${sealLabel}\0${name}`)

// ── The wrapping key ───────────────────────────────────────────────────────────────────────────────

/** A wrapping key under a passphrase. */
interface ProtectedKey extends Sealed {
  readonly salt: Uint8Array<ArrayBuffer>
  readonly iterations: number
}

const keyBytes = 32
const aesGcm = 'AES-GCM'
const usages: KeyUsage[] = ['encrypt', 'decrypt']

async function webCryptoKey(
  store: Store,
  runtime: Runtime,
  passphrase: string | undefined,
): Promise<WrappingKey> {
  const subtle = globalThis.crypto?.subtle
  if (!subtle) throw new HandfastError('unsupported', 'WebCrypto needs a secure context: https')
  const find = (tx: StoreTransaction) => tx.get('keys', wrappingKeyName)
  let record = await store.transaction(['keys'], { mode: 'read' }, find)
  if (record === undefined) {
    // Made before the transaction, which may await nothing else; whoever writes first has made the key for all.
    const fresh =
      passphrase === undefined
        ? await subtle.generateKey({ name: aesGcm, length: keyBytes * 8 }, false, usages)
        : await protect(runtime, passphrase)
    record = await store.transaction(['keys'], strictWrite, async (tx) => {
      const held = await find(tx)
      if (held !== undefined) return held
      if ((await tx.list('keys', recordName(''))).length > 0) {
        throw new HandfastError('storage-failed', 'the wrapping key is lost')
      }
      await tx.put('keys', wrappingKeyName, fresh)
      return fresh
    })
  }
  if (record instanceof CryptoKey) {
    if (record.algorithm.name !== aesGcm || record.extractable) throw damaged()
    if (passphrase !== undefined) throw wrongPassphrase('There is no passphrase')
    return wrappingKeyOf(record)
  }
  const { iv, ciphertext, salt, iterations } = (record ?? {}) as Partial<ProtectedKey>
  if (!iv || !ciphertext || !salt || !iterations) throw damaged()
  if (passphrase === undefined) throw wrongPassphrase('There is a passphrase')
  const under = wrappingKeyOf(await derive(passphrase, salt, iterations))
  let secret: Uint8Array
  try {
    secret = await under.unseal(iv, boundTo(wrappingKeyName), ciphertext)
  } catch {
    throw wrongPassphrase('The passphrase is another')
  }
  return wrappingKeyOf(await subtle.importKey('raw', new Uint8Array(secret), aesGcm, false, usages))
}

const damaged = () => new HandfastError('storage-failed', 'the wrapping key is damaged')
const wrongPassphrase = (message: string) => new HandfastError('wrong-passphrase', message)

/** A fresh wrapping key, sealed. */
async function protect(runtime: Runtime, passphrase: string): Promise<ProtectedKey> {
  if (passphrase === '') throw new HandfastError('invalid-argument', 'An empty passphrase')
  const iterations = passphraseIterations
  const salt = new Uint8Array(runtime.randomBytes(passphraseSaltBytes))
  const iv = new Uint8Array(runtime.randomBytes(ivBytes))
  const under = wrappingKeyOf(await derive(passphrase, salt, iterations))
  const sealed = await under.seal(iv, boundTo(wrappingKeyName), runtime.randomBytes(keyBytes))
  return { iv, ciphertext: new Uint8Array(sealed), salt, iterations }
}

async function derive(
  passphrase: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<CryptoKey> {
  const { subtle } = crypto
  // The same characters, however they were typed (RFC 8265, OpaqueString).
  const bytes = new Uint8Array(utf8(passphrase.normalize('NFC')))
  const material = await subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveKey'])
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations }
  const target = { name: aesGcm, length: keyBytes * 8 }
  return subtle.deriveKey(parameters, material, target, false, usages)
}

function wrappingKeyOf(key: CryptoKey): WrappingKey {
  const { subtle } = crypto
  // WebCrypto takes no view of shared memory, which a type alone can't rule out.
  const parameters = (iv: Uint8Array, ad: Uint8Array): AesGcmParams => ({
    name: aesGcm,
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
