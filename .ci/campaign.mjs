/**
 * `npm run campaign`: the long tests in full, which `npm test` runs reduced, and the report of it under docs/reports/. Crash points and
 * seeds share all processors, and take hours unless given an end.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { argv, env, execPath, exit, version } from 'node:process'
import { parseArgs } from 'node:util'
import { ensureBrowsers, ensureDependencies, ensureNode, orExit, root } from './ensure.mjs'

const help = `npm run campaign -- [--only-simulator] [--minutes 60] [--processes ${availableParallelism()}]

--minutes: an end for crash points and seeds, which are then counted as far as they went.`

await orExit(() => {
  ensureNode()
  ensureDependencies()
})
const options = {
  'only-simulator': { type: 'boolean' },
  minutes: { type: 'string' },
  processes: { type: 'string', default: String(availableParallelism()) },
  help: { type: 'boolean' },
}
const { values } = parseArgs({ args: argv.slice(2), options })
const [minutes, processes] = [Number(values.minutes ?? Infinity), Number(values.processes)]
if (values.help || !(minutes > 0) || !(processes >= 1)) {
  console.log(help)
  exit(values.help ? 0 : 2)
}

const cache = join(root, 'node_modules/.cache/handfast')
const records = join(cache, 'campaign.jsonl')
mkdirSync(cache, { recursive: true })
rmSync(records, { force: true })

/** Resolves with whether all passed. */
function run(command, more = {}) {
  const full = { HANDFAST_CAMPAIGN: '1', HANDFAST_RECORDS: records, ...more }
  const child = spawn(execPath, command, { cwd: root, stdio: 'inherit', env: { ...env, ...full } })
  return new Promise((resolve) => child.on('close', (status) => resolve(status === 0)))
}

const vitest = (args, more) => run(['node_modules/vitest/vitest.mjs', 'run', ...args], more)

const browserTests = [
  'durable',
  'signaling-cuts',
  'networks',
  'tabs',
  'flood',
  'soak',
  'demo-looks',
  'wallet',
  'wallet-speed',
]
const playwright = () =>
  run([
    'node_modules/@playwright/test/cli.js',
    'test',
    '--config=test/playwright.config.ts',
    ...browserTests.map((name) => `browser/${name}.spec`),
  ])

const shared = ['test/unit/sim/crash-points.test.ts', 'test/unit/sim/seeds.test.ts']
const others = [
  'test/unit/attack',
  'test/unit/link',
  'test/unit/session',
  'test/unit/mesh/lives.test.ts',
  'test/unit/wallet/random-walk.test.ts',
  'test/unit/wallet/thief.test.ts',
  'test/unit/wallet/withdrawing.test.ts',
]
const began = new Date()
const passed = values['only-simulator'] ? [] : [await vitest(others)]
const until = String(Date.now() + minutes * 60_000)
const shards = Array.from({ length: Math.floor(processes) }, (_, i) => `${i}/${processes}`)
passed.push(
  ...(await Promise.all([
    vitest(['test/unit/sim', ...shared.flatMap((file) => ['--exclude', file])]),
    ...shards.map((shard) => vitest(shared, { HANDFAST_SHARD: shard, HANDFAST_UNTIL: until })),
  ])),
)

if (!values['only-simulator']) {
  await orExit(ensureBrowsers)
  passed.push(await playwright())
}

/** By test, the counts of all processes together. */
function readRecords() {
  const tests = new Map()
  const lines = existsSync(records) ? readFileSync(records, 'utf8').split('\n').filter(Boolean) : []
  for (const line of lines) {
    const { test, counts, seconds } = JSON.parse(line)
    const sums = tests.get(test) ?? { counts: {}, seconds: 0 }
    for (const [name, count] of Object.entries(counts)) {
      const sum = sums.counts[name]
      sums.counts[name] = typeof sum === 'number' ? sum + count : count
    }
    sums.seconds += seconds
    tests.set(test, sums)
  }
  return tests
}

const figure = (count) => (typeof count === 'number' ? count.toLocaleString('en') : `\`${count}\``)
const sections = [...readRecords()].map(([test, { counts, seconds }]) =>
  [
    `## ${test[0].toUpperCase()}${test.slice(1)}`,
    '',
    ...Object.entries({ ...counts, 'seconds of work': seconds }).map(
      ([name, count]) => `- ${name}: ${figure(count)}`,
    ),
    '',
  ].join('\n'),
)
const date = began.toISOString().slice(0, 10)
const tookMinutes = Math.round((Date.now() - began.getTime()) / 60_000)
const limit = Number.isFinite(minutes)
  ? ` Crash points and seeds, 1,000 of each in full, were given ${minutes} minutes: the counts say how far they went.`
  : ''
const isGood = passed.every(Boolean)
const report = `# Simulator report, ${date}

\`npm run campaign\` under Node ${version}, ${processes} processes, ${tookMinutes} minutes.${limit} What is injected, and
what has to hold: [simulator](../simulator.md). Outcome: **${isGood ? 'all held' : 'FAILED'}**.

${sections.join('\n')}`
const folder = join(root, 'docs/reports')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${date}-simulator.md`)
writeFileSync(file, report)
spawnSync(execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', file], { cwd: root })
console.log(report)
exit(isGood ? 0 : 1)
