/** `npm run campaign`: the long tests in full, which `npm test` runs reduced. Takes about three quarters of an hour. */

import { spawnSync } from 'node:child_process'
import { env, execPath, exit } from 'node:process'
import { ensureBrowsers, ensureDependencies, ensureNode, orExit, root } from './ensure.mjs'

await orExit(async () => {
  ensureNode()
  ensureDependencies()
  await ensureBrowsers()
})

const unit = ['attack', 'link', 'session', 'sim'].map((room) => `test/unit/${room}`)
const browser = ['durable', 'signaling-cuts', 'networks'].map((spec) => `browser/${spec}.spec`)
const runs = [
  ['vitest/vitest.mjs', 'run', ...unit],
  ['@playwright/test/cli.js', 'test', '--config=test/playwright.config.ts', ...browser],
]
let failed = false
for (const [program, ...args] of runs) {
  const { status } = spawnSync(execPath, [`node_modules/${program}`, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...env, HANDFAST_CAMPAIGN: '1' },
  })
  failed ||= status !== 0
}
exit(failed ? 1 : 0)
