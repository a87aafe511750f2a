import { expect, test } from 'vitest'
import { run, type FaultKind } from '../../../lib/sim/index.ts'
import { record, tier } from '../../support/campaign.ts'

const timeout = 600_000

/** A quarter of all packets is lost; frames below the session are late or changed. */
const faults: readonly FaultKind[] = [
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'frame-delay',
  'frame-corruption',
  'partition',
  'relay-restart',
  'silence',
]

test(
  'through loss, repetition, disorder and corruption no wrong plaintext comes, and all of it comes',
  { timeout },
  async () => {
    const counts = {
      seeds: 0,
      handled: 0,
      lost: 0,
      repeated: 0,
      'out of order': 0,
      'packets changed': 0,
      'frames changed': 0,
    }
    for (let seed = 1; seed <= tier(5, 100); seed++) {
      const { violations, accepted, handled, injected } = await run({
        seed,
        peers: 6,
        minutes: 2,
        faults,
      })
      expect(violations, `seed ${seed}`).toEqual([])
      expect(handled).toBe(accepted)
      counts.seeds++
      counts.handled += handled
      counts.lost += injected.loss ?? 0
      counts.repeated += injected.duplication ?? 0
      counts['out of order'] += injected.reordering ?? 0
      counts['packets changed'] += injected.corruption ?? 0
      counts['frames changed'] += injected['frame-corruption'] ?? 0
    }
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
    record('below the session', counts)
  },
)
