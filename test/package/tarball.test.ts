/** What `npm pack` makes: these files and no others, of a bounded size, in which every map leads to a source and nobody pays for what they leave. */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import lock from '../../package-lock.json' with { type: 'json' }
import metadata from '../../package.json' with { type: 'json' }
import { built, root } from './built.ts'

/** Measured 1.47 MB: the modules and types, what they were made of, and the single file, which has libsodium in it. */
const maxTarballBytes = 1_550_000

const folder = mkdtempSync(join(tmpdir(), 'handfast-tarball-'))
const unpacked = join(folder, 'package')
let tarball: string
let files: string[]

beforeAll(() => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder]
  execFileSync(npm, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
  )
  execFileSync('tar', ['-xzf', tarball, '-C', folder])
  files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => statSync(join(unpacked, name)).isFile())
}, 180_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const read = (name: string) => readFileSync(join(unpacked, name), 'utf8')

describe('the tarball', () => {
  it('holds each module of lib with what is made of it, the single file, the guides, and nothing else', () => {
    const modules = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => name.endsWith('.ts'))
      .filter((name) => !name.endsWith('.d.ts'))
      .map((name) => name.slice(0, -'.ts'.length))
    const kinds = ['js', 'js.map', 'd.ts', 'd.ts.map']
    const singleFile = ['', '.map', '.LICENSES.md'].map((end) => `dist/handfast.min.js${end}`)
    const expected = [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'],
      ...singleFile,
      'docs/protocol-vectors.json',
      // What libraries without types lack is declared for the compiler alone.
      'lib/transport/simple-peer.d.ts',
      ...modules.flatMap((name) => [
        `lib/${name}.ts`,
        ...kinds.map((kind) => `dist/${name}.${kind}`),
      ]),
    ]
    const isGuide = (name: string) => /^docs\/((guides|reports)\/)?[\w-]+\.md$/.test(name)
    expect(files.filter((name) => !isGuide(name)).sort()).toEqual(expected.sort())
    expect(files.filter(isGuide)).toContain('docs/protocol.md')
  })

  it('has the licence of each package that the single file contains, also by way of simple-peer', () => {
    const { sources } = JSON.parse(read('dist/handfast.min.js.map')) as { sources: string[] }
    const outer = sources.flatMap(
      (source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? [],
    )
    // As its one file has them, made with Browserify's events and process.
    const inner = new Set(['simple-peer'])
    const locked = lock.packages as Record<string, { dependencies?: Record<string, string> }>
    for (const name of inner)
      for (const next of Object.keys(locked[`node_modules/${name}`]!.dependencies ?? {}))
        inner.add(next)
    const names = new Set([...outer, ...inner, 'events', 'process'])
    expect(names.size).toBeGreaterThan(25)
    const notices = read('dist/handfast.min.js.LICENSES.md').split(/^## /m).slice(1)
    for (const name of names) {
      const notice = notices.find((each) => each.startsWith(`${name} - `))
      expect(notice, name).toMatch(/copyright/i)
    }
    expect(read('dist/handfast.min.js').slice(0, 200)).toContain('handfast.min.js.LICENSES.md')
  })

  it('stays within its size', () => {
    expect(statSync(tarball).size).toBeLessThan(maxTarballBytes)
  })

  it('says nothing of the machine it was made on', () => {
    const telling = files.filter((name) => read(name).includes(root))
    expect(telling).toEqual([])
  })

  it('has no link to a document that is not in it', () => {
    const missing = files
      .filter((name) => name.endsWith('.md') && !name.startsWith('dist/'))
      .flatMap((name) =>
        [...read(name).matchAll(/\]\((?!\w+:)([\w./-]+)[#)]/g)].map(([, target]) => ({
          name,
          target: posix.normalize(posix.join(dirname(name), target!)),
        })),
      )
      .filter(({ target }) => !files.some((file) => `${file}/`.startsWith(`${target}/`)))
    expect(missing).toEqual([])
  })
})

describe('every map', () => {
  interface SourceMap {
    sources: string[]
    ignoreList?: number[]
    mappings: string
  }

  it('leads to a source that is in the tarball, except for what the single file has of other packages', () => {
    const maps = files.filter((name) => name.endsWith('.map'))
    expect(maps.length).toBeGreaterThan(300)
    for (const name of maps) {
      const map = JSON.parse(read(name)) as SourceMap
      // Vite puts a module of its own in the place of each of Node's.
      const isOwn = (source: string, index: number) =>
        !map.ignoreList?.includes(index) && !source.endsWith('__vite-browser-external')
      const own = map.sources.filter(isOwn)
      expect(own.length, name).toBeGreaterThan(0)
      for (const source of own) {
        const target = posix.normalize(posix.join(dirname(name), source))
        expect(files, `${name}: ${source}`).toContain(target)
        expect(target).toMatch(/^lib\/.*\.ts$/)
      }
      expect(map.mappings, name).not.toBe('')
    }
  })

  it('is named by its file', () => {
    for (const name of files.filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))) {
      const mapName = /\n\/\/# sourceMappingURL=(.+?)\s*$/.exec(read(name))?.[1]
      expect(mapName && posix.join(dirname(name), mapName)).toBe(`${name}.map`)
    }
  })

  it.each(['index.js', 'handfast.min.js'])(
    'has a stack trace through %s name the line of the source',
    (name) => {
      // Not the unpacked one: its dependencies are in this repository.
      const file = pathToFileURL(join(root, 'dist', name)).href
      const script = `
      import { parsePeerId } from ${JSON.stringify(file)}
      try { parsePeerId('nobody') } catch (error) { console.log(error.stack) }`
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['--enable-source-maps', '--input-type=module', '--eval', script],
        { encoding: 'utf8' },
      )
      expect(stderr).toBe('')
      const [, line] = /lib\/identity\/peer-id\.ts:(\d+)/.exec(stdout.replaceAll('\\', '/'))!
      expect(read('lib/identity/peer-id.ts').split('\n')[Number(line) - 1]).toContain(
        'not a PeerId',
      )
    },
  )
})

describe('its types', () => {
  it('are found, and fit, however a project of today resolves them', async () => {
    const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
    if (!result.types) throw new Error('there are no types')
    // The package is ESM alone: what `require` and the resolution of old (node10) make of it does not count.
    const problems = result.problems.filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' &&
        !('resolutionKind' in problem && /^node10$|-cjs$/.test(problem.resolutionKind)),
    )
    expect(problems).toEqual([])
    expect(Object.keys(result.entrypoints)).toEqual(
      expect.arrayContaining(['.', './relay', './sim', './handfast.min.js']),
    )
  })
})

describe('its metadata', () => {
  it('leads to files that are there', () => {
    const { bin, exports: entries, types, unpkg, jsdelivr } = metadata
    const targets = [bin, types, unpkg, jsdelivr, ...Object.values(entries)].flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    )
    for (const target of targets) expect(files).toContain(posix.normalize(target))
    expect(read(bin.handfast)).toMatch(/^#!\/usr\/bin\/env node\n/)
  })
})

/** Bytes after gzip of what an application loads at once that takes `names` from the library, minified. */
async function costOf(names: string): Promise<number> {
  const entry = join(root, 'entry.js')
  const { output } = (await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) =>
          id === entry
            ? `import { ${names} } from ${JSON.stringify(built.library)}; console.log(${names})`
            : undefined,
      },
    ],
    build: { write: false, modulePreload: false, rolldownOptions: { input: entry } },
  })) as Rolldown.RolldownOutput
  const chunks = output.filter((file) => file.type === 'chunk')
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry))
  for (const chunk of atOnce)
    for (const name of chunk.imports) atOnce.add(chunks.find((other) => other.fileName === name)!)
  return [...atOnce].reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
}

/** What the architecture says that each name costs, in kB. */
const documentedCosts = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, names, kB] = /^\| (`.*`) +\| ([\d.]+) +\|$/.exec(line) ?? []
    return [...(names?.matchAll(/`(\w+)`/g) ?? [])].map(([, name]) => [name!, Number(kB)] as const)
  })

/** In bytes, measured and rounded up a little; `Mesh`, which needs nearly everything, for comparison. */
describe('an application pays for what it imports', () => {
  it.each([
    ['HandfastError', 300],
    ['parsePeerId', 3_000],
    ['MemoryStore', 2_500],
    ['ManualSignaling', 4_000],
    ['IdbStore', 8_000],
    ['Ticket', 21_000],
    ['Address', 21_000],
    ['verifySigned', 21_000],
    ['ask', 30_000],
    ['Identity', 36_000],
  ])('%s', { timeout: 120_000 }, async (names, maxBytes) => {
    expect(await costOf(names)).toBeLessThan(maxBytes)
  })

  it('Mesh, which needs nearly all', { timeout: 120_000 }, async () => {
    expect(await costOf('Mesh')).toBeGreaterThan(60_000)
  })

  it('what the documents say', { timeout: 60_000 }, async () => {
    expect(documentedCosts.length).toBeGreaterThan(5)
    for (const [name, kB] of documentedCosts) {
      const cost = (await costOf(name)) / 1000
      expect.soft(Math.abs(cost - kB), `${name}: ${cost} kB`).toBeLessThan(0.1 + kB * 0.1)
    }
  })
})
