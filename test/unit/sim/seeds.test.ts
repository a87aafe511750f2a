import { expect, test } from 'vitest'
import { faultKinds, run } from '../../../lib/sim/index.ts'
import { hasTime, isMine, record, tier } from '../../support/campaign.ts'

const timeout = 6 * 3600_000
const seeds = tier(10, 1_000)
const minutes = 4

test('with any seed, under every fault, nothing is lost or doubled', { timeout }, async () => {
  const counts = { seeds: 0, 'simulated minutes': 0, accepted: 0, handled: 0, redelivered: 0 }
  const faults: Record<string, number> = {}
  for (let seed = 1; seed <= seeds && hasTime(); seed++) {
    if (!isMine(seed)) continue
    const peers = 2 + (seed % 9)
    const report = await run({ seed, peers, minutes, faults: faultKinds })
    expect(report.violations, `seed ${seed}, ${peers} peers`).toEqual([])
    counts.seeds++
    counts['simulated minutes'] += minutes
    for (const key of ['accepted', 'handled', 'redelivered'] as const) counts[key] += report[key]
    for (const [kind, count] of Object.entries(report.injected)) {
      faults[kind] = (faults[kind] ?? 0) + count
    }
  }
  record('2 to 10 peers under every fault', { ...counts, ...faults })
})
