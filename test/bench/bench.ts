/** `npm run bench`: measures Handfast, bare WebRTC and the other libraries side by side, and holds the budgets against the result. */

import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'

import type { BrowserName } from '../browser/support/installed.ts'
import { browserTypes, launchOptions } from '../browser/support/launch.ts'
import { judge, type Verdict } from './budgets.ts'
import { measureRoundTrips, measureSetUp, measureStored, measureThroughput } from './measure.ts'
import { measureMemory } from './memory.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { Pair } from './pair.ts'
import { printBudgets, printMetrics, printSizes } from './report.ts'
import { Samples } from './samples.ts'
import { Servers } from './servers.ts'
import { type PageServer, servePages } from './site.ts'
import { measureSizes, type Sizes } from './size.ts'
import { type Subject, subjects } from './subjects.ts'

interface Run {
  readonly options: Options
  readonly chosen: readonly Subject[]
  readonly servers: Servers
  readonly pages: PageServer
  readonly failures: string[]
}

/** Playwright has Firefox note a stack for every promise made, which nobody's own Firefox does. */
const asUsersHaveIt = { 'javascript.options.asyncstack_capture_debuggee_only': true }

async function measureBrowser(name: BrowserName, run: Run): Promise<Samples> {
  const { options, chosen, servers, pages } = run
  const samples = new Samples()
  const effort = { rounds: options.pairs, quick: options.quick }
  const has = (section: string) => (options.sections as readonly string[]).includes(section)
  const onFailure = (what: string, subject: string, error: unknown) => {
    run.failures.push(`${name}, ${what}, ${subject}: ${String(error)}`)
    console.error(run.failures.at(-1))
  }
  const { firefoxUserPrefs, ...launch } = launchOptions(name, true, true)
  const browser = await browserTypes[name].launch({
    ...launch,
    firefoxUserPrefs: { ...firefoxUserPrefs, ...asUsersHaveIt },
  })
  try {
    const pairs: Pair[] = []
    const needsConnections = has('throughput') || has('stored') || has('round-trip')
    const needsPairs = needsConnections || has('set-up')
    for (const subject of needsPairs ? chosen : []) {
      const pair = await Pair.open(browser, pages.url, servers, subject)
      await pair.checkSeparate()
      pairs.push(pair)
    }
    if (has('set-up')) {
      progress(`${name}: set-up`)
      for (const delayMs of new Set([0, options.relayDelayMs]))
        await measureSetUp(pairs.filter(isWhole), servers, delayMs, effort, samples, onFailure)
    }
    if (needsConnections) {
      const connected: Pair[] = []
      for (const pair of pairs) {
        try {
          await pair.connect()
          connected.push(pair)
        } catch (error) {
          onFailure('connecting', pair.subject.name, error)
        }
      }
      if (has('round-trip')) {
        progress(`${name}: round trips`)
        await measureRoundTrips(connected.filter(isWhole), effort, samples, onFailure)
      }
      if (has('throughput')) {
        progress(`${name}: throughput`)
        await measureThroughput(connected, effort, samples, onFailure)
      }
      if (has('stored')) {
        progress(`${name}: stored messages`)
        await measureStored(connected, effort, samples, onFailure)
      }
    }
    for (const pair of pairs) await pair.close()
    if (has('memory')) {
      progress(`${name}: memory`)
      const idle = chosen.filter(({ only }) => only === undefined)
      await measureMemory(browser, pages.url, servers, idle, options.quick, samples, onFailure)
    }
  } finally {
    await browser.close()
  }
  return samples
}

const isWhole = ({ subject }: Pair) => subject.only === undefined

const progress = (what: string) => console.error(`… ${what}`)

export async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(usage)
    return 0
  }
  const options = parseOptions(
    args,
    subjects.map(({ name }) => name),
  )
  const chosen: Subject[] = subjects.filter(({ name }) => options.only.includes(name))
  const failures: string[] = []
  const measured: Record<string, Samples> = {}
  const verdicts: Record<string, Verdict[]> = {}
  let sizes: Sizes | undefined
  if (options.sections.includes('size')) {
    progress('sizes')
    sizes = await measureSizes(options.only)
    printSizes(sizes)
  }
  const servers = await Servers.start()
  const pages = await servePages(options.only)
  try {
    for (const name of options.browsers) {
      const samples = await measureBrowser(name, { options, chosen, servers, pages, failures })
      measured[name] = samples
      verdicts[name] = judge(name, samples, sizes, options.relayDelayMs)
      printMetrics(name, samples)
      printBudgets(name, verdicts[name], options.quick)
    }
  } finally {
    pages.close()
    servers.close()
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  const result = {
    at: new Date().toISOString(),
    machine,
    options,
    sizes,
    measured,
    verdicts,
    failures,
  }
  await mkdir(dirname(options.json), { recursive: true })
  await writeFile(options.json, JSON.stringify(result, null, 1))
  console.log(`\nAll samples: ${options.json}`)
  for (const failure of failures) console.log(`FAILED ${failure}`)
  return failures.length === 0 ? 0 : 1
}
