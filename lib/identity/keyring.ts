/**
 * The keys of an identity as long as it is open, one for all ways to its store: the device, its certificates, whether the root is here,
 * and the lock. Other tabs that have the same identity open lock with this one, and learn of a removed root or a renewed certificate.
 */

import { Emitter } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { CertificateChain } from './certificate.ts'
import type { Device } from './device.ts'
import type { Keystore } from './keystore.ts'
import { noRoot } from './root-source.ts'
import { seedSigner, type Signer } from './signer.ts'
import { readChain, readDevice, readRoot, writeChain, type Held } from './vault.ts'

/** What is worth a line in a log of security events. */
export type IdentityNote =
  | 'root-removed'
  | 'root-used'
  | 'backup-restored'
  | 'locked'
  | 'unlocked'
  | 'passphrase-changed'
  | 'certificate-renewed'

/** What `identity.on` tells of, with the arguments of the listener. */
export interface IdentityEvents {
  /** Done in this tab. The latest 16 from before the first listener are kept for it. */
  security: [kind: IdentityNote]
  /** This tab is locked or unlocked. */
  lock: [isLocked: boolean]
  /** Another tab was unlocked. */
  'unlocked-elsewhere': []
  /** The certificate was renewed, here or in another tab. */
  certificate: []
}

const maxKeptNotes = 16

export interface KeyringOptions extends Held {
  readonly keystore: Keystore
  readonly deviceSigner: Signer | undefined
  readonly root: Signer | undefined
  /** Of the store, where other tabs may have it open. */
  readonly database: string | undefined
}

export class Keyring {
  readonly emitter = new Emitter<IdentityEvents>()
  readonly device: Device
  chain: CertificateChain
  /** Whether the root's seed was in the store when last looked. */
  holdsRoot = false
  readonly #keystore: Keystore
  readonly #deviceSigner: Signer | undefined
  /** Kept elsewhere, and lent for as long as the identity is open. */
  #lentRoot: Signer | undefined
  readonly #tabs: BroadcastChannel | undefined
  #notes: IdentityNote[] | undefined = []
  /** So many times it was to be locked. */
  #lockings = 0

  constructor({ keystore, device, chain, deviceSigner, root, database }: KeyringOptions) {
    this.#keystore = keystore
    this.device = device
    this.chain = chain
    this.#deviceSigner = deviceSigner
    this.#lentRoot = root
    if (database === undefined || typeof BroadcastChannel === 'undefined') return
    this.#tabs = new BroadcastChannel(`handfast/${database}/keys`)
    this.#tabs.onmessage = ({ data }: MessageEvent<unknown>) => void this.#hear(data)
  }

  close(): void {
    this.#tabs?.close()
    this.emitter.clear()
  }

  /** For the log, which may have no listener yet. */
  note(kind: IdentityNote): void {
    if (this.#notes) this.#notes = [...this.#notes, kind].slice(-maxKeptNotes)
    else this.emitter.emit('security', kind)
  }

  /** There is a listener. */
  tellKept(): void {
    const kept = this.#notes ?? []
    this.#notes = undefined
    for (const kind of kept) this.note(kind)
  }

  // ── The root and the certificate ─────────────────────────────────────────────────────────────────

  get hasRoot(): boolean {
    return this.holdsRoot || this.#lentRoot !== undefined
  }

  /** Another tab may have removed it. @throws HandfastError `no-root`, `locked`, `storage-failed` */
  async rootSeed(): Promise<Uint8Array> {
    const seed = await readRoot(this.#keystore)
    this.holdsRoot = seed !== undefined
    if (!seed) throw noRoot()
    return seed
  }

  async root(): Promise<Signer> {
    this.assertUnlocked()
    return this.#lentRoot ?? seedSigner(await this.rootSeed())
  }

  async removeRoot(): Promise<void> {
    if (!this.hasRoot) return
    await this.#keystore.delete('identity')
    this.holdsRoot = false
    this.#lentRoot = undefined
    this.note('root-removed')
    this.#tell('changed')
  }

  /** On disk before in use. */
  async renew(chain: CertificateChain): Promise<void> {
    await writeChain(this.#keystore, chain)
    this.chain = chain
    this.note('certificate-renewed')
    this.emitter.emit('certificate')
    this.#tell('changed')
  }

  // ── The lock ─────────────────────────────────────────────────────────────────────────────────────

  get isLocked(): boolean {
    return this.#keystore.isLocked
  }

  /** @throws HandfastError `locked` */
  assertUnlocked(): void {
    if (this.isLocked) throw new HandfastError('locked', 'The keys are locked')
  }

  lock(): void {
    const wasLocked = this.isLocked
    this.#lock()
    if (!wasLocked) this.note('locked')
    this.#tell('locked')
  }

  #lock(): void {
    const wasLocked = this.isLocked
    this.#lockings++
    this.#keystore.lock()
    this.device.lock()
    if (!wasLocked) this.emitter.emit('lock', true)
  }

  /** All at once or not at all: a lock that comes meanwhile holds. */
  async unlock(passphrase: string | undefined): Promise<void> {
    if (!this.isLocked) return
    const lockings = this.#lockings
    const keystore = await this.#keystore.unlocked(passphrase)
    const secrets = await readDevice(keystore, this.#deviceSigner)
    if (!secrets) throw new HandfastError('storage-failed', 'the device is lost')
    const finish = await this.#refresh(keystore)
    if (this.#lockings !== lockings) this.assertUnlocked()
    if (!this.isLocked) return
    this.device.unlock(secrets)
    this.#keystore.unlockAs(keystore)
    this.note('unlocked')
    this.emitter.emit('lock', false)
    // Who hears of another certificate signs with the device.
    finish()
    this.#tell('unlocked')
  }

  /** Not while locked: who has only found the page open is not to shut its owner out. */
  async changePassphrase(from: string | undefined, to: string | undefined): Promise<void> {
    this.assertUnlocked()
    await this.#keystore.changePassphrase(from, to)
    this.note('passphrase-changed')
  }

  // ── Other tabs ───────────────────────────────────────────────────────────────────────────────────

  #tell(word: 'locked' | 'unlocked' | 'changed'): void {
    this.#tabs?.postMessage(word)
  }

  async #hear(word: unknown): Promise<void> {
    if (word === 'locked') this.#lock()
    if (word === 'unlocked' && this.isLocked) this.emitter.emit('unlocked-elsewhere')
    if (word === 'changed' && !this.isLocked)
      await this.#refresh().then(
        (finish) => finish(),
        () => {},
      )
  }

  /** What another tab has written. Returns how to take it. */
  async #refresh(keystore = this.#keystore): Promise<() => void> {
    const holdsRoot = (await readRoot(keystore)) !== undefined
    const chain = (await readChain(keystore)) ?? this.chain
    return () => {
      this.holdsRoot = holdsRoot
      const isSame = String(chain) === String(this.chain)
      this.chain = chain
      if (!isSame) this.emitter.emit('certificate')
    }
  }
}
