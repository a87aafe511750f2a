/** Another device of an identity, made by hand: certified by the first, with what it knows of others. */

import type { Runtime } from '../../lib/base/runtime.ts'
import { certifyDevice, type CertifyOptions } from '../../lib/identity/certificate.ts'
import { Device } from '../../lib/identity/device.ts'
import { Identity } from '../../lib/identity/identity.ts'
import { openOwnCard } from '../../lib/mesh/cards.ts'
import { everything } from '../../lib/identity/scopes.ts'
import { Contacts, type Granted } from '../../lib/mesh/contacts.ts'
import { takeSnapshot } from '../../lib/mesh/snapshot.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'

/** All is allowed, nothing certified. */
export const everythingGranted: Granted = {
  scopes: everything,
  grantedScopes: everything,
  peerChain: null,
  ownPeerChain: null,
}

/** What the store of an identity holds. */
export async function snapshotOf(identity: Identity): Promise<Uint8Array> {
  const { card } = await openOwnCard(identity, [])
  return takeSnapshot(identity, await Contacts.open(identity), card)
}

export async function secondDevice(
  first: Identity,
  {
    snapshot,
    runtime = first.runtime,
    ...options
  }: Partial<CertifyOptions> & { snapshot?: Uint8Array; runtime?: Runtime } = {},
): Promise<Identity> {
  const device = await Device.create(runtime)
  const nowS = Math.floor(runtime.now() / 1000)
  const chain = await certifyDevice(first.issuer, device, { nowS, ...options })
  const known = { device, chain, snapshot: snapshot ?? (await snapshotOf(first)) }
  return Identity.install(known, { store: new MemoryStore(), runtime })
}
