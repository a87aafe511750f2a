/** Peers that move from relay to relay. The relays are real, on loopback; channels are in memory. */

import { WebSocket } from 'ws'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  formerRelaysMs,
  maxCardBytes,
  maxAnnouncementsPerSession,
} from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import type { Record } from '../../../lib/codec/records.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import { readCard, signCard } from '../../../lib/mesh/card.ts'
import { openOwnCard } from '../../../lib/mesh/cards.ts'
import { Contacts, type Contact } from '../../../lib/mesh/contacts.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { startRelay, type RunningRelay } from '../../../lib/relay/node.ts'
import { dial } from '../../../lib/session/dial.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { openFirstContact } from '../../../lib/session/openings.ts'
import { RelayClient } from '../../../lib/signaling/relay-client.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { everythingGranted } from '../../support/second-device.ts'

let world: World
let relays: RunningRelay[]
beforeEach(async () => {
  world = new World()
  relays = await Promise.all([1, 2, 3, 4].map(() => startRelay({ port: 0 })))
})
afterEach(async () => {
  await world.close()
  await Promise.all(relays.map((relay) => relay.close()))
})

const url = (n: number) => relays[n]!.url
const peer = async (at: readonly string[], store = new MemoryStore()) => {
  const options = { store, relays: at, signaling: [], WebSocket: WebSocket as never }
  return world.peer(options)
}

/** What a peer knows of where the others are. */
const known = async ({ identity }: { identity: Identity }) => {
  const peers = await Peers.open(identity)
  return peers.values().flatMap(({ devices }) => devices.map(({ relays: at }) => at))
}

const nextLink = (mesh: Mesh) => new Promise<Link>((resolve) => mesh.on('link', resolve))

async function linked(ofAlice: readonly string[], ofBob: readonly string[]) {
  const [alice, bob] = [await peer(ofAlice), await peer(ofBob)]
  const theirs = nextLink(alice.mesh)
  const toAlice = await bob.mesh.accept(await alice.mesh.invite())
  const toBob = await theirs
  await expect.poll(() => known(alice)).toEqual([[...ofBob]])
  await expect.poll(() => known(bob)).toEqual([[...ofAlice]])
  return { alice, bob, toAlice, toBob }
}

async function talk(from: { mesh: Mesh }, to: { mesh: Mesh }): Promise<void> {
  const link = from.mesh.links.get(to.mesh.peer)!
  const heard = new Promise((resolve) => {
    const stop = to.mesh.links.get(from.mesh.peer)!.on('message', (message) => {
      stop()
      resolve(message)
    })
  })
  await link.send('hello')
  expect(await heard).toBe('hello')
}

describe('relays of each other', () => {
  test('are known on both sides from first contact on', async () => {
    const { alice, bob } = await linked([url(0)], [url(1), url(2)])
    await talk(alice, bob)
  })

  test('one dead relay of two hurts nothing', async () => {
    const { alice, bob } = await linked([url(0), url(1)], [url(0), url(1)])
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    await relays[0]!.close()
    const again = await peer([url(0), url(1)], alice.store)
    const other = await peer([url(0), url(1)], bob.store)
    await talk(again, other)
    await talk(other, again)
  })
})

describe('moving house', () => {
  test('one side moves while the other sleeps, and is found where it was', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    const moved = await peer([url(1)], bob.store)
    const awake = await peer([url(0)], alice.store)
    await talk(awake, moved)
    await expect.poll(() => known(awake)).toEqual([[url(1)]])
    // From now on the first relay is not needed any more.
    await Promise.all([awake.mesh.close(), moved.mesh.close()])
    await relays[0]!.close()
    await talk(await peer([url(2)], alice.store), await peer([url(1)], bob.store))
  })

  test('both move, to different relays at different times, and stay in touch', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    const alone = await peer([url(1)], alice.store)
    await alone.mesh.close()
    const other = await peer([url(2)], bob.store)
    const again = await peer([url(1)], alice.store)
    await talk(other, again)
    await talk(again, other)
    await expect.poll(() => known(other)).toEqual([[url(1)]])
    await expect.poll(() => known(again)).toEqual([[url(2)]])
  })

  test('both leave different relays, neither knowing where the other went', async () => {
    const { alice, bob } = await linked([url(0)], [url(1)])
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    const [here, there] = [await peer([url(2)], alice.store), await peer([url(3)], bob.store)]
    await talk(here, there)
    await expect.poll(() => known(here)).toEqual([[url(3)]])
    await expect.poll(() => known(there)).toEqual([[url(2)]])
  })

  test('a session that stands takes the new relays into use at once', async () => {
    const { alice, bob, toBob } = await linked([url(0)], [url(0)])
    await bob.mesh.close()
    const moved = await peer([url(1)], bob.store)
    await talk(alice, moved)
    await expect.poll(() => alice.mesh.signaling.map(({ path }) => path)).toContain(url(1))
    await moved.mesh.close()
    await expect.poll(() => toBob.state).not.toBe('open')
    // Only the relay it moved to is left.
    await relays[0]!.close()
    await talk(alice, await peer([url(1)], bob.store))
  })

  test('by hand, when no path is left', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    const old = await bob.mesh.card()
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    await relays[0]!.close()
    const moved = await peer([url(1)], bob.store)
    const awake = await peer([url(2)], alice.store)
    const fresh = await moved.mesh.card()
    const link = await awake.mesh.readCard(fresh)
    expect(link).toBe(awake.mesh.links.get(moved.mesh.peer))
    await talk(awake, moved)
    expect(await awake.mesh.readCard(fresh)).toBe(link)
    await expect(awake.mesh.readCard(old)).rejects.toMatchObject({ code: 'bad-card' })
    expect(await known(awake)).toEqual([[url(1)]])
  })
})

describe('a card by hand is refused', () => {
  test('of a stranger, of oneself, and after the contact was forgotten', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    const stranger = await peer([url(1)])
    const cards = [await stranger.mesh.card(), await alice.mesh.card(), await bob.mesh.card()]
    await alice.mesh.forget(bob.mesh.peer)
    for (const card of cards) {
      await expect(alice.mesh.readCard(card)).rejects.toMatchObject({ code: 'bad-card' })
    }
    await alice.mesh.close()
    await expect(alice.mesh.readCard(cards[0]!)).rejects.toMatchObject({ code: 'closed' })
  })
})

// The other side says `bye` and closes at once: one or the other comes first.
const brokenOff = ['protocol', 'lost']

describe('on a session with an authenticated peer', () => {
  /** Bob by hand: what he says after his hello may be anything. */
  async function byHand() {
    const alice = await peer([url(0)])
    const bob = await Identity.open({ store: new MemoryStore() })
    const ticket = await alice.mesh.invite()
    const board = new RelayClient({
      url: url(0),
      runtime: systemRuntime,
      WebSocket: WebSocket as never,
    })
    const session = await dial({
      identity: bob,
      transport: world.network.transport(),
      intake: new Intake(bob.runtime),
      idleTimeoutMs: 60_000,
      signaling: board,
      tag: ticket.tag,
      open: (description, replyTag) =>
        openFirstContact(bob, networkId('main'), ticket, description, replyTag),
    })
    const heard: Record[] = []
    session.control([
      recordKinds.hello,
      1,
      new Uint8Array(16),
      new Uint8Array(16),
      1,
      0,
      null,
      0,
      null,
    ])
    session.start({ onRecords: (records) => void heard.push(...records), isIdle: () => false })
    await session.confirmed
    await expect.poll(() => alice.mesh.links.size).toBe(1)
    await board.close()
    const say = (card: Uint8Array) => session.control([recordKinds.card, card])
    const card = (number: number, by = bob) =>
      signCard(by, { number, relays: [`wss://r${number}.example/`], issuedS: 1 })
    return { alice, bob, session, heard, say, card }
  }

  test('the latest counts; older ones and the same again are no news', async () => {
    const { alice, session, heard, say, card } = await byHand()
    for (const number of [2, 5, 5, 3]) say(await card(number))
    await expect.poll(() => known(alice)).toEqual([['wss://r5.example/']])
    say(await card(4))
    await session.ping()
    expect(await known(alice)).toEqual([['wss://r5.example/']])
    const [, own] = heard.find(([kind]) => kind === recordKinds.card)!
    expect(readCard(own as Uint8Array, NaN)).toMatchObject({
      peer: alice.mesh.peer,
      relays: [url(0)],
    })
  })

  test.each(['forged', 'truncated', "another's", 'empty', 'oversized', 'no bytes'])(
    'one that is %s ends it, and changes nothing',
    async (what) => {
      const { alice, session, say, card } = await byHand()
      const good = await card(2)
      const other = await Identity.open({ store: new MemoryStore() })
      const bad: { [what: string]: unknown } = {
        forged: good.with(good.length - 1, good.at(-1)! ^ 1),
        truncated: good.slice(0, -1),
        "another's": await card(2, other),
        empty: new Uint8Array(),
        oversized: new Uint8Array(maxCardBytes + 1),
        'no bytes': 'card',
      }
      say(bad[what] as Uint8Array)
      expect(brokenOff).toContain(await session.ended)
      expect(await known(alice)).toEqual([[]])
      expect(alice.mesh.links.size).toBe(1)
    },
  )

  test('the card of another contact ends it', async () => {
    const { alice, session, say, card } = await byHand()
    const carol = await peer([url(0)])
    await carol.mesh.accept(await alice.mesh.invite())
    await expect.poll(async () => (await known(alice)).flat()).toEqual([url(0)])
    say(await card(2 ** 40, carol.identity))
    expect(brokenOff).toContain(await session.ended)
    expect((await known(alice)).flat()).toEqual([url(0)])
  })

  test('too many end it', async () => {
    const { session, say, card } = await byHand()
    const good = await card(2)
    for (let n = 0; n < maxAnnouncementsPerSession; n++) say(good)
    await session.ping()
    say(good)
    expect(brokenOff).toContain(await session.ended)
  })
})

describe("one's own card", () => {
  test('stays as it is until the relays change, and then has a higher number', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    const first = await openOwnCard(identity, ['wss://a.example/'])
    expect(await openOwnCard(identity, ['wss://a.example/'])).toEqual(first)
    const second = await openOwnCard(identity, ['wss://b.example/'])
    expect(second.card.number).toBeGreaterThan(first.card.number)
    expect(second.formerRelays).toEqual(['wss://a.example/'])
    const back = await openOwnCard(identity, ['wss://a.example/'])
    expect(back.card.number).toBeGreaterThan(second.card.number)
    expect(back.formerRelays).toEqual(['wss://b.example/'])
  })

  test('remembers the last four relays that were left, for thirty days', async () => {
    let nowMs = systemRuntime.now()
    const runtime = { ...systemRuntime, now: () => nowMs }
    const identity = await Identity.open({ store: new MemoryStore(), runtime })
    const at = (n: number) => `wss://r${n}.example/`
    for (let n = 0; n < 6; n++) await openOwnCard(identity, [at(n)])
    const { formerRelays } = await openOwnCard(identity, [at(6)])
    expect(formerRelays).toEqual([at(5), at(4), at(3), at(2)])
    nowMs += formerRelaysMs - 1
    expect((await openOwnCard(identity, [at(6)])).formerRelays).toHaveLength(4)
    nowMs += 1
    expect((await openOwnCard(identity, [at(6)])).formerRelays).toEqual([])
  })

  test('names four relays at most, and none that is not allowed', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    const five = [1, 2, 3, 4, 5].map((n) => `wss://r${n}.example/`)
    const { card } = await openOwnCard(identity, ['ws://far.example/', ...five])
    expect(card.relays).toEqual(five.slice(0, 4))
  })
})

describe('on disk', () => {
  test('the latest card wins, in whatever order two are written', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    const contacts = await Contacts.open(alice.identity)
    const number = 2 ** 40
    const card = (n: number) =>
      signCard(bob.identity, { number: number + n, relays: [`wss://r${n}.example/`], issuedS: 1 })
    const [one, two] = [readCard(await card(1), NaN), readCard(await card(2), NaN)]
    await Promise.all([contacts.learn(one), contacts.learn(two)])
    await contacts.learn(one)
    const device = contacts.peers.deviceOf(bob.mesh.peer, one.deviceKey)
    expect(device).toMatchObject({ relays: two.relays, cardNumber: number + 2 })
    expect(await known(alice)).toEqual([two.relays])
  })

  test('an older card does not hold for a newer pact either', async () => {
    const { alice, bob } = await linked([url(0)], [url(0)])
    const contacts = await Contacts.open(alice.identity)
    const [{ id: _, ...first }] = contacts.values() as [Contact]
    const device = contacts.peers.deviceOf(bob.mesh.peer, bob.identity.device.key)!
    const { cardNumber } = device
    const pactId = first.pactId.map((byte) => byte ^ 1)
    await contacts.add(
      { ...first, pactId },
      { ...device, relays: [], cardNumber: 0, card: null },
      everythingGranted,
    )
    expect(await known(alice)).toEqual([[url(0)]])
    const at = async (number: number) =>
      readCard(await signCard(bob.identity, { number, relays: [url(1)], issuedS: 1 }), NaN)
    expect(await contacts.learn(await at(cardNumber - 1))).toBe(false)
    expect(await contacts.learn(await at(cardNumber))).toBe(false)
    expect(await contacts.learn(await at(cardNumber + 1))).toBe(true)
    expect(await known(alice)).toEqual([[url(1)]])
  })
})
