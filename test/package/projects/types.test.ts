/** The types in projects of TypeScript users: with the oldest compiler that the guide names, every check on, and nothing of Node's. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { read } from '../../unit/docs/blocks.ts'
import { Projects } from './projects.ts'

const [, oldest] = /TypeScript (\d+\.\d+)/.exec(read('docs/guides/add-to-your-wallet.md'))!
const projects = new Projects()
const folder = projects.path('types')

/** Not the relay, which is of Node. */
const program = `
import { HandfastError, Identity, Mesh, verifySigned, type InviteOptions } from 'handfast'
import { run } from 'handfast/sim'

export async function meet(options: InviteOptions): Promise<string> {
  await using identity = await Identity.open({ name: 'alice' })
  await using mesh = await Mesh.open({ identity, relays: ['wss://relay.example'] })
  const { memo, topic, signal } = {} as { memo: string | undefined; topic?: string; signal?: AbortSignal }
  await mesh.invite({ memo, scopes: undefined })
  await (await mesh.accept('hft1', { signal })).send(1, { topic, signal })
  mesh.on('trace', (event) => event.kind === 'dial-failed' && console.log(event.reason))
  // @ts-expect-error what is for this library alone is not among the types
  console.log(identity.keystore)
  return String(await mesh.invite(options))
}
export const others = [HandfastError, verifySigned, run]
`

const options = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
}

beforeAll(async () => {
  await projects.pack()
  mkdirSync(folder)
  const dependencies = { handfast: `file:${projects.tarball}`, typescript: `~${oldest}.0` }
  writeFileSync(`${folder}/package.json`, JSON.stringify({ type: 'module', dependencies }))
  writeFileSync(`${folder}/main.ts`, program)
  await projects.install(folder)
}, 120_000)

afterAll(() => projects.close(), 180_000)

it.each([
  ['bundler', 'esnext'],
  ['node16', 'node16'],
])('as %s resolves them', { timeout: 180_000 }, async (moduleResolution, module) => {
  const compilerOptions = { ...options, module, moduleResolution }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ['main.ts'] }))
  const compiler = [process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.']
  expect(await projects.run(folder, compiler).catch(String)).toBe('')
})
