/** Locked keys: sessions that are open go on, and nothing else begins, here or outside. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import type { Link } from '../../../lib/link/link.ts'
import { simulatedWrappingKey as wrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { TabPeers } from '../../support/tab-peers.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const locked = { code: 'locked' }

let runtime: VirtualRuntime
let world: World

beforeEach(() => {
  runtime = virtualRuntime({ seed: 1 })
  world = new World(runtime)
})
afterEach(() => passing(world.close(), 500))

/** Lets time pass in small steps until it is done. */
async function passing<T>(promise: Promise<T>, stepMs = 5): Promise<T> {
  const state = { isDone: false }
  const done = () => void (state.isDone = true)
  promise.then(done, done)
  while (!state.isDone) await runtime.advance(stepMs)
  return promise
}

async function peer() {
  const identity = await passing(Identity.open({ store: new MemoryStore(), runtime, wrappingKey }))
  return passing(world.peer({ identity }))
}

async function linked() {
  const [alice, bob] = [await peer(), await peer()]
  const toBob = new Promise<Link>((resolve) => alice.mesh.on('link', resolve))
  const toAlice = await passing(bob.mesh.accept(await passing(alice.mesh.invite())))
  const links = { toAlice, toBob: await toBob }
  const [atAlice, atBob]: [unknown[], unknown[]] = [[], []]
  links.toBob.on('message', (message) => void atAlice.push(message))
  toAlice.on('message', (message) => void atBob.push(message))
  return { alice, bob, ...links, atAlice, atBob }
}

describe('while an identity is locked', () => {
  test('messages, requests and streams go on over a session that is open', async () => {
    const { alice, toAlice, toBob, atAlice, atBob } = await linked()
    toBob.handle('double', (n) => (n as number) * 2)
    alice.identity.lock()
    for (let n = 0; n < 100; n++) {
      await passing(Promise.all([toAlice.send(n), toBob.send(n)]))
    }
    expect([atAlice.length, atBob.length]).toEqual([100, 100])
    expect(await passing(toAlice.request('double', 21))).toBe(42)
    // Kept alive by pings.
    await runtime.advance(120_000)
    expect(await passing(toAlice.request('double', 4))).toBe(8)
    expect(toBob.state).toBe('open')
  })

  test('nothing is invited, accepted, called or opened', async () => {
    const { alice, bob } = await linked()
    const ticket = await passing(bob.mesh.invite())
    alice.identity.lock()
    await expect(alice.mesh.invite()).rejects.toMatchObject(locked)
    await expect(alice.mesh.accept(ticket)).rejects.toMatchObject(locked)
    const { identity } = alice
    await passing(alice.mesh.close(), 100)
    await expect(Mesh.open({ identity, signaling: [] })).rejects.toMatchObject(locked)
    await identity.unlock()
    await (await Mesh.open({ identity, signaling: [] })).close()
  })

  test('a lost session stays lost, callers get silence, and all resumes when it is unlocked', async () => {
    const { alice, toAlice, toBob, atAlice, atBob } = await linked()
    alice.identity.lock()
    world.network.cut()
    await runtime.advance(100)
    const before = world.board.published.length
    const sent = Promise.all([toBob.send('from a locked wallet'), toAlice.send('to one')])
    await runtime.advance(120_000)
    // Bob has called more than once. Of Alice there was not a packet.
    const calls = world.board.published.slice(before)
    expect(calls.length).toBeGreaterThan(5)
    expect(new Set(calls.map(({ from }) => from))).toEqual(new Set([1]))
    expect(toBob.state).not.toBe('open')
    await alice.identity.unlock()
    await passing(sent)
    expect([atAlice, atBob]).toEqual([['to one'], ['from a locked wallet']])
  })

  test('a ticket is redeemed by the very packet that came meanwhile, once it is unlocked', async () => {
    const { alice } = await linked()
    const carol = await peer()
    const ticket = await passing(alice.mesh.invite())
    alice.identity.lock()
    const before = world.board.published.length
    const accepting = carol.mesh.accept(ticket)
    await runtime.advance(5_000)
    const [first, ...others] = world.board.published.slice(before).map(({ packet }) => packet)
    expect(others.length).toBeGreaterThan(0)
    for (const other of others) expect(other).toEqual(first)
    await alice.identity.unlock()
    await passing(accepting)
    expect(alice.mesh.links.has(carol.mesh.peer)).toBe(true)
  })

  test('what was being accepted fails, and can be accepted later', async () => {
    const [alice, bob] = [await peer(), await peer()]
    const ticket = await passing(alice.mesh.invite())
    const accepting = bob.mesh.accept(ticket)
    // Before the pact is stored.
    bob.identity.lock()
    await expect(passing(accepting)).rejects.toMatchObject(locked)
    await bob.identity.unlock()
    await passing(bob.mesh.accept(ticket))
    expect(bob.mesh.links.size).toBe(1)
  })
})

test('a tab that is locked does not lead: the next does, and the first again once it is unlocked', async () => {
  const peers = new TabPeers()
  const errors: unknown[] = []
  const report = (event: unknown) => void errors.push(event)
  process.on('unhandledRejection', report)
  try {
    const { store } = peers.world
    const identityOf = (tab: { runtime: typeof runtime }) =>
      Identity.open({ store, runtime: tab.runtime, wrappingKey })
    const first = await peers.tab()
    const bob = await peers.bob(first.mesh)
    const heard: unknown[] = []
    bob.link.on('message', (message) => void heard.push(message))
    const secondTab = peers.world.open()
    const identity = await peers.passing(identityOf(secondTab as never))
    const second = await peers.passing(
      Mesh.open({
        identity,
        tabs: secondTab.hub,
        transport: peers.peers.network.transport(),
        signaling: [peers.peers.board.path()],
      }),
    )
    identity.lock()
    await expect(second.invite()).rejects.toMatchObject(locked)
    // It works through the tab that leads, all the same.
    await peers.passing(second.links.get(bob.mesh.peer)!.send('through another'))
    await peers.passing(first.mesh.close(), 100)
    const sent = second.links.get(bob.mesh.peer)!.send('later')
    await peers.world.clock.advance(30_000)
    expect(second.links.get(bob.mesh.peer)!.state).not.toBe('open')
    await identity.unlock()
    await peers.passing(sent)
    expect(heard).toEqual(['through another', 'later'])
    await peers.passing(second.close(), 100)
    expect(errors).toEqual([])
  } finally {
    process.off('unhandledRejection', report)
    await peers.close()
  }
})
