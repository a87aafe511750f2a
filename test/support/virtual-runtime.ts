/**
 * A runtime whose clock moves when told to, with its timers, and whose randomness comes from a seed. Promises settle in real time: each
 * step of the clock lets the platform run until its own task queue has gone round.
 */

import type { Runtime } from '../../lib/base/runtime.ts'
import { seededBytes } from './seeded.ts'

export interface VirtualRuntime extends Runtime {
  /** Moves the clock, running on the way what is due, in order. */
  advance(ms: number): Promise<void>
  /** Runs what is due now, and what follows from it without time passing. */
  settle(): Promise<void>
  readonly pendingTimers: number
  /** The page is being left. */
  hidePage(): void
  /** The page or the network is back. */
  wake(): void
}

export interface VirtualRuntimeOptions {
  readonly seed?: number
  readonly startUnixMs?: number
  /** How far this clock is from the shared one. */
  readonly skewMs?: number
  /** Turns of the platform's task queue that count as settled. More where WebCrypto is at work. */
  readonly turns?: number
}

/** Several runtimes can share one time line, each with its own wall clock. */
export class TimeLine {
  elapsedMs = 0
  readonly timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()
}

export function virtualRuntime(
  { seed = 1, startUnixMs = 1_700_000_000_000, skewMs = 0, turns = 2 }: VirtualRuntimeOptions = {},
  line = new TimeLine(),
): VirtualRuntime {
  const hide = new Set<() => void>()
  const wake = new Set<() => void>()
  const randomBytes = seededBytes(seed)
  const listen = (set: Set<() => void>, callback: () => void) => {
    set.add(callback)
    return () => void set.delete(callback)
  }
  const settle = async () => {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    now: () => startUnixMs + skewMs + line.elapsedMs,
    monotonicNow: () => line.elapsedMs,
    randomBytes,
    setTimer(delayMs, callback) {
      if (Number.isNaN(delayMs)) throw new Error('a timer needs a delay')
      const timer = { atMs: line.elapsedMs + Math.max(0, delayMs), callback }
      line.timers.add(timer)
      return () => void line.timers.delete(timer)
    },
    onPageHide: (callback) => listen(hide, callback),
    onWake: (callback) => listen(wake, callback),
    hidePage: () => hide.forEach((callback) => callback()),
    wake: () => wake.forEach((callback) => callback()),
    settle,
    async advance(ms) {
      const untilMs = line.elapsedMs + ms
      let atOnce = 0
      await settle()
      for (;;) {
        let next: { readonly atMs: number; readonly callback: () => void } | undefined
        for (const timer of line.timers) if (!next || timer.atMs < next.atMs) next = timer
        if (!next || next.atMs > untilMs) break
        atOnce = next.atMs === line.elapsedMs ? atOnce + 1 : 0
        if (atOnce > 10_000) throw new Error('timers follow each other without time passing')
        line.elapsedMs = next.atMs
        for (const timer of line.timers) {
          if (timer.atMs > line.elapsedMs || !line.timers.delete(timer)) continue
          timer.callback()
        }
        await settle()
      }
      line.elapsedMs = untilMs
    },
    get pendingTimers() {
      return line.timers.size
    },
  }
}
