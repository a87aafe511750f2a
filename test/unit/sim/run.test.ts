import { describe, expect, test } from 'vitest'
import { run, shrink, type RunOptions } from '../../../lib/sim/run.ts'
import { faultKinds, survivableFaults } from '../../../lib/sim/faults.ts'
import { World } from '../../../lib/sim/world.ts'
import { tier } from '../../support/campaign.ts'

const timeout = 120_000

describe('a run', () => {
  test('repeats exactly, and differs with its seed', { timeout }, async () => {
    const runs = [await run({ seed: 7 }), await run({ seed: 7 }), await run({ seed: 8 })]
    expect(runs[0]).toEqual(runs[1])
    expect(runs[2]!.traceHash).not.toBe(runs[0]!.traceHash)
  })

  test('loses and doubles nothing under every fault but crashes', { timeout }, async () => {
    const report = await run({ seed: 1, peers: tier(10, 50), minutes: tier(4, 10) })
    expect(report.violations).toEqual([])
    expect(report.handled).toBe(report.accepted)
    expect(report.accepted).toBeGreaterThan(100)
    const rare = new Set(['partition', 'relay-restart', 'sleep'])
    for (const kind of survivableFaults) {
      if (!rare.has(kind)) expect(report.injected[kind], kind).toBeGreaterThan(0)
    }
  })

  test('loses and doubles nothing in crashes either', { timeout }, async () => {
    const report = await run({ seed: 2, peers: tier(10, 50), minutes: 4, faults: faultKinds })
    expect(report.violations).toEqual([])
    expect(report.handled).toBeGreaterThanOrEqual(report.accepted)
    expect(report.injected.crash).toBeGreaterThan(0)
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

describe('a thousand pairs', () => {
  test('that all lose their session at once end with one each', { timeout }, async () => {
    const pairs = tier(50, 1000)
    const faults = ['loss', 'duplication', 'reordering', 'corruption'] as const
    const world = await World.create({ seed: 3, peers: 2 * pairs, faults })
    try {
      const { peers } = world
      const all = Array.from(
        { length: pairs },
        (_, i) => [peers[2 * i]!, peers[2 * i + 1]!] as const,
      )
      for (const [one, other] of all) world.acquaint(one, other)
      const isOpen = () =>
        all.every(([a, b]) => a.linkTo(b)?.state === 'open' && b.linkTo(a)?.state === 'open')
      await world.pass(300_000, isOpen)
      expect(isOpen()).toBe(true)
      for (const channel of world.network.channels) {
        channel.noticeEnd()
        channel.peer!.noticeEnd()
      }
      for (const [one, other] of all) {
        one.send(other)
        other.send(one)
      }
      await world.pass(120_000)
      world.checker.finish()
      world.checkLinks(all)
      expect(world.checker.violations).toEqual([])
      expect(isOpen()).toBe(true)
      expect(world.checker.handled).toBe(2 * pairs)
    } finally {
      world.close()
    }
  })
})

describe('a peer', () => {
  test('that slept for an hour gets what was sent meanwhile', { timeout }, async () => {
    const world = await World.create({ seed: 4, peers: 2, faults: ['skew'] })
    try {
      const [one, other] = [world.peers[0]!, world.peers[1]!]
      world.acquaint(one, other)
      await world.pass(60_000)
      other.process.sleep()
      one.send(other)
      await world.pass(3600_000)
      expect(world.checker.waiting).toBe(1)
      other.process.wake()
      await world.pass(120_000)
      world.checker.finish()
      world.checkLinks([[one, other]])
      expect([world.checker.violations, world.checker.handled]).toEqual([[], 1])
    } finally {
      world.close()
    }
  })
})
