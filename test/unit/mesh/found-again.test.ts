/**
 * A peer that left all its relays while a contact slept, and the one path that is left: an old relay, a contact in common, a card by
 * hand. Each time every other path is dead. The relays are real, on loopback; channels are in memory.
 */

import { WebSocket } from 'ws'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import type { Record } from '../../../lib/codec/records.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import { signalVerbs } from '../../../lib/mesh/introducer.ts'
import type { MeshOptions } from '../../../lib/mesh/options.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { startRelay, type RunningRelay } from '../../../lib/relay/node.ts'
import { dial } from '../../../lib/session/dial.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { openFirstContact } from '../../../lib/session/openings.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { Switchboard, World } from '../../support/memory-peers.ts'
import { TimeLine, virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

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

/** Of Alice and Bob at first, of Bob later, of Carol, of Alice later. */
const [old, bobs, carols, alices] = [0, 1, 2, 3]
const peer = async (
  at: number,
  store = new MemoryStore(),
  options: Partial<MeshOptions> = {},
): Promise<{ mesh: Mesh; store: MemoryStore }> =>
  world.peer({
    store,
    relays: [relays[at]!.url],
    signaling: [],
    WebSocket: WebSocket as never,
    ...options,
  })

async function acquaint(one: { mesh: Mesh }, other: { mesh: Mesh }): Promise<void> {
  const shown = new Promise((resolve) => one.mesh.on('link', resolve))
  const link = await other.mesh.accept(await one.mesh.invite())
  await shown
  // Cards have been exchanged, both ways.
  const heard = new Promise<void>((resolve) => {
    const stop = one.mesh.links.get(other.mesh.peer)!.on('message', () => {
      stop()
      resolve()
    })
  })
  await link.send('hello')
  await heard
}

const linkOf = (from: { mesh: Mesh }, to: { mesh: Mesh }): Link =>
  from.mesh.links.get(to.mesh.peer)!

async function talk(from: { mesh: Mesh }, to: { mesh: Mesh }): Promise<void> {
  const heard = new Promise((resolve) => {
    const stop = linkOf(to, from).on('message', (message) => {
      stop()
      resolve(message)
    })
  })
  await linkOf(from, to).send('found')
  expect(await heard).toBe('found')
}

/** Both asleep; what they know of each other is where they were. */
async function asleep() {
  const [alice, bob] = [await peer(old), await peer(old)]
  await acquaint(alice, bob)
  return { alice, bob }
}

test('by an old relay', async () => {
  const { alice, bob } = await asleep()
  await Promise.all([alice.mesh.close(), bob.mesh.close()])
  const moved = await peer(bobs, bob.store)
  await talk(await peer(old, alice.store), moved)
})

test('by a card, by hand', async () => {
  const { alice, bob } = await asleep()
  await Promise.all([alice.mesh.close(), bob.mesh.close()])
  await relays[old]!.close()
  const [moved, awake] = [await peer(bobs, bob.store), await peer(alices, alice.store)]
  await awake.mesh.readCard(await moved.mesh.card())
  await talk(awake, moved)
})

describe('by a contact in common', () => {
  /** Alice sleeps while Bob moves; then Carol is all that is left. */
  async function onlyCarol(options: {
    [name in 'alice' | 'bob' | 'carol']?: Partial<MeshOptions>
  }) {
    const { alice, bob } = await asleep()
    const carol = await peer(carols, undefined, options.carol)
    await acquaint(carol, alice)
    await acquaint(carol, bob)
    await Promise.all([alice.mesh.close(), bob.mesh.close()])
    await relays[old]!.close()
    const moved = await peer(bobs, bob.store, options.bob)
    const awake = await peer(alices, alice.store, options.alice)
    for (const each of [moved, awake]) {
      await expect.poll(() => linkOf(each, carol).state).toBe('open')
    }
    return { carol, moved, awake }
  }

  test('who is connected to both', async () => {
    const { moved, awake } = await onlyCarol({})
    await talk(awake, moved)
    // From now on they need nobody: each has the other's card.
    await relays[carols]!.close()
    await Promise.all([awake.mesh.close(), moved.mesh.close()])
    await talk(await peer(alices, awake.store), await peer(bobs, moved.store))
  })
})

describe('by a contact in common, as time goes by', () => {
  let runtime: VirtualRuntime
  const passing = async <T>(promise: Promise<T>, stepMs = 1): Promise<T> => {
    const state = { isDone: false }
    const done = () => void (state.isDone = true)
    promise.then(done, done)
    while (!state.isDone) await runtime.advance(stepMs)
    return promise
  }
  afterEach(() => passing(world.close(), 500))

  /** Alice and Bob know each other, and share nothing but Carol any more. */
  async function apart(options: { [name in 'alice' | 'bob' | 'carol']?: Partial<MeshOptions> }) {
    const line = new TimeLine()
    runtime = virtualRuntime({ turns: 4 }, line)
    world = new World(runtime)
    const [between, withAlice, withBob] = [new Switchboard(), new Switchboard(), new Switchboard()]
    let seed = 0
    const open = async (
      boards: Switchboard[],
      own: Partial<MeshOptions> | undefined,
      store = new MemoryStore(),
    ) => {
      const identity = await passing(
        Identity.open({ store, runtime: virtualRuntime({ seed: ++seed, turns: 4 }, line) }),
      )
      const signaling = boards.map((board) => board.path())
      return { ...(await passing(world.peer({ ...own, identity, signaling }))), store }
    }
    const alice = await open([between, withAlice], options.alice)
    const bob = await open([between, withBob], options.bob)
    const carol = await open([withAlice, withBob], options.carol)
    for (const [one, other] of [
      [alice, bob],
      [alice, carol],
      [bob, carol],
    ] as const) {
      await passing(acquaint(one, other))
    }
    await passing(Promise.all([alice.mesh.close(), bob.mesh.close()]))
    const awake = await open([withAlice], options.alice, alice.store)
    const moved = await open([withBob], options.bob, bob.store)
    await runtime.advance(100)
    const ofCarol = () => String([awake, moved].map((each) => linkOf(carol, each).state))
    expect(ofCarol()).toBe('open,open')
    return { awake, moved, carol, ofCarol }
  }

  test('who has hung up on both, as on all who are idle', async () => {
    const { awake, moved, ofCarol } = await apart({})
    while (ofCarol() !== 'idle,idle') await runtime.advance(1000)
    expect(linkOf(moved, awake).state).toBe('idle')
    const begunAtMs = runtime.monotonicNow()
    await passing(talk(moved, awake), 10)
    // Called with the third publish, Carol has been called and has called by the fourth.
    expect(runtime.monotonicNow() - begunAtMs).toBeLessThan(8000)
  })

  test.each([
    ['Carol to Alice', 'awake'],
    ['Carol to Bob', 'moved'],
    ['Alice to Carol', 'awake'],
    ['Bob to Carol', 'moved'],
  ] as const)('not without the right, of %s, and at once with it again', async (who, name) => {
    const { carol, ...others } = await apart({})
    const { awake, moved } = others
    const each = others[name]
    const link = who.startsWith('Carol') ? linkOf(carol, each) : linkOf(each, carol)
    await passing(link.allow(['message', 'request', 'stream']))
    await runtime.advance(200)
    const inVain = linkOf(moved, awake).connect({ timeoutMs: 15_000 })
    await expect(passing(inVain, 50)).rejects.toMatchObject({ code: 'timeout' })
    // The session with Carol has gone on.
    await passing(talk(awake, carol))
    await passing(talk(moved, carol))
    await passing(link.allow(['*']))
    await passing(talk(moved, awake), 10)
  })

  test.each(['alice', 'bob', 'carol'] as const)(
    'not if %s takes no part in introductions',
    async (who) => {
      const { awake, moved } = await apart({ [who]: { introductions: false } })
      let arrived = false
      const sent = linkOf(awake, moved).send('found')
      sent.then(
        () => (arrived = true),
        () => {},
      )
      for (let s = 0; s < 120; s++) await runtime.advance(1000)
      expect(arrived).toBe(false)
    },
  )
})

describe('what a contact hears', () => {
  /** Bob by hand: an authenticated peer that may say anything. */
  async function byHand(options: Partial<MeshOptions>) {
    const alice = await world.peer(options)
    const bob = await Identity.open({ store: new MemoryStore() })
    const ticket = await alice.mesh.invite()
    const session = await dial({
      identity: bob,
      transport: world.network.transport(),
      intake: new Intake(bob.runtime),
      idleTimeoutMs: 60_000,
      signaling: world.board.path(),
      tag: ticket.tag,
      open: (description, replyTag) =>
        openFirstContact(bob, networkId('main'), ticket, description, replyTag),
    })
    const signals: Record[] = []
    const id = () => systemRuntime.randomBytes(16)
    session.control([recordKinds.hello, 1, id(), id(), 1, 0, null, 0, null])
    session.start({
      onRecords: (records) => {
        signals.push(...records.filter(([kind]) => kind === recordKinds.signal))
      },
      isIdle: () => false,
    })
    await session.confirmed
    await expect.poll(() => alice.mesh.links.size).toBe(1)
    return { alice, session, signals }
  }

  const counts = (signals: Record[]) =>
    signals.map(([, verb, tags]) => [verb, (tags as unknown[]).length])

  test('is how many others there are: three tags each, until they are forgotten', async () => {
    const { alice, session, signals } = await byHand({})
    await session.ping()
    expect(signals).toEqual([])
    const carol = await world.peer()
    await carol.mesh.accept(await alice.mesh.invite())
    await expect.poll(() => counts(signals)).toEqual([[signalVerbs.subscribe, 3]])
    await alice.mesh.forget(carol.mesh.peer)
    await expect
      .poll(() => counts(signals))
      .toEqual([
        [signalVerbs.subscribe, 3],
        [signalVerbs.unsubscribe, 3],
      ])
    expect(signals[1]![2]).toEqual(signals[0]![2])
  })

  test('is nothing from one who takes no part, whatever it says', async () => {
    const { alice, session, signals } = await byHand({ introductions: false })
    const carol = await world.peer()
    await carol.mesh.accept(await alice.mesh.invite())
    for (const verb of [0, 1, 2, 3, 4]) session.control([recordKinds.signal, verb, 'anything'])
    await session.ping()
    await session.ping()
    expect(signals).toEqual([])
    expect(session.isOpen).toBe(true)
  })

  test('is a bye, when it breaks the rules', async () => {
    const { alice, session } = await byHand({})
    session.control([recordKinds.signal, signalVerbs.subscribe, [new Uint8Array(15)]])
    // The other side says `bye` and closes at once: one or the other comes first.
    expect(['protocol', 'lost']).toContain(await session.ended)
    expect(alice.mesh.links.size).toBe(1)
  })
})
