/** What a device of one's own that was stolen can make the others believe, and what not: it has no root. */

import { beforeEach, describe, expect, test, vi } from 'vitest'
import { syncDelayMs } from '../../../lib/base/limits.ts'
import { decode, encode } from '../../../lib/codec/cbor.ts'
import { certifyPeer, rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { signRevocations, type Revocations } from '../../../lib/identity/revocations.ts'
import { openOwnCard } from '../../../lib/mesh/cards.ts'
import { Contacts } from '../../../lib/mesh/contacts.ts'
import { readCard, signCard } from '../../../lib/mesh/card.ts'
import { joinIdentity } from '../../../lib/mesh/joining.ts'
import { Kin } from '../../../lib/mesh/kin.ts'
import { encodePeers, mergePeers } from '../../../lib/mesh/snapshot.ts'
import { pactIdOf } from '../../../lib/session/pact.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { everythingGranted, secondDevice } from '../../support/second-device.ts'

/** Positions in an encoded peer. */
const at = {
  verified: 3,
  scopes: 4,
  peerChain: 6,
  ownPeerChain: 7,
  revocations: 8,
  forgottenPacts: 10,
  forgottenAtMs: 11,
  cutOffAtMs: 12,
  updatedAtMs: 13,
} as const

const farFuture = Number.MAX_SAFE_INTEGER

let nowMs: number
let alice: Identity
let bob: Identity
let stolen: Identity
let contacts: Contacts
let bobsPact: string

beforeEach(async () => {
  nowMs = Date.now()
  bob = await Identity.open({ store: new MemoryStore() })
  const runtime = { ...bob.runtime, now: () => nowMs }
  alice = await Identity.open({ store: new MemoryStore(), runtime })
  stolen = await secondDevice(alice, { snapshot: new Uint8Array() })
  contacts = await Contacts.open(alice)
  await meet(alice, [1, 2, 3])
  bobsPact = (await meet(bob, [4, 5, 6])).id
})

async function meet(other: Identity, secret: number[]) {
  const bytes = await signCard(other, { number: 1, relays: [], issuedS: 1 })
  const { deviceKey, boxKey, chain } = readCard(bytes, NaN)
  const known = { deviceKey, boxKey, chain, relays: [], cardNumber: 1, card: bytes, lastMetMs: 5 }
  const pactSecret = new Uint8Array(32)
  pactSecret.set(secret)
  const signature = new Uint8Array(64)
  return contacts.add(
    {
      peer: other.peer,
      pactId: pactIdOf(pactSecret),
      pactSecret,
      deviceKey,
      pact: { record: new Uint8Array(10), ownSignature: signature, peerSignature: signature },
      ticketTag: new Uint8Array(16),
      provisionalUntilMs: null,
      provenAtMs: nowMs,
    },
    known,
    everythingGranted,
  )
}

/** What alice knows of a peer, with that said in its place. */
async function altered(peer: string, changes: Partial<Record<keyof typeof at, unknown>>) {
  const { card } = await openOwnCard(alice, [])
  const all = encodePeers(alice, contacts, card).map((item) => decode(item) as unknown[])
  const key = peer === alice.peer ? alice.publicKey : bob.publicKey
  const item = all.find(([, each]) => String(each) === String(key))!
  for (const [field, value] of Object.entries(changes)) item[at[field as keyof typeof at]] = value
  return encode(item as never)
}

const sync = async (...items: Promise<Uint8Array>[]) =>
  mergePeers(contacts, await Promise.all(items))

const revoke = (of: Identity, keys: Uint8Array[], held: Revocations | null = null) =>
  of.withRoot(undefined, (root) =>
    signRevocations(rootIssuer(root), held, keys, Math.floor(nowMs / 1000)),
  )

describe('a stolen device of one’s own', () => {
  test('can’t cut off the identity itself, nor forget the pact of its devices', async () => {
    const [own] = contacts.of(alice.peer)
    await sync(
      altered(alice.peer, {
        cutOffAtMs: 1,
        forgottenAtMs: farFuture,
        forgottenPacts: [own!.id],
      }),
    )
    expect(contacts.peers.admits(alice.peer, [alice.device.key])).toBe(true)
    expect(contacts.of(alice.peer)).toEqual([own])
    expect(contacts.peers.get(alice.peer)).toMatchObject({ cutOffAtMs: null, forgottenAtMs: 0 })
  })

  test('can’t revoke others, or use up the list, by keys that the root has not signed', async () => {
    const list = await revoke(alice, [])
    await contacts.peers.revoke(list)
    const junk = Array.from({ length: 63 }, (_, n) => new Uint8Array(32).fill(n))
    await sync(
      altered(alice.peer, { revocations: [list.bytes, [alice.device.key, ...junk]] }),
    ).catch(() => {})
    expect(contacts.peers.admits(alice.peer, [alice.device.key])).toBe(true)
    const { revocations } = contacts.peers.get(alice.peer)
    const next = await revoke(alice, [stolen.device.key], revocations)
    expect(next.deviceKeys).toEqual([stolen.device.key])
  })

  test('can’t have the last word for good about rights', async () => {
    const poison = altered(bob.peer, { scopes: ['*'], updatedAtMs: farFuture })
    await sync(poison)
    nowMs += 1000
    await contacts.peers.say(bob.peer, { scopes: ['message'] })
    await sync(poison)
    expect(contacts.peers.get(bob.peer).scopes).toEqual(['message'])
    // And what was said is valid for others.
    await sync(altered(bob.peer, {}))
  })

  test('can’t keep a contact from being met again', async () => {
    await sync(altered(bob.peer, { forgottenAtMs: farFuture }))
    const inThreeDays = nowMs + 3 * 24 * 3600_000
    expect(contacts.peers.get(bob.peer).forgottenAtMs).toBeLessThan(inThreeDays)
  })

  test('can’t plant certificates that are none', async () => {
    const { issuer } = bob
    const good = await certifyPeer(issuer, alice.publicKey, { nowS: nowMs / 1000 })
    await contacts.peers.change(bob.peer, (record) => ({ ...record, peerChain: good }))
    const bogus = [
      encode([encode([1, 1, 1, 1, 1, 1, farFuture, null, []]), new Uint8Array(64), null]),
    ]
    for (const field of ['peerChain', 'ownPeerChain'] as const) {
      await sync(altered(bob.peer, { [field]: bogus })).catch(() => {})
    }
    expect(contacts.peers.get(bob.peer).peerChain).toEqual(good)
    expect(contacts.peers.get(bob.peer).ownPeerChain).toBeNull()
  })

  test('can forget and cut off contacts, as any device can', async () => {
    const forgotten = altered(bob.peer, { forgottenPacts: [bobsPact] })
    const cutOff = altered(bob.peer, { cutOffAtMs: 1 })
    await Promise.all([forgotten, cutOff])
    await sync(forgotten)
    expect(contacts.of(bob.peer)).toEqual([])
    await sync(cutOff)
    expect(contacts.peers.admits(bob.peer, [])).toBe(false)
  })
})

test('whose clock is days behind keeps what it is told of names and rights, unless it knows better', async () => {
  await contacts.peers.say(bob.peer, { name: 'Bob', scopes: ['message'] })
  const items = [await altered(bob.peer, {})]
  const runtime = { ...bob.runtime, now: () => nowMs - 3 * 24 * 3600_000 }
  const known = { device: stolen.device, chain: stolen.chain }
  const late = await Contacts.open(
    await Identity.install(known, { store: new MemoryStore(), runtime }),
  )
  await mergePeers(late, items)
  expect(late.peers.get(bob.peer)).toMatchObject({ name: 'Bob', scopes: ['message'] })
  await late.peers.say(bob.peer, { scopes: [] })
  await mergePeers(late, items)
  expect(late.peers.get(bob.peer)).toMatchObject({ name: 'Bob', scopes: [] })
})

test('what a device says in vain keeps nobody from being heard', async () => {
  const errors: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => errors.push(error))
  const kin = new Kin({
    identity: alice,
    contacts,
    roster: { get: () => undefined },
    devices: { adopt: async () => {} },
  })
  const good = await altered(bob.peer, { updatedAtMs: nowMs, scopes: ['message'] })
  kin.take(new Uint8Array(5))
  kin.take(good)
  await expect.poll(() => contacts.peers.get(bob.peer).scopes).toEqual(['message'])
  expect(errors).toMatchObject([{ code: 'bad-backup' }])
  kin.take(new Uint8Array(5))
  await expect.poll(() => errors).toHaveLength(2)
  kin.take(await altered(bob.peer, { updatedAtMs: nowMs + 1, scopes: [] }))
  await expect.poll(() => contacts.peers.get(bob.peer).scopes).toEqual([])
})

test.each([
  [['introduce', 'message'], 'heard'],
  [['message'], 'not heard'],
])('a device that may %j is %s about contacts', async (scopes, outcome) => {
  const world = new World()
  const host = await world.peer()
  const friend = await world.peer()
  await friend.mesh.accept(await host.mesh.invite())
  const joining = await joinIdentity(await host.mesh.invite({ purpose: 'device', scopes }), {
    store: new MemoryStore(),
    runtime: world.runtime,
    transport: world.network.transport(),
    signaling: [world.board.path()],
  })
  await expect.poll(() => host.mesh.pairings).toHaveLength(1)
  const [identity] = await Promise.all([joining.confirm(), host.mesh.pairings[0]!.confirm()])
  const { mesh } = await world.peer({ identity })
  const theirs = mesh.links.get(friend.mesh.peer)!
  const ours = host.mesh.links.get(friend.mesh.peer)!
  await expect.poll(() => host.mesh.devices[1]?.lastMetAt).toBeTruthy()
  await theirs.rename('Robert')
  await new Promise((resolve) => setTimeout(resolve, 4 * syncDelayMs))
  expect(ours.name).toBe(outcome === 'heard' ? 'Robert' : null)
  await ours.rename('Bob')
  await expect.poll(() => theirs.name).toBe('Bob')
  await world.close()
})
