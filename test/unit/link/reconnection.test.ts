/** Sessions that die in every way: a new one takes their place, nothing is lost and nothing doubled. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { LinkPair, type LinkPairOptions } from '../../support/link-pair.ts'
import { seededRandom } from '../../support/seeded.ts'
import { sleeper } from '../../support/sleeper.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

async function connected(options: Omit<LinkPairOptions, 'runtime'> = {}) {
  const pair = new LinkPair({ runtime, latencyMs: 5, ...options })
  const got: [unknown[], unknown[]] = [[], []]
  pair.links.forEach((link, side) => link.on('message', (message) => void got[side]!.push(message)))
  const connecting = pair.links[0].connect()
  await runtime.advance(500)
  await connecting
  return { pair, got }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a network that swallows everything', () => {
  test('is noticed within 8 seconds, and what was sent meanwhile arrives once, over the next session', async () => {
    const { pair, got } = await connected()
    const states: string[] = []
    pair.links[0].on('state', (state) => void states.push(state))
    pair.network.silence()
    const sends = numbers(10).flatMap((n) => pair.links.map((link) => link.send(n)))
    await runtime.advance(limits.pingAfterSilenceMs + limits.silentAfterMs + 200)
    expect(pair.dials.length).toBeGreaterThan(1)
    await Promise.all(sends)
    expect(got).toEqual([numbers(10), numbers(10)])
    // Make before break: the application has seen nothing of it.
    expect(states).toEqual([])
    await runtime.advance(10_000)
    const open = pair.connections.filter(({ sessions }) => sessions.some(({ isOpen }) => isOpen))
    expect(open).toHaveLength(1)
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('with nobody to be reached: lost after 8 seconds, dialled at once, then with waits', async () => {
    const { pair } = await connected()
    pair.isReachable = false
    pair.network.silence()
    void pair.links[0].send(1).catch(() => {})
    await runtime.advance(7_400)
    expect(pair.links[0].state).toBe('open')
    await runtime.advance(300)
    expect(pair.links.map(({ state }) => state)).not.toContain('open')
    const before = pair.dials.length
    await runtime.advance(3600_000)
    expect(pair.dials.length - before).toBeLessThan(150)
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('an old session that answers after all does no harm', async () => {
    const { pair, got } = await connected()
    const [first] = pair.connections
    // What both sides say is held up for two seconds.
    const held: (() => void)[] = []
    for (const tap of first!.taps) {
      tap.rule = (frame) => {
        held.push(() => {
          tap.rule = (each) => [each]
          if (first!.sessions[0].isOpen) tap.send(frame)
        })
        return []
      }
    }
    const sends = numbers(5).map((n) => pair.links[0].send(n))
    await runtime.advance(limits.pingAfterSilenceMs + limits.silentAfterMs + 8)
    for (const release of held) release()
    await runtime.advance(5_000)
    await Promise.all(sends)
    expect(got[1]).toEqual(numbers(5))
    expect(pair.links.map(({ state }) => state)).toEqual(['open', 'open'])
    await pair.close()
  })
})

describe('sleep', () => {
  test('an hour of it on one side: back within a second of waking, with all that was sent', async () => {
    const laptop = sleeper(runtime)
    const { pair, got } = await connected({ runtimes: [laptop, runtime] })
    laptop.sleep()
    pair.isReachable = false
    pair.network.silence()
    const sends = [...numbers(5).map((n) => pair.links[1].send(n))]
    await runtime.advance(3600_000)
    expect(pair.links.map(({ state }) => state)).toEqual(['open', 'idle'])
    sends.push(...numbers(5).map((n) => pair.links[0].send(n)))
    pair.isReachable = true
    laptop.resume()
    pair.sessions[0].wake()
    await runtime.advance(1_000)
    expect(got).toEqual([numbers(5), numbers(5)])
    await Promise.all(sends)
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('woken with a session that lives: it is asked, and stays', async () => {
    const laptop = sleeper(runtime)
    const { pair } = await connected({ runtimes: [laptop, runtime] })
    laptop.sleep()
    await runtime.advance(4_000)
    laptop.resume()
    pair.sessions[0].wake()
    await runtime.advance(20_000)
    expect(pair.connections).toHaveLength(1)
    expect(pair.connections[0]!.sessions[0].isOpen).toBe(true)
    await pair.close()
  })

  test('clocks a day apart make no difference', async () => {
    const day = 24 * 3600_000
    for (const skewMs of [-day, day]) {
      const skewed = { ...runtime, now: () => runtime.now() + skewMs }
      const { pair, got } = await connected({ runtimes: [skewed, runtime] })
      pair.network.silence()
      const sent = pair.links[0].send(1)
      await runtime.advance(8_000)
      await sent
      expect(got[1]).toEqual([1])
      await pair.close()
    }
  })
})

describe('a new dial of the same device', () => {
  test('replaces the session at once, messages in flight arrive once', async () => {
    const { pair, got } = await connected({ latencyMs: 40 })
    const sends: Promise<void>[] = []
    for (let n = 0; n < 200; n++) {
      sends.push(...pair.links.map((link) => link.send(n)))
      if (n % 50 === 25) {
        void pair.connect(0).then(({ sessions }) => pair.sessions[0].attach(sessions[0]))
      }
      await runtime.advance(3)
    }
    await runtime.advance(2_000)
    await Promise.all(sends)
    expect(got).toEqual([numbers(200), numbers(200)])
    const ended = pair.connections.filter(({ sessions }) => !sessions[0].isOpen)
    expect(pair.connections).toHaveLength(5)
    expect(ended).toHaveLength(4)
    for (const { sessions } of ended) expect(await sessions[1].ended).toBe('replaced')
    await pair.close()
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'both sides dial again and again, seed %d: one session, nothing lost or doubled',
    async (seed) => {
      const random = seededRandom(seed)
      const { pair, got } = await connected({ latencyMs: 1 + Math.floor(random() * 80) })
      const sends: Promise<void>[] = []
      for (let n = 0; n < 60; n++) {
        sends.push(...pair.links.map((link) => link.send(n)))
        if (random() < 0.2) pair.network.silence()
        for (const side of [0, 1] as const) {
          if (random() > 0.3) continue
          void pair.connect(side).then(
            ({ sessions }) => pair.sessions[side].attach(sessions[0]),
            () => {},
          )
        }
        await runtime.advance(random() * 200)
      }
      await runtime.advance(60_000)
      await Promise.all(sends)
      expect(got).toEqual([numbers(60), numbers(60)])
      const open = [0, 1].map(
        (end) => pair.connections.filter(({ sessions }) => sessions[end]!.isOpen).length,
      )
      expect(open).toEqual([1, 1])
      await pair.close()
      expect(runtime.pendingTimers).toBe(0)
    },
  )
})

describe('a peer that proves and drops at once', () => {
  test('is dialled again at once the first time, then with waits', async () => {
    const { pair } = await connected()
    void pair.links[0].send('never handled').catch(() => {})
    const drop = () => pair.network.cut()
    const before = pair.dials.length
    for (let n = 0; n < 6_000; n++) {
      await runtime.advance(10)
      if (pair.links[0].state === 'open') drop()
    }
    expect(pair.dials.length - before).toBeGreaterThan(2)
    expect(pair.dials.length - before).toBeLessThan(12)
    await pair.close()
  })

  test('a session that lasted is dialled again at once, each time', async () => {
    const { pair } = await connected()
    for (let n = 0; n < 5; n++) {
      await runtime.advance(limits.briefSessionMs)
      pair.network.cut()
      await runtime.advance(50)
      expect(pair.links.map(({ state }) => state)).toEqual(['open', 'open'])
    }
    await pair.close()
  })
})
