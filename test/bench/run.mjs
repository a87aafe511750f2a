// Runs the TypeScript of this folder on a Node that knows none: `node test/bench/run.mjs [options]`.
// The same file starts the process of the servers, so that neither relay nor proxy shares a thread with the driver.

import { runnerImport } from 'vite'

const name = process.argv[2] === 'servers' ? 'servers' : 'bench'
const { module } = await runnerImport(new URL(`./${name}.ts`, import.meta.url).pathname, {
  configFile: false,
  logLevel: 'error',
})
process.exitCode = await module.main(process.argv.slice(2))
