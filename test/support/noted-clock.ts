/**
 * The system's runtime that notes what its clock said last. Who is called by the library learns so when that was by the library's own
 * reading, however long the machine paused in between.
 */

import { systemRuntime, type Runtime } from '../../lib/base/runtime.ts'

export interface NotedClock extends Runtime {
  readonly lastReadMs: number
}

export function notedClock(): NotedClock {
  let lastReadMs = 0
  return {
    ...systemRuntime,
    monotonicNow: () => (lastReadMs = systemRuntime.monotonicNow()),
    get lastReadMs() {
      return lastReadMs
    },
  }
}

/** The most in any second, but for what a clock is rounded by. */
export const densest = (timesMs: readonly number[]): number =>
  Math.max(...timesMs.map((from) => timesMs.filter((ms) => ms >= from && ms < from + 999).length))
