import { beforeEach, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import { floodPauseMaxMs, floodPauseMinMs } from '../../../lib/base/limits.ts'
import { Gate } from '../../../lib/signaling/gate.ts'
import { type VirtualRuntime, virtualRuntime } from './virtual-runtime.ts'

const bounds = { burst: 3, perSecond: 1, maxExcess: 10 }
const packet = Uint8Array.of(1)

let runtime: VirtualRuntime
let listener: ((packet: Uint8Array) => void) | undefined
let entered: number
let isFull: boolean
let received: number
let floods: number
let gate: Gate

beforeEach(() => {
  runtime = virtualRuntime()
  ;[entered, received, floods, isFull] = [0, 0, 0, false]
  gate = new Gate({
    runtime,
    bounds,
    enter: (each) => {
      if (isFull) throw new HandfastError('queue-full')
      entered++
      listener = each
      return () => (listener = undefined)
    },
    receive: () => received++,
    onFlood: () => floods++,
  })
})

const flood = (count = 100) => {
  for (let n = 0; n < count; n++) listener?.(packet)
}

/** How long the mailbox is left. */
const pauseMs = async () => {
  const sinceMs = runtime.monotonicNow()
  const isEntered = () => listener !== undefined
  while (!isEntered() && runtime.monotonicNow() - sinceMs < 10 * floodPauseMaxMs) {
    await runtime.advance(100)
  }
  return runtime.monotonicNow() - sinceMs
}

test('lets through what is within the budget, and that comes back with time', async () => {
  flood(5)
  expect([received, floods]).toEqual([3, 0])
  await runtime.advance(2_000)
  flood(5)
  expect([received, floods, entered]).toEqual([5, 0, 1])
})

test('a flood has the mailbox left for a while: longer each time, up to a bound', async () => {
  flood()
  expect([received, floods, listener]).toEqual([3, 1, undefined])
  const pauses: number[] = []
  for (let n = 0; n < 6; n++) {
    pauses.push(await pauseMs())
    flood()
  }
  expect(pauses[0]).toBe(floodPauseMinMs)
  pauses.slice(1).forEach((pause, n) => expect(pause).toBeGreaterThanOrEqual(pauses[n]!))
  expect(pauses[1]).toBeGreaterThan(1.8 * floodPauseMinMs)
  expect(Math.max(...pauses)).toBe(floodPauseMaxMs)
  expect([floods, entered]).toEqual([7, 7])
})

test('what is just over the budget, for long, is no flood', async () => {
  for (let n = 0; n < 600; n++) {
    flood(2)
    await runtime.advance(3_000)
  }
  expect([floods, entered]).toEqual([0, 1])
})

test('a flood long ago counts no more', async () => {
  flood()
  await pauseMs()
  await runtime.advance(24 * 3600_000)
  flood()
  expect(await pauseMs()).toBe(floodPauseMinMs)
})

test('where there is no room to come back, it tries again', async () => {
  flood()
  isFull = true
  await runtime.advance(floodPauseMaxMs)
  isFull = false
  await runtime.advance(floodPauseMaxMs)
  expect(entered).toBe(2)
  flood(1)
  expect(received).toBe(4)
})

test('what a path had under way when it was left counts no more', async () => {
  const enteredFirst = listener!
  flood()
  for (let n = 0; n < 100; n++) enteredFirst(packet)
  expect([received, floods]).toEqual([3, 1])
  expect(await pauseMs()).toBe(floodPauseMinMs)
})

test('closed, it is left for good, also during a pause', async () => {
  flood()
  gate.close()
  await runtime.advance(floodPauseMaxMs)
  expect([listener, entered, runtime.pendingTimers]).toEqual([undefined, 1, 0])
})
