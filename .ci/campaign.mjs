/** `npm run campaign`: the long tests in full, which `npm test` runs reduced. Takes over an hour. */

import { spawnSync } from 'node:child_process'
import { env, execPath, exit } from 'node:process'
import { ensureDependencies, ensureNode, orExit, root } from './ensure.mjs'

await orExit(() => {
  ensureNode()
  ensureDependencies()
})
const run = (...args) =>
  spawnSync(execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...env, HANDFAST_CAMPAIGN: '1' },
  }).status ?? 1

const rooms = ['attack', 'link', 'session', 'sim'].map((room) => `test/unit/${room}`)
const statuses = [
  run('node_modules/vitest/vitest.mjs', 'run', ...rooms),
  run('.ci/test.mjs', 'browser', 'durable.spec', 'tabs.spec', 'soak.spec'),
]
exit(Math.max(...statuses))
