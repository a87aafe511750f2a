/**
 * Secrets at rest: each is sealed under the wrapping key, which is stored, sealed itself, together with the first of them. A copy of the
 * database's bytes, or a script that reads it without running here, holds no secret. A script in this page can still ask for them: that is
 * the limit of what a browser can protect. A passphrase that changes replaces the one record of the wrapping key.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { systemRuntime } from '../base/runtime.ts'
import type { Runtime } from '../base/runtime.ts'
import {
  strictWrite,
  type Store,
  type StoreTransaction,
  type StoreValue,
} from '../storage/store.ts'
import {
  boundTo,
  guarded,
  importWrappingKey,
  ivBytes,
  keyBytes,
  unwrap,
  wrap,
  wrappingKeyName,
  wrappingKeyOf,
  type Sealed,
  type StoredKey,
  type WrappingKey,
} from './wrapping-key.ts'

const recordName = (name: string) => `secret/${name}`

export interface KeystoreOptions {
  /** Takes the place of WebCrypto's, which no simulated clock governs. */
  readonly wrappingKey?: WrappingKey | undefined
  /** Protects a keystore from its first use on. */
  readonly passphrase?: string | undefined
}

/** The wrapping key while it is not locked; one for all ways to the same store. */
interface Lock {
  key: WrappingKey | undefined
  /** Of a key that is not stored yet, because nothing is sealed under it: how it will be, and how to find another's in its place. */
  fresh?: { readonly record: StoredKey; readonly reopen: () => Promise<Lock> } | undefined
}

export class Keystore {
  readonly #store: Store
  readonly #runtime: Runtime
  readonly #lock: Lock
  readonly #open: (passphrase?: string) => Promise<Lock>

  private constructor(
    store: Store,
    runtime: Runtime,
    lock: Lock,
    open: (passphrase?: string) => Promise<Lock>,
  ) {
    this.#store = store
    this.#runtime = runtime
    this.#lock = lock
    this.#open = open
  }

  /**
   * Opens the keystore in table `keys`. Of one that holds no secret yet nothing is stored before the first. Any number may be open on one store.
   * @throws HandfastError `invalid-argument` for an empty passphrase; `unsupported` outside a secure context; `wrong-passphrase`, also for none where there is one, and for one
   * where there is none; `storage-failed` when the wrapping key is damaged or gone; whatever the store throws
   */
  static async open(
    store: Store,
    runtime: Runtime = systemRuntime,
    { wrappingKey, passphrase }: KeystoreOptions = {},
  ): Promise<Keystore> {
    const open = async (phrase?: string): Promise<Lock> =>
      wrappingKey ? { key: wrappingKey } : openKey(store, runtime, phrase)
    return new Keystore(store, runtime, await open(passphrase), open)
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
    return new Keystore(this.#store, this.#runtime, await this.#open(passphrase), this.#open)
  }

  /** Becomes what `unlocked` returned. */
  unlockAs(other: Keystore): void {
    this.#lock.key = other.#lock.key
  }

  /** Whether it opens with a passphrase. */
  async hasPassphrase(): Promise<boolean> {
    return 'salt' in Object((await this.getPlain(wrappingKeyName)) ?? {})
  }

  /**
   * Seals the wrapping key anew, in place of how it was sealed, in one write. What it has sealed stays, and so do those who have it open.
   * @throws HandfastError `wrong-passphrase`; `invalid-argument` for an empty one; `unsupported` where an earlier version made the key;
   * `storage-failed`
   */
  async changePassphrase(from: string | undefined, to: string | undefined): Promise<void> {
    const held = await this.getPlain(wrappingKeyName)
    if (held === undefined || held instanceof CryptoKey) {
      throw new HandfastError('unsupported', 'The key of this keystore can’t be given a passphrase')
    }
    const fresh = await wrap(await unwrap(held, from), to, this.#runtime)
    const isDone = await this.#store.transaction(['keys'], strictWrite, async (tx) => {
      // Derived before the transaction, which may await nothing else: another tab may have changed it meanwhile.
      const { iv } = Object((await tx.get('keys', wrappingKeyName)) ?? {}) as Partial<Sealed>
      if (!iv || !equalBytes(iv, (held as Sealed).iv)) return false
      await tx.put('keys', wrappingKeyName, fresh)
      return true
    })
    if (!isDone) await this.changePassphrase(from, to)
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
    const { fresh } = this.#lock
    const outcome = await this.#store.transaction(['keys'], strictWrite, async (tx) => {
      for (const name of unless) {
        if ((await tx.get('keys', recordName(name))) !== undefined) return false
      }
      if (fresh) {
        if (await holdsSecrets(tx)) return 'taken'
        await tx.put('keys', wrappingKeyName, fresh.record)
      }
      for (const [name, record] of [...sealed, ...Object.entries(plain)]) {
        await tx.put('keys', name, record)
      }
      return true
    })
    if (outcome === 'taken') {
      await this.#adopt()
      return this.put(secrets, unless, plain)
    }
    if (outcome) this.#lock.fresh = undefined
    return outcome
  }

  /** Of several that begin at once, whoever stores first has made the key for all. */
  async #adopt(): Promise<void> {
    const { fresh } = this.#lock
    if (fresh) Object.assign(this.#lock, { fresh: undefined }, await fresh.reopen())
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
    if (record === undefined) return undefined
    await this.#adopt()
    return this.unseal(name, record as Sealed)
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

const holdsSecrets = async (tx: StoreTransaction) =>
  (await tx.list('keys', recordName(''))).length > 0

/** A stored key that has sealed nothing is worth nothing: whoever made it did not come to use it. */
async function openKey(
  store: Store,
  runtime: Runtime,
  passphrase: string | undefined,
): Promise<Lock> {
  if (!globalThis.crypto?.subtle) {
    throw new HandfastError('unsupported', 'WebCrypto needs a secure context: https')
  }
  const [isUsed, record] = await store.transaction(
    ['keys'],
    { mode: 'read' },
    async (tx) => [await holdsSecrets(tx), await tx.get('keys', wrappingKeyName)] as const,
  )
  if (!isUsed) {
    const secret = runtime.randomBytes(keyBytes)
    const fresh = await wrap(secret, passphrase, runtime)
    const reopen = () => openKey(store, runtime, passphrase)
    return { key: await importWrappingKey(secret), fresh: { record: fresh, reopen } }
  }
  if (record === undefined) throw new HandfastError('storage-failed', 'the wrapping key is lost')
  // Of an earlier version: the wrapping key itself.
  if (record instanceof CryptoKey) return { key: wrappingKeyOf(guarded(record, passphrase)) }
  return { key: await importWrappingKey(await unwrap(record, passphrase)) }
}
