/**
 * `npm run docs`: the documentation site, from `docs/` and the comments in `lib/`, into `docs/site/dist`: plain files for any server,
 * under any path. Installs what it needs on first use. Fails on what is not documented, on warnings and on dead links.
 */

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { execPath, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { ensureDependencies, ensureNode, orExit, root } from '../../.ci/ensure.mjs'
import { problemsOf } from './check.mjs'

const folder = dirname(fileURLToPath(import.meta.url))

await orExit(() => {
  ensureNode()
  ensureDependencies(root)
  ensureDependencies(folder)
})
const typedoc = join(folder, 'node_modules/typedoc/bin/typedoc')
const { status } = spawnSync(execPath, [typedoc, '--treatWarningsAsErrors'], {
  cwd: folder,
  stdio: 'inherit',
})
if (status !== 0) exit(1)
const problems = problemsOf(join(folder, 'dist'))
for (const problem of problems) console.error(problem)
if (problems.length > 0) exit(1)
console.log('handfast: the documentation is in docs/site/dist; open index.html there')
