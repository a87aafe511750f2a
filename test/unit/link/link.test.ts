import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { LinkState } from '../../../lib/link/state.ts'
import { LinkPair, linkWithPuppet } from '../../support/link-pair.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

const statesOf = (pair: LinkPair, side: 0 | 1) => {
  const states: LinkState[] = []
  pair.links[side].on('state', (state) => void states.push(state))
  return states
}

describe('a link', () => {
  test('goes through its states, on both sides', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 5 })
    const [a, b] = [statesOf(pair, 0), statesOf(pair, 1)]
    const sent = pair.links[0].send(1).catch(() => {})
    await runtime.advance(100)
    expect(a).toEqual(['pending', 'open'])
    expect(b).toEqual(['request', 'open'])
    pair.isReachable = false
    pair.network.cut()
    await runtime.advance(10_000)
    expect([a.at(-1), b.at(-1)]).toEqual(['idle', 'idle'])
    await pair.close()
    await sent
    expect([a.at(-1), b.at(-1)]).toEqual(['closed', 'closed'])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('connect dials at once, also during the wait of an earlier failure', async () => {
    const pair = new LinkPair({ runtime })
    pair.isReachable = false
    void pair.links[0].send(1).catch(() => {})
    await runtime.advance(10 * 60_000)
    const before = pair.dials.length
    pair.isReachable = true
    const connecting = pair.links[0].connect()
    await runtime.settle()
    await connecting
    expect(pair.dials).toHaveLength(before + 1)
    await pair.links[0].connect()
    expect(pair.dials).toHaveLength(before + 1)
    await pair.close()
  })

  test('connect times out, and takes a signal', async () => {
    const pair = new LinkPair({ runtime })
    pair.isReachable = false
    const late = expect(pair.links[0].connect({ timeoutMs: 700 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const controller = new AbortController()
    const aborted = expect(pair.links[0].connect({ signal: controller.signal })).rejects.toThrow(
      'no more',
    )
    controller.abort(new Error('no more'))
    await aborted
    await expect(pair.links[0].connect({ signal: controller.signal })).rejects.toThrow('no more')
    await runtime.advance(700)
    await late
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('an idle session ends, the link stays and takes up where it was', async () => {
    const pair = new LinkPair({ runtime, idleTimeoutMs: 60_000 })
    const got: unknown[] = []
    pair.links[1].on('message', (message) => void got.push(message))
    const first = pair.links[0].send(1)
    await runtime.advance(50)
    await first
    await runtime.advance(120_000)
    expect(pair.links.map(({ state }) => state)).toEqual(['idle', 'idle'])
    expect(runtime.pendingTimers).toBe(0)
    const second = pair.links[0].send(2)
    await runtime.advance(50)
    await second
    expect(got).toEqual([1, 2])
    expect(pair.dials).toEqual([0, 0])
    await pair.close()
  })

  test('a message without a handler keeps the session from being idle', async () => {
    const pair = new LinkPair({ runtime, idleTimeoutMs: 60_000 })
    void pair.links[0].send(1).catch(() => {})
    await runtime.advance(10 * 60_000)
    expect(pair.links[0].state).toBe('open')
    await pair.close()
  })

  test('a session a day old is replaced when there is something to say', async () => {
    const pair = new LinkPair({ runtime })
    const got: unknown[] = []
    pair.links[1].on('message', (message) => void got.push(message))
    const minutes = (25 * 3600_000) / 240_000
    for (let n = 0; n < minutes; n++) {
      const sent = pair.links[0].send(n)
      await runtime.advance(240_000)
      await sent
    }
    expect(got).toHaveLength(Math.ceil(minutes))
    expect(pair.connections.length).toBeGreaterThan(1)
    expect(pair.connections.length).toBeLessThan(4)
    await pair.close()
  })

  test('a page that is left says bye at once and does not dial; woken, it does', async () => {
    const pair = new LinkPair({ runtime })
    const connecting = pair.links[0].connect()
    await runtime.settle()
    await connecting
    void pair.links[0].send('waits').catch(() => {})
    await runtime.settle()
    pair.isReachable = false
    void pair.sessions[0].suspend('suspended', 'at once')
    await runtime.advance(60_000)
    const own = () => pair.dials.filter((side) => side === 0).length
    expect(own()).toBe(1)
    expect(await pair.connections[0]!.sessions[0].ended).toBe('suspended')
    pair.isReachable = true
    pair.sessions[0].wake()
    await runtime.advance(1_000)
    expect(own()).toBe(2)
    await pair.close()
  })

  test('what waited is called again when the network is back', async () => {
    const pair = new LinkPair({ runtime })
    const connecting = pair.links[0].connect()
    await runtime.settle()
    await connecting
    pair.isReachable = false
    pair.network.cut()
    await runtime.advance(10 * 60_000)
    expect(pair.links[0].state).toBe('idle')
    expect(runtime.pendingTimers).toBe(0)
    pair.isReachable = true
    pair.sessions[0].wake()
    await runtime.advance(100)
    expect(pair.links.map(({ state }) => state)).toEqual(['open', 'open'])
    await pair.close()
  })

  test('close ends everything, and can be repeated', async () => {
    const pair = new LinkPair({ runtime })
    const connecting = pair.links[0].connect()
    await runtime.settle()
    await connecting
    const closing = [pair.sessions[0].close('forgotten'), pair.sessions[0].close('closed')]
    await runtime.advance(5_000)
    await Promise.all(closing)
    expect(await pair.connections[0]!.sessions[1].ended).toBe('forgotten')
    // A session that comes too late is not taken.
    const { sessions } = await pair.connect(1)
    pair.sessions[1].attach(sessions[0])
    await runtime.advance(100)
    expect(pair.links[0].state).toBe('closed')
    expect(sessions[1].isOpen).toBe(false)
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })
})

describe('two sessions at once', () => {
  async function both(first: 0 | 1, latencyMs = 5) {
    const pair = new LinkPair({ runtime, latencyMs })
    const got: unknown[] = []
    pair.links[1].on('message', (message) => void got.push(message))
    for (const from of [first, (1 - first) as 0 | 1]) {
      const connecting = pair.connect(from)
      await runtime.advance(5)
      const { sessions } = await connecting
      pair.sessions[from].attach(sessions[0])
    }
    return { pair, got }
  }

  test.each([0, 1] as const)(
    'both dial, side %d first: the one dialled by the lower key stays',
    async (first) => {
      const { pair, got } = await both(first)
      const sends = Array.from({ length: 20 }, (_, n) => pair.links[0].send(n))
      await runtime.advance(5_000)
      await Promise.all(sends)
      const open = pair.connections.filter(({ sessions }) => sessions[0].isOpen)
      expect(open.map(({ from }) => from)).toEqual([0])
      expect(got).toEqual(Array.from({ length: 20 }, (_, n) => n))
      expect(pair.links.map(({ state }) => state)).toEqual(['open', 'open'])
      await pair.close()
      expect(runtime.pendingTimers).toBe(0)
    },
  )

  test('the one dialled by the lower key is dead: the other is used after the ping', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 5 })
    const opened = pair.links[0].connect()
    await runtime.advance(100)
    await opened
    pair.network.silence()
    const connecting = pair.connect(1)
    await runtime.advance(5)
    pair.sessions[1].attach((await connecting).sessions[0])
    const sent = pair.links[1].send('over the new one')
    const got: unknown[] = []
    pair.links[0].on('message', (message) => void got.push(message))
    await runtime.advance(limits.pingTimeoutMs + 100)
    await sent
    expect(got).toEqual(['over the new one'])
    expect(pair.connections[0]!.sessions.some((session) => session.isOpen)).toBe(false)
    await pair.close()
  })

  test('the same side dials again: the older is replaced at once', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 5 })
    const opened = pair.links[0].connect()
    await runtime.advance(100)
    await opened
    const connecting = pair.connect(0)
    await runtime.advance(5)
    pair.sessions[0].attach((await connecting).sessions[0])
    await runtime.advance(100)
    expect(await pair.connections[0]!.sessions[0].ended).toBe('replaced')
    expect(pair.connections[1]!.sessions[0].isOpen).toBe(true)
    await pair.close()
  })
})

describe('a session that fails', () => {
  test('by the protocol is dialled again only after a wait', async () => {
    const { link, puppet, dials, close } = await linkWithPuppet(runtime)
    void link.send(1).catch(() => {})
    puppet.send([kinds.ack, 7])
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    expect(dials()).toBe(0)
    await runtime.advance(limits.redialMinMs)
    expect(dials()).toBe(1)
    await close()
  })

  test('by a lost channel is dialled again at once', async () => {
    const { puppet, dials, close } = await linkWithPuppet(runtime)
    puppet.channel.close()
    await runtime.settle()
    expect(dials()).toBe(1)
    await close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('by a bye is not dialled again while nothing waits', async () => {
    const { puppet, dials, close } = await linkWithPuppet(runtime)
    puppet.send([kinds.bye, 1])
    await runtime.advance(60_000)
    expect(dials()).toBe(0)
    await close()
  })
})
