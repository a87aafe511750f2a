/** Altered packets: every bit, every length, at the functions that read them; a sample at the mesh. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HandshakeState } from '../../../lib/crypto/noise.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import { writeSigned, type PactPart } from '../../../lib/session/handshake.ts'
import {
  grantTo,
  openFirstContact,
  openKnownContact,
  readFirstContact,
  readKnownContact,
  type Opened,
  type Opening,
} from '../../../lib/session/openings.ts'
import {
  contactTag,
  pactIdOf,
  pactRecord,
  utcDay,
  type KnownPeer,
} from '../../../lib/session/pact.ts'
import { Trickle } from '../../../lib/session/trickle.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { equalBytes } from '../../../lib/base/bytes.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { formatPacket, parsePacket } from '../../../lib/signaling/packets.ts'
import { MemoryNetwork } from '../../../lib/transport/memory.ts'
import { verifyChain } from '../../../lib/identity/certificate.ts'
import { World, type Published } from '../../support/memory-peers.ts'
import {
  alterations,
  CountingTransport,
  issueTicket,
  network,
  openIdentity,
  sampledAlterations,
  settle,
  shiftedRuntime,
  until,
} from './adversary.ts'

const { randomBytes } = systemRuntime
const replyTag = randomBytes(16)
const description = [0, randomBytes(16), [randomBytes(16)], 65_535]

/** How many of the altered packets a reader took; like a mailbox, it is given only what carries the right byte and tag. */
function tally(packet: Uint8Array, tag: Uint8Array, read: (altered: Uint8Array) => unknown) {
  let tried = 0
  let accepted = 0
  for (const altered of alterations(packet)) {
    tried++
    const parsed = parsePacket(altered)
    if (!parsed || parsed.kind !== packet[0] || !equalBytes(parsed.tag, tag)) continue
    try {
      if (read(altered) !== undefined) accepted++
    } catch {
      continue
    }
  }
  expect(tried).toBe(packet.length * 9 + 1)
  return accepted
}

const isMessage1 = ([kind]: Uint8Array) =>
  kind === packetKinds.firstContact || kind === packetKinds.knownContact

const boundTo = (identity: Identity) => verifyChain(identity.chain, Date.now() / 1000)

/** Two identities that share a pact. */
async function acquainted() {
  const [alice, bob] = [await openIdentity(), await openIdentity()]
  const pactSecret = randomBytes(32)
  const pact = { pactSecret, pactId: pactIdOf(pactSecret) }
  const asSeen = (identity: Identity): KnownPeer => ({ ...boundTo(identity), ...pact })
  const tag = contactTag(pactSecret, alice.device.key, utcDay(Date.now()))
  const call = () => openKnownContact(bob, network, asSeen(alice), tag, description, replyTag)
  const read = (packet: Uint8Array) =>
    readKnownContact(alice, network, () => asSeen(bob), parsePacket(packet)!)
  return { alice, bob, tag, call, read }
}

async function firstContact() {
  const [alice, bob] = [await openIdentity(), await openIdentity()]
  const { ticket, key } = await issueTicket(alice)
  const call = () => openFirstContact(bob, network, ticket, description, replyTag)
  const read = (packet: Uint8Array) =>
    readFirstContact(alice, network, ticket, key, parsePacket(packet)!)
  return { alice, bob, ticket, call, read }
}

/** Writes A, as an answerer does, for what it read. */
async function answer(alice: Identity, { handshake, payload }: Opened, record?: Uint8Array) {
  const signature = record && (await alice.device.sign(signatureLabels.pact, record))
  const peerChain = record ? await grantTo(alice, payload.sender.peerKey) : []
  const pact = signature ? { value: randomBytes(32), signature, peerChain } : null
  const own = { chain: alice.chain, description, replyTag: randomBytes(16), pact }
  const message = await writeSigned(handshake, packetKinds.acknowledge, alice.device, own)
  return formatPacket(packetKinds.acknowledge, payload.replyTag, message)
}

const finish = (opening: Opening, packet: Uint8Array) => opening.finish(parsePacket(packet)!)

describe(
  'every altered packet is refused, and the true one works afterwards',
  { timeout: 120_000 },
  () => {
    test('I', async () => {
      const { bob, ticket, call, read } = await firstContact()
      const { packet } = await call()
      expect(tally(packet, ticket.tag, read)).toBe(0)
      expect(read(packet).payload.sender.peer).toBe(bob.peer)
    })

    test('N‖K', async () => {
      const { bob, tag, call, read } = await acquainted()
      const { packet } = await call()
      expect(tally(packet, tag, read)).toBe(0)
      expect(read(packet).payload.sender.peer).toBe(bob.peer)
    })

    test('A for I, without a change of the waiting handshake', async () => {
      const { alice, bob, ticket, call, read } = await firstContact()
      const opening = await call()
      const opened = read(opening.packet)
      const record = opened.pactRecord
      expect(record).toEqual(
        pactRecord(
          alice.publicKey,
          bob.publicKey,
          ticket.hash,
          (opened.payload.pact as PactPart).value as number,
        ),
      )
      const packet = await answer(alice, opened, record)
      expect(tally(packet, replyTag, (altered) => finish(opening, altered))).toBe(0)
      expect(opening.handshake.finished).toBe(false)
      expect(finish(opening, packet).outcome.peer.peer).toBe(alice.peer)
      expect(opening.handshake.handshakeHash).toEqual(opened.handshake.handshakeHash)
    })

    test('A for K, without a change of the waiting handshake', async () => {
      const { alice, call, read } = await acquainted()
      const opening = await call()
      const opened = read(opening.packet)
      const packet = await answer(alice, opened)
      expect(tally(packet, replyTag, (altered) => finish(opening, altered))).toBe(0)
      expect(opening.handshake.finished).toBe(false)
      expect(finish(opening, packet).outcome.peer.peer).toBe(alice.peer)
      expect(opening.handshake.handshakeHash).toEqual(opened.handshake.handshakeHash)
    })

    test('T, in both directions', async () => {
      const keys = { randomBytes }
      const key = generateKeyPair(keys)
      const initiator = new HandshakeState({
        pattern: 'NK',
        role: 'initiator',
        rs: key.publicKey,
        ...keys,
      })
      const responder = new HandshakeState({ pattern: 'NK', role: 'responder', s: key, ...keys })
      responder.readMessage(initiator.writeMessage(new Uint8Array()))
      initiator.readMessage(responder.writeMessage(new Uint8Array()))
      const [toResponder, toInitiator] = [randomBytes(16), randomBytes(16)]
      const sides = [
        [new Trickle(initiator, 'initiator', toResponder), toResponder],
        [new Trickle(responder, 'responder', toInitiator), toInitiator],
      ] as const
      for (const [from, to] of [sides, sides.toReversed()]) {
        const [sender, tag] = from!
        const [receiver] = to!
        for (const trickled of [{ candidates: [randomBytes(16), randomBytes(16)] }, null]) {
          const packet = sender.seal(trickled)
          const open = (altered: Uint8Array) => receiver.open(parsePacket(altered)!)
          expect(tally(packet, tag, open)).toBe(0)
          // Its own packets come back to nobody.
          expect(sender.open(parsePacket(packet)!)).toBeUndefined()
          expect(open(packet)).toEqual(trickled)
          expect(open(packet)).toBeUndefined()
        }
      }
    })
  },
)

describe('a mesh takes none of a sample of altered packets', { timeout: 120_000 }, () => {
  const runtime = shiftedRuntime()
  let world: World
  beforeEach(() => void (world = new World(runtime)))
  afterEach(() => world.close())

  /** Holds back the first packet of `kind` and lets its altered forms through instead; returns their number. */
  function tamperWith(kind: number, transports: CountingTransport[]) {
    const { board } = world
    let held: Published | undefined
    board.rule = (published) => {
      if (published.packet[0] !== kind) return [published]
      held ??= published
      return []
    }
    /** Of the side that gets it; the other repeats message 1 by the clock. */
    const reactions = () => [
      board.published.filter(({ from, packet }) => from !== held!.from && !isMessage1(packet))
        .length,
      ...transports.map(({ answers }) => answers),
    ]
    return async () => {
      await until(() => held !== undefined, 'the packet')
      await settle()
      const before = reactions()
      let tried = 0
      for (const packet of sampledAlterations(held!.packet)) {
        // A mailbox has its budget: time passes.
        runtime.shiftMs += 1000
        board.inject({ ...held!, packet })
        await undefined
        await undefined
        tried++
      }
      await settle()
      expect(reactions()).toEqual(before)
      board.rule = (published) => [published]
      board.inject(held!)
      return tried
    }
  }

  async function pair() {
    const transports = [0, 1].map(() => new CountingTransport(world.network.transport()))
    const alice = await world.peer({ transport: transports[0]! })
    const bob = await world.peer({ transport: transports[1]! })
    const shown: Link[] = []
    for (const { mesh } of [alice, bob]) mesh.on('link', (link) => shown.push(link))
    return { alice, bob, transports, shown }
  }

  test.each([
    ['I', packetKinds.firstContact],
    ['A', packetKinds.acknowledge],
  ])('%s of a first contact', async (_, kind) => {
    const { alice, bob, transports, shown } = await pair()
    const ticket = await alice.mesh.invite({ expiresInMs: 24 * 3600_000 })
    const tamper = tamperWith(kind, transports)
    const accepting = bob.mesh.accept(ticket.toString())
    expect(await tamper()).toBeGreaterThan(400)
    expect(shown).toEqual([])
    await accepting
    await until(() => shown.length === 2, 'both links')
    expect(transports.map(({ answers }) => answers)).toEqual([1, 0])
  })

  test.each([
    ['K', packetKinds.knownContact],
    ['A', packetKinds.acknowledge],
  ])('%s of a known contact', async (_, kind) => {
    const { alice, bob, transports } = await pair()
    await bob.mesh.accept((await alice.mesh.invite({ expiresInMs: 24 * 3600_000 })).toString())
    await bob.mesh.close()
    const tamper = tamperWith(kind, transports)
    const again = await world.peer({ store: bob.store, transport: transports[1]! })
    const link = again.mesh.links.get(alice.mesh.peer)!
    const toBob = alice.mesh.links.get(bob.mesh.peer)!
    expect(await tamper()).toBeGreaterThan(400)
    expect([link.state, toBob.state]).not.toContain('open')
    await link.connect()
    await until(() => toBob.state === 'open', 'the other side')
  })
})

test('a mesh takes none of a sample of altered T packets', { timeout: 60_000 }, async () => {
  const runtime = shiftedRuntime()
  const world = new World(runtime)
  // Longer than any handshake takes: a candidate that is there by then needs no T.
  const slow = new MemoryNetwork({ runtime, candidateDelayMs: 500 })
  const alice = await world.peer({ transport: slow.transport() })
  const bob = await world.peer({ transport: slow.transport() })
  const ticket = await alice.mesh.invite({ expiresInMs: 24 * 3600_000 })
  const held: Published[] = []
  world.board.rule = (published) => {
    if (published.packet[0] !== packetKinds.transport) return [published]
    held.push(published)
    return []
  }
  const accepting = bob.mesh.accept(ticket)
  await until(() => held.length >= 2, 'candidates of both sides')
  for (const published of held.slice(0, 2)) {
    for (const packet of sampledAlterations(published.packet)) {
      runtime.shiftMs += 1000
      world.board.inject({ ...published, packet })
      await undefined
      await undefined
    }
  }
  await settle()
  expect([alice.mesh.links.size, bob.mesh.links.size]).toEqual([0, 0])
  for (const published of held) world.board.inject(published)
  await accepting
  await until(() => alice.mesh.links.size === 1, 'the link')
  await world.close()
})
