import { describe, expect, test } from 'vitest'
import { faultKinds, survivableFaults } from '../../../lib/sim/faults.ts'
import { run, shrink, type RunOptions } from '../../../lib/sim/run.ts'
import { hasTime, isMine, record, tier } from '../../support/campaign.ts'

const timeout = 6 * 3600_000

describe('a run', () => {
  test('repeats exactly, and differs with its seed', { timeout }, async () => {
    const runs = [await run({ seed: 7 }), await run({ seed: 7 }), await run({ seed: 8 })]
    expect(runs[0]).toEqual(runs[1])
    expect(runs[2]!.traceHash).not.toBe(runs[0]!.traceHash)
  })

  test(
    'of ten minutes with 50 peers and every fault is over within a minute, and all holds',
    { timeout },
    async () => {
      const before = process.cpuUsage()
      const report = await run({ seed: 1, peers: 50, minutes: 10, faults: faultKinds })
      const { user, system } = process.cpuUsage(before)
      expect(report.violations).toEqual([])
      expect(report.handled).toBeGreaterThanOrEqual(report.accepted)
      expect(report.accepted).toBeGreaterThan(10_000)
      for (const kind of faultKinds) expect(report.injected[kind], kind).toBeGreaterThan(0)
      const seconds = (user + system) / 1e6
      expect(seconds).toBeLessThan(60)
      const { accepted, redelivered } = report
      record('ten minutes', {
        seed: 1,
        peers: 50,
        accepted,
        redelivered,
        seconds: Math.round(seconds),
        ...report.injected,
      })
    },
  )

  test('with any seed, under every fault, loses and doubles nothing', { timeout }, async () => {
    const counts = { seeds: 0, accepted: 0, handled: 0, redelivered: 0, faults: 0 }
    for (let seed = 1; seed <= tier(10, 1_000) && hasTime(); seed++) {
      if (!isMine(seed)) continue
      const peers = 2 + (seed % 9)
      const { violations, injected, ...report } = await run({
        seed,
        peers,
        minutes: 4,
        faults: faultKinds,
      })
      expect(violations, `seed ${seed}, ${peers} peers`).toEqual([])
      counts.seeds++
      for (const key of ['accepted', 'handled', 'redelivered'] as const) counts[key] += report[key]
      counts.faults += Object.values(injected).reduce((sum, count) => sum + count, 0)
    }
    record('seeds', counts)
  })
})

describe('a failing run', () => {
  test('is made as small as still fails', async () => {
    const real = await run({ seed: 1, peers: 2, minutes: 0.1, faults: [] })
    const execute = async ({ faults = [], minutes = 0 }: RunOptions) => {
      const fails = faults.includes('cut') && faults.includes('loss') && minutes >= 2
      return { ...real, faults, minutes, violations: fails ? ['lost'] : [] }
    }
    const smallest = await shrink({ seed: 1, minutes: 8, faults: survivableFaults }, execute)
    expect([smallest.faults, smallest.minutes]).toEqual([['loss', 'cut'], 2])
    const passing = await shrink({ seed: 1, minutes: 8, faults: ['loss'] }, execute)
    expect([passing.faults, passing.minutes]).toEqual([['loss'], 8])
  })
})
