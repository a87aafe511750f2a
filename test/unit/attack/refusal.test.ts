/** What is refused looks like nothing from outside: no packet, no peer connection, no event, whatever the reason. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { grantTo, openFirstContact, readFirstContact } from '../../../lib/session/openings.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { parsePacket } from '../../../lib/signaling/packets.ts'
import { TicketBook } from '../../../lib/ticket/book.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { World } from '../../support/memory-peers.ts'
import {
  countedPeer,
  type CountingTransport,
  issueTicket,
  network,
  newTicket,
  nobodysOffer,
  openIdentity,
  relabelled,
  settle,
  shiftedRuntime,
  type ShiftedRuntime,
} from './adversary.ts'

const knock = async (identity: Identity, ticket: Ticket, net = network) => {
  const replyTag = identity.runtime.randomBytes(16)
  // Whoever may not grant anything says so with what it has.
  const grant = grantTo(identity, ticket.issuerDevice.peerKey).catch(() => identity.chain)
  const offer = nobodysOffer(identity.runtime)
  const opening = await openFirstContact(identity, net, ticket, offer, replyTag, grant)
  return opening.packet
}

describe('at the door of a mesh', () => {
  let runtime: ShiftedRuntime
  let world: World
  let alice: Mesh
  let aliceIdentity: Identity
  let transport: CountingTransport
  let seen: string[]
  let bob: Identity
  let mallory: Identity

  beforeEach(async () => {
    runtime = shiftedRuntime()
    world = new World(runtime)
    ;({ transport, mesh: alice, identity: aliceIdentity } = await countedPeer(world))
    seen = []
    for (const event of ['link', 'forgotten', 'signaling'] as const) {
      alice.on(event, () => seen.push(event))
    }
    bob = await openIdentity(runtime)
    mallory = await openIdentity(runtime)
  })
  afterEach(() => world.close())

  const outside = () => ({
    published: world.board.published.length,
    attempts: transport.answers + transport.offers,
    events: seen.length,
    links: alice.links.size,
  })

  const deliver = async (tag: Uint8Array, packet: Uint8Array) => {
    expect(world.board.inject({ from: -1, tag, packet })).toBe(1)
    await settle()
  }

  test('a good knock is answered', async () => {
    const ticket = await alice.invite()
    await deliver(ticket.tag, await knock(bob, ticket))
    expect(outside()).toEqual({ published: 1, attempts: 1, events: 0, links: 0 })
  })

  const refusals: [string, (ticket: Ticket) => Promise<Uint8Array>][] = [
    [
      'an expired ticket',
      async (ticket) => {
        const packet = await knock(bob, ticket)
        runtime.shiftMs += 700_000
        return packet
      },
    ],
    [
      'a reserved ticket, by another',
      async (ticket) => {
        const book = await TicketBook.open(aliceIdentity)
        await book.reserve(ticket.tag, mallory.peer, 'pact', async () => {})
        return knock(bob, ticket)
      },
    ],
    [
      'a ticket for another',
      async () => {
        const ticket = await alice.invite({ for: mallory.peer })
        return knock(bob, ticket)
      },
    ],
    ['a ticket of one own', (ticket) => knock(aliceIdentity, ticket)],
    [
      'a ticket signed by a forger',
      async (ticket) => knock(bob, await relabelled(ticket, mallory)),
    ],
    [
      'a ticket with its key exchanged',
      async (ticket) => {
        const { publicKey } = generateKeyPair(runtime)
        return knock(bob, await relabelled(ticket, mallory, { ticketKey: publicKey }))
      },
    ],
    ['a ticket used in another network', (ticket) => knock(bob, ticket, networkId('test'))],
    [
      'another ticket',
      async (ticket) => {
        const other = await alice.invite()
        const packet = await knock(bob, other)
        return concat(packet.subarray(0, 1), ticket.tag, packet.subarray(17))
      },
    ],
    [
      'a device certified by nobody',
      async (ticket) =>
        knock({ ...bob, device: mallory.device, chain: bob.chain } as Identity, ticket),
    ],
    [
      'a chain borrowed from another',
      async (ticket) =>
        knock({ ...bob, device: bob.device, chain: mallory.chain } as Identity, ticket),
    ],
    [
      'an offer that is none',
      async (ticket) => {
        const opening = await openFirstContact(bob, network, ticket, ['sdp'], new Uint8Array(16))
        return opening.packet
      },
    ],
    [
      'random bytes',
      async (ticket) =>
        concat(Uint8Array.of(packetKinds.firstContact), ticket.tag, runtime.randomBytes(900)),
    ],
    [
      'random bytes as a known contact',
      async (ticket) =>
        concat(Uint8Array.of(packetKinds.knownContact), ticket.tag, runtime.randomBytes(900)),
    ],
    ['no body', async (ticket) => concat(Uint8Array.of(packetKinds.firstContact), ticket.tag)],
    [
      'too long a body',
      async (ticket) =>
        concat(Uint8Array.of(packetKinds.firstContact), ticket.tag, new Uint8Array(16 * 1024)),
    ],
  ]

  test.each(refusals)('%s is met with silence', async (_, make) => {
    const ticket = await alice.invite()
    const packet = await make(ticket)
    await deliver(packet.slice(1, 17), packet)
    expect(outside()).toEqual({ published: 0, attempts: 0, events: 0, links: 0 })
  })

  test('a spent ticket is met with silence, by whom it linked too', async () => {
    const friend = await world.peer()
    const ticket = await alice.invite()
    await friend.mesh.accept(ticket)
    await settle()
    const before = outside()
    for (const identity of [bob, friend.identity]) {
      await deliver(ticket.tag, await knock(identity, ticket))
    }
    expect(outside()).toEqual(before)
  })

  test('10,000 packets of chance', async () => {
    const ticket = await alice.invite()
    const kinds = Object.values(packetKinds)
    for (let n = 0; n < 10_000; n++) {
      runtime.shiftMs += 10
      const head = Uint8Array.of(kinds[n % kinds.length]!)
      const packet = concat(head, ticket.tag, runtime.randomBytes(1 + (n % 1000)))
      world.board.inject({ from: -1, tag: ticket.tag, packet })
      if (n % 100 === 0) await settle()
    }
    await settle()
    expect(outside()).toEqual({ published: 0, attempts: 0, events: 0, links: 0 })
  })
})

test(
  '1,000 tickets each: wrong party, forged issuer, wrong network, wrong ticket',
  { timeout: 120_000 },
  async () => {
    const [alice, bob, mallory] = [await openIdentity(), await openIdentity(), await openIdentity()]
    const book = await TicketBook.open(alice)
    const counts: Record<string, number> = {}
    const tally = (what: string, ticket: Ticket, packet: Uint8Array) => {
      let outcome = 'accepted'
      try {
        readFirstContact(
          alice,
          network,
          ticket,
          book.find(ticket.tag)!.live!.key,
          parsePacket(packet)!,
        )
      } catch (error) {
        outcome = (error as { code: string }).code
      }
      const name = `${what}: ${outcome}`
      counts[name] = (counts[name] ?? 0) + 1
    }
    let previous = (await issueTicket(alice)).ticket
    const other = networkId('other')
    for (let n = 0; n < 1000; n++) {
      const ticket = await book.issue(newTicket(undefined, n % 2 === 0 ? { for: bob.peer } : {}))
      const own = n % 2 === 0 ? mallory : alice
      tally('wrong party', ticket, await knock(own, ticket))
      tally('forged issuer', ticket, await knock(bob, await relabelled(ticket, mallory)))
      tally('wrong network', ticket, await knock(bob, ticket, other))
      tally('wrong ticket', ticket, await knock(bob, previous))
      if (n % 10 === 0) tally('right', ticket, await knock(bob, ticket))
      previous = ticket
    }
    expect(counts).toEqual({
      'wrong party: ticket-wrong-party': 1000,
      'forged issuer: decrypt-failed': 1000,
      'wrong network: decrypt-failed': 1000,
      'wrong ticket: decrypt-failed': 1000,
      'right: accepted': 100,
    })
  },
)
