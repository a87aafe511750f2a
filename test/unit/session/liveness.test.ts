import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  lateTimerMs,
  pingAfterSilenceMs,
  pingTimeoutMs,
  silentAfterMs,
  silentAfterWakeMs,
} from '../../../lib/base/limits.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { Liveness } from '../../../lib/session/liveness.ts'
import { puppetFor, Recorder, sessionPair } from '../../support/session-pair.ts'
import { sleeper, type Sleeper } from '../../support/sleeper.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

let runtime: VirtualRuntime
let page: Sleeper
let happened: string[]
let drained: number
let liveness: Liveness

beforeEach(() => {
  runtime = virtualRuntime()
  page = sleeper(runtime)
  happened = []
  drained = 0
  const note = (what: string) => () => void happened.push(`${what} ${runtime.monotonicNow()}`)
  liveness = new Liveness({
    runtime: page,
    ping: note('ping'),
    drainedBytes: () => drained,
    onSilent: note('silent'),
    onDead: note('dead'),
  })
  liveness.start()
})

describe('a peer that is not heard', () => {
  test('is asked, is silent, is dead, each in its time', async () => {
    await runtime.advance(60_000)
    expect(happened).toEqual(['ping 5000', 'silent 6500', 'dead 8000'])
    expect(pingAfterSilenceMs + silentAfterMs).toBe(6_500)
    expect(pingAfterSilenceMs + pingTimeoutMs).toBe(8_000)
  })

  test('is not asked as long as anything comes', async () => {
    for (let n = 0; n < 100; n++) {
      await runtime.advance(pingAfterSilenceMs - 1)
      liveness.heard()
    }
    expect(happened).toEqual([])
  })

  test('an answer in the last instant is one; then the silence counts from it', async () => {
    await runtime.advance(7_999)
    expect(liveness.isSilent).toBe(true)
    liveness.heard()
    expect(liveness.isSilent).toBe(false)
    await runtime.advance(pingAfterSilenceMs - 1)
    expect(happened).toEqual(['ping 5000', 'silent 6500'])
    await runtime.advance(1)
    expect(happened.at(-1)).toBe('ping 12999')
  })

  test('takes what we send: that counts; a ping that left the buffer does not', async () => {
    for (let n = 0; n < 60; n++) {
      drained += 1_000
      await runtime.advance(1_000)
    }
    expect(happened.filter((what) => !what.startsWith('ping'))).toEqual([])
    happened.length = 0
    drained += 40
    await runtime.advance(20_000)
    expect(happened.at(-1)).toMatch(/^dead/)
  })

  test('after the page came back it is asked at once and silent soon; asking again does not put it off', async () => {
    await runtime.advance(1_000)
    liveness.probe(silentAfterWakeMs)
    await runtime.advance(400)
    liveness.probe(silentAfterWakeMs)
    await runtime.advance(60_000)
    expect(happened).toEqual(['ping 1000', 'silent 1500', 'dead 4000'])
  })

  test('stopped, nothing more', async () => {
    liveness.stop()
    liveness.probe(silentAfterWakeMs)
    await runtime.advance(60_000)
    expect(happened).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
  })
})

describe('a timer that is much too late', () => {
  test.each([
    ['before the ping', 4_000],
    ['with a ping under way', 5_500],
    ['just before the end', 7_900],
  ])('says nothing about the peer, %s', async (_, atMs) => {
    await runtime.advance(atMs)
    page.sleep()
    await runtime.advance(3600_000)
    const before = happened.length
    page.resume()
    const now = runtime.monotonicNow()
    expect(happened.slice(before)).toEqual([`ping ${now}`])
    // The answer comes after the timer, as a frozen page's events may.
    await runtime.advance(1_000)
    liveness.heard()
    await runtime.advance(pingAfterSilenceMs - 1)
    expect(happened.slice(before)).toEqual([`ping ${now}`])
  })

  test('a page whose timers come once a minute never takes its peer for dead', async () => {
    for (let minute = 0; minute < 60; minute++) {
      page.sleep()
      await runtime.advance(60_000)
      page.resume()
    }
    expect(happened.some((what) => what.startsWith('dead'))).toBe(false)
  })

  test('once a second, as in a hidden page, is not much too late', async () => {
    for (let n = 0; n < 20; n++) {
      page.sleep()
      await runtime.advance(1_000)
      page.resume()
    }
    expect(lateTimerMs).toBeGreaterThan(1_000)
    expect(happened.at(-1)).toMatch(/^dead/)
  })
})

describe('a session', () => {
  test('whose peer is silent is lost after 8 seconds', async () => {
    const { session, send } = await withPuppet()
    send([kinds.hello])
    const startedMs = runtime.monotonicNow()
    let silentAtMs = 0
    session.onSilent(() => void (silentAtMs = runtime.monotonicNow() - startedMs))
    await runtime.advance(7_999)
    expect([session.isOpen, session.isSilent, silentAtMs]).toEqual([true, true, 6_500])
    await runtime.advance(1)
    expect(await session.ended).toBe('lost')
    liveness.stop()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('any frame is a sign of life, also one with nothing for the application', async () => {
    const { session, send } = await withPuppet()
    for (let n = 0; n < 20; n++) {
      send([kinds.pong, 99])
      await runtime.advance(7_000)
    }
    expect(session.isOpen).toBe(true)
    session.abandon('closed')
  })

  test('pings keep both sides, and no idle session alive', async () => {
    const { initiator, responder } = await sessionPair({ runtime, idleTimeoutMs: 60_000 })
    initiator.start(new Recorder())
    responder.start(new Recorder())
    initiator.control([kinds.hello])
    responder.control([kinds.hello])
    await runtime.advance(59_000)
    expect([initiator.isOpen, responder.isOpen]).toEqual([true, true])
    await runtime.advance(2_000)
    expect([await initiator.ended, await responder.ended]).toEqual(['idle', 'idle'])
  })

  async function withPuppet() {
    liveness.stop()
    const puppet = await puppetFor('responder', { runtime })
    puppet.session.start(new Recorder())
    return { session: puppet.session, send: puppet.send.bind(puppet) }
  }
})
