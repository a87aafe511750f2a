/** A clock that moves when told to, with its timers. Randomness is real: nothing tested here depends on it. */

import type { Runtime } from '../../../lib/base/runtime.ts'

export interface VirtualRuntime extends Runtime {
  /** Moves the clock, running on the way what is due, in order. */
  advance(ms: number): Promise<void>
  readonly pendingTimers: number
}

export function virtualRuntime(startUnixMs = 1_700_000_000_000): VirtualRuntime {
  let elapsedMs = 0
  const timers = new Set<{ atMs: number; callback: () => void }>()
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  return {
    now: () => startUnixMs + elapsedMs,
    monotonicNow: () => elapsedMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    setTimer(delayMs, callback) {
      const timer = { atMs: elapsedMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    onPageHide: () => () => {},
    onWake: () => () => {},
    async advance(ms) {
      const untilMs = elapsedMs + ms
      await settle()
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs)
        if (!next || next.atMs > untilMs) break
        timers.delete(next)
        elapsedMs = next.atMs
        next.callback()
        await settle()
      }
      elapsedMs = untilMs
    },
    get pendingTimers() {
      return timers.size
    },
  }
}
