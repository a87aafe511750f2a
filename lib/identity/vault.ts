/**
 * What the store holds of an identity: its root, unless that was removed; this browser's own device, with the certificates that lead
 * to it from the root; and what a backup brought. Written in one transaction: of several tabs that begin at once, one makes it and the
 * others find it.
 */

import { concat } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { decode, encode } from '../codec/cbor.ts'
import type { CertificateChain } from './certificate.ts'
import { Device, type DeviceSecrets } from './device.ts'
import type { Keystore } from './keystore.ts'
import type { Signer, WebCryptoKeys } from './signer.ts'

export interface Held {
  readonly device: Device
  readonly chain: CertificateChain
}

/** What may come with a device. */
export interface Extras {
  /** The root's seed, 32 bytes. */
  readonly identity?: Uint8Array
  /** Contacts and pacts, to be merged by the first mesh that opens. */
  readonly snapshot?: Uint8Array
}

const signerName = 'device-signer'
const keyBytes = 32

/** The root's seed. */
export const readRoot = (keystore: Keystore): Promise<Uint8Array | undefined> =>
  keystore.get('identity')

/** @throws HandfastError `storage-failed`, `locked` */
export async function readChain(keystore: Keystore): Promise<CertificateChain | undefined> {
  const chain = await keystore.get('chain')
  return chain && (decode(chain) as Uint8Array[])
}

export async function writeChain(keystore: Keystore, chain: CertificateChain): Promise<void> {
  await keystore.put({ chain: encode([...chain]) })
  // Of version 0.1.0: one certificate, good for no scope.
  await keystore.delete('certificate')
}

/** @throws HandfastError `bad-key` without the signer that the device was made with; `storage-failed`, `locked` */
export async function readDevice(
  keystore: Keystore,
  signer?: Signer,
): Promise<DeviceSecrets | undefined> {
  const secrets = await keystore.get('device')
  if (!secrets) return undefined
  const box = secrets.slice(-keyBytes)
  if (secrets.length > keyBytes) return { box, signing: secrets.slice(0, keyBytes) }
  const kept = await keystore.getPlain(signerName)
  if (kept !== undefined) return { box, signing: webCryptoKeysOf(kept) }
  if (!signer) throw new HandfastError('bad-key', 'The device has a signer of the application')
  return { box, signing: signer }
}

function webCryptoKeysOf(record: unknown): WebCryptoKeys {
  const { publicKey, privateKey } = (record ?? {}) as Partial<WebCryptoKeys>
  if (!(publicKey instanceof Uint8Array) || !(privateKey instanceof CryptoKey)) {
    throw new HandfastError('storage-failed', 'the key of the device is damaged')
  }
  return { publicKey, privateKey }
}

/** The device first: where it is found, so is the rest, but for a chain that was lost, or that version 0.1.0 did not write. */
export async function readHeld(
  keystore: Keystore,
  signer?: Signer,
): Promise<{ device: Device; chain: CertificateChain | undefined } | undefined> {
  const secrets = await readDevice(keystore, signer)
  if (!secrets) return undefined
  return { device: Device.fromSecrets(secrets), chain: await readChain(keystore) }
}

/** Writes a device, unless there is one already, or a root that would be replaced. Returns whether it was written. */
export async function writeHeld(
  keystore: Keystore,
  { device, chain }: Held,
  extras: Extras = {},
): Promise<boolean> {
  const { box, signing } = device.secrets()
  const isSeed = signing instanceof Uint8Array
  return keystore.put(
    { ...extras, chain: encode([...chain]), device: isSeed ? concat(signing, box) : box },
    extras.identity ? ['identity', 'device'] : ['device'],
    isSeed || 'sign' in signing ? {} : { [signerName]: signing },
  )
}
