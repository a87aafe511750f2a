/** The list of one's own devices, in every tab, as devices join and are revoked. */

import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { joinIdentity } from '../../../lib/mesh/joining.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { simulatedWrappingKey as wrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { TabPeers } from '../../support/tab-peers.ts'

beforeAll(ready)

let peers: TabPeers
beforeEach(() => void (peers = new TabPeers()))
afterEach(() => peers.close())

/** A second device joins by a ticket that `from` has made. */
async function joined(from: Mesh): Promise<Identity> {
  const ticket = await peers.passing(from.invite({ purpose: 'device' }))
  const joining = await peers.passing(
    joinIdentity(ticket, {
      store: new MemoryStore(),
      runtime: peers.world.clock,
      transport: peers.peers.network.transport(),
      signaling: [peers.peers.board.path()],
      wrappingKey,
    }),
  )
  await peers.until(() => from.pairings.length === 1)
  const [pairing] = from.pairings
  const [identity] = await peers.passing(Promise.all([joining.confirm(), pairing!.confirm()]))
  return identity
}

test('own devices are listed in all tabs, as they join, are met and are revoked', async () => {
  const leader = await peers.tab()
  const follower = await peers.tab()
  const meshes = [leader.mesh, follower.mesh]
  const own = { key: toBase64url(leader.identity.device.key), isThis: true, lastMetAt: null }
  for (const { devices } of meshes) expect(devices).toEqual([own])
  let changes = 0
  follower.mesh.on('devices', () => void changes++)

  const identity = await joined(follower.mesh)
  const other = { key: toBase64url(identity.device.key), isThis: false, lastMetAt: null }
  await peers.until(() => changes > 0)
  for (const { devices } of meshes) expect(devices).toEqual([own, other])

  const { mesh } = await peers.passing(peers.peers.peer({ identity }))
  await peers.until(() => meshes.every(({ devices }) => devices[1]?.lastMetAt))
  expect(mesh.devices.map(({ key, isThis }) => [key, isThis])).toEqual([
    [other.key, true],
    [own.key, false],
  ])

  await peers.passing(follower.mesh.revokeDevice(other.key))
  await peers.until(() => follower.mesh.devices.length === 1)
  for (const { devices } of meshes) expect(devices).toEqual([own])
  const [revoked, ...log] = await peers.passing(leader.mesh.securityLog())
  expect(revoked).toMatchObject({ kind: 'device-revoked', detail: other.key })
  const added = log.find(({ kind }) => kind === 'device-added')
  expect(added).toMatchObject({ detail: other.key })
  expect([revoked!.peer, added!.peer]).toEqual([undefined, undefined])
})

test('names, marks and rights reach one’s other devices, and are noted there', async () => {
  const first = await peers.tab()
  const bob = await peers.bob(first.mesh)
  const { mesh } = await peers.passing(peers.peers.peer({ identity: await joined(first.mesh) }))
  const link = first.mesh.links.get(bob.mesh.peer)!
  const there = mesh.links.get(bob.mesh.peer)!
  await peers.passing(link.rename('Bob'))
  await peers.passing(link.verify(bob.link.safetyNumber))
  await peers.passing(link.allow(['message']))
  await peers.until(() => there.scopes[0] === 'message')
  expect([there.name, there.verified]).toEqual(['Bob', true])
  const kinds = (await peers.passing(mesh.securityLog())).map(({ kind }) => kind)
  expect(kinds).toEqual(expect.arrayContaining(['verified', 'rights-changed']))

  await peers.passing(there.unverify())
  await peers.until(() => !link.verified)
  const [latest] = await peers.passing(first.mesh.securityLog())
  expect(latest).toMatchObject({ kind: 'unverified', peer: bob.mesh.peer })
})

test('news reaches devices that were connected to none but a third', async () => {
  const first = await peers.tab()
  const bob = await peers.bob(first.mesh)
  const second = await peers.passing(peers.peers.peer({ identity: await joined(first.mesh) }))
  const third = await peers.passing(peers.peers.peer({ identity: await joined(first.mesh) }))
  await peers.until(() => second.mesh.devices.length === 3 && third.mesh.devices.length === 3)
  await peers.passing(first.mesh.close())
  await peers.passing(second.mesh.links.get(bob.mesh.peer)!.rename('Bob'))
  const there = third.mesh.links.get(bob.mesh.peer)!
  await peers.until(() => there.name === 'Bob')
})

test('a device that is locked learns of contacts once it is unlocked', async () => {
  const errors: unknown[] = []
  const before = globalThis.reportError
  globalThis.reportError = (error) => void errors.push(error)
  try {
    const first = await peers.tab()
    const { mesh, identity } = await peers.passing(
      peers.peers.peer({ identity: await joined(first.mesh) }),
    )
    await peers.until(() => mesh.devices[1]?.lastMetAt instanceof Date)
    identity.lock()
    const bob = await peers.bob(first.mesh)
    await peers.passing(
      new Promise<void>((resolve) => void identity.runtime.setTimer(2_000, resolve)),
    )
    expect(mesh.links.has(bob.mesh.peer)).toBe(false)
    await peers.passing(identity.unlock())
    await peers.until(() => mesh.links.has(bob.mesh.peer))
    expect(errors).toEqual([])
  } finally {
    globalThis.reportError = before
  }
})
