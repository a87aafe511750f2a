import { expect, test } from 'vitest'
import { hasTime, isMine, record, tier } from '../../support/campaign.ts'
import { live } from '../../support/lives.ts'

const timeout = 6 * 3600_000
const seeds = tier(6, 500)
const steps = 40

test('three people, their devices, and whatever they do', { timeout }, async () => {
  const counts: Record<string, number> = { seeds: 0 }
  for (let seed = 1; seed <= seeds && hasTime(); seed++) {
    if (!isMine(seed)) continue
    const report = await live(seed, steps)
    expect(report.violations, `seed ${seed}`).toEqual([])
    counts['seeds']!++
    for (const [name, count] of Object.entries(report.counts)) {
      counts[name] = (counts[name] ?? 0) + count
    }
  }
  record('lives of people with several devices', counts)
})
