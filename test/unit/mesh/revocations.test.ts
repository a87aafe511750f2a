/** Lists of revoked devices, as an authenticated contact may send them: by hand, record by record. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { maxAnnouncementsPerSession, maxRevocationsBytes } from '../../../lib/base/limits.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import type { Record } from '../../../lib/codec/records.ts'
import { rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { verifySigned } from '../../../lib/identity/signed-message.ts'
import { signRevocations, type Revocations } from '../../../lib/identity/revocations.ts'
import { signCard } from '../../../lib/mesh/card.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { dial } from '../../../lib/session/dial.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { openFirstContact } from '../../../lib/session/openings.ts'
import type { Session } from '../../../lib/session/session.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { secondDevice } from '../../support/second-device.ts'

let world: World
let alice: { mesh: Mesh; identity: Identity }
/** One who is played, and another device of hers. */
let bob: Identity
let laptop: Identity
let session: Session
let heard: Record[]

beforeEach(async () => {
  world = new World()
  alice = await world.peer()
  bob = await Identity.open({ store: new MemoryStore() })
  laptop = await secondDevice(bob, { snapshot: new Uint8Array() })
  const ticket = await alice.mesh.invite()
  const signaling = world.board.path()
  session = await dial({
    identity: bob,
    transport: world.network.transport(),
    intake: new Intake(bob.runtime),
    idleTimeoutMs: 60_000,
    signaling,
    tag: ticket.tag,
    open: (description, replyTag) =>
      openFirstContact(bob, networkId('main'), ticket, description, replyTag),
  })
  const nothing = [new Uint8Array(16), new Uint8Array(16), 1, 0, null, 0, null] as const
  session.control([recordKinds.hello, 1, ...nothing])
  heard = []
  session.start({ onRecords: (records) => void heard.push(...records), isIdle: () => false })
  await session.confirmed
  await expect.poll(() => alice.mesh.links.size).toBe(1)
})
afterEach(() => world.close())

const revoke = (who: Identity, keys: Uint8Array[], held: Revocations | null = null, nowS = 1e9) =>
  who.withRoot(undefined, (root) => signRevocations(rootIssuer(root), held, keys, nowS))

const say = (bytes: unknown) => session.control([recordKinds.revocations, bytes as Uint8Array])
const card = (of: Identity, number: number) => signCard(of, { number, relays: [], issuedS: 1 })
const tell = async (of: Identity, number: number) =>
  session.control([recordKinds.card, await card(of, number)])

const record = async () => (await Peers.open(alice.identity)).get(bob.peer)
const devices = async () => (await record()).devices.map(({ deviceKey }) => toBase64url(deviceKey))
const nameOf = (identity: Identity) => toBase64url(identity.device.key)

// The other side says `bye` and closes at once: one or the other comes first.
const brokenOff = ['protocol', 'lost']

test('what a revoked device has signed is told from the rest, and what one has that it had certified', async () => {
  const phone = await secondDevice(laptop, { snapshot: new Uint8Array() })
  const signed = async (by: Identity) =>
    verifySigned('receipt', await by.sign('receipt', Uint8Array.of(1)))
  const [whole, byLaptop, byPhone] = [await signed(bob), await signed(laptop), await signed(phone)]
  expect(byPhone.deviceKeys).toEqual([bob, laptop, phone].map(({ device }) => device.key))
  const asked = () =>
    Promise.all([whole, byLaptop, byPhone].map((each) => alice.mesh.hasRevoked(each)))
  expect(await asked()).toEqual([false, false, false])
  // By the contact's root alone.
  say((await revoke(alice.identity, [laptop.device.key])).bytes)
  await session.ping()
  expect(await asked()).toEqual([false, false, false])
  say((await revoke(bob, [laptop.device.key])).bytes)
  await expect.poll(asked).toEqual([false, true, true])
  // Of whom nothing is known nothing is said.
  const stranger = await Identity.open({ store: new MemoryStore() })
  expect(await alice.mesh.hasRevoked(await signed(stranger))).toBe(false)

  const own = await signed(await secondDevice(alice.identity, { snapshot: new Uint8Array() }))
  expect(await alice.mesh.hasRevoked(own)).toBe(false)
  await alice.mesh.revokeDevice(own.deviceKey)
  expect(await alice.mesh.hasRevoked(own)).toBe(true)
  expect(await alice.mesh.hasRevoked(await signed(alice.identity))).toBe(false)
})

describe('a list of a contact', () => {
  test('removes the device, also before it was ever known, and no card brings it back', async () => {
    await tell(laptop, 1)
    await expect.poll(devices).toContain(nameOf(laptop))
    say((await revoke(bob, [laptop.device.key])).bytes)
    await expect.poll(devices).toEqual([nameOf(bob)])
    await tell(laptop, 2)
    await session.ping()
    expect(await devices()).toEqual([nameOf(bob)])
    expect(session.isOpen).toBe(true)
  })

  test('takes no key back: neither an older one nor one that lacks it', async () => {
    const first = await revoke(bob, [laptop.device.key], null, 2e9)
    const [tablet, other] = [await secondDevice(bob), await secondDevice(bob)]
    for (const list of [
      first,
      await revoke(bob, [tablet.device.key], null, 1e9),
      await revoke(bob, [other.device.key], null, 3e9),
      first,
    ]) {
      say(list.bytes)
    }
    const keys = async () => (await record()).revocations?.deviceKeys.map(toBase64url).toSorted()
    await expect.poll(keys).toEqual([laptop, tablet, other].map(nameOf).toSorted())
    expect((await record()).revocations!.epoch).toBe(3e9)
    for (const device of [laptop, tablet, other]) await tell(device, 5)
    await session.ping()
    expect(await devices()).toEqual([nameOf(bob)])
  })

  test('that names its own device ends the session, and it gets the list and nothing more', async () => {
    const list = await revoke(bob, [bob.device.key])
    say(list.bytes)
    expect(['revoked', 'lost']).toContain(await session.ended)
    const lists = heard.filter(([kind]) => kind === recordKinds.revocations)
    expect(lists).toEqual([[recordKinds.revocations, list.bytes]])
    await expect.poll(devices).toEqual([])
  })

  const bad = {
    forged: async () => {
      const { bytes } = await revoke(bob, [laptop.device.key])
      return bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))
    },
    truncated: async () => (await revoke(bob, [laptop.device.key])).bytes.slice(0, -1),
    'signed by the device, not the root': async () => {
      const { issuer } = bob
      return (await signRevocations({ ...issuer, key: issuer.key }, null, [laptop.device.key], 1e9))
        .bytes
    },
    "of another's identity": async () => {
      const carol = await Identity.open({ store: new MemoryStore() })
      return (await revoke(carol, [laptop.device.key])).bytes
    },
    oversized: async () => new Uint8Array(maxRevocationsBytes + 1),
    empty: async () => new Uint8Array(),
    'a card': async () => card(bob, 1),
    'no bytes': async () => 'list',
  }
  test.each(Object.entries(bad))('%s ends the session, and changes nothing', async (_, make) => {
    await tell(laptop, 1)
    await expect.poll(devices).toContain(nameOf(laptop))
    say(await make())
    expect(brokenOff).toContain(await session.ended)
    expect(await devices()).toContain(nameOf(laptop))
    expect((await record()).revocations).toBeNull()
  })

  test('too many announcements end the session', async () => {
    const { bytes } = await revoke(bob, [laptop.device.key])
    for (let n = 0; n < maxAnnouncementsPerSession; n++) say(bytes)
    await session.ping()
    say(bytes)
    expect(brokenOff).toContain(await session.ended)
  })
})

describe('a list of the own identity', () => {
  test('that a contact brings is believed, if the root has signed it', async () => {
    const other = await secondDevice(alice.identity)
    say((await revoke(alice.identity, [other.device.key])).bytes)
    const own = async () => (await Peers.open(alice.identity)).get(alice.mesh.peer).revocations
    await expect.poll(own).toMatchObject({ deviceKeys: [other.device.key] })
    expect(alice.mesh.isRevoked).toBe(false)
    expect(session.isOpen).toBe(true)
    // And passed on.
    await expect
      .poll(() => heard.filter(([kind]) => kind === recordKinds.revocations))
      .toHaveLength(1)
  })

  test('that names this device ends all, and is known at the next start', async () => {
    const told = new Promise<void>((resolve) => alice.mesh.on('revoked', resolve))
    say((await revoke(alice.identity, [alice.identity.device.key])).bytes)
    await told
    expect(['revoked', 'lost']).toContain(await session.ended)
    await expect(alice.mesh.invite()).rejects.toMatchObject({ code: 'revoked' })
    await alice.mesh.close()
    const again = await world.peer({ identity: alice.identity })
    expect(again.mesh.isRevoked).toBe(true)
    expect([...again.mesh.links.keys()]).toEqual([bob.peer])
  })
})

test('a device is revoked by the root alone, and by a key that is one', async () => {
  const words = await alice.identity.words()
  await alice.identity.removeRoot()
  const { key } = laptop.device
  await expect(alice.mesh.revokeDevice(key)).rejects.toMatchObject({ code: 'no-root' })
  await expect(alice.mesh.revokeDevice('x', { words })).rejects.toMatchObject({
    code: 'invalid-argument',
  })
  await alice.mesh.revokeDevice(toBase64url(key), { words })
  await expect
    .poll(() => heard.filter(([kind]) => kind === recordKinds.revocations))
    .toHaveLength(1)
})

test('nobody forgets or cuts off oneself', async () => {
  for (const part of [alice.mesh.forget(alice.mesh.peer), alice.mesh.cutOff(alice.mesh.peer)]) {
    await expect(part).rejects.toMatchObject({ code: 'invalid-argument' })
  }
})
