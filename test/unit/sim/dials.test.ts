import { expect, test } from 'vitest'
import { record, tier } from '../../support/campaign.ts'
import { cut, inWorld, isOpen, violationsOf, type Pair } from '../../support/sim-world.ts'

const timeout = 600_000
const pairs = tier(50, 1_000)
const faults = ['loss', 'duplication', 'reordering', 'corruption'] as const

test(
  'pairs of which both sides dial at once end with one session each, the same on both sides',
  { timeout },
  () =>
    inWorld({ seed: 3, peers: 2 * pairs, faults }, async (world) => {
      const { peers, network } = world
      const all = Array.from({ length: pairs }, (_, i): Pair => [peers[2 * i]!, peers[2 * i + 1]!])
      for (const [one, other] of all) world.acquaint(one, other)
      await world.pass(300_000, () => all.every(isOpen))
      expect(all.filter((pair) => !isOpen(pair))).toEqual([])
      cut(world, all)
      const before = world.trace.counts.get('channel')!
      await world.pass(1)
      expect(network.channels).toEqual([])
      for (const [one, other] of all) {
        one.send(other)
        other.send(one)
      }
      await world.pass(120_000)
      expect(all.filter((pair) => !isOpen(pair))).toEqual([])
      const sessions = world.trace.counts.get('channel')! - before
      expect(await violationsOf(world, all)).toEqual([])
      expect(network.channels).toHaveLength(pairs)
      expect(world.checker.handled).toBe(2 * pairs)
      record('simultaneous dials', { pairs, 'channels opened': sessions, 'channels kept': pairs })
    }),
)
