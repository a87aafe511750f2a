import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { faultKinds, run } from '../../../lib/sim/index.ts'
import { record } from '../../support/campaign.ts'

const timeout = 300_000
const [seed, peers, minutes] = [7, 10, 2]

const program = fileURLToPath(new URL('../../../.ci/sim.mjs', import.meta.url))

/** The same run in a process of its own. */
async function elsewhere(): Promise<string | undefined> {
  const flags = Object.entries({ seed, peers, minutes, faults: 'all' })
  const args = flags.flatMap(([name, value]) => [`--${name}`, String(value)])
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args])
  return /^trace (\S+)$/m.exec(stdout)?.[1]
}

test(
  'the same seed gives the same trace, in other processes and on other machines',
  { timeout },
  async () => {
    const { traceHash, violations } = await run({ seed, peers, minutes, faults: faultKinds })
    expect(violations).toEqual([])
    // Of this very version: a change of what goes on the network or on disk, or when, gives another. `npm test -- unit -u` then writes it.
    expect(traceHash).toMatchInlineSnapshot(`"06wJGcZb4z9m7LnlL8tfYq7vDBaNfDVEAmPT_Gf2oWA"`)
    expect(await elsewhere()).toBe(traceHash)
    record('trace', { seed, peers, minutes, hash: traceHash })
  },
)
