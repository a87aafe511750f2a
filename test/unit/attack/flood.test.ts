/** More than is looked at: who floods loses, and who does not gets through. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import * as limits from '../../../lib/base/limits.ts'
import { sodium } from '../../../lib/crypto/sodium.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { openFirstContact, openKnownContact } from '../../../lib/session/openings.ts'
import { contactTag, utcDay } from '../../../lib/session/pact.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { asKnown } from '../../support/devices.ts'
import { Switchboard, World } from '../../support/memory-peers.ts'
import {
  contactsOf,
  countedPeer,
  type CountingTransport,
  network,
  nobodysOffer,
  openIdentity,
  settle,
  shiftedRuntime,
  until,
  type ShiftedRuntime,
} from './adversary.ts'

let runtime: ShiftedRuntime
let world: World
/** Another path to Alice. */
let other: Switchboard
let alice: Mesh
let aliceIdentity: Identity
let transport: CountingTransport

beforeEach(async () => {
  runtime = shiftedRuntime()
  world = new World(runtime)
  other = new Switchboard()
  const signaling = [world.board.path(), other.path()]
  const peer = await countedPeer(world, { signaling })
  ;({ transport, mesh: alice, identity: aliceIdentity } = peer)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await world.close()
})

const offer = () => nobodysOffer(runtime)
const redeemed = async (ticket: Ticket) => {
  const stranger = await openIdentity(runtime)
  const replyTag = runtime.randomBytes(16)
  return (await openFirstContact(stranger, network, ticket, offer(), replyTag)).packet
}

/** A contact that is away, and how it calls. */
async function friend(): Promise<{ tag: Uint8Array; call(): Promise<Uint8Array> }> {
  const { mesh, identity } = await world.peer()
  const { size } = alice.links
  await mesh.accept(await alice.invite())
  await until(() => alice.links.size > size, 'the link')
  await mesh.close()
  const [contact] = await contactsOf(identity)
  const { pactSecret } = contact!
  const known = asKnown(aliceIdentity, pactSecret)
  const tag = contactTag(pactSecret, aliceIdentity.device.key, utcDay(runtime.now()))
  const call = async () => {
    const replyTag = runtime.randomBytes(16)
    return (await openKnownContact(identity, network, known, tag, offer(), replyTag)).packet
  }
  return { tag, call }
}

const inject = (packet: Uint8Array, board = world.board) =>
  board.inject({ from: -1, tag: packet.slice(1, 17), packet })

const garbageAt = (tag: Uint8Array, kind: number) =>
  concat(
    Uint8Array.of(kind),
    tag,
    runtime.randomBytes(96),
    Uint8Array.of(0x4b),
    runtime.randomBytes(500),
  )

const flood = (tag: Uint8Array, board: Switchboard, count = 1_000) => {
  for (let n = 0; n < count; n++) inject(garbageAt(tag, packetKinds.knownContact), board)
}

describe('one mailbox', () => {
  test('that is flooded by one path is open by the other, and told of', async () => {
    const { tag, call } = await friend()
    const floods: unknown[] = []
    alice.on('security', (event) => {
      if (event.kind === 'flood') floods.push([event.peer, event.detail])
    })
    flood(tag, world.board)
    await settle()
    expect(inject(await call())).toBe(0)
    const before = transport.answers
    inject(await call(), other)
    await until(() => transport.answers === before + 1, 'the answer')
    await until(() => floods.length > 0, 'the event')
    expect(floods).toEqual([[[...alice.links.keys()][0], 'custom']])
  })

  test('that is flooded by every path leaves the others open', async () => {
    const [bad, good] = [await friend(), await friend()]
    for (const board of [world.board, other]) flood(bad.tag, board)
    const before = transport.answers
    inject(await good.call())
    await until(() => transport.answers === before + 1, 'the answer')
  })
})

test('a contact that calls without end is answered for a while, and again later', async () => {
  const [bad, good] = [await friend(), await friend()]
  const callOften = async () => {
    const before = transport.answers
    for (let n = 0; n < 2 * limits.maxCallsPerContact; n++) {
      runtime.shiftMs += 500
      inject(await bad.call(), n % 2 === 0 ? world.board : other)
      await settle()
    }
    return transport.answers - before
  }
  const often = await callOften()
  expect(often).toBeGreaterThanOrEqual(limits.maxCallsPerContact)
  expect(often).toBeLessThan(1.8 * limits.maxCallsPerContact)
  const before = transport.answers
  inject(await good.call())
  await until(() => transport.answers === before + 1, 'the answer to another')
  runtime.shiftMs += 10 * limits.callHalfLifeMs
  inject(await bad.call())
  await until(() => transport.answers === before + 2, 'the answer after a while')
})

test('whoever holds a ticket of many uses keeps neither contacts nor other tickets out', async () => {
  const { call } = await friend()
  const ticket = await alice.invite({ uses: 100 })
  const before = transport.answers
  for (let n = 0; n < 2 * limits.maxUnprovenAttempts; n++) {
    inject(await redeemed(ticket))
    await settle()
  }
  expect(transport.answers - before).toBe(limits.maxUnprovenAttempts)
  inject(await call())
  await until(() => transport.answers - before === limits.maxUnprovenAttempts + 1, 'the contact')
  inject(await redeemed(await alice.invite()))
  await until(() => transport.answers - before === limits.maxUnprovenAttempts + 2, 'the other')
})

test('whoever reserves all uses of a ticket keeps others out for a while only', async () => {
  const ticket = await alice.invite({ uses: 3, expiresInMs: 3600_000 })
  for (let n = 0; n < 3; n++) {
    inject(await redeemed(ticket))
    await until(() => transport.answers === n + 1, 'the answer')
  }
  const [early, late] = [await world.peer(), await world.peer()]
  await expect(early.mesh.accept(ticket, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'timeout',
  })
  runtime.shiftMs += limits.reservationMs
  await late.mesh.accept(ticket)
  await until(() => alice.links.size === 1, 'the link')
  expect([...alice.links.keys()]).toEqual([late.mesh.peer])
})

test('a path that floods every mailbox is metered, and holds up no other path', async () => {
  const friends = [await friend(), await friend(), await friend()]
  const tickets = []
  for (let n = 0; n < 60; n++) tickets.push(await alice.invite())
  const agree = vi.spyOn(sodium(), 'crypto_scalarmult')
  const sinceMs = performance.now()
  for (const { tag } of [...friends, ...tickets]) {
    for (let n = 0; n < limits.mailboxBurst; n++) {
      for (const kind of [packetKinds.knownContact, packetKinds.firstContact]) {
        inject(garbageAt(tag, kind))
      }
    }
  }
  const before = transport.answers
  inject(await friends[0]!.call(), other)
  await until(() => transport.answers === before + 1, 'the answer')
  await new Promise((resolve) => setTimeout(resolve, 500))
  const tookS = (performance.now() - sinceMs) / 1000
  const most = limits.keyAgreementBurst + limits.keyAgreementsPerS * tookS
  expect(agree.mock.calls.length).toBeLessThan(most)
  expect(agree.mock.calls.length).toBeGreaterThan(100)
})
