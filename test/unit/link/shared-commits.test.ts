/** Messages sent one after another share a transaction: a commit takes as long for one as for a thousand. */

import { beforeAll, beforeEach, expect, test } from 'vitest'
import { maxSegmentBytes } from '../../../lib/base/limits.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { LinkPair, logOptions } from '../../support/link-pair.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

let runtime: VirtualRuntime
let writes = 0
beforeEach(() => {
  runtime = virtualRuntime()
  writes = 0
})

function countingLink() {
  const inner = new MemoryStore()
  const store: Store = {
    transaction: (scope, options, work) => {
      if (options.mode === 'write') writes++
      return inner.transaction(scope, options, work)
    },
    close: () => inner.close(),
  }
  const pair = new LinkPair({ runtime })
  pair.renew(0, logOptions(runtime, store))
  return pair.links[0]
}

test('sent in one go', async () => {
  const link = countingLink()
  const stored = Array.from({ length: 100 }, (_, i) => link.send(i).stored)
  await Promise.all(stored)
  expect(writes).toBe(1)
})

test('sent by a chain of promises', async () => {
  const link = countingLink()
  await link.send('loaded').stored
  writes = 0
  let last: Promise<string> | undefined
  for (let i = 0; i < 100; i++) {
    await Promise.resolve().then(() => {})
    last = link.send(i).stored
  }
  await last
  expect(writes).toBe(1)
})

test('no longer than until a segment is full', async () => {
  const link = countingLink()
  await link.send('loaded').stored
  writes = 0
  const message = new Uint8Array(maxSegmentBytes / 8)
  const first = link.send(message).stored.then(() => writes)
  let last: Promise<string> | undefined
  for (let i = 0; i < 64; i++) {
    await Promise.resolve()
    last = link.send(message).stored
  }
  await last
  expect(await first).toBe(1)
  expect(writes).toBeGreaterThan(1)
})

test('one alone does not wait for a timer', async () => {
  const link = countingLink()
  await link.send('loaded').stored
  const before = runtime.monotonicNow()
  await link.send('alone').stored
  expect(runtime.monotonicNow()).toBe(before)
})

test('thousands in one go', async () => {
  const link = countingLink()
  await link.send('loaded').stored
  writes = 0
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => link.send(i).stored))
  expect(writes).toBe(1)
})

test('no more than 4 MiB, so that the first can leave', async () => {
  const link = countingLink()
  await link.send('loaded').stored
  writes = 0
  await Promise.all(Array.from({ length: 10 }, () => link.send(new Uint8Array(1_000_000)).stored))
  expect(writes).toBeGreaterThan(2)
})
