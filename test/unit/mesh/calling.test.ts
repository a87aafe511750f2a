/** Which devices of a contact are called, when, and how, while none of them answers. */

import { beforeEach, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import {
  dialTimeoutMs,
  maxDevicesPerPeer,
  maxRacingDials,
  racingDialMs,
} from '../../../lib/base/limits.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { Calling } from '../../../lib/mesh/calling.ts'
import { readCard, signCard } from '../../../lib/mesh/card.ts'
import { Contacts, type Contact } from '../../../lib/mesh/contacts.ts'
import { Monitor } from '../../../lib/mesh/monitor.ts'
import { Tracer } from '../../../lib/mesh/tracer.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { contactTag, pactIdOf, utcDay } from '../../../lib/session/pact.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { MemoryNetwork } from '../../../lib/transport/memory.ts'
import { World } from '../../support/memory-peers.ts'
import { everythingGranted, secondDevice } from '../../support/second-device.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

let runtime: VirtualRuntime
let identity: Identity
let contacts: Contacts
let contact: Contact
let calling: Calling
/** Of the peer, in the order in which it is to be called. */
let devices: Identity[]
/** What was published first to each mailbox: whose it is, what, and when. */
let calls: { device: number; day: number; kind: string; atMs: number }[]
const closing = new AbortController()

const kindOf = (byte: number) => (byte === packetKinds.knownContact ? 'N‖K' : 'I')

/** Which device, and which day's mailbox of it. */
function mailboxOf(tag: Uint8Array): { device: number; day: number } {
  const today = utcDay(runtime.now())
  for (const [device, { device: of }] of devices.entries()) {
    for (const day of [0, 1, -1]) {
      const there = contactTag(contact.pactSecret, of.key, today + day)
      if (toBase64url(there) === toBase64url(tag)) return { device, day }
    }
  }
  throw new Error('nobody listens there')
}

async function learn(device: Identity, number = 1) {
  const bytes = await signCard(device, { number, relays: [], issuedS: 1 })
  return contacts.learn(readCard(bytes, NaN))
}

beforeEach(async () => {
  runtime = virtualRuntime({ turns: 8 })
  const alice = await Identity.open({ store: new MemoryStore(), runtime })
  const others = await Promise.all(
    Array.from({ length: maxRacingDials + 1 }, () =>
      secondDevice(alice, { snapshot: new Uint8Array() }),
    ),
  )
  devices = [alice, ...others]
  identity = await Identity.open({ store: new MemoryStore(), runtime })
  contacts = await Contacts.open(identity)
  const pactSecret = runtime.randomBytes(32)
  const signature = new Uint8Array(64)
  contact = await contacts.add(
    {
      peer: alice.peer,
      pactId: pactIdOf(pactSecret),
      pactSecret,
      deviceKey: alice.device.key,
      pact: { record: new Uint8Array(9), ownSignature: signature, peerSignature: signature },
      ticketTag: new Uint8Array(16),
      provisionalUntilMs: null,
      provenAtMs: 1,
    },
    {
      deviceKey: alice.device.key,
      boxKey: alice.device.boxKey,
      chain: alice.chain,
      relays: [],
      cardNumber: 0,
      card: null,
      lastMetMs: 5,
    },
    { ...everythingGranted, peerChain: alice.chain },
  )
  // The later the card, the earlier it is called.
  for (const [at, device] of others.entries()) await learn(device, 100 - at)
  calls = []
  const seen = new Set<string>()
  calling = new Calling({
    identity,
    network: networkId('main'),
    contacts,
    transport: new MemoryNetwork({ runtime }).transport(),
    idleTimeoutMs: 1e6,
    introductions: undefined,
    intake: new Intake(runtime),
    mailroom: {
      signalingOf: () => ({
        subscribe: () => () => {},
        publish: async (tag, packet) => {
          const key = toBase64url(packet)
          if (!seen.has(key)) {
            const atMs = runtime.monotonicNow()
            calls.push({ ...mailboxOf(tag), kind: kindOf(packet[0]!), atMs })
          }
          seen.add(key)
          return 0
        },
        close: async () => {},
      }),
    },
    closing: closing.signal,
    devices: { isConnected: () => false },
    monitor: new Monitor(runtime, new Tracer(runtime)),
  })
})

async function callInVain(): Promise<void> {
  const beganMs = runtime.monotonicNow()
  calls = []
  const call = calling.call(contact.peer, closing.signal)
  const refused = expect(call).rejects.toMatchObject({ code: 'timeout' })
  await runtime.advance(dialTimeoutMs + maxRacingDials * racingDialMs)
  await refused
  calls = calls.map((made) => ({ ...made, atMs: made.atMs - beganMs }))
}

describe('the devices of a contact', () => {
  test('are called one after the other, the last met first, at most four', async () => {
    await callInVain()
    expect(calls.map(({ device }) => device)).toEqual([0, 1, 2, 3])
    for (const [at, { atMs }] of calls.entries()) {
      expect(atMs - at * racingDialMs).toBeGreaterThanOrEqual(0)
      expect(atMs - at * racingDialMs).toBeLessThan(100)
    }
  })

  test('are called as such that know this one where it has met them, and after a call in vain the other way', async () => {
    await callInVain()
    expect(calls.map(({ kind }) => kind)).toEqual(['N‖K', 'I', 'I', 'I'])
    await callInVain()
    expect(calls.map(({ kind }) => kind)).toEqual(['I', 'N‖K', 'N‖K', 'N‖K'])
  })

  test('are looked for in each way on every day', async () => {
    const ways = new Set<string>()
    for (let n = 0; n < 6; n++) {
      await callInVain()
      for (const { device, day, kind } of calls) ways.add(`${device} ${day} ${kind}`)
    }
    expect(ways.size).toBe(4 * 3 * 2)
  })

  test('are called in the usual way alone where the contact has not vouched for this identity', async () => {
    await contacts.peers.change(contact.peer, (record) => ({ ...record, peerChain: null }))
    await callInVain()
    expect(calls.map(({ kind }) => kind)).toEqual(['N‖K', 'N‖K', 'N‖K', 'N‖K'])
  })

  test('are called at once when one fails at once', async () => {
    const [first] = devices as [Identity]
    // Its box key is none: the call can't be written.
    await contacts.peers.change(contact.peer, (record) => ({
      ...record,
      devices: record.devices.map((device) =>
        toBase64url(device.deviceKey) === toBase64url(first.device.key)
          ? { ...device, boxKey: new Uint8Array(32) }
          : device,
      ),
    }))
    await callInVain()
    expect(calls.map(({ device }) => device)).toEqual([1, 2, 3, 4].slice(0, calls.length))
    expect(calls[0]!.atMs).toBeLessThan(100)
  })

  test('are no more: that is said', async () => {
    await contacts.peers.change(contact.peer, (record) => ({ ...record, devices: [] }))
    await expect(calling.call(contact.peer, closing.signal)).rejects.toMatchObject({
      code: 'closed',
    })
  })
})

describe('what is known of devices', () => {
  test('is bounded: those not met for longest make way, and none that only a card told of displaces one that was met', async () => {
    const [alice] = devices as [Identity]
    for (let n = 0; n < maxDevicesPerPeer; n++) {
      const { device, chain } = await secondDevice(alice, { snapshot: new Uint8Array() })
      await runtime.advance(1)
      await contacts.meet(contact.peer, { deviceKey: device.key, boxKey: device.boxKey, chain })
    }
    const { devices: known } = contacts.peers.get(contact.peer)
    expect(known).toHaveLength(maxDevicesPerPeer)
    expect(contacts.peers.deviceOf(contact.peer, alice.device.key)).toBeUndefined()
    const late = await secondDevice(alice, { snapshot: new Uint8Array() })
    expect(await learn(late, 2 ** 40)).toBe(false)
    expect(contacts.peers.get(contact.peer).devices).toEqual(known)
  })

  test('puts first who was met last', async () => {
    const { device, chain } = devices[3]!
    const met = { deviceKey: device.key, boxKey: device.boxKey, chain }
    expect(await contacts.meet(contact.peer, met)).toBe(false)
    await callInVain()
    expect(calls[0]).toMatchObject({ device: 3, kind: 'N‖K' })
  })
})

test('a device that answers and never gets through leaves the turn to the others', async () => {
  const world = new World(runtime)
  const passing = async <T>(promise: Promise<T>, stepMs = 10): Promise<T> => {
    const state = { isDone: false }
    const done = () => void (state.isDone = true)
    promise.then(done, done)
    while (!state.isDone) await runtime.advance(stepMs)
    return promise
  }
  const phone = await passing(world.peer())
  const bob = await passing(world.peer())
  await passing(bob.mesh.accept(await passing(phone.mesh.invite())))
  const laptop = await passing(secondDevice(phone.identity))
  const { mesh } = await passing(world.peer({ identity: laptop }))
  await passing(mesh.links.get(bob.mesh.peer)!.connect(), 100)
  await passing(Promise.all([mesh.close(), phone.mesh.close(), bob.mesh.close()]))

  // Its answers come, and its channels lead nowhere.
  const elsewhere = new MemoryNetwork({ runtime }).transport()
  await passing(world.peer({ identity: laptop, transport: elsewhere }))
  const atPhone = await passing(world.peer({ identity: phone.identity }))
  const heard: unknown[] = []
  atPhone.mesh.links.get(bob.mesh.peer)!.on('message', (message) => void heard.push(message))
  // It has tried for long, and calls no more by itself.
  await runtime.advance(120_000)
  const atBob = await passing(world.peer({ identity: bob.identity }))
  await passing(atBob.mesh.links.get(phone.mesh.peer)!.send('to whoever is there'), 100)
  expect(heard).toEqual(['to whoever is there'])
  await passing(world.close(), 100)
})
