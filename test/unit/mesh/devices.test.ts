/** Two devices of one identity and a contact that has met but one of them: who reaches whom, and who does not any more. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { equalBytes, toBase64url } from '../../../lib/base/bytes.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { signCard, readCard } from '../../../lib/mesh/card.ts'
import { Contacts } from '../../../lib/mesh/contacts.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { mergeSnapshot } from '../../../lib/mesh/snapshot.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { secondDevice, snapshotOf } from '../../support/second-device.ts'

interface Party {
  mesh: Mesh
  identity: Identity
  store: MemoryStore
}

let world: World
let bob: Party
let phone: Party
beforeEach(async () => {
  world = new World()
  ;[bob, phone] = [await world.peer(), await world.peer()]
  await bob.mesh.accept(await phone.mesh.invite())
  await expect.poll(() => phone.mesh.links.size).toBe(1)
  await certified(phone.identity, bob.mesh.peer)
  await certified(bob.identity, phone.mesh.peer)
})
afterEach(() => world.close())

const recordOf = async (identity: Identity, peer: string) =>
  (await Peers.open(identity)).get(peer as never)

/** Both certificates are there, also on disk. */
const certified = (identity: Identity, peer: string) =>
  expect
    .poll(() => recordOf(identity, peer))
    .toMatchObject({ peerChain: expect.any(Array), ownPeerChain: expect.any(Array) })

const devicesOf = async (identity: Identity, peer: string) =>
  (await recordOf(identity, peer)).devices.map(({ deviceKey }) => toBase64url(deviceKey))

/** Also of alice, whom bob has met by her phone alone. */
async function laptopOf(from = phone): Promise<Party> {
  const identity = await secondDevice(from.identity)
  return (await world.peer({ identity })) as Party
}

async function say(from: Party, to: Party, what: string): Promise<void> {
  const heard: unknown[] = []
  const link = to.mesh.links.get(from.mesh.peer)!
  const stop = link.on('message', (message) => void heard.push(message))
  await from.mesh.links.get(to.mesh.peer)!.send(what)
  expect(heard).toEqual([what])
  stop()
}

const callsOf = (kind: number) => world.board.published.filter(({ packet }) => packet[0] === kind)

/** All that is left of alice is what bob is told: nothing more comes of her phone. */
const silent = async (ms = 300) => new Promise((resolve) => setTimeout(resolve, ms))

describe('a device that the contact has not met', () => {
  test('calls it, is let in, and is known from then on', async () => {
    await phone.mesh.close()
    const before = callsOf(packetKinds.firstContact).length
    const laptop = await laptopOf()
    expect([...laptop.mesh.links.keys()]).toEqual([bob.mesh.peer])
    await say(laptop, bob, 'from the laptop')
    await say(bob, laptop, 'to the laptop')
    expect(callsOf(packetKinds.firstContact).length).toBeGreaterThan(before)
    const names = await devicesOf(bob.identity, laptop.mesh.peer)
    expect(names).toEqual([laptop, phone].map(({ identity }) => toBase64url(identity.device.key)))
    // It has met it now, and says so in the usual way.
    await laptop.mesh.close()
    const calls = callsOf(packetKinds.firstContact).length
    const again = (await world.peer({ identity: laptop.identity })) as Party
    await say(again, bob, 'again')
    expect(callsOf(packetKinds.firstContact).length).toBe(calls)
  })

  test('is called by it, once the other device has told of it', async () => {
    const identity = await secondDevice(phone.identity)
    const bytes = await signCard(identity, { number: 1, relays: [], issuedS: 1 })
    const contacts = await Contacts.open(bob.identity)
    expect(await contacts.learn(readCard(bytes, NaN))).toBe(true)
    await Promise.all([phone.mesh.close(), bob.mesh.close()])
    const calling = (await world.peer({ identity: bob.identity })) as Party
    const sent = calling.mesh.links.get(phone.mesh.peer)!.send('to whom it may concern')
    const laptop = (await world.peer({ identity })) as Party
    const heard: unknown[] = []
    laptop.mesh.links.get(bob.mesh.peer)!.on('message', (message) => void heard.push(message))
    await sent
    expect(heard).toEqual(['to whom it may concern'])
  })

  test.each([
    ['of an identity that is no contact', async () => (await world.peer()).identity],
    [
      'of a contact, with the pact of another',
      async () => {
        const carol = await world.peer()
        await bob.mesh.accept(await carol.mesh.invite())
        return carol.identity
      },
    ],
  ])('%s is met with silence', async (_, stranger) => {
    const thief = await secondDevice(await stranger(), { snapshot: new Uint8Array() })
    await thief.keystore.delete('snapshot')
    // All that alice's phone has, in the hands of somebody else: pact, certificate for alice, bob's device.
    const stolen = await Contacts.open(phone.identity)
    const [contact] = stolen.of(bob.mesh.peer)
    const { peerChain, devices } = stolen.peers.get(bob.mesh.peer)
    const contacts = await Contacts.open(thief)
    await contacts.add({ ...contact!, provisionalUntilMs: null }, devices[0]!, {
      scopes: ['*'],
      grantedScopes: ['*'],
      peerChain,
      ownPeerChain: null,
    })
    await contacts.peers.change(bob.mesh.peer, (record) => ({
      ...record,
      devices: record.devices.map((device) => ({ ...device, lastMetMs: 0 })),
    }))
    const links = bob.mesh.links.size
    const known = await devicesOf(bob.identity, phone.mesh.peer)
    const mesh = (await world.peer({ identity: thief })) as Party
    await silent()
    expect(mesh.mesh.links.get(bob.mesh.peer)!.state).not.toBe('open')
    expect(bob.mesh.links.size).toBe(links)
    expect(await devicesOf(bob.identity, phone.mesh.peer)).toEqual(known)
  })
})

describe('two devices at once', () => {
  test('both reach the contact, and the contact reaches one that is there', async () => {
    const laptop = await laptopOf()
    await say(laptop, bob, 'one')
    await say(phone, bob, 'two')
    const heard: unknown[] = []
    for (const { mesh } of [phone, laptop]) {
      mesh.links.get(bob.mesh.peer)!.on('message', (message) => void heard.push(message))
    }
    await bob.mesh.links.get(phone.mesh.peer)!.send('to either')
    expect(heard).toEqual(['to either'])
    await phone.mesh.close()
    await bob.mesh.links.get(phone.mesh.peer)!.send('to the other')
    expect(heard).toEqual(['to either', 'to the other'])
  })

  test('a call goes on to the next device where the one met last is away', async () => {
    const laptop = await laptopOf()
    await say(laptop, bob, 'one')
    await Promise.all([laptop.mesh.close(), bob.mesh.close()])
    const again = (await world.peer({ identity: bob.identity })) as Party
    await say(again, phone, 'is anybody there')
  })
})

describe('a device that is revoked', () => {
  const revoke = async (by: Party, gone: Party) => {
    const startMs = performance.now()
    await by.mesh.revokeDevice(gone.identity.device.key, { words: await phone.identity.words() })
    return startMs
  }

  test('is cut off at once, hears why, and stays out', async () => {
    const laptop = await laptopOf()
    await say(laptop, bob, 'one')
    await say(phone, bob, 'two')
    const link = laptop.mesh.links.get(bob.mesh.peer)!
    const told = new Promise<void>((resolve) => laptop.mesh.on('revoked', resolve))
    const ended = new Promise<void>((resolve) =>
      link.on('state', (state) => state !== 'open' && resolve()),
    )
    const startMs = await revoke(phone, laptop)
    await Promise.all([ended, told])
    // A second, as a browser shows; here other tests run beside it.
    expect(performance.now() - startMs).toBeLessThan(5_000)
    expect(laptop.mesh.isRevoked).toBe(true)
    await expect(laptop.mesh.invite()).rejects.toMatchObject({ code: 'revoked' })
    const names = () => devicesOf(bob.identity, phone.mesh.peer)
    await expect.poll(names).toEqual([toBase64url(phone.identity.device.key)])
    await laptop.mesh.close()
    const again = (await world.peer({ identity: laptop.identity })) as Party
    expect(again.mesh.isRevoked).toBe(true)
    const heard: unknown[] = []
    bob.mesh.links.get(phone.mesh.peer)!.on('message', (message) => void heard.push(message))
    void again.mesh.links
      .get(bob.mesh.peer)!
      .send('let me in')
      .catch(() => {})
    await silent()
    expect(heard).toEqual([])
    await say(phone, bob, 'still here')
  })

  test('that takes no notice stays out, whatever it shows', async () => {
    const laptop = await laptopOf()
    await say(laptop, bob, 'one')
    const old = await snapshotOf(laptop.identity)
    const bytes = await signCard(laptop.identity, { number: 2 ** 40, relays: [], issuedS: 1 })
    const [call] = callsOf(packetKinds.firstContact).slice(-1)
    await laptop.mesh.close()
    await revoke(phone, laptop)
    const isOut = async () => {
      const contacts = await Contacts.open(bob.identity)
      const { devices } = contacts.peers.get(phone.mesh.peer)
      return !devices.some(({ deviceKey }) => equalBytes(deviceKey, laptop.identity.device.key))
    }
    await expect.poll(isOut).toBe(true)

    // An old card, by hand and to the store.
    const contacts = await Contacts.open(bob.identity)
    expect(await contacts.learn(readCard(bytes, NaN))).toBe(false)
    // An old backup of the phone, and what the laptop knows, on bob's side of the tale: nothing of it comes back.
    const phones = await Contacts.open(phone.identity)
    await mergeSnapshot(phone.identity, phones, old)
    expect(phones.peers.admits(phone.mesh.peer, [laptop.identity.device.key])).toBe(false)
    // Its own call of then, and a new one by a device that has forgotten that it is revoked.
    const links = bob.mesh.links.get(phone.mesh.peer)!
    const heard: unknown[] = []
    links.on('message', (message) => void heard.push(message))
    world.board.inject({ ...call!, from: -1 })
    const stubborn = (await world.peer({ identity: laptop.identity })) as Party
    void stubborn.mesh.links
      .get(bob.mesh.peer)!
      .send('let me in')
      .catch(() => {})
    await silent()
    expect(heard).toEqual([])
    expect(await isOut()).toBe(true)
  })

  test('takes those with it that it has certified', async () => {
    const laptop = await laptopOf()
    const tablet = await laptopOf(laptop)
    await say(tablet, bob, 'from the tablet')
    const link = tablet.mesh.links.get(bob.mesh.peer)!
    const ended = new Promise<void>((resolve) =>
      link.on('state', (state) => state !== 'open' && resolve()),
    )
    await revoke(phone, laptop)
    await ended
    const names = () => devicesOf(bob.identity, phone.mesh.peer)
    await expect.poll(names).toEqual([toBase64url(phone.identity.device.key)])
  })

  test('is told of to a contact that was away, as soon as it is there', async () => {
    const laptop = await laptopOf()
    await say(laptop, bob, 'one')
    await bob.mesh.close()
    await revoke(phone, laptop)
    const again = (await world.peer({ identity: bob.identity })) as Party
    await say(phone, again, 'hello')
    const names = () => devicesOf(bob.identity, phone.mesh.peer)
    await expect.poll(names).toEqual([toBase64url(phone.identity.device.key)])
  })

  test('of a contact: its tickets are none', async () => {
    const laptop = await laptopOf()
    const ticket = await laptop.mesh.invite()
    await say(laptop, bob, 'one')
    await revoke(phone, laptop)
    const names = () => devicesOf(bob.identity, phone.mesh.peer)
    await expect.poll(names).toHaveLength(1)
    await expect(bob.mesh.accept(ticket)).rejects.toMatchObject({ code: 'bad-certificate' })
  })
})

describe('a contact', () => {
  test('that was forgotten does not come back by a ticket or a card from before', async () => {
    const ticket = await bob.mesh.invite({ uses: 5 })
    const card = await phone.mesh.card()
    const backup = await snapshotOf(bob.identity)
    await bob.mesh.forget(phone.mesh.peer)
    await expect(bob.mesh.readCard(card)).rejects.toMatchObject({ code: 'bad-card' })
    await phone.mesh.forget(bob.mesh.peer)
    await expect(phone.mesh.accept(ticket, { timeoutMs: 400 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const contacts = await Contacts.open(bob.identity)
    await mergeSnapshot(bob.identity, contacts, backup)
    expect(contacts.values()).toEqual([])
    // By a new one it may.
    const link = await phone.mesh.accept(await bob.mesh.invite())
    expect(link.peer).toBe(bob.mesh.peer)
  })

  test('that was cut off does not come back at all', async () => {
    const theirs = await phone.mesh.invite()
    const ours = await bob.mesh.invite({ uses: 5 })
    const backup = await snapshotOf(bob.identity)
    await bob.mesh.cutOff(phone.mesh.peer)
    expect(bob.mesh.links.size).toBe(0)
    await expect(bob.mesh.accept(theirs)).rejects.toMatchObject({ code: 'cut-off' })
    await phone.mesh.forget(bob.mesh.peer)
    for (const ticket of [ours, await bob.mesh.invite()]) {
      const accepting = phone.mesh.accept(ticket, { timeoutMs: 300 })
      await expect(accepting).rejects.toMatchObject({ code: 'timeout' })
    }
    const laptop = await laptopOf()
    await expect(
      laptop.mesh.accept(await bob.mesh.invite(), { timeoutMs: 300 }),
    ).rejects.toMatchObject({ code: 'timeout' })
    await bob.mesh.close()
    const contacts = await Contacts.open(bob.identity)
    await mergeSnapshot(bob.identity, contacts, backup)
    expect(contacts.values()).toEqual([])
    const again = (await world.peer({ identity: bob.identity })) as Party
    await expect(again.mesh.accept(theirs)).rejects.toMatchObject({ code: 'cut-off' })
  })

  test('that another device has forgotten, by a clock ahead of this one, may come by a new ticket', async () => {
    await bob.mesh.forget(phone.mesh.peer)
    await phone.mesh.forget(bob.mesh.peer)
    const ours = await bob.mesh.invite({ uses: 5 })
    await bob.mesh.close()
    const peers = await Peers.open(bob.identity)
    const forgottenAtMs = Date.now() + 3_600_000
    await peers.change(phone.mesh.peer, (record) => ({ ...record, forgottenAtMs }))
    const again = (await world.peer({ identity: bob.identity })) as Party
    await expect(phone.mesh.accept(ours, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const link = await phone.mesh.accept(await again.mesh.invite())
    expect(link.peer).toBe(bob.mesh.peer)
  })

  test('may be cut off that never was one', async () => {
    const mallory = (await world.peer()) as Party
    await bob.mesh.cutOff(mallory.mesh.peer)
    const accepting = mallory.mesh.accept(await bob.mesh.invite(), { timeoutMs: 300 })
    await expect(accepting).rejects.toMatchObject({ code: 'timeout' })
    await expect(bob.mesh.cutOff('nobody')).rejects.toMatchObject({ code: 'bad-key' })
  })
})
