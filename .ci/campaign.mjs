/** `npm run campaign`: the long tests in full, which `npm test` runs reduced. Takes about half an hour. */

import { spawnSync } from 'node:child_process'
import { env, execPath, exit } from 'node:process'
import { ensureDependencies, ensureNode, orExit, root } from './ensure.mjs'

await orExit(() => {
  ensureNode()
  ensureDependencies()
})
const { status } = spawnSync(
  execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    'test/unit/attack',
    'test/unit/link',
    'test/unit/session',
    'test/unit/sim',
  ],
  { cwd: root, stdio: 'inherit', env: { ...env, HANDFAST_CAMPAIGN: '1' } },
)
exit(status ?? 1)
