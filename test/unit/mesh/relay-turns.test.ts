/** More relays of contacts than may be connected to at once. The relays are played: they welcome, or are silent. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dialTimeoutMs, maxRelays, relayTurnMs } from '../../../lib/base/limits.ts'
import { Paths, type Route } from '../../../lib/mesh/paths.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { encodeRelayMessage, parseClientMessage } from '../../../lib/signaling/relay-protocol.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const tag = new Uint8Array(16).fill(1)
const packet = new Uint8Array(32)

/** By the names of relays. */
const sockets: { name: string; isOpen: boolean; subscribed: number; published: number }[] = []
const silent = new Set<string>()
let paths: Paths
let runtime: VirtualRuntime

class PlayedSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null
  readonly #socket
  constructor(url: string) {
    this.#socket = { name: nameOf(url), isOpen: true, subscribed: 0, published: 0 }
    sockets.push(this.#socket)
    const welcome = [verb.welcome, 1, Math.floor(runtime.now() / 1000)] as const
    if (!silent.has(this.#socket.name)) runtime.setTimer(1, () => this.#say(welcome))
  }
  send(bytes: Uint8Array): void {
    const message = parseClientMessage(bytes)
    if (message[0] === verb.subscribe) this.#socket.subscribed += message[1].length
    if (message[0] !== verb.publish) return
    if (message[3].length > 0) this.#socket.published++
    runtime.setTimer(1, () => this.#say([verb.published, message[1], 0]))
  }
  close(): void {
    this.#socket.isOpen = false
  }
  #say(message: Parameters<typeof encodeRelayMessage>[0]): void {
    const data = encodeRelayMessage(message)
    if (this.#socket.isOpen) this.onmessage?.({ data: data.buffer })
  }
}

const urlOf = (name: string) => `wss://${name}.example/`
const nameOf = (url: string) => new URL(url).hostname.split('.')[0]!
const names = (count: number, prefix = 'r') => Array.from({ length: count }, (_, n) => prefix + n)
const placed = () => paths.states.map(({ path }) => nameOf(path))
const routeTo = (name: string): Route => {
  const route = paths.through([urlOf(name)])
  route.subscribe(tag, () => {})
  return route
}

beforeEach(() => {
  sockets.length = 0
  silent.clear()
  runtime = virtualRuntime()
  const WebSocket = PlayedSocket as never
  paths = new Paths({ runtime, relays: [urlOf('own')], signaling: [], WebSocket })
})
afterEach(async () => {
  await paths.close()
  await runtime.advance(10)
  expect(sockets.filter(({ isOpen }) => isOpen)).toEqual([])
  expect(runtime.pendingTimers).toBe(0)
})

/** Lets turns pass and returns who had a place in each. */
async function turns(count: number): Promise<string[][]> {
  const all: string[][] = []
  for (let n = 0; n < count; n++) {
    await runtime.advance(relayTurnMs)
    all.push(placed())
  }
  return all
}

const room = maxRelays - 1

describe('a relay that there is no place for', () => {
  test('waits, and takes the first that comes free, with what is subscribed', async () => {
    const routes = names(room + 1).map(routeTo)
    await runtime.advance(100)
    const last = `r${room}`
    expect(placed()).toEqual(['own', ...names(room)])
    expect(routes.at(-1)!.paths).toHaveLength(1)
    await routes[3]!.close()
    await runtime.advance(100)
    expect(placed()).not.toContain('r3')
    expect(sockets.find(({ name }) => name === last)).toMatchObject({ isOpen: true, subscribed: 1 })
    expect(routes.at(-1)!.paths).toHaveLength(2)
  })

  test('replaces those that are down at the next turn, and leaves alone those that are up', async () => {
    for (const name of ['r2', 'r5']) silent.add(name)
    names(room + 3).forEach(routeTo)
    await runtime.advance(relayTurnMs - 1)
    expect(placed()).toEqual(['own', ...names(room)])
    await runtime.advance(1)
    const rest = names(room).filter((name) => !silent.has(name))
    expect(placed()).toEqual(['own', ...rest, `r${room}`, `r${room + 1}`])
  })

  test('is tried in turn, though all are up: no contact is never heard', async () => {
    const all = names(room + 4)
    all.forEach(routeTo)
    const seen = await turns(all.length)
    for (const name of all) {
      const held = seen.filter((each) => each.includes(name)).length
      expect(held).toBeGreaterThanOrEqual(room - 4)
      expect(held).toBeLessThan(all.length)
    }
    for (const each of seen) expect(each).toHaveLength(maxRelays)
    // One change a turn.
    expect(sockets).toHaveLength(maxRelays + all.length)
  })

  test('is tried again and again where all are down, each in its turn', async () => {
    const all = names(2 * room)
    for (const name of all) silent.add(name)
    all.forEach(routeTo)
    const seen = await turns(4)
    for (const name of all) {
      expect(seen.filter((each) => each.includes(name))).toHaveLength(2)
    }
  })

  test('need not wait when a packet is to go there, once another has served a call', async () => {
    const routes = names(room + 1).map(routeTo)
    const last = routes.at(-1)!
    await runtime.advance(dialTimeoutMs - 1)
    const early = last.publish(tag, packet).catch(() => 0)
    await runtime.advance(0)
    expect(last.paths).toHaveLength(1)
    await runtime.advance(1)
    const late = last.publish(tag, packet)
    await runtime.advance(100)
    await Promise.all([early, late])
    const socket = sockets.find(({ name }) => name === `r${room}`)
    expect(socket).toMatchObject({ isOpen: true, subscribed: 1, published: 1 })
    expect(placed()).not.toContain('r0')
    expect(placed()).toHaveLength(maxRelays)
  })

  test('that is not allowed takes no place from another', async () => {
    names(room).forEach(routeTo)
    const bad = paths.through(['ws://far.example/', 'nonsense'])
    expect(runtime.pendingTimers).toBeGreaterThan(0)
    const before = placed()
    await turns(3)
    expect(placed()).toEqual(before)
    await bad.close()
  })
})

test('whose turn it is, or who comes back, are told apart', async () => {
  let opened = 0
  paths.onOpen(() => opened++)
  names(room + 2).forEach(routeTo)
  await turns(3)
  // One's own.
  expect(opened).toBe(1)
  silent.add('slow')
  const route = routeTo('slow')
  await runtime.advance(1000)
  route.publish(tag, packet).catch(() => 0)
  expect(placed()).toContain('slow')
  expect(opened).toBe(1)
  silent.clear()
  await runtime.advance(20_000)
  expect(opened).toBe(2)
})

test('nothing takes turns where there is room for all', async () => {
  names(room).forEach(routeTo)
  const before = placed()
  await turns(5)
  expect(placed()).toEqual(before)
  expect(sockets).toHaveLength(maxRelays)
})

test("one's own relays keep their places, also those that contacts name", async () => {
  names(room + 2).forEach(routeTo)
  const shared = routeTo('own')
  for (const each of await turns(2 * maxRelays)) expect(each).toContain('own')
  await shared.close()
  expect(placed()).toContain('own')
})
