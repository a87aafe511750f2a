import { expect, test } from 'vitest'
import { crashRun } from '../../../lib/sim/crash-points.ts'
import { hasTime, isMine, record, tier } from '../../support/campaign.ts'

const timeout = 6 * 3600_000
const seeds = tier(20, 1_000)
/** Reduced, each seed has its share of the points, and all seeds together have each point. */
const stride = tier(20, 1)

test(
  'a crash at any effect of either side loses nothing and doubles nothing',
  { timeout },
  async () => {
    const counts = { seeds: 0, runs: 0, accepted: 0, handled: 0, redelivered: 0 }
    for (let seed = 1; seed <= seeds && hasTime(); seed++) {
      if (!isMine(seed)) continue
      const { effects, violations } = await crashRun(seed)
      expect(violations, `seed ${seed}`).toEqual([])
      for (const side of [0, 1] as const) {
        for (let effect = 2 + (seed % stride); effect <= effects[side]; effect += stride) {
          const run = await crashRun(seed, { side, effect })
          expect(run.violations, `seed ${seed}, side ${side}, effect ${effect}`).toEqual([])
          expect(run.hasCrashed).toBe(true)
          counts.runs++
          for (const key of ['accepted', 'handled', 'redelivered'] as const) counts[key] += run[key]
        }
      }
      counts.seeds++
    }
    expect(counts.handled).toBeGreaterThanOrEqual(counts.accepted)
    record('crash points', counts)
  },
)
