import { describe, expect, test } from 'vitest'
import { faultKinds, survivableFaults } from '../../../lib/sim/faults.ts'
import { run, shrink, type RunOptions } from '../../../lib/sim/run.ts'
import { record } from '../../support/campaign.ts'

const timeout = 600_000

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
