import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { maxAnswered } from '../../../lib/base/limits.ts'
import { record, tier } from '../../support/campaign.ts'
import type { World } from '../../../lib/sim/index.ts'
import { cut, inWorld, violationsOf, type Pair } from '../../support/sim-world.ts'

const timeout = 3600_000
const links = 50
const minutes = tier(4, 60)
/** The first quarter is for caches to fill. */
const samples = 8
const tables = ['outbox', 'inbox', 'contacts', 'tickets', 'keys'] as const
const sendEveryMs = 10_000
const cutEveryMs = 5_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test(
  'one peer with 50 links keeps its memory and its storage flat under traffic',
  { timeout },
  () =>
    inWorld({ seed: 5, peers: links + 1 }, async (world) => {
      const [hub, ...others] = world.peers
      const pairs = others.map((other): Pair => [hub!, other])
      for (const [one, other] of pairs) world.acquaint(one, other)
      await world.pass(120_000)
      const heap: number[] = []
      const disk: number[] = []
      for (let sample = 0; sample < samples; sample++) {
        await traffic(world, pairs, (minutes * 60_000) / samples)
        collectGarbage()
        heap.push(process.memoryUsage().heapUsed)
        disk.push(hub!.disk.bytesOf(tables))
      }
      const answered = hub!.disk.keys('answered').length
      const sessions = world.trace.counts.get('channel')!
      expect(await violationsOf(world, pairs)).toEqual([])
      // What guards against replays: one record a session, kept for days, at most so many.
      expect(answered).toBeLessThanOrEqual(Math.min(sessions, maxAnswered))
      const [early, late] = [samples / 4, samples - 1]
      expect(disk[late]! / disk[early]!).toBeLessThan(1.02)
      expect(heap[late]! / heap[early]!).toBeLessThan(1.1)
      const { handled } = world.checker
      expect(handled).toBeGreaterThan(links * minutes)
      record('memory and storage', {
        links,
        minutes,
        handled,
        sessions,
        'heap early, KB': Math.round(heap[early]! / 1000),
        'heap late, KB': Math.round(heap[late]! / 1000),
        'storage early, bytes': disk[early]!,
        'storage late, bytes': disk[late]!,
        'records of answered dials': answered,
      })
    }),
)

async function traffic(world: World, pairs: readonly Pair[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += sendEveryMs / 10) {
    for (const [one, other] of pairs) {
      if (world.random.chance(0.1)) one.send(other)
      if (world.random.chance(0.1)) other.send(one)
    }
    if (passed % cutEveryMs === 0) cut(world, [world.random.pick(pairs)!])
    await world.pass(sendEveryMs / 10)
  }
}
