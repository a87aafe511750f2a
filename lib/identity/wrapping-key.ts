/**
 * The key that seals an identity's secrets, and how it is itself stored: sealed under a key that WebCrypto generated and never gives out,
 * kept beside it; or under one that a passphrase yields (PBKDF2-HMAC-SHA-256), and then nothing on the disk opens it. All with AES-256-GCM.
 */

import { utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { passphraseIterations, passphraseSaltBytes } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { sealLabel } from '../crypto/labels.ts'

/** NIST SP 800-38D: 96 bits, the only length that GCM uses as it is. */
export const ivBytes = 12
export const keyBytes = 32
const aesGcm = { name: 'AES-GCM', length: keyBytes * 8 }
const usages: KeyUsage[] = ['encrypt', 'decrypt']

/** A secret as it is stored. */
export interface Sealed {
  readonly iv: Uint8Array<ArrayBuffer>
  readonly ciphertext: Uint8Array<ArrayBuffer>
}

/** What seals secrets, bound to `ad`. `unseal` throws unless it is given the very same. */
export interface WrappingKey {
  seal(iv: Uint8Array, ad: Uint8Array, secret: Uint8Array): Promise<Uint8Array> | Uint8Array
  unseal(iv: Uint8Array, ad: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array> | Uint8Array
}

export const wrappingKeyName = 'wrapping-key'
export const boundTo = (name: string) => utf8(`${sealLabel}\0${name}`)

/** A wrapping key as it is stored, under `key` or under a passphrase. */
export type StoredKey = Sealed & (Guard | Stretch)

interface Guard {
  readonly key: CryptoKey
}

interface Stretch {
  readonly salt: Uint8Array<ArrayBuffer>
  readonly iterations: number
}

/** Ready to be stored. @throws HandfastError `invalid-argument` for an empty passphrase */
export async function wrap(
  secret: Uint8Array,
  passphrase: string | undefined,
  runtime: Runtime,
): Promise<StoredKey> {
  if (passphrase === '') throw new HandfastError('invalid-argument', 'An empty passphrase')
  const how: Guard | Stretch =
    passphrase === undefined
      ? { key: await crypto.subtle.generateKey(aesGcm, false, usages) }
      : {
          salt: new Uint8Array(runtime.randomBytes(passphraseSaltBytes)),
          iterations: passphraseIterations,
        }
  const under = wrappingKeyOf('key' in how ? how.key : await derive(passphrase!, how))
  const iv = new Uint8Array(runtime.randomBytes(ivBytes))
  const ciphertext = await under.seal(iv, boundTo(wrappingKeyName), secret)
  return { iv, ciphertext: new Uint8Array(ciphertext), ...how }
}

/**
 * The bytes of what is stored.
 * @throws HandfastError `wrong-passphrase`, also for none where there is one, and for one where there is none; `storage-failed` when it is damaged
 */
export async function unwrap(record: unknown, passphrase: string | undefined): Promise<Uint8Array> {
  const { iv, ciphertext, key, salt, iterations } = (record ?? {}) as Partial<
    Sealed & Guard & Stretch
  >
  if (!iv || !ciphertext) throw damaged()
  let under: CryptoKey
  if (key) {
    under = guarded(key, passphrase)
  } else {
    if (!salt || !iterations) throw damaged()
    if (passphrase === undefined) throw wrongPassphrase('There is a passphrase')
    under = await derive(passphrase, { salt, iterations })
  }
  try {
    return await wrappingKeyOf(under).unseal(iv, boundTo(wrappingKeyName), ciphertext)
  } catch {
    throw key ? damaged() : wrongPassphrase('The passphrase is another')
  }
}

/** A key that no passphrase protects. */
export function guarded(key: CryptoKey, passphrase: string | undefined): CryptoKey {
  if (!(key instanceof CryptoKey) || key.algorithm.name !== aesGcm.name || key.extractable) {
    throw damaged()
  }
  if (passphrase !== undefined) throw wrongPassphrase('There is no passphrase')
  return key
}

const damaged = () => new HandfastError('storage-failed', 'the wrapping key is damaged')
const wrongPassphrase = (message: string) => new HandfastError('wrong-passphrase', message)

async function derive(passphrase: string, { salt, iterations }: Stretch): Promise<CryptoKey> {
  const { subtle } = crypto
  // The same characters, however they were typed (RFC 8265, OpaqueString).
  const bytes = new Uint8Array(utf8(passphrase.normalize('NFC')))
  const material = await subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveKey'])
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations }
  return subtle.deriveKey(parameters, material, aesGcm, false, usages)
}

/** Of 32 bytes. */
export const importWrappingKey = async (secret: Uint8Array): Promise<WrappingKey> =>
  wrappingKeyOf(await crypto.subtle.importKey('raw', new Uint8Array(secret), aesGcm, false, usages))

export function wrappingKeyOf(key: CryptoKey): WrappingKey {
  const { subtle } = crypto
  // WebCrypto takes no view of shared memory, which a type alone can't rule out.
  const parameters = (iv: Uint8Array, ad: Uint8Array): AesGcmParams => ({
    name: aesGcm.name,
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
