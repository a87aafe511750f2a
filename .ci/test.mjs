/**
 * `npm test`: every check and every test, with a summary. Uses Node alone until all is installed.
 *
 * The browser tests, which wait more than they compute, run beside the package's; what has a clock of its own has the machine to itself. What
 * each step says is shown whole, in the order of the list below.
 *
 * Up to two browser tests that waited in vain beside all that run a second time, alone, once the other steps of that time are done. What then
 * passes is named in the summary as FLAKY, below all else. Any other failure, a third one, or a second one of the same test fails CI: the rule
 * is in second-run.mjs.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argv, env, execPath, exit, stdout } from 'node:process'
import { PassThrough } from 'node:stream'
import {
  ensureBrowsers,
  ensureDependencies,
  ensureNode,
  explain,
  orExit,
  root,
  SetupError,
} from './ensure.mjs'
import { mayRunAgain } from './second-run.mjs'

const help = `npm test                     everything, as CI does
npm test -- check            types, format, lint, unused code
npm test -- unit             unit and structure tests
npm test -- build            the build, and the tests of the package it makes
npm test -- projects         the package in fresh projects of others, after build; needs the npm registry
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
  { group: 'build', title: 'Documentation site', command: ['../docs/site/build.mjs'] },
  {
    group: 'build',
    title: 'Package tests',
    ...vitest('package', 'test/package', '--exclude=test/package/projects/**'),
  },
  {
    group: 'projects',
    title: 'Projects of others',
    ...vitest('projects', 'test/package/projects'),
    browsers: true,
  },
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
    mayRunAgain,
    again: ['--last-failed', '--workers=1'],
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

/** Resolves with the counts of a step once it has ended; what it says until then goes to `output`. */
async function runStep(step, more, output) {
  const [program, ...args] = step.command
  if (step.report) rmSync(step.report, { force: true })
  const child = spawn(
    execPath,
    [join(root, 'node_modules', program), ...args, ...(step.args ?? []), ...more],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, ...(stdout.isTTY && { FORCE_COLOR: '1' }), ...step.env },
    },
  )
  for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false })
  const [status] = await once(child, 'close')
  const counts =
    step.report && existsSync(step.report)
      ? step.count(JSON.parse(readFileSync(step.report, 'utf8')))
      : { passed: 0, failed: 0, skipped: 0 }
  // A check has no tests to count, and a runner may break before or after its tests: that is one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  return { ok: status === 0, ...counts }
}

/** The result after a second run of those that may have one; `quiet` settles once nothing runs beside. */
async function runAgain(step, first, output, quiet) {
  if (first.ok || !existsSync(step.report)) return first
  const names = step.mayRunAgain(JSON.parse(readFileSync(step.report, 'utf8')))
  if (names.length === 0) return first
  await quiet
  output.write(`\n── They waited in vain. Once more, alone: ──\n${names.join('\n')}\n`)
  const second = await runStep(step, step.again, output)
  if (!second.ok || second.passed !== names.length) return first
  return { ...first, ok: true, passed: first.passed + names.length, failed: 0, flaky: names }
}

const notRun = { ok: false, passed: 0, failed: 1, skipped: 0 }

/** The names of browsers that this machine lacks; undefined, and said why, if the steps that need one are not to run. */
async function prepareBrowsers() {
  try {
    return await ensureBrowsers()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    explain(error)
    return undefined
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

const run = steps
  .filter(({ group }) => chosen.includes(group))
  .map((step) => ({ step, output: new PassThrough({ highWaterMark: Number.MAX_SAFE_INTEGER }) }))
const missingBrowsers = run.some(({ step }) => step.browsers) ? await prepareBrowsers() : []

async function runAll(each, quiet) {
  for (const it of each) {
    const start = Date.now()
    const canRun = !it.step.browsers || missingBrowsers
    it.result = canRun ? await runStep(it.step, more, it.output) : notRun
    if (it.step.again && canRun && more.length === 0) {
      it.result = await runAgain(it.step, it.result, it.output, quiet)
    }
    it.took = seconds(start)
    it.output.end()
  }
}
const of = (...groups) => run.filter(({ step }) => groups.includes(step.group))
void (async () => {
  await runAll(of('check', 'unit'))
  const beside = runAll(of('build', 'projects'))
  await Promise.all([beside, runAll(of('browser'), beside)])
  await runAll(of('bench'))
})()

const summary = []
const total = { passed: 0, failed: 0, skipped: 0 }
for (const it of run) {
  heading(it.step.title)
  for await (const chunk of it.output) stdout.write(chunk)
  for (const key of Object.keys(total)) total[key] += it.result[key]
  const tests = it.step.report ? `, ${it.result.passed} passed, ${it.result.failed} failed` : ''
  const line = `${it.result.ok ? 'ok    ' : 'FAILED'} ${it.step.title} (${it.took}${tests})`
  console.log(`\n${line}`)
  summary.push(line)
}

heading('Summary')
for (const line of summary) console.log(line)
for (const name of missingBrowsers ?? []) {
  console.log(`!! SKIPPED for want of a browser: every test that needs ${name}`)
}
for (const name of run.flatMap(({ result }) => result.flaky ?? [])) {
  console.log(`!! FLAKY, to be looked into: waited in vain beside others, passed alone: ${name}`)
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`)
exit(total.failed === 0 ? 0 : 1)
