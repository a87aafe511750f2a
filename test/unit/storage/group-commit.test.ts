import { expect, test } from 'vitest'
import { GroupCommit } from '../../../lib/storage/group-commit.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'

/** Counts transactions, and fails those it is told to. */
function counting(store: Store): { store: Store; count: () => number; failNext: () => void } {
  let count = 0
  let fails = false
  return {
    count: () => count,
    failNext: () => void (fails = true),
    store: {
      transaction(scope, options, work) {
        count++
        expect(options).toEqual({ mode: 'write', durability: 'strict' })
        if (!fails) return store.transaction(scope, options, work)
        fails = false
        return Promise.reject(new Error('disk full'))
      },
      close: () => store.close(),
    },
  }
}

test('what comes while a transaction is in flight shares the next one, in order', async () => {
  const { store, count } = counting(new MemoryStore())
  const group = new GroupCommit(store, ['outbox'])
  const seen: number[] = []
  const first = group.run(async () => void seen.push(0))
  await Promise.resolve()
  await Promise.resolve()
  const rest = [1, 2, 3].map((n) =>
    group.run(async (transaction) => {
      seen.push(n)
      await transaction.put('outbox', 'last', n)
    }),
  )
  await Promise.all([first, ...rest])
  expect(seen).toEqual([0, 1, 2, 3])
  expect(count()).toBe(2)
  await group.run(async (transaction) => expect(await transaction.get('outbox', 'last')).toBe(3))
})

test('a failure fails all that shared the transaction, and nothing after it', async () => {
  const { store, failNext } = counting(new MemoryStore())
  const group = new GroupCommit(store, ['outbox'])
  failNext()
  const doomed = [group.run(async () => {}), group.run(async () => {})]
  for (const each of doomed) await expect(each).rejects.toThrow('disk full')
  await expect(group.run(async () => {})).resolves.toBeUndefined()
})

test('work that throws writes nothing, not even what shared its transaction', async () => {
  const group = new GroupCommit(new MemoryStore(), ['outbox'])
  const both = [
    group.run((transaction) => transaction.put('outbox', 'a', 1)),
    group.run(() => Promise.reject(new Error('no'))),
  ]
  for (const each of both) await expect(each).rejects.toThrow('no')
  await group.run(async (transaction) => expect(await transaction.list('outbox')).toEqual([]))
})
