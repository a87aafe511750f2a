import { beforeEach, describe, expect, test } from 'vitest'
import { redialMaxMs, redialMinMs, staleDialMs, unneededDials } from '../../../lib/base/limits.ts'
import { Redial } from '../../../lib/link/redial.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

let runtime: VirtualRuntime
let dialledAtMs: number[]
let isOpen: boolean
let isNeeded: boolean
let outcome: () => Promise<void>
let signals: AbortSignal[]
let redial: Redial

beforeEach(() => {
  runtime = virtualRuntime({ seed: 5 })
  dialledAtMs = []
  signals = []
  isOpen = isNeeded = false
  outcome = () => Promise.reject(new Error('away'))
  redial = new Redial(runtime, {
    dial: (signal) => {
      dialledAtMs.push(runtime.monotonicNow())
      signals.push(signal)
      return outcome()
    },
    isOpen: () => isOpen,
    isNeeded: () => isNeeded,
  })
})

describe('dialling again', () => {
  test('waits double, each from half to the whole, up to a bound, as long as it is needed', async () => {
    isNeeded = true
    redial.want()
    await runtime.advance(30 * 60_000)
    const waits = dialledAtMs.slice(1).map((at, n) => at - dialledAtMs[n]!)
    expect(waits.length).toBeGreaterThan(25)
    waits.forEach((wait, n) => {
      const whole = Math.min(redialMinMs * 2 ** n, redialMaxMs)
      expect(wait).toBeGreaterThanOrEqual(whole / 2)
      expect(wait).toBeLessThan(whole)
    })
    expect(new Set(waits).size).toBeGreaterThan(10)
    redial.stop()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('is given up after a few times when nothing needs it; wanted or woken, it begins again', async () => {
    redial.want()
    await runtime.advance(30 * 60_000)
    expect(dialledAtMs).toHaveLength(unneededDials)
    expect(runtime.pendingTimers).toBe(0)
    redial.want()
    await runtime.advance(30 * 60_000)
    expect(dialledAtMs).toHaveLength(2 * unneededDials)
    redial.hurry()
    await runtime.advance(30 * 60_000)
    expect(dialledAtMs).toHaveLength(3 * unneededDials)
  })

  test('hurry ends a wait and starts over with short ones; it does nothing to one that is at rest', async () => {
    redial.hurry()
    await runtime.advance(1_000)
    expect(dialledAtMs).toHaveLength(0)
    isNeeded = true
    redial.want()
    await runtime.advance(10 * 60_000)
    const before = dialledAtMs.length
    redial.hurry()
    expect(dialledAtMs).toHaveLength(before + 1)
    await runtime.advance(redialMinMs)
    expect(dialledAtMs).toHaveLength(before + 2)
    redial.stop()
  })

  test('one attempt at a time', async () => {
    let end!: () => void
    outcome = () => new Promise((_, reject) => (end = () => reject(new Error('away'))))
    redial.want()
    redial.want()
    redial.hurry()
    await runtime.advance(60_000)
    expect(dialledAtMs).toHaveLength(1)
    isNeeded = true
    end()
    await runtime.settle()
    redial.want()
    expect(dialledAtMs).toHaveLength(1)
    await runtime.advance(redialMinMs)
    expect(dialledAtMs).toHaveLength(2)
    redial.stop()
  })

  test('stop aborts an attempt; wanted again, the next begins before that one has noticed', async () => {
    let end!: () => void
    outcome = () => new Promise((_, reject) => (end = () => reject(new Error('stopped'))))
    redial.want()
    const endFirst = end
    redial.stop()
    expect(signals[0]!.aborted).toBe(true)
    redial.want()
    expect(dialledAtMs).toHaveLength(2)
    endFirst()
    await runtime.advance(60_000)
    expect(dialledAtMs).toHaveLength(2)
    expect(signals[1]!.aborted).toBe(false)
    redial.stop()
    end()
    await runtime.advance(60_000)
    expect(runtime.pendingTimers).toBe(0)
  })

  test('not while there is a session; success starts over', async () => {
    isOpen = true
    redial.want()
    redial.failed()
    await runtime.advance(60_000)
    expect(dialledAtMs).toHaveLength(0)
    isOpen = false
    isNeeded = true
    redial.want()
    await runtime.advance(5 * 60_000)
    const before = dialledAtMs.length
    redial.succeeded()
    await runtime.advance(60_000)
    expect(dialledAtMs).toHaveLength(before)
    redial.failed()
    await runtime.advance(redialMinMs)
    expect(dialledAtMs).toHaveLength(before + 1)
    redial.stop()
  })

  test('lost: at once, every time, while sessions last; else at once only the first time', async () => {
    isNeeded = true
    outcome = () => Promise.resolve()
    for (let n = 1; n <= 5; n++) {
      redial.lost(true)
      await runtime.settle()
      redial.succeeded()
      expect(dialledAtMs).toHaveLength(n)
    }
    redial.lost(false)
    await runtime.settle()
    expect(dialledAtMs).toHaveLength(6)
    const waits: number[] = []
    for (let n = 0; n < 8; n++) {
      redial.succeeded()
      redial.lost(false)
      const lostAtMs = runtime.monotonicNow()
      await runtime.advance(redialMaxMs)
      waits.push(dialledAtMs.at(-1)! - lostAtMs)
    }
    waits.forEach((wait, n) => {
      const whole = Math.min(redialMinMs * 2 ** n, redialMaxMs)
      expect(wait).toBeGreaterThanOrEqual(whole / 2)
      expect(wait).toBeLessThan(whole)
    })
    redial.succeeded()
    redial.lost(true)
    expect(dialledAtMs.at(-1)).toBe(runtime.monotonicNow())
    redial.stop()
  })

  test('lost during a wait ends it; briefly and not needed, it is given up in the end', async () => {
    redial.want()
    await runtime.settle()
    expect(runtime.pendingTimers).toBe(1)
    redial.lost(true)
    expect(dialledAtMs).toHaveLength(2)
    redial.stop()
    outcome = () => Promise.resolve()
    for (let n = 0; n < 10; n++) {
      redial.lost(false)
      await runtime.advance(redialMaxMs)
      redial.succeeded()
    }
    expect(dialledAtMs.length).toBeLessThan(10)
    expect(runtime.pendingTimers).toBe(0)
  })

  test('woken: a wait ends, an attempt from before the sleep is begun anew, a young one is left alone', async () => {
    outcome = () => new Promise(() => {})
    redial.want()
    await runtime.advance(staleDialMs - 1)
    redial.wake()
    expect(dialledAtMs).toHaveLength(1)
    await runtime.advance(1)
    redial.wake()
    redial.wake()
    expect(dialledAtMs).toHaveLength(2)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    redial.stop()
    outcome = () => Promise.reject(new Error('away'))
    redial.want()
    await runtime.settle()
    redial.wake()
    expect(dialledAtMs).toHaveLength(4)
    redial.stop()
  })
})
