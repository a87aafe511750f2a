import 'fake-indexeddb/auto'
import { describe, expect, it, test } from 'vitest'
import { currentGeneration, FencedStore, takeLead } from '../../../lib/storage/fenced-store.ts'
import { GroupCommit } from '../../../lib/storage/group-commit.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { storeChecks } from '../../conformance/store.ts'
import { virtualRuntime } from '../../support/virtual-runtime.ts'

const runtime = virtualRuntime()
const write = { mode: 'write' } as const

const put = (store: Store, key: string) =>
  store.transaction(['outbox'], write, (tx) => tx.put('outbox', key, key))

const stored = (store: Store) =>
  store.transaction(['outbox'], { mode: 'read' }, async (tx) =>
    (await tx.list('outbox')).map(({ key }) => key),
  )

describe('is a store like any other', () => {
  // It has a fence of its own already.
  const others = storeChecks.filter(({ name }) => !name.startsWith('fences off'))
  it.each(others)('$name', ({ run }) =>
    run(async () => {
      const store = new MemoryStore()
      const { generation } = await takeLead(store, runtime)
      return new FencedStore(store, generation)
    }),
  )
})

test('each lead has the next generation and a run of its own', async () => {
  const store = new MemoryStore()
  expect(await currentGeneration(store)).toBe(0)
  const leads = await Promise.all([1, 2, 3].map(() => takeLead(store, runtime)))
  expect(leads.map(({ generation }) => generation)).toEqual([1, 2, 3])
  expect(leads.every(({ run }) => run.length === 16)).toBe(true)
  expect(new Set(leads.map(({ run }) => run.join())).size).toBe(3)
  expect(await currentGeneration(store)).toBe(3)
})

test('a leader that was overtaken writes nothing any more, and still reads', async () => {
  const store = new MemoryStore()
  const old = new FencedStore(store, (await takeLead(store, runtime)).generation)
  await put(old, 'a')
  const late = put(old, 'b')
  const { generation } = await takeLead(store, runtime)
  await late
  await expect(put(old, 'c')).rejects.toMatchObject({ code: 'not-leading' })
  await put(new FencedStore(store, generation), 'd')
  expect(await stored(old)).toEqual(['a', 'b', 'd'])
})

test('a group commit begun before another tab took the lead is whole; a later one fails whole', async () => {
  const [one, other] = await Promise.all([IdbStore.open('tabs'), IdbStore.open('tabs')])
  const old = new FencedStore(one, (await takeLead(one, runtime)).generation)
  const group = new GroupCommit(old, ['outbox'])
  const add = (key: string) => group.run((tx) => tx.put('outbox', key, key))
  await add('a')
  await add('b')
  const { generation } = await takeLead(other, runtime)
  for (const late of [add('c'), add('d')]) {
    await expect(late).rejects.toMatchObject({ code: 'not-leading' })
  }
  await expect(add('e')).rejects.toMatchObject({ code: 'not-leading' })
  const next = new FencedStore(other, generation)
  await new GroupCommit(next, ['outbox']).run((tx) => tx.put('outbox', 'f', 'f'))
  for (const store of [old, next]) expect(await stored(store)).toEqual(['a', 'b', 'f'])
  // Reading needs no lead, and neither do tables that every tab writes to by another way to the same database.
  await one.transaction(['drafts'], write, (tx) => tx.put('drafts', 'x', 1))
  const read = old.transaction(['drafts', 'outbox'], { mode: 'read' }, async (tx) => [
    await tx.get('drafts', 'x'),
    (await tx.list('outbox')).length,
  ])
  expect(await read).toEqual([1, 3])
  await Promise.all([one.close(), other.close()])
})

test("the fence's table is open to those who name it, and to them alone", async () => {
  const store = new MemoryStore()
  const { generation } = await takeLead(store, runtime)
  const fenced = new FencedStore(store, generation)
  for (const work of ['get', 'list', 'delete'] as const) {
    const outside = fenced.transaction(['outbox'], write, (tx) => tx[work]('mesh', 'leader'))
    await expect(outside).rejects.toMatchObject({ code: 'invalid-argument' })
  }
  await fenced.transaction(['mesh'], write, (tx) => tx.put('mesh', 'other', 1))
  expect(await currentGeneration(store)).toBe(generation)
})
