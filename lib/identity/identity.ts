/**
 * Who one is: the ed25519 identity key, or root, whose public half is the PeerId, and this browser's own device, certified by it.
 * Created at first use; afterwards the same. The root signs certificates and revocations and nothing else, so that it can leave the
 * browser: what is done every day, the device does.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import { equalBytes } from '../base/bytes.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { certificateClockToleranceS, certificateWarningMs } from '../base/limits.ts'
import { systemRuntime, type Runtime } from '../base/runtime.ts'
import { ready } from '../crypto/sodium.ts'
import { IdbStore } from '../storage/idb-store.ts'
import type { Store } from '../storage/store.ts'
import { keyOfSnapshot, readBackup } from './backup.ts'
import {
  atAnyTime,
  certifyDevice,
  rootIssuer,
  verifyChain,
  type CertificateChain,
  type Issuer,
} from './certificate.ts'
import type { Device } from './device.ts'
import { Keyring, type IdentityEvents } from './keyring.ts'
import { Keystore } from './keystore.ts'
import { bindingOf, findOrMake, make, validity, writeNew } from './making.ts'
import type { IdentityOptions, RestoreOptions, RootSource } from './options.ts'
import { peerIdFromKey, type PeerId } from './peer-id.ts'
import { rootOf } from './root-source.ts'
import { signMessage } from './signed-message.ts'
import { seedSigner, type Signer } from './signer.ts'
import { readRoot, type Extras, type Held } from './vault.ts'
import { seedOfWords, wordsOfSeed } from './words.ts'

interface Parts {
  readonly peer: PeerId
  readonly publicKey: Uint8Array
  readonly device: Device
  readonly keystore: Keystore
  readonly store: Store
  readonly database: string | undefined
  readonly runtime: Runtime
}

/** Who one is: a permanent key, and this browser's device with a certificate of it. Make or open one with `Identity.open`, then give it to `Mesh.open`. */
export class Identity {
  /** The permanent name: 43 characters of base64url. The same on all devices. */
  readonly peer: PeerId
  /** The 32 bytes that `peer` spells. */
  readonly publicKey: Uint8Array
  /** @internal */
  readonly device: Device
  /** @internal */
  readonly keystore: Keystore
  /** @internal */
  readonly store: Store
  /** @internal The name of its own database, which other tabs may have open too. None: the store is the application's. */
  readonly database: string | undefined
  /** @internal */
  readonly runtime: Runtime

  readonly #keyring: Keyring
  #isOccupied = false

  private constructor(parts: Parts, keyring: Keyring) {
    this.peer = parts.peer
    this.publicKey = parts.publicKey
    this.device = parts.device
    this.keystore = parts.keystore
    this.store = parts.store
    this.database = parts.database
    this.runtime = parts.runtime
    this.#keyring = keyring
  }

  /**
   * Opens the identity called `name`, or creates it.
   * @throws HandfastError `unsupported`, `storage-blocked`, `storage-failed`, `wrong-passphrase`; `bad-key` when `root` or `deviceSigner`
   * is not this identity's
   */
  static async open(options: IdentityOptions = {}): Promise<Identity> {
    const identity = await Identity.#load(options, (keystore) => findOrMake(keystore, options))
    const { certificateExpiresAt, runtime } = identity
    const leftMs = (certificateExpiresAt?.getTime() ?? Infinity) - runtime.now()
    // Where the secret itself is kept: a signer of the application may have to ask somebody.
    if (leftMs < certificateWarningMs && identity.#keyring.holdsRoot) {
      await identity.renewCertificate({ lifetimeMs: options.certificateLifetimeMs })
    }
    return identity
  }

  /**
   * Brings an identity back under a new device: the same PeerId, and the contacts that the backup holds.
   * @throws HandfastError `bad-words`, `bad-backup`, `wrong-passphrase`, `no-root` for a backup without words; `bad-key` for words of
   * another identity than the backup's; `identity-exists` where there is one of that name; as `open`
   */
  static async restore(options: RestoreOptions): Promise<Identity> {
    const { backup, backupPassphrase = '', keepRoot = true } = options
    const opened = backup === undefined ? undefined : await readBackup(backup, backupPassphrase)
    const words = options.words ?? opened?.words
    if (words === undefined) throw new HandfastError('no-root', 'The recovery words are missing')
    const seed = await seedOfWords(words)
    const identity = await Identity.#load(options, async (keystore) => {
      const root = seedSigner(seed)
      const { snapshot } = opened ?? {}
      // Contacts of another would never come to be.
      if (snapshot && !equalBytes(keyOfSnapshot(snapshot), root.publicKey)) throw anotherRoot()
      const made = await make(root, options)
      const extras = { ...(keepRoot && { identity: seed }), ...(snapshot && { snapshot }) }
      return writeNew(keystore, made, extras)
    })
    identity.#keyring.note('backup-restored')
    return identity
  }

  /**
   * @internal An identity whose device was certified elsewhere. The root is not here.
   * @throws HandfastError `identity-exists`, `bad-certificate`; as `open`
   */
  static async install(
    { device, chain, snapshot }: Held & Pick<Extras, 'snapshot'>,
    options: IdentityOptions,
  ): Promise<Identity> {
    return Identity.#load(options, (keystore) => {
      bindingOf({ device, chain })
      const extras = snapshot ? { snapshot } : {}
      return writeNew(keystore, { device, chain }, extras)
    })
  }

  static async #load(
    options: IdentityOptions,
    load: (keystore: Keystore) => Promise<Held>,
  ): Promise<Identity> {
    const { name = 'default', runtime = systemRuntime, root, deviceSigner } = options
    await ready()
    const database = options.store ? undefined : name
    const store = options.store ?? (await IdbStore.open(name, runtime))
    try {
      const keystore = await Keystore.open(store, runtime, options)
      const held = await load(keystore)
      const { peer, peerKey: publicKey } = bindingOf(held)
      if (root && peerIdFromKey(root.publicKey) !== peer) throw anotherRoot()
      const keyring = new Keyring({ ...held, keystore, deviceSigner, root, database })
      keyring.holdsRoot = (await readRoot(keystore)) !== undefined
      const { device } = held
      return new Identity({ peer, publicKey, device, keystore, store, database, runtime }, keyring)
    } catch (error) {
      if (!options.store) await store.close()
      throw error
    }
  }

  /** @internal The same identity through another way to its store, such as one that only the leader of the day can write to. */
  with(store: Store): Identity {
    const parts = { ...(this as Parts), store, keystore: this.keystore.with(store) }
    return new Identity(parts, this.#keyring)
  }

  /** @internal From the root to this device. Renewed now and then: to be read when it is needed. */
  get chain(): CertificateChain {
    return this.#keyring.chain
  }

  /** @internal This device, as one that certifies others. */
  get issuer(): Issuer {
    const { device, chain } = this
    return { key: device.key, chain, sign: (label, message) => device.sign(label, message) }
  }

  /** @internal One mesh at a time. Returns how to let go. @throws HandfastError `identity-in-use` */
  occupy(): () => void {
    if (this.#isOccupied) throw new HandfastError('identity-in-use', 'already in a mesh')
    this.#isOccupied = true
    return () => void (this.#isOccupied = false)
  }

  /** Calls `listener` at every such event. Returns the way to stop. */
  on<K extends keyof IdentityEvents>(
    event: K,
    listener: (...args: IdentityEvents[K]) => void,
  ): Unsubscribe {
    const stop = this.#keyring.emitter.on(event, listener)
    if (event === 'security') this.#keyring.tellKept()
    return stop
  }

  /**
   * Signs a message of the application's in this identity's name, for whoever is to know later who said it: an order, a receipt, a vote.
   * Contains what `verifySigned` needs. A signature says neither to whom nor when: put into the message what it must not be taken out of.
   * @param purpose 1 to 64 bytes, the application's own: what is signed for one is worth nothing for another
   * @param message at most 48 KiB; of more, sign a hash
   * @throws HandfastError `locked`, `certificate-expired`, `forbidden` where this device may not, `invalid-argument`, `too-large`
   */
  async sign(purpose: string, message: Uint8Array): Promise<Uint8Array> {
    this.assertUsable()
    return signMessage(purpose, message, this)
  }

  // ── The root ─────────────────────────────────────────────────────────────────────────────────────

  /** Whether the root is at hand without asking for words: kept here, or lent as option `root`. */
  get hasRoot(): boolean {
    return this.#keyring.hasRoot
  }

  /**
   * The 24 recovery words, which are the root itself: whoever reads them is this identity.
   * @throws HandfastError `no-root` when its secret is not kept here, `locked`, `storage-failed`
   */
  async words(): Promise<string> {
    return wordsOfSeed(await this.#keyring.rootSeed())
  }

  /**
   * Deletes the root from this browser. Everything goes on with the certified device; only what the root signs needs it again. Make sure
   * first that the words or a backup are kept somewhere. JavaScript can't erase memory: until the page is left, the secret may be in it.
   * @throws HandfastError `storage-failed`
   */
  async removeRoot(): Promise<void> {
    await this.#keyring.removeRoot()
  }

  /**
   * Does `work` with the root: the one at hand, or one that is given for this alone and not kept.
   * @throws HandfastError `no-root`, `locked`, `bad-words`, `bad-backup`, `wrong-passphrase`; `bad-key` for the root of another identity;
   * whatever `work` throws
   */
  async withRoot<T>(
    source: RootSource | undefined,
    work: (root: Signer) => Promise<T>,
  ): Promise<T> {
    const root = source ? await rootOf(source) : await this.#keyring.root()
    if (peerIdFromKey(root.publicKey) !== this.peer) throw anotherRoot()
    this.#keyring.note('root-used')
    return work(root)
  }

  // ── The certificate ──────────────────────────────────────────────────────────────────────────────

  /** When contacts stop believing this device, give or take 48 hours. Null: never. */
  get certificateExpiresAt(): Date | null {
    const { notAfterS } = verifyChain(this.chain, atAnyTime)
    return Number.isFinite(notAfterS) ? new Date(notAfterS * 1000) : null
  }

  /**
   * Has the root certify this device anew, for what it may now. Links go on.
   * @param lifetimeMs from 60 days; none by default
   * @throws HandfastError `invalid-argument`; as `withRoot`
   */
  async renewCertificate({
    root,
    lifetimeMs,
  }: { root?: RootSource | undefined; lifetimeMs?: number | undefined } = {}): Promise<void> {
    const { scopes, pathLength } = verifyChain(this.chain, atAnyTime)
    const span = validity(this.runtime, lifetimeMs)
    const chain = await this.withRoot(root, (signer) =>
      certifyDevice(rootIssuer(signer), this.device, { ...span, scopes, pathLength }),
    )
    await this.#keyring.renew(chain)
  }

  /**
   * @internal Takes certificates for this device that another one of the identity has issued.
   * @throws HandfastError `bad-certificate`, `bad-key` when they are for another device or identity
   */
  async takeChain(chain: CertificateChain): Promise<void> {
    verifyChain(chain, this.runtime.now() / 1000)
    if (bindingOf({ chain, device: this.device }).peer !== this.peer) throw anotherRoot()
    await this.#keyring.renew(chain)
  }

  // ── The lock ─────────────────────────────────────────────────────────────────────────────────────

  /** Whether `lock` was called, here or in another tab, and `unlock` was not since. */
  get isLocked(): boolean {
    return this.#keyring.isLocked
  }

  /**
   * Forgets the secrets of the device and what unseals the others, in all tabs. Open sessions go on with the keys they agreed on; whoever
   * calls gets silence, and what needs the keys here fails with `locked`, until `unlock`.
   */
  lock(): void {
    this.#keyring.lock()
  }

  /** This tab. @throws HandfastError `wrong-passphrase`, `storage-failed` */
  async unlock(passphrase?: string): Promise<void> {
    await this.#keyring.unlock(passphrase)
  }

  /** Whether a passphrase opens the keys; another tab may have changed that. @throws HandfastError `storage-failed` */
  async hasPassphrase(): Promise<boolean> {
    return this.keystore.hasPassphrase()
  }

  /**
   * Sets, changes or takes away the passphrase, in one write: a crash leaves the old or the new one. Here and in other tabs everything goes
   * on; from the next opening or unlocking on, the new one is asked for. Nothing that is sealed changes, so whoever has both a copy of the
   * profile from before and what opened it can open later copies, too. A device key that WebCrypto keeps to itself stays with the browser as
   * it is: only a passphrase given at the making of the device seals it as well.
   * @throws HandfastError `wrong-passphrase`, `locked`; `invalid-argument` for an empty one, or none at all; `unsupported` where the keys were
   * made by an earlier version, or have a store without WebCrypto; `storage-failed`
   */
  async changePassphrase(change: {
    /** The one up to now; none where there is none. */
    from?: string | undefined
    /** The new one; null: none is asked for any more. */
    to: string | null
  }): Promise<void> {
    const { from, to } = change
    // What an application has forgotten takes nothing away.
    if (to !== null && typeof to !== 'string') {
      throw new HandfastError('invalid-argument', 'A passphrase is text, or null for none')
    }
    await this.#keyring.changePassphrase(from, to ?? undefined)
  }

  /** @internal @throws HandfastError `locked` */
  assertUnlocked(): void {
    this.#keyring.assertUnlocked()
  }

  /**
   * @internal For what signs as this device.
   * @throws HandfastError `locked`, `certificate-expired`
   */
  assertUsable(): void {
    this.assertUnlocked()
    const { notAfterS } = verifyChain(this.chain, atAnyTime)
    if (this.runtime.now() / 1000 > notAfterS + certificateClockToleranceS) {
      throw new HandfastError('certificate-expired', 'The certificate has expired: renew it')
    }
  }

  /** Closes the store. Close the mesh first. Idempotent. */
  async close(): Promise<void> {
    this.#keyring.close()
    await this.store.close()
  }

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const anotherRoot = () => new HandfastError('bad-key', 'The root of another identity')
