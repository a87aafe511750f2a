/** Contacts as the version before wrote them: one record a pact, with the peer's device inside. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { Contacts } from '../../../lib/mesh/contacts.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import type { PeerRecord } from '../../../lib/mesh/peer-record.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { upgradeContacts } from '../../../lib/mesh/upgrade.ts'
import type { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

const write = { mode: 'write' } as const

/** Puts what is known of a peer back into its contacts, and the record of the peer away. */
async function setBack(store: MemoryStore, more: object = {}): Promise<void> {
  await store.transaction(['contacts', 'peers'], write, async (tx) => {
    for (const { key, value } of await tx.list('contacts')) {
      const { peer } = value as { peer: string }
      const { devices } = (await tx.get('peers', peer)) as { devices: object[] }
      const { card: _, lastMetMs: __, ...device } = devices[0] as Record<string, unknown>
      await tx.put('contacts', key, { ...(value as object), ...device, peerKey: 'old', ...more })
    }
    for (const { key } of await tx.list('peers')) await tx.delete('peers', key)
  })
}

async function linked() {
  const [alice, bob] = [await world.peer(), await world.peer()]
  await bob.mesh.accept(await alice.mesh.invite())
  for (const { mesh } of [alice, bob]) await expect.poll(() => mesh.links.size).toBe(1)
  const cardNumber = async ({ identity }: typeof alice) =>
    (await Peers.open(identity)).values()[0]!.devices[0]!.cardNumber
  for (const peer of [alice, bob]) await expect.poll(() => cardNumber(peer)).toBeGreaterThan(0)
  await Promise.all([alice.mesh.close(), bob.mesh.close()])
  return { alice, bob }
}

async function say(from: Mesh, to: Mesh): Promise<void> {
  const heard: unknown[] = []
  to.links.get(from.peer)!.on('message', (message) => void heard.push(message))
  await from.links.get(to.peer)!.send('still here')
  expect(heard).toEqual(['still here'])
}

test('are taken apart, nothing is lost, and the two find each other again', async () => {
  const { alice, bob } = await linked()
  const before = (await Peers.open(alice.identity)).values()
  for (const { store } of [alice, bob]) await setBack(store)
  expect((await Peers.open(alice.identity)).values()).toEqual([])

  const again = await world.peer({ identity: alice.identity })
  const other = await world.peer({ identity: bob.identity })
  await say(again.mesh, other.mesh)
  await say(other.mesh, again.mesh)
  const peers = () => Peers.open(alice.identity)
  const [{ name, scopes, devices }] = before as [PeerRecord]
  const device = { ...devices[0]!, card: null, lastMetMs: expect.any(Number) }
  expect((await peers()).values()[0]).toMatchObject({ name, scopes, devices: [device] })
  // Each certifies the other anew.
  const certified = { peerChain: expect.any(Array), ownPeerChain: expect.any(Array) }
  await expect.poll(async () => (await peers()).values()[0]).toMatchObject(certified)
  const [contact] = (await Contacts.open(alice.identity)).values()
  for (const field of ['boxKey', 'chain', 'relays', 'cardNumber', 'peerKey']) {
    expect(contact).not.toHaveProperty(field)
  }
})

test('of several pacts with one device, the one with the latest card says where it is', async () => {
  const { identity, store } = await world.peer()
  const peer = identity.peer
  const deviceKey = new Uint8Array(32).fill(1)
  const boxKey = new Uint8Array(32).fill(2)
  const chain = [new Uint8Array(3)]
  const common = { peer, peerKey: identity.publicKey, deviceKey, boxKey, chain, secret: 'sealed' }
  const pacts = [
    { relays: ['wss://a.example/'], cardNumber: 7, provenAtMs: 3 },
    { relays: ['wss://b.example/'], cardNumber: 9, provenAtMs: 1 },
    { relays: ['wss://c.example/'], provenAtMs: 2 },
  ].map((pact, n) => ({ ...common, ...pact, pactId: new Uint8Array(16).fill(n) }))
  const log = { handled: 5 }
  await store.transaction(['contacts', 'inbox'], write, async (tx) => {
    for (const pact of pacts) await tx.put('contacts', toBase64url(pact.pactId), pact)
    await tx.put('inbox', peer, log)
  })
  await upgradeContacts(identity)
  await upgradeContacts(identity)
  const where = { relays: ['wss://b.example/'], cardNumber: 9 }
  const device = { deviceKey, boxKey, chain, card: null, ...where, lastMetMs: 3 }
  const { devices } = (await Peers.open(identity)).get(peer)
  expect(devices).toEqual([device])
  const contacts = await store.transaction(['contacts'], { mode: 'read' }, (tx) =>
    tx.list('contacts'),
  )
  expect(contacts.map(({ value }) => Object.keys(value as object).toSorted())).toEqual(
    pacts.map(() => ['deviceKey', 'pactId', 'peer', 'provenAtMs', 'secret']),
  )
  const inbox = await store.transaction(['inbox'], { mode: 'read' }, (tx) => tx.list('inbox'))
  expect(inbox).toEqual([{ key: `${peer}/${toBase64url(deviceKey)}`, value: log }])
})
