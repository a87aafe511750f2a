/** What an application says to an identity. */

import type { Runtime } from '../base/runtime.ts'
import type { Store } from '../storage/store.ts'
import type { WrappingKey } from './wrapping-key.ts'
import type { Signer } from './signer.ts'

/** What `Identity.open` takes. */
export interface IdentityOptions {
  /** Tells apart several identities of one origin. Default `default`. */
  name?: string | undefined
  /** Where keys, tickets and contacts are kept. Default: IndexedDB under `name`. */
  store?: Store | undefined
  /** Clock, timers, randomness. Default: the platform's. */
  runtime?: Runtime | undefined
  /**
   * Protects the keys of a new identity; afterwards the same is needed at every opening, until `changePassphrase`. Without one they are as
   * safe as the browser's profile is.
   */
  passphrase?: string | undefined
  /**
   * Signs for a new device, in place of a key that WebCrypto keeps to itself (or libsodium, where there is none, where a `store` is given,
   * or a passphrase seals the key); afterwards the same is needed at every opening.
   */
  deviceSigner?: Signer | undefined
  /** The root of a new identity, when it is to be kept elsewhere. Later openings need it only for what the root signs. */
  root?: Signer | undefined
  /**
   * Of a new device's certificate: from 60 days. Default: no end. In the last 30 days it is renewed at opening where the root is kept;
   * elsewhere the mesh asks for it (event `certificate-expiring`).
   */
  certificateLifetimeMs?: number | undefined
  /** @internal What seals secrets in the store. Default: a WebCrypto key that is never given out. */
  wrappingKey?: WrappingKey | undefined
}

/** A root for one task, used and not kept: its recovery words, a backup that holds them, or a signer. */
export type RootSource =
  | {
      /** The 24 recovery words. */
      readonly words: string
    }
  | {
      /** An age file, as `mesh.exportBackup` makes it. */
      readonly backup: string | Uint8Array
      /** Of the backup. */
      readonly passphrase: string
    }
  | {
      /** Signs with the identity's key, wherever that is kept. */
      readonly root: Signer
    }

/** What `Identity.restore` takes: recovery words, a backup, or both. */
export interface RestoreOptions extends Omit<IdentityOptions, 'root'> {
  /** The 24 recovery words. Needed without a backup, and with one that was made without the root. */
  words?: string | undefined
  /** An age file: what `mesh.exportBackup` made, or recovery words encrypted with a passphrase by any implementation of age. */
  backup?: string | Uint8Array | undefined
  /** Of the backup. */
  backupPassphrase?: string | undefined
  /** Whether the root stays in this browser. Default `true`. */
  keepRoot?: boolean | undefined
}
