/** What an application gets from the package: libsodium as a chunk of its own, loaded when needed. */

import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { beforeAll, describe, expect, it } from 'vitest'
import { built, consumer } from './built.ts'

describe("an application's bundle", () => {
  let chunks: Rolldown.OutputChunk[]

  beforeAll(async () => {
    const result = await build({
      root: consumer,
      configFile: false,
      logLevel: 'silent',
      resolve: { alias: [{ find: /^handfast$/, replacement: built.library }] },
      build: { write: false, rolldownOptions: { input: join(consumer, 'main.ts') } },
    })
    const { output } = result as Rolldown.RolldownOutput
    chunks = output.filter((file) => file.type === 'chunk')
  }, 180_000)

  const holding = (pattern: RegExp) =>
    chunks.filter((chunk) => chunk.moduleIds.some((id) => pattern.test(id)))
  const sodium = /node_modules\/libsodium/

  it('has libsodium in a chunk of its own', () => {
    const holders = holding(sodium)
    expect(holders).toHaveLength(1)
    expect(
      holders[0]!.moduleIds.filter(
        (id) => !sodium.test(id) && !id.includes('__vite-browser-external'),
      ),
    ).toEqual([])
  })

  it.each([
    ['libsodium', sodium],
    ['simple-peer', /node_modules\/simple-peer/],
    ['age', /node_modules\/age-encryption/],
    ['the recovery words', /node_modules\/@scure\/bip39/],
  ])('loads %s only when asked to', (_, pattern) => {
    const entry = chunks.find((chunk) => chunk.isEntry)!
    const atOnce = new Set([entry.fileName])
    for (const fileName of atOnce) {
      const chunk = chunks.find((candidate) => candidate.fileName === fileName)!
      for (const imported of chunk.imports) atOnce.add(imported)
    }
    expect(holding(pattern)).not.toHaveLength(0)
    for (const { fileName } of holding(pattern)) expect(atOnce).not.toContain(fileName)
  })

  it('has no eval', () => {
    for (const { code, fileName } of chunks) {
      expect(/\beval\(|new Function\(/.test(code), fileName).toBe(false)
    }
  })
})
