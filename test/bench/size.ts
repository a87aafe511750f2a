/** Bytes of each library, minified and gzipped, as a one-line consumer of it pays them: every chunk that it may ever load. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import { build, type Rolldown } from 'vite'

export interface Sizes {
  /** gzipped bytes by subject, all chunks together. */
  readonly total: Readonly<Record<string, number>>
  readonly handfast?: {
    /** The library's own code, without any dependency. */
    readonly own: number
    /** Chunks with nothing of libsodium in them. */
    readonly withoutLibsodium: number
    /** Chunks with libsodium in them, and with what else. */
    readonly libsodium: number
    readonly libsodiumAlone: boolean
    /** Chunks that load at once, libsodium among them or not. */
    readonly initial: number
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url))

const consumers: Readonly<Record<string, string>> = {
  'simple-peer': `export { default } from 'simple-peer/simplepeer.min.js'`,
  peerjs: `export { Peer } from 'peerjs'`,
  trystero: `export { createTopicStrategy } from '@trystero-p2p/core'`,
  handfast: `export { Identity, Mesh } from './lib/index.ts'`,
}

async function bundle(source: string, external: RegExp[]): Promise<Rolldown.OutputChunk[]> {
  const entry = `${root}consumer.js`
  const output = (await build({
    configFile: false,
    root,
    logLevel: 'silent',
    plugins: [
      {
        name: 'consumer',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? source : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: { input: entry, preserveEntrySignatures: 'strict', external },
    },
  })) as Rolldown.RolldownOutput
  return output.output.filter((file) => file.type === 'chunk')
}

const gzipped = (chunks: readonly Rolldown.OutputChunk[]) =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)

export async function measureSizes(subjects: readonly string[]): Promise<Sizes> {
  const total: Record<string, number> = {}
  for (const [name, source] of Object.entries(consumers))
    if (subjects.includes(name)) total[name] = gzipped(await bundle(source, []))
  if (!subjects.includes('handfast')) return { total }

  const source = consumers['handfast']!
  const chunks = await bundle(source, [])
  const isSodium = (id: string) => id.includes('/libsodium')
  const withSodium = chunks.filter(({ moduleIds }) => moduleIds.some(isSodium))
  const files = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  const initial = new Set(chunks.filter(({ isEntry }) => isEntry))
  for (const chunk of initial) for (const file of chunk.imports) initial.add(files.get(file)!)
  return {
    total,
    handfast: {
      own: gzipped(await bundle(source, [/^[^./]/])),
      withoutLibsodium: gzipped(chunks.filter((chunk) => !withSodium.includes(chunk))),
      libsodium: gzipped(withSodium),
      libsodiumAlone: withSodium.every(({ moduleIds }) =>
        moduleIds.every((id) => isSodium(id) || isVirtual(id)),
      ),
      initial: gzipped([...initial]),
    },
  }
}

/** Helpers of the bundler's own. */
const isVirtual = (id: string) => id.startsWith('\0') || !existsSync(id)
