/** Recorded packets and frames played again, and what waits until the caller has shown to be live. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { maxUnprovenAttempts } from '../../../lib/base/limits.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { openFirstContact } from '../../../lib/session/openings.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import type { Channel, Transport } from '../../../lib/transport/transport.ts'
import { World, type Published } from '../../support/memory-peers.ts'
import {
  contactsOf,
  countedPeer,
  network,
  nobodysOffer,
  openIdentity,
  settle,
  until,
} from './adversary.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

const peerWithCounter = (wrap?: (channel: Channel) => Channel) => countedPeer(world, {}, wrap)

/** Whatever the application hears. */
function eavesdrop(mesh: Mesh): string[] {
  const heard: string[] = []
  const listen = (link: Link) => {
    link.on('state', (state) => heard.push(`state ${state}`))
    link.on('message', (message) => void heard.push(`message ${String(message)}`))
    link.on('stream', () => heard.push('stream'))
  }
  for (const link of mesh.links.values()) listen(link)
  mesh.on('link', (link) => {
    heard.push('link')
    listen(link)
  })
  mesh.on('forgotten', () => heard.push('forgotten'))
  return heard
}

const ofKind = (kind: number) => world.board.published.filter(({ packet }) => packet[0] === kind)

const play = async (...packets: Published[]) => {
  for (const published of packets) world.board.inject({ ...published, from: -1 })
  await settle()
}

describe('message 1, played again', () => {
  test('of a first contact: the identical answer while in memory, and nothing else', async () => {
    const alice = await peerWithCounter()
    const bob = await peerWithCounter()
    const toAlice = await bob.mesh.accept(await alice.mesh.invite())
    await until(() => alice.mesh.links.size === 1, 'the link')
    const heard = eavesdrop(alice.mesh)
    const [message1] = ofKind(packetKinds.firstContact)
    const [answer] = ofKind(packetKinds.acknowledge)
    const { size } = world.network
    await play(message1!, message1!, message1!)
    expect(ofKind(packetKinds.acknowledge).map(({ packet }) => packet)).toEqual(
      Array.from({ length: 4 }, () => answer!.packet),
    )
    expect([alice.transport.answers, world.network.size]).toEqual([1, size])
    await toAlice.send('undisturbed')
    expect(heard).toEqual(['message undisturbed'])
  })

  test('of a first contact, after a restart: nothing', async () => {
    const alice = await peerWithCounter()
    const bob = await peerWithCounter()
    const tickets = [await alice.mesh.invite({ uses: 2 }), await alice.mesh.invite()]
    for (const ticket of tickets) await bob.mesh.accept(ticket)
    const messages = ofKind(packetKinds.firstContact)
    expect(messages).toHaveLength(2)
    await bob.mesh.close()
    await alice.mesh.close()
    const again = await countedPeer(world, { store: alice.store })
    const heard = eavesdrop(again.mesh)
    await settle()
    const before = world.board.published.length
    await play(...messages, ...messages)
    expect([world.board.published.length, again.transport.answers]).toEqual([before, 0])
    expect(heard.filter((what) => !what.startsWith('state'))).toEqual([])
  })

  test('of a first contact never proven, after a restart: nothing', async () => {
    const alice = await peerWithCounter()
    const ticket = await alice.mesh.invite()
    const message1 = await messageFrom(ticket)
    await play(message1)
    expect(alice.transport.answers).toBe(1)
    await alice.mesh.close()
    const before = world.board.published.length
    const { transport } = await countedPeer(world, { store: alice.store })
    await play(message1)
    expect(transport.answers).toBe(0)
    expect(ofKind(packetKinds.acknowledge)).toHaveLength(1)
    expect(
      world.board.published
        .slice(before)
        .every(({ packet }) => packet[0] === packetKinds.knownContact),
    ).toBe(true)
  })

  test('of a known contact: while its session is open, after it, and after a restart of either', async () => {
    const alice = await peerWithCounter()
    const bob = await peerWithCounter()
    await bob.mesh.accept(await alice.mesh.invite())
    await bob.mesh.close()
    const bobAgain = await world.peer({ store: bob.store })
    const toAlice = bobAgain.mesh.links.get(alice.mesh.peer)!
    await toAlice.connect()
    await settle()
    const calls = ofKind(packetKinds.knownContact)
    const answers = alice.transport.answers
    expect(calls.length).toBeGreaterThan(0)

    const heard = eavesdrop(alice.mesh)
    const { size } = world.network
    await play(...calls, ...calls)
    expect([alice.transport.answers, world.network.size]).toEqual([answers, size])
    await toAlice.send('undisturbed')
    expect(heard).toEqual(['message undisturbed'])

    await bobAgain.mesh.close()
    heard.length = 0
    await settle()
    await play(...calls)
    expect([alice.transport.answers, ...heard]).toEqual([answers])

    await alice.mesh.close()
    const again = await countedPeer(world, { store: alice.store })
    const heardAgain = eavesdrop(again.mesh)
    const published = ofKind(packetKinds.acknowledge).length
    await play(...calls)
    expect(again.transport.answers).toBe(0)
    expect(ofKind(packetKinds.acknowledge)).toHaveLength(published)
    expect(heardAgain.filter((what) => what !== 'state pending')).toEqual([])
  })
})

async function messageFrom(ticket: Ticket, identity?: Awaited<ReturnType<typeof openIdentity>>) {
  const from = identity ?? (await openIdentity())
  const opening = await openFirstContact(
    from,
    network,
    ticket,
    nobodysOffer(),
    from.runtime.randomBytes(16),
  )
  return { from: -1, tag: ticket.tag, packet: opening.packet }
}

describe('until the caller has shown to be live', () => {
  /** A channel whose frames wait for `release`. */
  function gate() {
    const waiting: (() => void)[] = []
    let open = false
    let sent = 0
    const wrap = (channel: Channel): Channel => ({
      ...channel,
      get closed() {
        return channel.closed
      },
      maxMessageBytes: channel.maxMessageBytes,
      get bufferedBytes() {
        return channel.bufferedBytes
      },
      send(frame) {
        sent++
        if (open) channel.send(frame)
        else waiting.push(() => channel.send(frame))
      },
      onMessage: (listener) => channel.onMessage(listener),
      onDrain: (listener) => channel.onDrain(listener),
      close: () => channel.close(),
    })
    return {
      wrap,
      get sent() {
        return sent
      },
      release() {
        open = true
        for (const send of waiting.splice(0)) send()
      },
    }
  }

  test('the called side sends nothing and tells nobody, in a first contact', async () => {
    const [ofAlice, ofBob] = [gate(), gate()]
    const alice = await peerWithCounter(ofAlice.wrap)
    const bob = await peerWithCounter(ofBob.wrap)
    const heard = eavesdrop(alice.mesh)
    const accepting = bob.mesh.accept(await alice.mesh.invite())
    await until(() => ofBob.sent > 0, 'the first frame')
    await settle()
    expect([ofAlice.sent, alice.mesh.links.size, ...heard]).toEqual([0, 0])
    ofBob.release()
    await until(() => ofAlice.sent > 0, 'the reply')
    expect([alice.mesh.links.size, ...heard]).toEqual([1, 'link', 'state open'])
    ofAlice.release()
    await (await accepting).send('hello')
    expect(heard.filter((what) => !what.startsWith('state'))).toEqual(['link', 'message hello'])
  })

  /** Bob's wallet, with a channel that never opens. */
  const stuck = (inner: Transport): Transport => ({
    offer: () => {
      const attempt = inner.offer()
      return {
        description: attempt.description,
        channel: new Promise<Channel>(() => {}),
        onCandidates: (listener) => attempt.onCandidates(listener),
        accept: () => {},
        addCandidates: () => {},
        close: () => attempt.close(),
      }
    },
    checkOffer: (offer) => inner.checkOffer(offer),
    answer: (offer) => inner.answer(offer),
  })

  test('who never opens its channel leaves nothing but its reservation', async () => {
    const alice = await peerWithCounter()
    const bob = await world.peer({ transport: stuck(world.network.transport()) })
    const heard = eavesdrop(alice.mesh)
    const ticket = await alice.mesh.invite()
    await expect(bob.mesh.accept(ticket, { timeoutMs: 150 })).rejects.toMatchObject({
      code: 'timeout',
    })
    await bob.mesh.close()
    expect([alice.transport.answers, alice.mesh.links.size, ...heard]).toEqual([1, 0])

    const carol = await world.peer()
    await expect(carol.mesh.accept(ticket, { timeoutMs: 150 })).rejects.toMatchObject({
      code: 'timeout',
    })
    expect([alice.transport.answers, alice.mesh.links.size, ...heard]).toEqual([1, 0])

    // The answer had arrived, with the pact in it: he calls, and needs no ticket any more.
    const bobAgain = await world.peer({ store: bob.store })
    await until(() => bobAgain.mesh.links.size === 1, 'the link')
    await bobAgain.mesh.links.get(alice.mesh.peer)!.send('here I am')
    expect([...alice.mesh.links.keys()]).toEqual([bobAgain.mesh.peer])
    expect(heard.filter((what) => !what.startsWith('state'))).toEqual(['link', 'message here I am'])
  })

  test('who lost the answer redeems again, and nobody else can', async () => {
    const alice = await peerWithCounter()
    const bob = await world.peer()
    const carol = await world.peer()
    const ticket = await alice.mesh.invite()
    world.board.rule = (published) =>
      published.packet[0] === packetKinds.acknowledge ? [] : [published]
    for (const { mesh } of [bob, carol, bob]) {
      await expect(mesh.accept(ticket, { timeoutMs: 100 })).rejects.toMatchObject({
        code: 'timeout',
      })
    }
    expect(alice.transport.answers).toBe(2)
    world.board.rule = (published) => [published]
    const before = await contactsOf(alice.identity)
    await bob.mesh.accept(ticket)
    const after = await contactsOf(alice.identity)
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
    expect([...alice.mesh.links.keys()]).toEqual([bob.mesh.peer])
  })

  test('at most eight attempts are under way, however many knock at once; the others may try again', async () => {
    const alice = await peerWithCounter()
    const ticket = await alice.mesh.invite({ uses: 20 })
    const identities = await Promise.all(Array.from({ length: 20 }, () => openIdentity()))
    const messages = await Promise.all(identities.map((identity) => messageFrom(ticket, identity)))
    await play(...messages)
    // A slow machine takes some turns for so many.
    const answered = () => ofKind(packetKinds.acknowledge).length
    await until(() => answered() === maxUnprovenAttempts, 'the answers')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([alice.transport.answers, answered()]).toEqual([
      maxUnprovenAttempts,
      maxUnprovenAttempts,
    ])
    world.network.cut()
    await settle()
    await play(messages[19]!)
    expect(alice.transport.answers).toBe(maxUnprovenAttempts + 1)
  })

  test('a transport that fails frees its place', async () => {
    const inner = world.network.transport()
    let works = false
    let tried = 0
    const transport: Transport = {
      offer: () => inner.offer(),
      checkOffer: (offer) => inner.checkOffer(offer),
      answer(offer) {
        tried++
        if (!works) throw new Error('too many peer connections')
        return inner.answer(offer)
      },
    }
    const alice = await world.peer({ transport })
    const ticket = await alice.mesh.invite({ uses: 20 })
    for (let n = 0; n < maxUnprovenAttempts + 1; n++) await play(await messageFrom(ticket))
    expect(tried).toBe(maxUnprovenAttempts + 1)
    works = true
    const bob = await world.peer()
    expect((await bob.mesh.accept(ticket)).peer).toBe(alice.mesh.peer)
  })
})

describe('frames', () => {
  test('of an old session, put into a new one, end that and reach nobody', async () => {
    const recorded: Uint8Array[] = []
    /** What takes the frames of each session that is open. */
    const open = new Set<(frame: Uint8Array) => void>()
    const alice = await peerWithCounter((channel) => ({
      ...channel,
      maxMessageBytes: channel.maxMessageBytes,
      get closed() {
        return channel.closed
      },
      get bufferedBytes() {
        return channel.bufferedBytes
      },
      send: (frame) => channel.send(frame),
      onMessage(listener) {
        open.add(listener)
        void channel.closed.then(() => open.delete(listener))
        channel.onMessage((frame) => {
          recorded.push(frame.slice())
          listener(frame)
        })
      },
      onDrain: (listener) => channel.onDrain(listener),
      close: () => channel.close(),
    }))
    const bob = await peerWithCounter()
    const toAlice = await bob.mesh.accept(await alice.mesh.invite())
    await until(() => alice.mesh.links.size === 1, 'the link')
    const heard = eavesdrop(alice.mesh)
    const messages = () => heard.filter((what) => what.startsWith('message'))
    for (let n = 1; n <= 3; n++) await toAlice.send(n)
    const old = recorded.splice(0)
    expect(old.length).toBeGreaterThan(2)

    const onlySession = async (but?: unknown) => {
      const isAlone = () => open.size === 1 && world.network.size === 2 && !open.has(but as never)
      await until(isAlone, 'one new session')
      const [only] = open
      return only!
    }
    let session = await onlySession()
    for (const frame of old) {
      world.network.cut()
      // A session so short is dialled again after a wait, unless somebody asks for it.
      const cut = session
      await until(() => !open.has(cut), 'the cut to be noticed')
      await toAlice.connect()
      session = await onlySession(session)
      await toAlice.send('begin')
      heard.length = 0
      session(frame)
      await toAlice.send('again')
      expect(open.has(session)).toBe(false)
      expect(messages()).toEqual(['message again'])
    }
    // Nor twice within one session.
    session = await onlySession(session)
    await toAlice.send('begin')
    heard.length = 0
    session(recorded.at(-1)!)
    await toAlice.send('end')
    expect(open.has(session)).toBe(false)
    expect(messages()).toEqual(['message end'])
  })
})
