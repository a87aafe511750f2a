/** The code in `README.md` is real: every block is type-checked against the library, and the two sides of the first example meet. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import type { MeshOptions } from '../../../lib/mesh/options.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block!)

afterEach(() => vi.restoreAllMocks())

describe('every block', () => {
  test('is there', () => expect(blocks.length).toBeGreaterThanOrEqual(4))

  test('type-checks', { timeout: 60_000 }, () => {
    const folder = join(root, 'node_modules/.cache/handfast/readme')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    blocks.forEach((block, index) => writeFileSync(join(folder, `block-${index}.ts`), block))
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        // What a block declares for its reader need not be used in it.
        noUnusedLocals: false,
        moduleDetection: 'force',
        typeRoots: [join(root, 'node_modules/@types')],
        paths: {
          handfast: [join(root, 'lib/index.ts')],
          'handfast/relay': [join(root, 'lib/relay/index.ts')],
        },
      },
      include: ['.'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(execPath, [tsc, '--noEmit', '-p', folder], { encoding: 'utf8' })
    // Only what is said of the blocks: the library has a check of its own.
    expect(stdout.split('\n').filter((line) => line.includes('block-'))).toEqual([])
  })
})

test('the first two blocks meet', async () => {
  const world = new World()
  const logged: unknown[][] = []
  vi.spyOn(console, 'log').mockImplementation((...values) => void logged.push(values))
  const opened: Mesh[] = []
  /** The same names, in memory: no IndexedDB, no relay, no WebRTC. */
  const inMemory = {
    Identity: { open: () => Identity.open({ store: new MemoryStore() }) },
    Mesh: {
      async open({ identity }: MeshOptions) {
        const { mesh } = await world.peer({ identity })
        opened.push(mesh)
        return mesh
      },
    },
  }
  try {
    await run(blocks[0]!, { handfast: inMemory })
    const [link] = logged.splice(0)[0] as [string]
    expect(link).toMatch(/^https:\/\/wallet\.example\/#hft1[a-z2-7]+$/)
    await run(blocks[1]!, { handfast: inMemory, location: { href: link } })
    const [alice, bob] = opened as [Mesh, Mesh]
    const { safetyNumber } = alice.links.get(bob.peer)!
    expect(logged).toEqual([
      [bob.peer, { pay: 5n }],
      [safetyNumber, { amount: 7n }],
    ])
  } finally {
    await world.close()
  }
})

test('links lead to files that are there', () => {
  for (const name of [
    'README.md',
    'docs/architecture.md',
    'docs/performance.md',
    'docs/protocol.md',
    'docs/security.md',
    'docs/simulator.md',
  ]) {
    const text = readFileSync(join(root, name), 'utf8').replace(/^```.*?^```$/gms, '')
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target!)
    for (const target of targets) {
      expect(existsSync(join(root, dirname(name), target)), `${name}: ${target}`).toBe(true)
    }
  }
})

/** Runs a block that has no types as a module of its own; what it imports or takes from the page is given. */
async function run(block: string, given: Record<string, unknown>): Promise<void> {
  const name = 'readmeGiven'
  vi.stubGlobal(name, given)
  try {
    const source = block
      .replace(/^import (\{.*\}) from 'handfast'$/m, `const $1 = globalThis.${name}.handfast`)
      .replace(/^/, `const { location } = globalThis.${name};\n`)
    await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(source)}`)
  } finally {
    vi.unstubAllGlobals()
  }
}
