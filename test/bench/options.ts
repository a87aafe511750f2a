/** The command line. */

import { parseArgs } from 'node:util'

import type { BrowserName } from '../browser/support/installed.ts'

export const usage = `npm run bench -- [options]

  --browser chromium|firefox|all   default chromium
  --only raw,simple-peer,…         subjects to measure, default all
  --sections size,throughput,…     of size, throughput, stored, round-trip, set-up, memory; default all but memory
  --memory                         also measure 50 idle connections in one tab
  --pairs 9                        interleaved rounds, after one that is discarded
  --relay-delay-ms 30              between a page and the relay, each way, for the second set-up measurement
  --quick                          one small round of everything, to see that it runs: its times mean nothing
  --json test-results/bench.json   where all samples go`

export const sections = ['size', 'throughput', 'stored', 'round-trip', 'set-up', 'memory'] as const
export type Section = (typeof sections)[number]

const browsers = ['chromium', 'firefox'] as const satisfies readonly BrowserName[]

export interface Options {
  readonly browsers: readonly BrowserName[]
  readonly only: readonly string[]
  readonly sections: readonly Section[]
  readonly pairs: number
  readonly relayDelayMs: number
  readonly quick: boolean
  readonly json: string
}

/** Throws on what it doesn't know. */
export function parseOptions(args: readonly string[], subjects: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      browser: { type: 'string', default: 'chromium' },
      only: { type: 'string', default: subjects.join() },
      sections: { type: 'string', default: 'size,throughput,stored,round-trip,set-up' },
      memory: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      'relay-delay-ms': { type: 'string', default: '30' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'test-results/bench.json' },
    },
  })
  const pairs = Number(values.pairs ?? (values.quick ? 1 : 9))
  const relayDelayMs = Number(values['relay-delay-ms'])
  if (!(pairs >= 1) || !(relayDelayMs >= 0)) throw new Error('not a number')
  return {
    browsers: values.browser === 'all' ? browsers : chosen(values.browser, browsers),
    only: chosen(values.only, subjects),
    sections: chosen(values.memory ? `${values.sections},memory` : values.sections, sections),
    pairs,
    relayDelayMs,
    quick: values.quick,
    json: values.json,
  }
}

function chosen<T extends string>(list: string, known: readonly T[]): T[] {
  const names = list.split(',')
  for (const name of names)
    if (!(known as readonly string[]).includes(name))
      throw new Error(`${name}: not one of ${known.join(', ')}`)
  return known.filter((name) => names.includes(name))
}
