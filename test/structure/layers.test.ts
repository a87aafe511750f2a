/** The repository keeps its structure; and every rule of it catches what it is there for. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  demoRoomsImportOnlyUpwards,
  demoUsesThePublicFace,
  importsAreFiles,
  missingPlatforms,
  noCycles,
  noMachinePaths,
  packagesOnlyInTheirPlace,
  rooms,
  roomsImportOnlyUpwards,
  timeAndRandomnessOnlyInBase,
} from './rules.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generated = new Set(['node_modules', '.git', 'dist', 'dist-demo', 'test-results'])
const text = /\.(?:m?[jt]sx?|json|html|css|md|cddl|ya?ml)$|^[^.]+$/

function read(folder: string, wanted: RegExp): [string, string][] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap(
    (entry): [string, string][] => {
      if (generated.has(entry.name)) return []
      const path = folder + entry.name
      if (entry.isDirectory()) return read(`${path}/`, wanted)
      return wanted.test(entry.name) ? [[path, readFileSync(root + path, 'utf8')]] : []
    },
  )
}

const sources = new Map([...read('lib/', /\.tsx?$/), ...read('demo/', /\.tsx?$/)])

const rules = {
  roomsImportOnlyUpwards,
  importsAreFiles,
  noCycles,
  timeAndRandomnessOnlyInBase,
  packagesOnlyInTheirPlace,
  demoUsesThePublicFace,
  demoRoomsImportOnlyUpwards,
}

describe('this repository', () => {
  it.each(Object.entries(rules))('%s', (_, rule) => {
    expect(sources.size).toBeGreaterThan(5)
    expect(rule(sources)).toEqual([])
  })

  it('has no room that the order does not name', () => {
    const folders = readdirSync(`${root}lib`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
    expect(rooms).toEqual(expect.arrayContaining(folders))
  })

  it('locks the binaries of every platform', () => {
    expect(missingPlatforms(readFileSync(`${root}package-lock.json`, 'utf8'))).toEqual([])
  })

  it('mentions no path of a machine', () => {
    expect(noMachinePaths(new Map(read('', text)))).toEqual([])
  })
})

describe('the rules', () => {
  const withBase = (path: string, source: string) =>
    new Map([
      ['lib/base/bytes.ts', 'export const a = 1\nexport type A = 1'],
      ['lib/index.ts', "export * from './base/bytes.ts'"],
      ['lib/link/link.ts', "import { a } from '../base/bytes.ts'\nexport const b = a"],
      [path, source],
    ])

  it.each([
    ['value', "import { b } from '../link/link.ts'"],
    ['type', "import type { b } from '../link/link.ts'"],
    ['inline type', "type B = import('../link/link.ts').B"],
    ['dynamic', "await import('../link/link.ts')"],
    ['re-export', "export * from '../link/link.ts'"],
    ['named re-export', "export { b } from '../link/link.ts'"],
    ['the face', "import { a } from '../index.ts'"],
    ['out of lib', "import { a } from '../../demo/main.tsx'"],
  ])('catch a room importing downwards: %s', (_, source) => {
    expect(roomsImportOnlyUpwards(withBase('lib/codec/cbor.ts', source))).toHaveLength(1)
  })

  it('catch a room that is none, and Node code on the face', () => {
    const source = "import { a } from '../base/bytes.ts'"
    expect(roomsImportOnlyUpwards(withBase('lib/util/misc.ts', source))).toHaveLength(1)
    const face = "export * from './relay/server.ts'"
    expect(roomsImportOnlyUpwards(withBase('lib/index.ts', face))).toHaveLength(1)
  })

  it('allow a room to import upwards, from itself, and what only looks like an import', () => {
    const source = `
      import { a } from '../base/bytes.ts'
      import { c } from './records.ts'
      // import { b } from '../link/link.ts'
      const text = "import { b } from '../link/link.ts'"`
    expect(roomsImportOnlyUpwards(withBase('lib/codec/cbor.ts', source))).toEqual([])
  })

  it('catch an import without its extension', () => {
    const source = "import { a } from '../base/bytes'"
    expect(importsAreFiles(withBase('lib/codec/cbor.ts', source))).toHaveLength(1)
  })

  it('catch cycles, of types too', () => {
    const cycle = new Map([
      ['lib/link/a.ts', "import type { B } from './b.ts'"],
      ['lib/link/b.ts', "import { c } from './c.ts'"],
      ['lib/link/c.ts', "export * from './a.ts'"],
    ])
    expect(noCycles(cycle)).toEqual([
      'lib/link/a.ts → lib/link/b.ts → lib/link/c.ts → lib/link/a.ts',
    ])
    cycle.set('lib/link/c.ts', '')
    expect(noCycles(cycle)).toEqual([])
  })

  it.each([
    'Date.now()',
    'new Date()',
    'performance.now()',
    'setTimeout(f, 1)',
    'globalThis.setTimeout(f, 1)',
    'setInterval(f, 1)',
    'Math.random()',
    'crypto.getRandomValues(a)',
    'const { getRandomValues } = crypto',
    'crypto.randomUUID()',
    'sodium.randombytes_buf(3)',
  ])('catch time and randomness outside base: %s', (source) => {
    expect(timeAndRandomnessOnlyInBase(withBase('lib/link/timer.ts', source))).not.toEqual([])
    expect(timeAndRandomnessOnlyInBase(withBase('lib/base/runtime.ts', source))).toEqual([])
  })

  it('allow dates of given times', () => {
    const source = 'new Date(3); runtime.now(); // Date.now()'
    expect(timeAndRandomnessOnlyInBase(withBase('lib/link/timer.ts', source))).toEqual([])
  })

  it.each([
    ['lib/codec/cbor.ts', 'cbor-x/index-no-eval'],
    ['lib/crypto/sodium.ts', 'libsodium-wrappers'],
    ['lib/storage/indexed-db.ts', 'idb'],
    ['lib/transport/webrtc.ts', 'simple-peer/simplepeer.min.js'],
    ['lib/relay/server.ts', 'ws'],
    ['lib/relay/server.ts', 'node:http'],
  ])('allow %s to import %s, and no other place', (path, name) => {
    const source = `import x from '${name}'`
    expect(packagesOnlyInTheirPlace(new Map([[path, source]]))).toEqual([])
    expect(packagesOnlyInTheirPlace(new Map([['lib/link/link.ts', source]]))).toHaveLength(1)
  })

  it.each([
    ['lib/codec/cbor.ts', 'cbor-x'],
    ['lib/codec/cbor.ts', 'cbor-x/decode'],
    ['lib/transport/simple.ts', 'simple-peer/simplepeer.min.js'],
    ['lib/relay/server.ts', 'http'],
    ['lib/link/link.ts', 'left-pad'],
  ])('catch %s importing %s', (path, name) => {
    const source = `await import('${name}')`
    expect(packagesOnlyInTheirPlace(new Map([[path, source]]))).toHaveLength(1)
  })

  it('catch a demo that looks inside', () => {
    const demo = (specifier: string) => new Map([['demo/main.tsx', `import '${specifier}'`]])
    expect(demoUsesThePublicFace(demo('../lib/link/link.ts'))).toHaveLength(1)
    expect(demoUsesThePublicFace(demo('/lib/link/link.ts'))).toHaveLength(1)
    expect(demoUsesThePublicFace(demo('handfast/relay'))).toHaveLength(1)
    for (const allowed of ['../lib/index.ts', 'handfast', 'preact', './chat.tsx']) {
      expect(demoUsesThePublicFace(demo(allowed))).toEqual([])
    }
  })

  it.each([
    ['ui/icon.tsx', '../people/names.ts'],
    ['ui/icon.tsx', '../page-address.ts'],
    ['people/people.tsx', '../conversation/composer.tsx'],
    ['people/people.tsx', '../workspace.tsx'],
    ['people/people.tsx', '../misc/a.ts'],
    ['misc/a.ts', './b.ts'],
  ])('catch demo/%s importing %s', (path, specifier) => {
    const source = (target: string) => new Map([[`demo/${path}`, `import '${target}'`]])
    expect(demoRoomsImportOnlyUpwards(source(specifier))).toHaveLength(1)
    if (path.startsWith('misc/')) return
    expect(demoRoomsImportOnlyUpwards(source('../ui/mark.tsx'))).toEqual([])
  })

  it('catch a lock file of one platform', () => {
    const lock = (...names: string[]) =>
      JSON.stringify({ packages: Object.fromEntries(names.map((name) => [name, {}])) })
    const all = ['@a/b-linux-x64-gnu', '@a/b-darwin-arm64', '@a/b-win32-x64-msvc']
    expect(missingPlatforms(lock(...all))).toEqual([])
    expect(missingPlatforms(lock('@a/b-linux-x64-gnu', '@a/b-darwin-arm64'))).toHaveLength(1)
    expect(missingPlatforms(lock('@c/d-linux-x64', ...all))).toHaveLength(2)
    expect(missingPlatforms(lock('left-pad'))).toHaveLength(1)
  })

  it('catch paths of a machine', () => {
    // Put together here, since this file is read as well.
    const paths = ['home', 'Users', 'tmp', 'root'].map((folder) => `see /${folder}/somebody/x`)
    for (const path of paths) expect(noMachinePaths(new Map([['a.md', path]]))).toHaveLength(1)
    expect(noMachinePaths(new Map([['a.md', 'https://a.example/home/x ./tmp/x']]))).toEqual([])
  })
})
