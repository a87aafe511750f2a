/** `npm test`: every check and every test, one after the other, with a summary. Uses Node alone until all is installed. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argv, env, execPath, exit } from 'node:process'
import {
  ensureBrowsers,
  ensureDependencies,
  ensureNode,
  explain,
  orExit,
  root,
  SetupError,
} from './ensure.mjs'

const help = `npm test                     everything, as CI does
npm test -- check            types, format, lint, unused code
npm test -- unit             unit and structure tests
npm test -- build            the build, and the tests of the package it makes
npm test -- browser          tests in Chromium and Firefox
npm test -- bench            one small round of the benchmark: its times mean nothing
npm test -- check unit       several of these

What follows a single "unit" or "browser" goes to Vitest or Playwright:
npm test -- unit test/unit/codec
npm test -- browser smoke --project firefox --headed`

const reportsFolder = join(root, 'node_modules/.cache/handfast')
const vitestReport = (name) => join(reportsFolder, `vitest-${name}.json`)
const playwrightReport = join(reportsFolder, 'playwright.json')

const vitest = (name, ...args) => ({
  command: ['vitest/vitest.mjs', 'run', ...args, '--reporter=default', '--reporter=json'],
  args: [`--outputFile.json=${vitestReport(name)}`],
  report: vitestReport(name),
  count: countVitest,
})

/** Each step: a program of node_modules with its arguments, and where test results are to be counted, how. */
const steps = [
  { group: 'check', title: 'Types', command: ['typescript/bin/tsc', '--noEmit', '-p', '.'] },
  { group: 'check', title: 'Format', command: ['prettier/bin/prettier.cjs', '--check', '.'] },
  { group: 'check', title: 'Lint', command: ['oxlint/bin/oxlint', '--deny-warnings'] },
  { group: 'check', title: 'Unused code', command: ['knip/bin/knip.js'] },
  {
    group: 'unit',
    title: 'Structure and unit tests',
    ...vitest('unit', '--exclude=test/package/**'),
  },
  { group: 'build', title: 'Build', command: ['vite/bin/vite.js', 'build'] },
  {
    group: 'build',
    title: 'Type declarations',
    command: ['typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  },
  { group: 'build', title: 'Package metadata', command: ['publint/src/cli.js', '--strict'] },
  { group: 'build', title: 'Size', command: ['size-limit/bin.js'] },
  { group: 'build', title: 'Package tests', ...vitest('package', 'test/package') },
  {
    group: 'browser',
    title: 'Browser tests',
    command: [
      '@playwright/test/cli.js',
      'test',
      '--config=test/playwright.config.ts',
      '--reporter=list,json',
    ],
    env: { PLAYWRIGHT_JSON_OUTPUT_FILE: playwrightReport },
    report: playwrightReport,
    count: countPlaywright,
    browsers: true,
  },
  {
    group: 'bench',
    title: 'Benchmark, to see that it runs',
    command: [
      '../test/bench/run.mjs',
      '--quick',
      '--only',
      'raw,simple-peer,peerjs,handfast,handfast-stored',
    ],
    browsers: true,
  },
]

function countVitest({ numPassedTests, numFailedTests, numPendingTests, numTodoTests }) {
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests }
}

function countPlaywright({ stats }) {
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected,
    skipped: stats.skipped,
  }
}

function runStep(step, more) {
  const [program, ...args] = step.command
  if (step.report) rmSync(step.report, { force: true })
  const { status } = spawnSync(
    execPath,
    [join(root, 'node_modules', program), ...args, ...(step.args ?? []), ...more],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...env, ...step.env } },
  )
  const counts =
    step.report && existsSync(step.report)
      ? step.count(JSON.parse(readFileSync(step.report, 'utf8')))
      : { passed: 0, failed: 0, skipped: 0 }
  // A check has no tests to count, and a runner may break before or after its tests: that is one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  return { ok: status === 0, ...counts }
}

const notRun = { ok: false, passed: 0, failed: 1, skipped: 0 }
const missingBrowsers = []

/** Gets what a step needs that not every machine has; false, and said why, if that is impossible. */
async function prepare(step) {
  if (!step.browsers) return true
  try {
    missingBrowsers.push(...(await ensureBrowsers()))
    return true
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    explain(error)
    return false
  }
}

/** Splits the command line into groups of steps and what is meant for their runner. */
function parse(args) {
  const groups = [...new Set(steps.map(({ group }) => group))]
  const end = args.findIndex((arg) => !groups.includes(arg))
  const chosen = end === -1 ? args : args.slice(0, end)
  const more = end === -1 ? [] : args.slice(end)
  const takesMore = chosen.length === 1 && ['unit', 'browser'].includes(chosen[0])
  if (more.includes('--help') || (more.length > 0 && !takesMore)) {
    console.log(help)
    exit(more.includes('--help') ? 0 : 2)
  }
  return { chosen: chosen.length > 0 ? chosen : groups, more }
}

const seconds = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`
const heading = (text) => console.log(`\n── ${text} ${'─'.repeat(Math.max(2, 76 - text.length))}\n`)

const { chosen, more } = parse(argv.slice(2))
await orExit(() => {
  ensureNode()
  ensureDependencies()
})
mkdirSync(reportsFolder, { recursive: true })

const summary = []
const total = { passed: 0, failed: 0, skipped: 0 }
for (const step of steps.filter(({ group }) => chosen.includes(group))) {
  heading(step.title)
  const start = Date.now()
  const result = (await prepare(step)) ? runStep(step, more) : notRun
  for (const key of Object.keys(total)) total[key] += result[key]
  const tests = step.report ? `, ${result.passed} passed, ${result.failed} failed` : ''
  const line = `${result.ok ? 'ok    ' : 'FAILED'} ${step.title} (${seconds(start)}${tests})`
  console.log(`\n${line}`)
  summary.push(line)
}

heading('Summary')
for (const line of summary) console.log(line)
for (const name of missingBrowsers) {
  console.log(`!! SKIPPED for want of a browser: every test that needs ${name}`)
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`)
exit(total.failed === 0 ? 0 : 1)
