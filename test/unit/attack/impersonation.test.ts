/** Passing for somebody else: tickets signed anew by a thief, and known contacts played by others. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import { certifyDevice, rootIssuer } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { seedSigner } from '../../../lib/identity/signer.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Contact } from '../../../lib/mesh/contacts.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { openKnownContact } from '../../../lib/session/openings.ts'
import { contactTag, utcDay, type KnownPeer } from '../../../lib/session/pact.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { TicketBody } from '../../../lib/ticket/ticket.ts'
import { asKnown } from '../../support/devices.ts'
import { World } from '../../support/memory-peers.ts'
import {
  contactsOf,
  countedPeer,
  type CountingTransport,
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
beforeEach(() => {
  runtime = shiftedRuntime()
  world = new World(runtime)
})
afterEach(() => world.close())

const peerWithCounter = () => countedPeer(world)

describe('a ticket that a thief signs anew', () => {
  const day = 24 * 3600
  const variants: [string, Partial<TicketBody>][] = [
    ['as it is', {}],
    ['for more uses', { uses: 100 }],
    ['with another memo', { memo: 'trust me' }],
    ['with another purpose', { purpose: 'payment' }],
    ['over other relays', { relays: ['wss://relay.example/'] }],
    ['for longer', { expiresS: Math.ceil(Date.now() / 1000) + 2 * day }],
    [
      'with a key of its own',
      {
        ticketKey: generateKeyPair({
          randomBytes: (n) => crypto.getRandomValues(new Uint8Array(n)),
        }).publicKey,
      },
    ],
    ['with a key of small order', { ticketKey: new Uint8Array(32) }],
  ]

  test.each(variants)('%s connects the friend to nobody', async (_, changes) => {
    const [victim, thief, friend] = [
      await peerWithCounter(),
      await peerWithCounter(),
      await peerWithCounter(),
    ]
    const ticket = await victim.mesh.invite()
    const forged = await relabelled(ticket, thief.identity, changes)
    expect(forged.issuer).toBe(thief.mesh.peer)
    expect(forged.tag).toEqual(ticket.tag)

    await expect(friend.mesh.accept(forged, { timeoutMs: 150 })).rejects.toMatchObject({
      code:
        'ticketKey' in changes && changes.ticketKey!.every((byte) => byte === 0)
          ? 'bad-key'
          : 'timeout',
    })
    for (const { mesh } of [victim, thief, friend]) expect(mesh.links.size).toBe(0)
    expect([victim.transport.answers, thief.transport.answers]).toEqual([0, 0])
    expect(world.board.published.every(({ from }) => from === 2)).toBe(true)

    // The true one is as good as before.
    const link = await friend.mesh.accept(ticket)
    expect(link.peer).toBe(victim.mesh.peer)
  })

  test('and hands on to the friend gives the thief no way in between', async () => {
    const [victim, thief, friend] = [
      await peerWithCounter(),
      await peerWithCounter(),
      await peerWithCounter(),
    ]
    const ticket = await victim.mesh.invite()
    // The thief listens at the victim's mailbox too, under the forged ticket.
    const forged = await relabelled(ticket, thief.identity)
    const accepting = Promise.allSettled([
      friend.mesh.accept(forged, { timeoutMs: 200 }),
      thief.mesh.accept(ticket),
    ])
    const [ofFriend, ofThief] = await accepting
    expect([ofFriend!.status, ofThief!.status]).toEqual(['rejected', 'fulfilled'])
    expect([...victim.mesh.links.keys()]).toEqual([thief.mesh.peer])
    expect(friend.mesh.links.size).toBe(0)
  })
})

describe('an issuer that grants a pact it has with somebody already', () => {
  test('cannot put itself in the place of that contact', async () => {
    const own = shiftedRuntime()
    const identity = await openIdentity(own)
    const [bob, mallory] = [await peerWithCounter(), await peerWithCounter()]
    const accomplice = await world.peer({ identity })
    await bob.mesh.accept(await mallory.mesh.invite())
    const [pact] = await contactsOf(mallory.identity)
    const cardNumber = async () =>
      (await Peers.open(bob.identity)).values()[0]!.devices[0]!.cardNumber
    await expect.poll(cardNumber).toBeGreaterThan(0)
    const before = await contactsOf(bob.identity)
    const ticket = await accomplice.mesh.invite()
    // The first 32 bytes that it draws are the secret it grants: the one that bob and mallory share.
    const { randomBytes } = own
    own.randomBytes = (length) => {
      if (length !== 32) return randomBytes(length)
      own.randomBytes = randomBytes
      return pact!.pactSecret
    }
    await expect(bob.mesh.accept(ticket)).rejects.toMatchObject({ code: 'bad-packet' })
    expect(await contactsOf(bob.identity)).toEqual(before)
    expect([...bob.mesh.links.keys()]).toEqual([mallory.mesh.peer])
  })
})

describe('a known contact played by another', () => {
  interface Party {
    mesh: Mesh
    identity: Identity
    transport: CountingTransport
  }
  let alice: Party
  let bob: Party
  let carol: Party
  let toCarol: Link
  let pactWithBob: Contact
  let pactWithCarol: Contact
  const got: unknown[] = []

  beforeEach(async () => {
    ;[alice, bob, carol] = [
      await peerWithCounter(),
      await peerWithCounter(),
      await peerWithCounter(),
    ]
    await bob.mesh.accept(await alice.mesh.invite())
    await carol.mesh.accept(await alice.mesh.invite())
    await until(() => alice.mesh.links.size === 2, 'both links')
    toCarol = alice.mesh.links.get(carol.mesh.peer)!
    got.length = 0
    toCarol.on('message', (message) => void got.push(message))
    const pacts = await contactsOf(alice.identity)
    pactWithBob = pacts.find(({ peer }) => peer === bob.mesh.peer)!
    pactWithCarol = pacts.find(({ peer }) => peer === carol.mesh.peer)!
  })

  const today = () => utcDay(runtime.now())
  /** Alice as her contacts know her. */
  const aliceFor = ({ pactSecret }: Contact) => asKnown(alice.identity, pactSecret)
  const mailboxOf = ({ pactSecret }: Contact) =>
    contactTag(pactSecret, alice.identity.device.key, today())
  const call = async (as: Identity, peer: KnownPeer, tag: Uint8Array) => {
    const replyTag = runtime.randomBytes(16)
    return (await openKnownContact(as, network, peer, tag, nobodysOffer(), replyTag)).packet
  }
  const playing = (device: Identity, chain: Identity) =>
    ({
      ...device,
      device: device.device,
      chain: chain.chain,
      publicKey: chain.publicKey,
      peer: chain.peer,
      runtime,
    }) as unknown as Identity

  /** A device that signs as one and has the box key of another. */
  const deviceOf = (signer: Identity, box: Identity) =>
    Device.fromSecrets({ ...signer.device.secrets(), box: box.device.secrets().box })
  /** The same, but N names the device of `identity`. */
  const naming = (identity: Identity, device: Device) => ({
    key: identity.device.key,
    boxKey: device.boxKey,
    sign: (...args: Parameters<Device['sign']>) => device.sign(...args),
    handshake: (...args: Parameters<Device['handshake']>) => device.handshake(...args),
  })

  const nLength = 96
  /** What a packet of N and K is made of. */
  const parts = (packet: Uint8Array) => {
    const body = packet.subarray(17)
    return { n: body.subarray(0, nLength), k: body.subarray(nLength) }
  }
  const joined = (tag: Uint8Array, n: Uint8Array, k: Uint8Array) =>
    concat(Uint8Array.of(packetKinds.knownContact), tag, n, k)

  const attempts: [string, () => Promise<Uint8Array>][] = [
    [
      'with a pact of its own',
      () => call(bob.identity, aliceFor(pactWithBob), mailboxOf(pactWithCarol)),
    ],
    [
      'with that contact’s pact id and its own secret',
      () =>
        call(
          bob.identity,
          { ...aliceFor(pactWithBob), pactId: pactWithCarol.pactId },
          mailboxOf(pactWithCarol),
        ),
    ],
    [
      'with that contact’s certificate, and a pact of its own',
      () =>
        call(
          playing(bob.identity, carol.identity),
          aliceFor(pactWithBob),
          mailboxOf(pactWithCarol),
        ),
    ],
    [
      'with the stolen pact, as itself',
      () => call(bob.identity, aliceFor(pactWithCarol), mailboxOf(pactWithCarol)),
    ],
    [
      'with the stolen pact and that contact’s certificate',
      () =>
        call(
          playing(bob.identity, carol.identity),
          aliceFor(pactWithCarol),
          mailboxOf(pactWithCarol),
        ),
    ],
    [
      'with a secret of chance',
      () =>
        call(
          carol.identity,
          { ...aliceFor(pactWithCarol), pactSecret: runtime.randomBytes(32) },
          mailboxOf(pactWithCarol),
        ),
    ],
    [
      'with the stolen pact and box key, under its own certificate',
      async () => {
        const device = deviceOf(bob.identity, carol.identity)
        const root = seedSigner((await bob.identity.keystore.get('identity'))!)
        const chain = await certifyDevice(rootIssuer(root), device, { nowS: runtime.now() / 1000 })
        const { publicKey, peer } = carol.identity
        const named = naming(carol.identity, device)
        const thief = { device: named, chain, publicKey, peer, runtime } as unknown as Identity
        return call(thief, aliceFor(pactWithCarol), mailboxOf(pactWithCarol))
      },
    ],
    [
      'with the stolen pact and box key, under that contact’s certificate',
      async () => {
        const device = deviceOf(bob.identity, carol.identity)
        const { chain, publicKey, peer } = carol.identity
        const named = naming(carol.identity, device)
        const thief = { device: named, chain, publicKey, peer, runtime } as unknown as Identity
        return call(thief, aliceFor(pactWithCarol), mailboxOf(pactWithCarol))
      },
    ],
    [
      'who names another pact',
      () =>
        call(
          carol.identity,
          { ...aliceFor(pactWithCarol), pactId: pactWithBob.pactId },
          mailboxOf(pactWithCarol),
        ),
    ],
    [
      'by a true N before a K of its own',
      async () => {
        const tag = mailboxOf(pactWithCarol)
        const theirs = parts(await call(carol.identity, aliceFor(pactWithCarol), tag))
        const own = parts(await call(bob.identity, aliceFor(pactWithBob), tag))
        return joined(tag, theirs.n, own.k)
      },
    ],
    [
      'by a forged N before a true K',
      async () => {
        const tag = mailboxOf(pactWithCarol)
        const theirs = parts(await call(carol.identity, aliceFor(pactWithCarol), tag))
        const forged = parts(
          await call(playing(bob.identity, carol.identity), aliceFor(pactWithCarol), tag),
        )
        return joined(tag, forged.n, theirs.k)
      },
    ],
    [
      'by the N of one call before the K of another',
      async () => {
        const tag = mailboxOf(pactWithCarol)
        const first = parts(await call(carol.identity, aliceFor(pactWithCarol), tag))
        const second = parts(await call(carol.identity, aliceFor(pactWithCarol), tag))
        return joined(tag, first.n, second.k)
      },
    ],
    [
      'by a true call to another day’s mailbox',
      async () => {
        const tag = contactTag(pactWithCarol.pactSecret, alice.identity.device.key, today() + 1)
        const packet = await call(carol.identity, aliceFor(pactWithCarol), tag)
        return concat(packet.subarray(0, 1), mailboxOf(pactWithCarol), packet.subarray(17))
      },
    ],
    [
      'by a true call to another’s mailbox',
      async () => {
        const packet = await call(bob.identity, aliceFor(pactWithBob), mailboxOf(pactWithBob))
        return concat(packet.subarray(0, 1), mailboxOf(pactWithCarol), packet.subarray(17))
      },
    ],
  ]

  test.each(attempts)('%s gets silence, and the open link never notices', async (_, make) => {
    const packet = await make()
    const states: string[] = []
    toCarol.on('state', (state) => states.push(state))
    const before = {
      published: world.board.published.length,
      answers: alice.transport.answers,
      channels: world.network.size,
    }
    world.board.inject({ from: -1, tag: packet.slice(1, 17), packet })
    await settle()
    expect({
      published: world.board.published.length,
      answers: alice.transport.answers,
      channels: world.network.size,
    }).toEqual(before)
    expect([toCarol.state, ...states]).toEqual(['open'])
    await carol.mesh.links.get(alice.mesh.peer)!.send('still here')
    expect(got).toEqual(['still here'])
  })

  test('the true contact’s own call is answered', async () => {
    const before = alice.transport.answers
    const tag = mailboxOf(pactWithCarol)
    world.board.inject({
      from: -1,
      tag,
      packet: await call(carol.identity, aliceFor(pactWithCarol), tag),
    })
    await settle()
    expect(alice.transport.answers).toBe(before + 1)
    // And until its caller speaks, it changes nothing.
    expect(toCarol.state).toBe('open')
    await carol.mesh.links.get(alice.mesh.peer)!.send('still here')
    expect(got).toEqual(['still here'])
  })
})
