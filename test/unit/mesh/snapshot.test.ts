/** What goes from one device of an identity to another, or into its backup: merged in any order, as often as one likes. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { maxPactsPerPeer, maxPeers } from '../../../lib/base/limits.ts'
import { rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { signRevocations } from '../../../lib/identity/revocations.ts'
import { signCard, readCard } from '../../../lib/mesh/card.ts'
import { openOwnCard } from '../../../lib/mesh/cards.ts'
import { Contacts, type ProvenPact } from '../../../lib/mesh/contacts.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { withoutKnowledge } from '../../../lib/mesh/peer-record.ts'
import { encodePeers, mergePeers, mergeSnapshot } from '../../../lib/mesh/snapshot.ts'
import { pactIdOf } from '../../../lib/session/pact.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { everythingGranted, secondDevice, snapshotOf } from '../../support/second-device.ts'

let nowMs: number
const runtime = () => ({ ...alice.runtime, now: () => nowMs })
let alice: Identity
let bob: Identity
let carol: Identity

beforeEach(async () => {
  nowMs = Date.now()
  ;[alice, bob, carol] = [await fresh(), await fresh(), await fresh()]
})
afterEach(() => vi.unstubAllGlobals())

const fresh = () => Identity.open({ store: new MemoryStore() })

/** A device that knows nothing but that it is one of alice's. */
const blank = () => secondDevice(alice, { snapshot: new Uint8Array(), runtime: runtime() })

async function contactsOf(identity: Identity): Promise<Contacts> {
  await identity.keystore.delete('snapshot')
  return Contacts.open(identity)
}

async function deviceOf(identity: Identity, number = 1, relays: string[] = []) {
  const bytes = await signCard(identity, { number, relays, issuedS: 1 })
  const { deviceKey, boxKey, chain } = readCard(bytes, NaN)
  return { deviceKey, boxKey, chain, relays, cardNumber: number, card: bytes, lastMetMs: 5 }
}

let seed = 0
async function meet(contacts: Contacts, other: Identity, provenAtMs = 1) {
  const pactSecret = new Uint8Array(32).fill(++seed)
  const signature = new Uint8Array(64)
  const pact = {
    record: new Uint8Array(10),
    ownSignature: signature,
    peerSignature: signature,
  }
  const contact = {
    peer: other.peer,
    pactId: pactIdOf(pactSecret),
    pactSecret,
    deviceKey: other.device.key,
    pact,
    ticketTag: new Uint8Array(16),
    provenAtMs,
  } satisfies ProvenPact
  return contacts.add(
    { ...contact, provisionalUntilMs: null },
    await deviceOf(other),
    everythingGranted,
  )
}

const take = async (identity: Identity, contacts: Contacts) =>
  encodePeers(identity, contacts, (await openOwnCard(identity, [])).card)

/** All that a device knows, as another would be told, its own card apart. */
async function known(identity: Identity, contacts: Contacts): Promise<string[]> {
  const [, ...others] = await take(identity, contacts)
  return others.map(toBase64url).toSorted()
}

describe('a snapshot', () => {
  test('brings pacts with their secrets, peers with their devices, and the own other device', async () => {
    const contacts = await contactsOf(alice)
    const pact = await meet(contacts, bob)
    await contacts.peers.say(bob.peer, { name: 'Bob', verified: '1 2 3', scopes: ['message'] })
    const other = await blank()
    const theirs = await contactsOf(other)
    const { added } = await mergeSnapshot(other, theirs, await snapshotOf(alice))
    expect(added).toEqual([pact])
    // Also in the store.
    for (const there of [theirs, await Contacts.open(other)]) {
      expect(there.values()).toEqual([pact])
      const record = contacts.peers.get(bob.peer)
      const devices = [{ ...record.devices[0]!, lastMetMs: 0 }]
      expect(there.peers.get(bob.peer)).toEqual({ ...record, devices })
      const { devices: own } = there.peers.get(alice.peer)
      expect(own.map(({ deviceKey }) => deviceKey)).toEqual([alice.device.key])
    }
  })

  test('holds nothing provisional, and of a device what others can use', async () => {
    const contacts = await contactsOf(alice)
    const contact = await meet(contacts, bob)
    const pactSecret = new Uint8Array(32).fill(99)
    const provisional = { ...contact, pactSecret, pactId: pactIdOf(pactSecret) }
    await contacts.add(
      { ...provisional, provisionalUntilMs: nowMs + 1e6, provenAtMs: 0 },
      await deviceOf(bob),
      everythingGranted,
    )
    const other = await blank()
    const theirs = await contactsOf(other)
    await mergePeers(theirs, await take(alice, contacts))
    expect(theirs.values().map(({ id }) => id)).toEqual([contact.id])
  })

  test.each([
    ['of another identity', async () => snapshotOf(carol)],
    ['cut short', async () => (await snapshotOf(alice)).slice(0, -1)],
    ['with one byte altered in a card', async () => withAltered(await snapshotOf(alice))],
    ['of nothing', async () => new Uint8Array()],
    ['of garbage', async () => new Uint8Array(100).fill(7)],
  ])('%s is refused, and changes nothing', async (_, make) => {
    const contacts = await contactsOf(alice)
    await meet(contacts, bob)
    const other = await blank()
    const theirs = await contactsOf(other)
    await expect(mergeSnapshot(other, theirs, await make())).rejects.toMatchObject({
      code: 'bad-backup',
    })
    expect(theirs.values()).toEqual([])
    expect(theirs.peers.values()).toEqual([])
  })
})

/** The last byte of bob's device key, in the card. */
function withAltered(snapshot: Uint8Array): Uint8Array {
  const altered = snapshot.slice()
  const key = toBase64url(bob.device.key)
  for (let at = 0; at + 32 <= altered.length; at++) {
    if (toBase64url(altered.subarray(at, at + 32)) === key) altered[at + 31]! ^= 1
  }
  return altered
}

describe('what several devices know', () => {
  /** Devices of alice that have lived apart. */
  async function apart(count: number) {
    const devices: { identity: Identity; contacts: Contacts }[] = []
    const first = await contactsOf(alice)
    await meet(first, bob)
    const common = await take(alice, first)
    for (let n = 0; n < count; n++) {
      const identity = await blank()
      const contacts = await contactsOf(identity)
      await mergePeers(contacts, common)
      devices.push({ identity, contacts })
    }
    return devices
  }

  async function converge(devices: { identity: Identity; contacts: Contacts }[]) {
    const all = await Promise.all(devices.map((each) => take(each.identity, each.contacts)))
    const results: string[][] = []
    for (const orders of [all, all.toReversed(), [...all, ...all]]) {
      const identity = await blank()
      const merged = await contactsOf(identity)
      for (const peers of orders) await mergePeers(merged, peers)
      results.push(await known(identity, merged))
      const before = merged.peers.values()
      for (const peers of orders) await mergePeers(merged, peers)
      expect(merged.peers.values()).toEqual(before)
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
    const identity = await blank()
    const contacts = await contactsOf(identity)
    for (const peers of all) await mergePeers(contacts, peers)
    return contacts
  }

  test('joins, in whatever order: what was said last holds', async () => {
    const devices = await apart(3)
    const [one, two, three] = devices as [
      (typeof devices)[0],
      (typeof devices)[0],
      (typeof devices)[0],
    ]
    nowMs += 1000
    await one.contacts.peers.say(bob.peer, { name: 'Bobby' })
    nowMs += 1000
    await two.contacts.peers.say(bob.peer, { name: 'Robert', scopes: [] })
    await meet(three.contacts, carol, 7)
    const merged = await converge(devices)
    expect(merged.peers.get(bob.peer)).toMatchObject({ name: 'Robert', scopes: [] })
    expect(merged.of(carol.peer)).toHaveLength(1)
  })

  test('said at the same moment, it is the same everywhere', async () => {
    const devices = await apart(2)
    await devices[0]!.contacts.peers.say(bob.peer, { name: 'Ann' })
    await devices[1]!.contacts.peers.say(bob.peer, { name: 'Zoe' })
    expect((await converge(devices)).peers.get(bob.peer).name).toBe('Zoe')
  })

  test('a contact that one has forgotten is forgotten; met again, it is another', async () => {
    const devices = await apart(2)
    nowMs += 1000
    await devices[0]!.contacts.peers.say(bob.peer, { name: 'Bob' })
    nowMs += 1000
    await devices[1]!.contacts.forget(bob.peer)
    const merged = await converge(devices)
    expect(merged.of(bob.peer)).toEqual([])
    expect(merged.peers.get(bob.peer)).toMatchObject({ name: null, devices: [] })
    nowMs += 1000
    const again = await meet(devices[1]!.contacts, bob, nowMs)
    expect((await converge(devices)).of(bob.peer).map(({ id }) => id)).toEqual([again.id])
  })

  test('a contact that one has cut off stays so, whatever others know of it', async () => {
    const devices = await apart(2)
    await devices[1]!.contacts.forget(bob.peer, { cutOff: true })
    nowMs += 1000
    await meet(devices[0]!.contacts, bob, nowMs)
    const merged = await converge(devices)
    expect(merged.of(bob.peer)).toEqual([])
    expect(merged.peers.admits(bob.peer, [])).toBe(false)
    const late = await mergePeers(devices[0]!.contacts, await take(devices[1]!.identity, merged))
    expect(late.removed).toHaveLength(2)
    expect(devices[0]!.contacts.of(bob.peer)).toEqual([])
  })

  test('a device that is revoked for one is revoked for all', async () => {
    const devices = await apart(2)
    const revocations = await bob.withRoot(undefined, (root) =>
      signRevocations(rootIssuer(root), null, [bob.device.key], nowMs / 1000),
    )
    await devices[0]!.contacts.peers.revoke(revocations)
    const merged = await converge(devices)
    expect(merged.peers.get(bob.peer).devices).toEqual([])
    expect(merged.peers.admits(bob.peer, [bob.device.key])).toBe(false)
  })

  test('of pacts with one peer the latest few stay', async () => {
    const devices = await apart(2)
    const ids: string[] = []
    for (let n = 1; n <= maxPactsPerPeer; n++) {
      ids.unshift((await meet(devices[n % 2]!.contacts, bob, 10 + n)).id)
    }
    const merged = await converge(devices)
    expect(merged.of(bob.peer).map(({ id }) => id)).toEqual(ids)
  })

  test('of two cards of a device the one with the higher number holds', async () => {
    const devices = await apart(2)
    const at = async (number: number, relay: string) =>
      readCard(await signCard(bob, { number, relays: [relay], issuedS: 1 }), NaN)
    await devices[0]!.contacts.learn(await at(9, 'wss://new.example/'))
    await devices[1]!.contacts.learn(await at(8, 'wss://old.example/'))
    const merged = await converge(devices)
    expect(merged.peers.relaysOf(bob.peer)).toEqual(['wss://new.example/'])
  })
})

describe('what another device tells', () => {
  test('of one peer touches no other', async () => {
    const contacts = await contactsOf(alice)
    await meet(contacts, bob)
    await meet(contacts, carol)
    const bobs = contacts.peers.get(bob.peer)
    const other = await blank()
    const theirs = await contactsOf(other)
    await mergePeers(theirs, await take(alice, contacts))
    await theirs.peers.say(carol.peer, { name: 'Carol' })
    const told = await take(other, theirs)
    const { before } = await mergePeers(contacts, told.slice(-1))
    expect(before).toHaveLength(1)
    expect(contacts.peers.get(bob.peer)).toBe(bobs)
  })

  test('does not make a pact with one peer one with another', async () => {
    const contacts = await contactsOf(alice)
    const { provisionalUntilMs: _, id: __, ...pact } = await meet(contacts, bob)
    const stolen = { ...pact, peer: carol.peer, provenAtMs: pact.provenAtMs + 1 }
    await contacts.adopt([stolen], [{ ...withoutKnowledge(carol.peer) }])
    expect(contacts.of(carol.peer)).toEqual([])
    expect(contacts.of(bob.peer)).toHaveLength(1)
  })

  test('of ever more peers is left out at some point', async () => {
    const contacts = await contactsOf(alice)
    const many = Array.from({ length: maxPeers + 10 }, (_, n) => ({
      ...withoutKnowledge(`peer${n}` as PeerId),
      forgottenAtMs: 1,
      cutOffAtMs: 1,
    }))
    await contacts.adopt([], many)
    expect(contacts.peers.size).toBe(maxPeers)
    // What the user does here is always remembered.
    await contacts.forget(bob.peer, { cutOff: true })
    expect(contacts.peers.admits(bob.peer, [])).toBe(false)
  })
})

test('one that waits is merged when the mesh opens, and is then no more', async () => {
  const contacts = await contactsOf(alice)
  await meet(contacts, bob)
  const other = await secondDevice(alice)
  const mesh = await Mesh.open({ identity: other, signaling: [] })
  expect([...mesh.links.keys()]).toEqual([bob.peer satisfies PeerId])
  expect(await other.keystore.get('snapshot')).toBeUndefined()
  await mesh.close()
})

test('one that waits and is damaged is reported and stays; the mesh opens', async () => {
  const reported: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
  const other = await secondDevice(alice, { snapshot: new Uint8Array(9) })
  await (await Mesh.open({ identity: other, signaling: [] })).close()
  expect(reported).toMatchObject([{ code: 'bad-backup' }])
  expect(await other.keystore.get('snapshot')).toEqual(new Uint8Array(9))
})
