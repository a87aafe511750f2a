/** `npm run sim`: one run of the simulator, told by its seed; one that fails is made smaller first. Exits with 1 when it failed. */

import { argv, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { ensureDependencies, ensureNode, orExit, root } from './ensure.mjs'

const help = `npm run sim -- [--seed 1] [--peers 10] [--minutes 2] [--faults loss,cut,… | all]

npm run sim -- --crash side:effect [--seed 1]

Without --faults: every kind but crashes. --crash: two peers, of which the first (0) or the second (1) crashes at that effect.`

await orExit(() => {
  ensureNode()
  ensureDependencies()
})

const options = {
  seed: { type: 'string', default: '1' },
  peers: { type: 'string', default: '10' },
  minutes: { type: 'string', default: '2' },
  faults: { type: 'string' },
  crash: { type: 'string' },
  help: { type: 'boolean' },
}
const { values } = parseArgs({ args: argv.slice(2), options })
const { createServer } = await import('vite')
const server = await createServer({
  root,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, hmr: false },
  optimizeDeps: { noDiscovery: true },
})
try {
  const { crashRun, faultKinds, shrink, survivableFaults } =
    await server.ssrLoadModule('/lib/sim/index.ts')
  const chosen = values.faults?.split(',').filter(Boolean) ?? survivableFaults
  const faults = values.faults === 'all' ? faultKinds : chosen
  const numbers = [values.seed, values.peers, values.minutes].map(Number)
  const isWrong = numbers.some((number) => !(number > 0))
  const isCrash = /^[01]:[1-9]\d*$/.test(values.crash ?? '0:1')
  if (values.help || isWrong || !isCrash || faults.some((kind) => !faultKinds.includes(kind))) {
    console.log(`${help}\n\nFaults: ${faultKinds.join(', ')}`)
    exit(values.help ? 0 : 2)
  }
  const [seed, peers, minutes] = numbers
  if (values.crash) {
    const [side, effect] = values.crash.split(':').map(Number)
    const report = await crashRun(seed, { side, effect })
    console.log(report)
    exit(report.violations.length === 0 ? 0 : 1)
  }
  const startedMs = Date.now()
  const report = await shrink({ seed, peers, minutes, faults })
  const tookS = ((Date.now() - startedMs) / 1000).toFixed(1)
  const list = (counts) => Object.entries(counts).map(([kind, count]) => `  ${kind}: ${count}`)
  console.log(`seed ${seed}, ${peers} peers, ${report.minutes} simulated minutes, ${tookS} s`)
  console.log(['faults injected', ...list(report.injected)].join('\n'))
  console.log(['events', ...list(report.events)].join('\n'))
  console.log(
    `messages: ${report.accepted} accepted, ${report.handled} handled, ${report.redelivered} again`,
  )
  console.log(`trace ${report.traceHash}`)
  if (report.violations.length === 0) {
    console.log('held: every message in order and once; one session a pair, the same on both sides')
  } else {
    console.log(['FAILED', ...report.violations.slice(0, 20)].join('\n  '))
    const { seed, peers, minutes, faults } = report
    const flags = `--seed ${seed} --peers ${peers} --minutes ${minutes} --faults ${faults.join(',')}`
    console.log(`again: npm run sim -- ${flags}`)
  }
  exit(report.violations.length === 0 ? 0 : 1)
} finally {
  await server.close()
}
