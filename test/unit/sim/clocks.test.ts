import { describe, expect, test } from 'vitest'
import { World } from '../../../lib/sim/world.ts'
import { record, tier } from '../../support/campaign.ts'

const timeout = 600_000
const hourMs = 3600_000
const dayMs = 24 * hourMs

async function meet(seed: number, skewsMs: readonly number[], sleepMs: number) {
  const world = await World.create({ seed, peers: 2, skewsMs })
  try {
    const [one, other] = [world.peers[0]!, world.peers[1]!]
    world.acquaint(one, other)
    await world.pass(60_000)
    other.process.sleep()
    one.send(other)
    await world.pass(sleepMs)
    expect(world.checker.handled).toBe(0)
    other.process.wake()
    other.send(one)
    const beganMs = world.line.nowMs
    await world.pass(300_000, () => world.checker.handled === 2)
    const tookMs = world.line.nowMs - beganMs
    await world.pass(30_000)
    world.checker.finish()
    world.checkLinks([[one, other]])
    return { violations: world.checker.violations, handled: world.checker.handled, tookMs }
  } finally {
    world.close()
  }
}

describe('clocks', () => {
  // The one calls at the mailbox of its today; the other listens at those of its yesterday, today and tomorrow.
  const skews = {
    'a day ahead and right': [dayMs, 0],
    'right and a day behind': [0, -dayMs],
    'a day ahead and a day behind': [dayMs, -dayMs],
    'a day behind and a day ahead': [-dayMs, dayMs],
  }
  test.each(Object.entries(skews))(
    '%s: found again after an hour of sleep',
    { timeout },
    async (name, skewsMs) => {
      let longestMs = 0
      const seeds = tier(10, 100)
      for (let seed = 1; seed <= seeds; seed++) {
        const { tookMs, ...rest } = await meet(seed, skewsMs, hourMs)
        expect(rest, `seed ${seed}`).toEqual({ violations: [], handled: 2 })
        longestMs = Math.max(longestMs, tookMs)
      }
      expect(longestMs).toBeLessThan(120_000)
      const seconds = Math.ceil(longestMs / 1000)
      record(`clocks: ${name}`, { seeds, 'longest until all was handled, s': seconds })
    },
  )
})
