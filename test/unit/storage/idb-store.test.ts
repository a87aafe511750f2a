import 'fake-indexeddb/auto'
import { forceCloseDatabase } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import type { Runtime } from '../../../lib/base/runtime.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { storeChecks } from '../../conformance/store.ts'

const write = { mode: 'write' } as const
const read = { mode: 'read' } as const

let names = 0
let name = ''
beforeEach(() => {
  name = `test ${names++}`
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** Time passes twenty times faster; `pending` counts the timers that nobody cancelled. */
function hastyRuntime(): Runtime & { readonly pending: number } {
  const factor = 20
  const timers = new Set<() => void>()
  return {
    ...systemRuntime,
    monotonicNow: () => systemRuntime.monotonicNow() * factor,
    get pending() {
      return timers.size
    },
    setTimer(delayMs, callback) {
      const stop = systemRuntime.setTimer(delayMs / factor, () => {
        timers.delete(cancel)
        callback()
      })
      const cancel = () => {
        timers.delete(cancel)
        stop()
      }
      timers.add(cancel)
      return cancel
    },
  }
}

/** The connection below a store, caught at its next transaction. */
async function connectionOf(store: IdbStore): Promise<IDBDatabase> {
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction')
  await get(store, 'any')
  const [connection] = spy.mock.contexts
  spy.mockRestore()
  return connection as IDBDatabase
}

const put = (store: IdbStore, key: string, value: unknown) =>
  store.transaction(['keys'], write, (tx) => tx.put('keys', key, value))

const get = (store: IdbStore, key: string) =>
  store.transaction(['keys'], read, (tx) => tx.get('keys', key))

const requested = (request: IDBRequest) =>
  new Promise<IDBDatabase>((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error))
  })

describe('conformance', () => {
  let count = 0
  it.each(storeChecks)('$name', ({ run }) => run(() => IdbStore.open(`conformance ${count++}`)))
})

describe('opening', () => {
  it('is unsupported without IndexedDB', async () => {
    vi.stubGlobal('indexedDB', undefined)
    await expect(IdbStore.open(name)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(IdbStore.delete(name)).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('is unsupported where the page may not use it', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError')
    })
    await expect(IdbStore.open(name)).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('fails with the cause on anything else', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('broken', 'UnknownError')
    })
    await expect(IdbStore.open(name)).rejects.toMatchObject({
      code: 'storage-failed',
      cause: { name: 'UnknownError' },
    })
  })

  it.each([
    ['missing', () => undefined],
    ['null', () => null],
    [
      'forbidden',
      () => {
        throw new DOMException('The operation is insecure.', 'SecurityError')
      },
    ],
  ])('is unsupported where IndexedDB is %s', async (_, find) => {
    const spy = vi.spyOn(globalThis, 'indexedDB', 'get').mockImplementation(find as never)
    await expect(IdbStore.open(name)).rejects.toMatchObject({ code: 'unsupported' })
    spy.mockRestore()
  })

  it('fails on a database of a newer version', async () => {
    ;(await requested(indexedDB.open(`handfast/${name}`, 99))).close()
    await expect(IdbStore.open(name)).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('newer version'),
    })
  })

  it('gives up on a blocked database, and closes it when it opens after all', async () => {
    await (await IdbStore.open(name)).close()
    const holder = await requested(indexedDB.open(`handfast/${name}`))
    const deletion = requested(indexedDB.deleteDatabase(`handfast/${name}`))
    const runtime = hastyRuntime()
    await expect(IdbStore.open(name, runtime)).rejects.toMatchObject({ code: 'storage-blocked' })
    expect(runtime.pending).toBe(0)
    holder.close()
    await deletion
    await IdbStore.delete(name, runtime)
  })

  it('finds again what was stored', async () => {
    const before = await IdbStore.open(name)
    await put(before, 'a', 1)
    await before.close()
    const after = await IdbStore.open(name)
    expect(await get(after, 'a')).toBe(1)
    await after.close()
  })

  it('leaves no timer behind', async () => {
    const runtime = hastyRuntime()
    const store = await IdbStore.open(name, runtime)
    await put(store, 'a', 1)
    await store.transaction(['keys'], write, () => Promise.reject(new Error('no'))).catch(() => {})
    await store.close()
    expect(runtime.pending).toBe(0)
  })
})

describe('several stores of one database', () => {
  it('are open at once and see what the others wrote', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => IdbStore.open(name)))
    await Promise.all(stores.map((store, n) => put(store, `${n}`, n)))
    for (const store of stores) {
      expect(await Promise.all(['0', '1', '2'].map((key) => get(store, key)))).toEqual([0, 1, 2])
    }
    await stores[0]!.close()
    await put(stores[1]!, 'later', 1)
    expect(await get(stores[2]!, 'later')).toBe(1)
    for (const store of stores) await store.close()
  })

  it('take turns: what one reads and writes in a transaction, no other comes between', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => IdbStore.open(name)))
    const increment = (store: IdbStore) =>
      store.transaction(['keys'], write, async (tx) => {
        const count = ((await tx.get('keys', 'count')) as number | undefined) ?? 0
        await tx.put('keys', 'count', count + 1)
      })
    await Promise.all(stores.flatMap((store) => Array.from({ length: 20 }, () => increment(store))))
    expect(await get(stores[0]!, 'count')).toBe(60)
    for (const store of stores) await store.close()
  })

  it('are all closed when one erases it', async () => {
    const stores = await Promise.all([1, 2].map(() => IdbStore.open(name)))
    await put(stores[0]!, 'a', 1)
    await IdbStore.delete(name)
    const after = await IdbStore.open(name)
    for (const store of stores) {
      await expect(put(store, 'a', 2)).rejects.toMatchObject({ code: 'closed' })
      await store.close()
    }
    expect(await get(after, 'a')).toBeUndefined()
    await after.close()
  })
})

describe('erasing', () => {
  it('leaves nothing', async () => {
    const before = await IdbStore.open(name)
    await put(before, 'a', 1)
    await before.close()
    await IdbStore.delete(name)
    const after = await IdbStore.open(name)
    expect(await get(after, 'a')).toBeUndefined()
    await after.close()
  })

  it('is blocked, not hanging, while something else holds the database', async () => {
    const holder = await requested(indexedDB.open(`handfast/${name}`))
    await expect(IdbStore.delete(name, hastyRuntime())).rejects.toMatchObject({
      code: 'storage-blocked',
    })
    holder.close()
  })

  it('closes a store that another tab erases or upgrades', async () => {
    for (const disturb of [
      () => indexedDB.deleteDatabase(`handfast/${name}`),
      () => indexedDB.open(`handfast/${name}`, 99),
    ]) {
      const store = await IdbStore.open(name)
      const under = put(store, 'a', 1)
      await requested(disturb())
      await under
      await expect(get(store, 'a')).rejects.toMatchObject({
        code: 'closed',
        message: expect.stringContaining('another tab'),
      })
      await store.close()
    }
  })
})

describe('a lost connection', () => {
  it.each([
    ['that the browser closed', (db: IDBDatabase) => forceCloseDatabase(db as never)],
    ['that is found closed', (db: IDBDatabase) => db.close()],
  ])('%s is opened anew', async (_, lose) => {
    const store = await IdbStore.open(name)
    await put(store, 'a', 1)
    lose(await connectionOf(store))
    expect(await Promise.all([get(store, 'a'), get(store, 'a')])).toEqual([1, 1])
    lose(await connectionOf(store))
    await put(store, 'a', 2)
    expect(await get(store, 'a')).toBe(2)
    await store.close()
  })

  it('fails what was under way, which wrote nothing', async () => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction')
    const under = store.transaction(['keys'], write, async (tx) => {
      await tx.put('keys', 'a', 1)
      await tx.list('keys')
      // What a browser does to the transactions of a connection that it drops.
      ;(spy.mock.results[0]!.value as IDBTransaction).abort()
    })
    await expect(under).rejects.toMatchObject({ code: 'storage-failed' })
    expect(await get(store, 'a')).toBeUndefined()
    await store.close()
  })

  it('is not opened a second time', async () => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('closing', 'InvalidStateError')
    })
    await expect(get(store, 'a')).rejects.toMatchObject({ code: 'storage-failed' })
    expect(spy).toHaveBeenCalledTimes(2)
    spy.mockRestore()
    expect(await get(store, 'a')).toBeUndefined()
    await store.close()
  })

  it('that says so in another way is opened anew', async () => {
    const store = await IdbStore.open(name)
    await put(store, 'a', 1)
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementationOnce(() => {
      throw new DOMException('Connection to Indexed Database server lost', 'UnknownError')
    })
    expect(await get(store, 'a')).toBe(1)
    expect(spy.mock.contexts[1]).not.toBe(spy.mock.contexts[0])
    await store.close()
  })

  it.each([
    ['UnknownError', true],
    ['QuotaExceededError', false],
  ])('is what an abort by the platform (%s) may mean: %s', async (cause, isReopened) => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction')
    vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementationOnce(function (
      this: IDBTransaction,
    ) {
      this.abort()
      Object.defineProperty(this, 'error', { value: new DOMException('', cause) })
    })
    await expect(put(store, 'a', 1)).rejects.toMatchObject({ code: 'storage-failed' })
    await put(store, 'a', 2)
    expect(await get(store, 'a')).toBe(2)
    expect(spy.mock.contexts[1] !== spy.mock.contexts[0]).toBe(isReopened)
    await store.close()
  })

  it.each([
    ['empty', async (_store: IdbStore) => {}],
    ['with records of its own', (store: IdbStore) => put(store, 'b', 2)],
    [
      'without an id',
      (store: IdbStore) =>
        store.transaction(['mesh'], write, (tx) => tx.delete('mesh', 'database')),
    ],
  ])('with its data, made again by another tab (%s), ends the store', async (_, fill) => {
    const store = await IdbStore.open(name)
    await put(store, 'a', 1)
    forceCloseDatabase((await connectionOf(store)) as never)
    await requested(indexedDB.deleteDatabase(`handfast/${name}`))
    const other = await IdbStore.open(name)
    await fill(other)
    for (const attempt of [get(store, 'a'), put(store, 'a', 2), get(store, 'b')]) {
      await expect(attempt).rejects.toMatchObject({
        code: 'storage-failed',
        message: expect.stringContaining('erased'),
      })
    }
    expect(await get(other, 'a')).toBeUndefined()
    // It holds no connection that would block another erasure.
    await other.close()
    await IdbStore.delete(name, hastyRuntime())
    await expect(get(store, 'a')).rejects.toMatchObject({ code: 'storage-failed' })
    await store.close()
    await expect(get(store, 'a')).rejects.toMatchObject({ code: 'storage-failed' })
  })

  it('with its data is an error, never an empty database', async () => {
    const store = await IdbStore.open(name)
    await put(store, 'a', 1)
    forceCloseDatabase((await connectionOf(store)) as never)
    await requested(indexedDB.deleteDatabase(`handfast/${name}`))
    await expect(get(store, 'a')).rejects.toMatchObject({ code: 'storage-failed' })
    await expect(put(store, 'a', 1)).rejects.toMatchObject({ code: 'storage-failed' })
    expect(await indexedDB.databases()).not.toContainEqual(
      expect.objectContaining({ name: `handfast/${name}` }),
    )
    await store.close()
  })

  it('is not opened anew once the store is closed', async () => {
    const store = await IdbStore.open(name)
    ;(await connectionOf(store)).close()
    const during = get(store, 'a')
    const closing = store.close()
    await expect(during).rejects.toMatchObject({ code: 'closed' })
    await closing
    await IdbStore.delete(name, hastyRuntime())
  })

  it('that no longer answers is given up', async () => {
    const runtime = hastyRuntime()
    const store = await IdbStore.open(name, runtime)
    await put(store, 'a', 1)
    vi.spyOn(IDBTransaction.prototype, 'addEventListener').mockImplementation(() => {})
    const under = put(store, 'a', 2)
    const closed = put(store, 'a', 3)
    await expect(under).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('stopped answering'),
    })
    await expect(closed).rejects.toMatchObject({ code: 'storage-failed' })
    vi.restoreAllMocks()
    await put(store, 'a', 4)
    expect(await get(store, 'a')).toBe(4)
    await store.close()
    expect(runtime.pending).toBe(0)
  })

  it('is not given up by a page that hung, and has not seen yet what the database did', async () => {
    const due: (() => void)[] = []
    let nowMs = 0
    const runtime: Runtime = {
      ...systemRuntime,
      monotonicNow: () => nowMs,
      setTimer: (_, callback) => {
        due.push(callback)
        return () => void due.splice(due.indexOf(callback), 1)
      },
    }
    const hang = () => {
      nowMs += 60_000
      for (const callback of due.splice(0)) callback()
      expect(due).toHaveLength(1)
    }
    const opening = IdbStore.open(name, runtime)
    hang()
    const store = await opening
    const under = put(store, 'a', 1)
    await Promise.resolve()
    hang()
    await under
    expect(await get(store, 'a')).toBe(1)
    await store.close()
    expect(due).toEqual([])
  })

  it('is not given up while it moves, however slowly', async () => {
    const runtime = hastyRuntime()
    const store = await IdbStore.open(name, runtime)
    let reads = 0
    const until = Date.now() + 600
    await store.transaction(['keys'], read, async (tx) => {
      for (; Date.now() < until; reads++) await tx.get('keys', 'a')
    })
    expect(reads).toBeGreaterThan(1)
    await store.close()
  })
})

describe('a write', () => {
  it('that finds the disk full at its commit says so and writes nothing', async () => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementation(function (
      this: IDBTransaction,
    ) {
      this.abort()
      Object.defineProperty(this, 'error', { value: new DOMException('', 'QuotaExceededError') })
    })
    await expect(put(store, 'a', 1)).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('full'),
      cause: { name: 'QuotaExceededError' },
    })
    spy.mockRestore()
    expect(await get(store, 'a')).toBeUndefined()
    await store.close()
  })

  it('that fails half-way through its batch writes nothing', async () => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBObjectStore.prototype, 'delete').mockImplementation(() => {
      throw new DOMException('broken', 'UnknownError')
    })
    const batch = store.transaction(['keys'], write, async (tx) => {
      await tx.put('keys', 'a', 1)
      await tx.delete('keys', 'b')
    })
    await expect(batch).rejects.toMatchObject({ code: 'storage-failed' })
    spy.mockRestore()
    expect(await get(store, 'a')).toBeUndefined()
    await store.close()
  })

  it('asks for the durability it was given, relaxed by default', async () => {
    const store = await IdbStore.open(name)
    const spy = vi.spyOn(IDBDatabase.prototype, 'transaction')
    const work = async () => {}
    await store.transaction(['keys', 'tickets'], { mode: 'write', durability: 'strict' }, work)
    await store.transaction(['keys'], write, work)
    expect(spy.mock.calls).toEqual([
      [['keys', 'tickets'], 'readwrite', { durability: 'strict' }],
      [['keys'], 'readwrite', { durability: 'relaxed' }],
    ])
    await store.close()
  })
})

describe('closing', () => {
  it('from inside a transaction does not deadlock', async () => {
    const store = await IdbStore.open(name)
    await expect(store.transaction(['keys'], write, () => store.close())).rejects.toMatchObject({
      code: 'storage-failed',
    })
    await store.close()
  })
})
