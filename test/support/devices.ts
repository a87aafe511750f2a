/** Identities of several devices, as far as handshakes look at them: the roots are the test's own. */

import type { Runtime } from '../../lib/base/runtime.ts'
import { systemRuntime } from '../../lib/base/runtime.ts'
import { ready } from '../../lib/crypto/sodium.ts'
import {
  certifyDevice,
  certifyPeer,
  rootIssuer,
  type CertificateChain,
  type CertifyOptions,
  type Issuer,
} from '../../lib/identity/certificate.ts'
import { Device } from '../../lib/identity/device.ts'
import type { Identity } from '../../lib/identity/identity.ts'
import { peerIdFromKey } from '../../lib/identity/peer-id.ts'
import { pactIdOf, type KnownPeer } from '../../lib/session/pact.ts'
import { newSigningKeys, signerOf } from './signer-of.ts'

await ready()

type Options = Partial<CertifyOptions>

export function withChain(
  device: Device,
  chain: CertificateChain,
  rootKey: Uint8Array,
  runtime: Runtime = systemRuntime,
): Identity {
  const issuer: Issuer = { key: device.key, chain, sign: device.sign.bind(device) }
  const peer = peerIdFromKey(rootKey)
  return { device, chain, publicKey: rootKey, peer, runtime, issuer } as unknown as Identity
}

/** Somebody with a root, and any number of devices below it. */
export class Person {
  readonly root: Issuer = rootIssuer(signerOf(newSigningKeys()))
  readonly peer = peerIdFromKey(this.root.key)
  readonly runtime: Runtime

  constructor(runtime: Runtime = systemRuntime) {
    this.runtime = runtime
  }

  /** A further device, certified by the root or by another device. */
  async device(options: Options = {}, by: Issuer = this.root): Promise<Identity> {
    const device = Device.generate(systemRuntime)
    const nowS = Math.floor(this.runtime.now() / 1000)
    const chain = await certifyDevice(by, device, { nowS, ...options })
    return withChain(device, chain, this.root.key, this.runtime)
  }

  /** From this identity to another. */
  vouchFor(
    { root }: Pick<Person, 'root'>,
    options: Options = {},
    by: Issuer = this.root,
  ): Promise<CertificateChain> {
    const nowS = Math.floor(this.runtime.now() / 1000)
    return certifyPeer(by, root.key, { nowS, ...options })
  }
}

/** A device as others know it. */
export const asKnown = (
  { device, publicKey, peer }: Identity,
  pactSecret: Uint8Array,
): KnownPeer => ({
  peer,
  peerKey: publicKey,
  deviceKey: device.key,
  boxKey: device.boxKey,
  pactSecret,
  pactId: pactIdOf(pactSecret),
})
