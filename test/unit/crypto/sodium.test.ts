/** libsodium's readiness: loaded on demand, one typed error where it cannot start. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type * as SodiumFile from '../../../lib/crypto/sodium.ts'

beforeEach(() => {
  vi.resetModules()
})

afterEach(() => {
  vi.doUnmock('libsodium-wrappers')
  vi.unstubAllGlobals()
})

const load = (): Promise<typeof SodiumFile> => import('../../../lib/crypto/sodium.ts')

test('before ready, sodium() throws wrong-phase; after it, it returns one module', async () => {
  const { ready, sodium } = await load()
  expect(sodium).toThrow(expect.objectContaining({ code: 'wrong-phase' }))
  expect(await Promise.all([ready(), ready()])).toEqual([undefined, undefined])
  expect(sodium()).toBe(sodium())
  expect(sodium().crypto_generichash(64, 'x', null).length).toBe(64)
})

test('importing the file does not load libsodium', async () => {
  const factory = vi.fn(() => ({ default: { ready: Promise.resolve() } }))
  vi.doMock('libsodium-wrappers', factory)
  const { ready } = await load()
  expect(factory).not.toHaveBeenCalled()
  await ready()
  expect(factory).toHaveBeenCalledTimes(1)
})

test('where WebAssembly is blocked, every caller gets unsupported, and it says what to allow', async () => {
  const blocked = new Error('blocked by CSP')
  const ready = Promise.reject(blocked)
  ready.catch(() => {})
  vi.doMock('libsodium-wrappers', () => ({ default: { ready } }))
  const file = await load()
  const results = await Promise.allSettled([file.ready(), file.ready()])
  for (const result of results) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'unsupported', cause: blocked },
    })
    expect(String((result as PromiseRejectedResult).reason)).toContain('wasm-unsafe-eval')
  }
  expect(file.sodium).toThrow(expect.objectContaining({ code: 'wrong-phase' }))
})

test('after a failure, ready() tries again', async () => {
  let attempts = 0
  vi.doMock('libsodium-wrappers', () => ({
    default: {
      get ready() {
        return ++attempts === 1 ? Promise.reject(new Error('offline')) : Promise.resolve()
      },
    },
  }))
  const { ready, sodium } = await load()
  await expect(ready()).rejects.toMatchObject({ code: 'unsupported' })
  await ready()
  expect(sodium()).toBeDefined()
})
