/**
 * How an identity comes to be in a store: found there, made at first use, or put there with a device that was certified just now or
 * elsewhere. One that is there is never replaced.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { minCertificateLifetimeMs } from '../base/limits.ts'
import { systemRuntime, type Runtime } from '../base/runtime.ts'
import {
  atAnyTime,
  certifyDevice,
  rootIssuer,
  verifyChain,
  type CertifyOptions,
  type DeviceBinding,
} from './certificate.ts'
import { Device } from './device.ts'
import type { Keystore } from './keystore.ts'
import type { IdentityOptions } from './options.ts'
import { seedSigner, type Signer } from './signer.ts'
import { readHeld, readRoot, writeChain, writeHeld, type Extras, type Held } from './vault.ts'

const seedBytes = 32

/** Of several tabs that begin at once one makes it, and the others find it. */
export async function findOrMake(keystore: Keystore, options: IdentityOptions): Promise<Held> {
  const { root: lent, deviceSigner, runtime = systemRuntime } = options
  const held = await readHeld(keystore, deviceSigner)
  if (held?.chain) return { ...held, chain: held.chain }
  const kept = lent ? undefined : await readRoot(keystore)
  if (held) {
    const root = lent ?? (kept && seedSigner(kept))
    if (!root) throw new HandfastError('storage-failed', 'the certificate is lost')
    const certified = await certify(root, held.device, options)
    await writeChain(keystore, certified.chain)
    return certified
  }
  const seed = lent ? undefined : (kept ?? runtime.randomBytes(seedBytes))
  const made = await make(lent ?? seedSigner(seed!), options)
  const isFirst = await writeHeld(keystore, made, seed && !kept ? { identity: seed } : {})
  return isFirst ? made : findOrMake(keystore, options)
}

/** Writes a device where there is none. @throws HandfastError `identity-exists` */
export async function writeNew(keystore: Keystore, held: Held, extras: Extras): Promise<Held> {
  const isThere = (await readRoot(keystore)) ?? (await keystore.get('device'))
  if (isThere || !(await writeHeld(keystore, held, extras))) {
    throw new HandfastError('identity-exists', 'There is an identity of that name already')
  }
  return held
}

/** A new device, certified. */
export async function make(root: Signer, options: IdentityOptions): Promise<Held> {
  return certify(root, await newDevice(options), options)
}

/** A device as `options` ask for, not certified yet. libsodium is ready. */
export function newDevice(options: IdentityOptions): Promise<Device> {
  const { store, wrappingKey, passphrase, deviceSigner: signer, runtime = systemRuntime } = options
  const webCrypto = !store && !wrappingKey && passphrase === undefined
  return Device.create(runtime, { signer, webCrypto })
}

async function certify(
  root: Signer,
  device: Device,
  { certificateLifetimeMs, runtime = systemRuntime }: IdentityOptions,
): Promise<Held> {
  const span = validity(runtime, certificateLifetimeMs)
  return { device, chain: await certifyDevice(rootIssuer(root), device, span) }
}

/** From now on. @throws HandfastError `invalid-argument` */
export function validity(
  runtime: Runtime,
  lifetimeMs = Infinity,
): Pick<CertifyOptions, 'nowS' | 'notAfterS'> {
  if (!(lifetimeMs >= minCertificateLifetimeMs)) {
    throw new HandfastError('invalid-argument', 'A certificate lives for 60 days or longer')
  }
  const nowS = runtime.now() / 1000
  const notAfterS = Number.isFinite(lifetimeMs) ? Math.ceil(nowS + lifetimeMs / 1000) : null
  return { nowS, notAfterS }
}

/** What the chain says, also when it has expired: it can be renewed. @throws HandfastError `bad-key` when it is another's */
export function bindingOf({ device, chain }: Held): DeviceBinding {
  const binding = verifyChain(chain, atAnyTime)
  if (!equalBytes(binding.deviceKey, device.key) || !equalBytes(binding.boxKey, device.boxKey)) {
    throw new HandfastError('bad-key', 'The device is not the certified one')
  }
  return binding
}
