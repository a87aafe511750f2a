import { afterEach, describe, expect, test } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { TimeLine, virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const hourMs = 3600_000
const dayMs = 24 * hourMs

let runtime: VirtualRuntime
let world: World

/** Lets time pass in small steps until it is done. */
async function passing<T>(promise: Promise<T>, stepMs = 1): Promise<T> {
  const state = { isDone: false }
  const done = () => void (state.isDone = true)
  promise.then(done, done)
  while (!state.isDone) await runtime.advance(stepMs)
  return promise
}

function begin(skewsMs = [0, 0]) {
  const line = new TimeLine()
  runtime = virtualRuntime({ turns: 4 }, line)
  world = new World(runtime)
  return skewsMs.map((skewMs, n) => virtualRuntime({ seed: 10 + n, skewMs, turns: 4 }, line))
}

async function linked(skewsMs?: number[]) {
  const [aliceRuntime, bobRuntime] = begin(skewsMs)
  const peer = async (own: VirtualRuntime, store = new MemoryStore()) => {
    const identity = await passing(Identity.open({ store, runtime: own }))
    return { ...(await passing(world.peer({ identity }))), store }
  }
  const [alice, bob] = [await peer(aliceRuntime!), await peer(bobRuntime!)]
  const theirs = new Promise<Link>((resolve) => alice.mesh.on('link', resolve))
  const ticket = await passing(alice.mesh.invite({ expiresInMs: 3 * dayMs }))
  const toAlice = await passing(bob.mesh.accept(ticket))
  return { alice, bob, toAlice, toBob: await theirs, ticket }
}

const tables = ['tickets', 'contacts', 'answered'] as const
const stored = (store: MemoryStore) =>
  Promise.all(
    tables.map((table) =>
      store.transaction([table], { mode: 'read' }, async (tx) => (await tx.list(table)).length),
    ),
  )

afterEach(() => passing(world.close(), 500))

describe('time', () => {
  test(
    'contacts find each other on every day, and mailboxes turn with it',
    { timeout: 120_000 },
    async () => {
      for (const skewsMs of [
        [0, 0],
        [0, 23 * hourMs],
        [23 * hourMs, 0],
      ]) {
        const { alice, bob, toAlice, toBob } = await linked(skewsMs)
        const [atAlice, atBob]: [unknown[], unknown[]] = [[], []]
        toBob.on('message', (message) => void atAlice.push(message))
        toAlice.on('message', (message) => void atBob.push(message))
        const expected: number[] = []
        for (let step = 0; step < 8; step++) {
          world.network.cut()
          await runtime.advance(7 * hourMs)
          world.network.cut()
          await passing(toAlice.send(step), 100)
          world.network.cut()
          await passing(toBob.send(step), 100)
          expected.push(step)
        }
        expect(atAlice).toEqual(expected)
        expect(atBob).toEqual(expected)
        await passing(Promise.all([alice.mesh.close(), bob.mesh.close()]), 100)
        expect(runtime.pendingTimers).toBe(0)
      }
    },
  )

  test('an expired ticket is refused here, forgotten there, and its mailbox closed', async () => {
    const { alice, bob, ticket } = await linked()
    const second = await passing(alice.mesh.invite({ expiresInMs: hourMs }))
    expect(await stored(alice.store)).toEqual([2, 1, 1])
    await runtime.advance(hourMs + 1_000)
    await expect(bob.mesh.accept(second)).rejects.toMatchObject({ code: 'ticket-expired' })
    expect(await stored(alice.store)).toEqual([1, 1, 1])
    const listening = (tag: Uint8Array) => world.board.inject({ from: 1, tag, packet: tag })
    expect([listening(second.tag), listening(ticket.tag)]).toEqual([0, 1])
    await runtime.advance(3 * dayMs)
    expect((await stored(alice.store))[0]).toBe(0)
    expect(listening(ticket.tag)).toBe(0)
    expect(alice.mesh.links.size).toBe(1)
  })

  test('a withdrawn ticket is not listened to any more', async () => {
    const { alice, ticket } = await linked()
    await passing(alice.mesh.withdraw(ticket))
    expect(world.board.inject({ from: 1, tag: ticket.tag, packet: ticket.tag })).toBe(0)
    expect((await stored(alice.store))[0]).toBe(0)
    expect(alice.mesh.links.size).toBe(1)
  })

  test('a mesh that is closed leaves no timer, whatever it was about', async () => {
    const { alice, bob, toAlice } = await linked()
    const ticket = await passing(alice.mesh.invite())
    const underWay = [toAlice.send('never handled'), toAlice.request('x'), bob.mesh.accept(ticket)]
    const ends = underWay.map((each: Promise<unknown>) => each.catch(() => {}))
    await runtime.settle()
    await passing(Promise.all([bob.mesh.close(), alice.mesh.close()]), 100)
    await passing(Promise.all(ends), 100)
    expect(runtime.pendingTimers).toBe(0)
    expect(world.network.size).toBe(0)
  })

  test('nobody there: a few dials, then rest', async () => {
    const { alice, bob, toAlice } = await linked()
    await passing(alice.mesh.close(), 100)
    const before = world.board.published.length
    await runtime.advance(hourMs + 1_000)
    expect(toAlice.state).toBe('idle')
    const tried = world.board.published.length
    expect(tried).toBeGreaterThan(before - 1)
    await runtime.advance(10 * hourMs)
    expect(world.board.published).toHaveLength(tried)
    // What it waits for is the change of day.
    expect(runtime.pendingTimers).toBe(1)
    await passing(bob.mesh.close(), 100)
  })

  test('an accept times out', async () => {
    const { alice, bob } = await linked()
    const ticket = await passing(alice.mesh.invite())
    await passing(alice.mesh.withdraw(ticket))
    const startedMs = runtime.monotonicNow()
    await expect(passing(bob.mesh.accept(ticket), 100)).rejects.toMatchObject({ code: 'timeout' })
    expect(runtime.monotonicNow() - startedMs).toBeLessThan(21_000)
  })
})
