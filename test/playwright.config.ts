/** Browser tests: every `*.spec.ts` in each browser, every `*.cross.spec.ts` once, with both browsers at a time. */

import { availableParallelism } from 'node:os'
import { defineConfig } from '@playwright/test'
import { installedBrowsers } from './browser/support/installed.ts'
import { tier } from './support/campaign.ts'

const installed = installedBrowsers()
const cross = '**/*.cross.spec.ts'
/** The longest is in `npm test` by Chromium alone, in Firefox by `npm run campaign`. */
const notInFirefox = tier(1, 0) ? [cross, '**/flood.spec.ts'] : [cross]

const projects = [
  { name: 'chromium', testIgnore: cross, needs: ['chromium'], use: { browserName: 'chromium' } },
  {
    name: 'firefox',
    testIgnore: notInFirefox,
    needs: ['firefox'],
    use: { browserName: 'firefox' },
  },
  { name: 'chromium-firefox', testMatch: cross, needs: ['chromium', 'firefox'] },
] as const

export default defineConfig({
  testDir: 'browser',
  outputDir: '../test-results',
  fullyParallel: true,
  forbidOnly: Boolean(process.env['CI']),
  // A test waits for most of its time: for channels that open, timers, disks. With more than three, browsers wait for each other.
  workers: process.env['CI'] ? Math.min(3, availableParallelism()) : '50%',
  // What hangs fails, however late. How long something may take is no promise, unless its test measures it: then by the page's own clock.
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    baseURL: `http://127.0.0.1:${process.env['HANDFAST_TEST_PORT']}`,
    actionTimeout: 20_000,
  },
  projects: projects
    .filter(({ needs }) => needs.every((name) => !installed || installed[name]))
    .map(({ needs: _, ...project }) => project),
  webServer: {
    command: 'node test/browser/serve.mjs',
    cwd: '..',
    // Vite takes the next free port; this tells which. There may be a colour code before it.
    wait: { stdout: /http:\/\/127\.0\.0\.1:(?:\W\[\d+m)*(?<handfast_test_port>\d+)/ },
    gracefulShutdown: { signal: 'SIGTERM', timeout: 2000 },
  },
})
