/**
 * What a packet costs that nothing proves: at most two key agreements and two decryptions before it is dropped, whatever it looks like. And what
 * shows of it: nothing is published, no peer connection is made, nothing is written, nobody is told.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import { maxPacketBytes } from '../../../lib/base/limits.ts'
import { sodium } from '../../../lib/crypto/sodium.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { openFirstContact, openKnownContact } from '../../../lib/session/openings.ts'
import { contactTag, utcDay, type KnownPeer } from '../../../lib/session/pact.ts'
import { openQuery } from '../../../lib/session/query.ts'
import { openUnmet } from '../../../lib/session/unmet.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { Signaling } from '../../../lib/signaling/signaling.ts'
import type { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Address } from '../../../lib/ticket/address.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { asKnown } from '../../support/devices.ts'
import { World } from '../../support/memory-peers.ts'
import {
  contactsOf,
  countedPeer,
  type CountingTransport,
  flipBit,
  network,
  nobodysOffer,
  openIdentity,
  relabelled,
  settle,
  shiftedRuntime,
  until,
  type ShiftedRuntime,
} from './adversary.ts'

let runtime: ShiftedRuntime
let world: World
let alice: Mesh
let aliceIdentity: Identity
let transport: CountingTransport
let told: string[]
let writes: number
/** A contact of Alice's, away. */
let bob: Identity
let alicesDevice: KnownPeer
let ticket: Ticket
let address: Address
let tag: Uint8Array
/** Tags of Alice's mailboxes, the latest last. */
let heardAt: Uint8Array[]

const random = (length: number) => runtime.randomBytes(length)

const countWrites = (store: MemoryStore) => {
  const transaction = store.transaction.bind(store)
  store.transaction = ((tables: never, options: { mode: string }, work: never) => {
    if (options.mode === 'write') writes++
    return transaction(tables, options as never, work)
  }) as typeof store.transaction
}

beforeEach(async () => {
  runtime = shiftedRuntime()
  world = new World(runtime)
  const path = world.board.path()
  heardAt = []
  const subscribe: Signaling['subscribe'] = (at, listener) => {
    heardAt.push(at)
    return path.subscribe(at, listener)
  }
  const peer = await countedPeer(world, { signaling: [{ ...path, subscribe }] })
  ;({ transport, mesh: alice, identity: aliceIdentity } = peer)
  const friend = await world.peer()
  await friend.mesh.accept(await alice.invite())
  await until(() => alice.links.size === 1, 'the link')
  await friend.mesh.close()
  bob = friend.identity
  const { pactSecret } = (await contactsOf(bob))[0]!
  alicesDevice = asKnown(aliceIdentity, pactSecret)
  tag = contactTag(pactSecret, aliceIdentity.device.key, utcDay(runtime.now()))
  ticket = await alice.invite({ uses: 5 })
  address = await alice.address()
  // What the static keys agree on is at hand from the first call on.
  await tell(await called())
  await settle()
  told = []
  for (const event of ['link', 'forgotten', 'signaling', 'security'] as const) {
    alice.on(event, () => told.push(event))
  }
  alice.links.get(bob.peer)!.on('state', (state) => told.push(state))
  writes = 0
  countWrites(peer.store)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await world.close()
})

/** Where it says it belongs. */
const tell = async (packet: Uint8Array, at: Uint8Array = packet.slice(1, 17)) => {
  // What was told before has cost its budgets nothing that is left.
  runtime.shiftMs += 60_000
  world.board.inject({ from: -1, tag: at, packet })
  await settle()
}

const offer = () => nobodysOffer(runtime)

const called = async (peer: Partial<KnownPeer> = {}, identity = bob, net = network) => {
  const known = { ...alicesDevice, ...peer }
  return (await openKnownContact(identity, net, known, tag, offer(), random(16))).packet
}
const unmet = async (peer: Partial<KnownPeer> = {}, net = network) => {
  const known = { ...alicesDevice, ...peer }
  return (await openUnmet(bob, net, known, null, tag, offer(), random(16))).packet
}
const redeemed = async (identity: Identity, by = ticket, net = network) =>
  (await openFirstContact(identity, net, by, offer(), random(16))).packet
const asked = (net = network) =>
  openQuery({
    address,
    network: net,
    method: 'verify',
    params: null,
    answerBytes: 100,
    randomBytes: random,
  }).packet

const headed = (kind: number, at: Uint8Array, ...body: Uint8Array[]) =>
  concat(Uint8Array.of(kind), at, ...body)
const garbage = (kind: number, at: Uint8Array) => headed(kind, at, random(900))
const { firstContact, knownContact, acknowledge, transport: candidates, query } = packetKinds
/** N: ephemeral, sealed pact id and device key. */
const nEnd = 17 + 96

/** By name, with the most key agreements and decryptions that it may cost. */
const wrong: [string, [number, number], () => Uint8Array | Promise<Uint8Array>][] = [
  ['nothing', [0, 0], () => new Uint8Array()],
  ['a head alone', [0, 0], () => headed(firstContact, ticket.tag)],
  ['a kind that is none', [0, 0], () => garbage(0x5a, ticket.tag)],
  ['more than a packet', [0, 0], () => headed(firstContact, ticket.tag, random(maxPacketBytes))],
  ['a call at a ticket', [0, 0], () => garbage(knownContact, ticket.tag)],
  ['an answer at a ticket', [0, 0], () => garbage(acknowledge, ticket.tag)],
  ['candidates at a ticket', [0, 0], () => garbage(candidates, ticket.tag)],
  ['a question at a ticket', [0, 0], () => garbage(query, ticket.tag)],
  ['random bytes at a ticket', [1, 1], () => garbage(firstContact, ticket.tag)],
  [
    'a key of small order at a ticket',
    [1, 0],
    () => headed(firstContact, ticket.tag, new Uint8Array(32), random(500)),
  ],
  ['33 bytes at a ticket', [1, 0], () => headed(firstContact, ticket.tag, random(33))],
  [
    'a ticket of which only the key is known',
    [2, 2],
    async () => {
      const seen = await relabelled(ticket, await openIdentity(runtime))
      return redeemed(bob, { ...copyOf(ticket), psk: seen.psk.map((byte) => byte ^ 1) } as Ticket)
    },
  ],
  [
    'a ticket signed by a thief',
    [1, 1],
    async () => redeemed(bob, await relabelled(ticket, await openIdentity(runtime))),
  ],
  ['a ticket of another network', [1, 1], () => redeemed(bob, ticket, networkId('test'))],
  [
    'a ticket redeemed, with its payload altered',
    [2, 2],
    async () => flipBit(await redeemed(bob), 8 * 200),
  ],
  ['random bytes at a contact', [0, 0], () => garbage(knownContact, tag)],
  [
    'random bytes at a contact, of the right form',
    [1, 1],
    () => headed(knownContact, tag, random(96), Uint8Array.of(0x4b), random(700)),
  ],
  ['a call, cut off within N', [0, 0], async () => (await called()).subarray(0, nEnd - 1)],
  ['a call, N alone', [0, 0], async () => (await called()).subarray(0, nEnd)],
  ['a call, cut off behind it', [1, 1], async () => (await called()).subarray(0, nEnd + 1)],
  [
    'a call whose K is garbage',
    [2, 2],
    async () => concat((await called()).subarray(0, nEnd + 1), random(700)),
  ],
  [
    'a call whose K is of small order',
    [2, 1],
    async () => concat((await called()).subarray(0, nEnd + 1), new Uint8Array(32), random(700)),
  ],
  ['a call with its end altered', [2, 2], async () => flipBit(await called(), 8 * 400)],
  ['a call of another pact', [1, 1], () => called({ pactId: random(16) })],
  ['a call without the pact secret', [2, 2], () => called({ pactSecret: random(32) })],
  ['a call to another device', [1, 1], () => called({ deviceKey: random(32) })],
  [
    'a call to another box key',
    [1, 1],
    () => called({ boxKey: generateKeyPair(runtime).publicKey }),
  ],
  ['a call in another network', [1, 1], () => called({}, bob, networkId('test'))],
  [
    'a call of a device that is not known',
    [1, 1],
    async () => called({}, await openIdentity(runtime)),
  ],
  ['random bytes as a new device of a contact', [1, 1], () => garbage(firstContact, tag)],
  ['a new device without the pact secret', [2, 2], () => unmet({ pactSecret: random(32) })],
  ['a new device that calls another', [1, 1], () => unmet({ deviceKey: random(32) })],
  ['a new device, with its payload altered', [2, 2], async () => flipBit(await unmet(), 8 * 300)],
  ['a new device in another network', [1, 1], () => unmet({}, networkId('test'))],
  ['random bytes at an address', [0, 0], () => garbage(query, address.tag)],
  [
    'random bytes of the length of a question',
    [1, 1],
    () => headed(query, address.tag, random(asked().length - 17)),
  ],
  ['a question in another network', [1, 1], () => asked(networkId('test'))],
]

const copyOf = (of: Ticket) => ({
  tag: of.tag,
  psk: of.psk,
  hash: of.hash,
  ticketKey: of.ticketKey,
  issuer: of.issuer,
  issuerDevice: of.issuerDevice,
})

/** Counts while `work` runs. */
async function costs(work: () => Promise<void>): Promise<[agreements: number, openings: number]> {
  const agree = vi.spyOn(sodium(), 'crypto_scalarmult')
  const open = vi.spyOn(sodium(), 'crypto_aead_chacha20poly1305_ietf_decrypt')
  await work()
  return [agree.mock.calls.length, open.mock.calls.length]
}

const outside = () => ({
  published: world.board.published.length,
  attempts: transport.answers + transport.offers,
  told: told.length,
  links: alice.links.size,
  writes,
})

describe('a packet that is wrong', () => {
  test.each(wrong)('%s', async (_, most, make) => {
    const packet = await make()
    const before = outside()
    const at = [ticket.tag, tag, address.tag].find((each) =>
      each.every((byte, n) => byte === packet[1 + n]),
    )
    const [agreements, openings] = await costs(() => tell(packet, at ?? ticket.tag))
    expect([agreements, openings]).toEqual(most)
    expect(Math.max(agreements, openings)).toBeLessThanOrEqual(2)
    expect(outside()).toEqual(before)
    // Nor does it show in what comes next.
    vi.restoreAllMocks()
    await tell(await called())
    const { published, attempts } = before
    expect(outside()).toMatchObject({ published: published + 1, attempts: attempts + 1 })
  })

  test('and one played again, of each kind that was answered', async () => {
    alice.answer('verify', () => true)
    const good = [await redeemed(await openIdentity(runtime)), await called(), asked()]
    for (const packet of good) {
      const answered = world.board.published.length + 1
      await tell(packet)
      expect(world.board.published).toHaveLength(answered)
      const { published, ...before } = outside()
      expect(await costs(() => tell(packet))).toEqual([0, 0])
      const { published: now, ...after } = outside()
      expect(after).toEqual(before)
      expect(now - published).toBe(1)
      expect(world.board.published.at(-1)).toEqual(world.board.published.at(-2))
      vi.restoreAllMocks()
    }
  })
})

test('what comes where an answer is expected costs as little', async () => {
  const call = alice.links
    .get(bob.peer)!
    .connect()
    .catch(() => {})
  await until(() => world.board.published.at(-1)?.packet[0] === knownContact, 'the call')
  const replyTag = heardAt.at(-1)!
  const before = outside()
  for (const [packet, most] of [
    [garbage(acknowledge, replyTag), [2, 1]],
    [garbage(candidates, replyTag), [0, 0]],
    [garbage(firstContact, replyTag), [0, 0]],
  ] as const) {
    world.board.inject({ from: -1, tag: replyTag, packet })
    expect(await costs(settle)).toEqual(most)
    vi.restoreAllMocks()
  }
  expect({ ...outside(), writes }).toEqual(before)
  await alice.close()
  await call
})
