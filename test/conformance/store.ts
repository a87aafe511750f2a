/** What every `Store` must do. Plain checks without a test framework: they run in Node and inside browser pages. */

import {
  writerKey,
  type Store,
  type StoreTransaction,
  type StoreValue,
} from '../../lib/storage/store.ts'

export interface StoreCheck {
  name: string
  /** `makeStore` returns a new, empty store at each call. */
  run(makeStore: () => Promise<Store>): Promise<void>
}

const write = { mode: 'write' } as const
const read = { mode: 'read' } as const

function assert(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  assert(a === b, `${what}: expected ${b}, got ${a}`)
}

async function assertCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => ({ code: 'no error' }),
    (thrown: { code?: string }) => thrown,
  )
  assert(error.code === code, `expected ${code}, got ${error.code ?? String(error)}`)
}

const put = (store: Store, key: string, value: StoreValue) =>
  store.transaction(['tickets'], write, (tx) => tx.put('tickets', key, value))

const get = (store: Store, key: string) =>
  store.transaction(['tickets'], read, (tx) => tx.get('tickets', key))

const keys = async (tx: StoreTransaction) => (await tx.list('tickets')).map(({ key }) => key)

const check = (name: string, body: (store: Store) => Promise<void>): StoreCheck => ({
  name,
  async run(makeStore) {
    const store = await makeStore()
    try {
      await body(store)
    } finally {
      await store.close()
    }
  },
})

export const storeChecks: StoreCheck[] = [
  check('gives back what was put, and undefined for what was not', async (store) => {
    await put(store, 'a', { n: 1, list: [1, 'x', null] })
    assertEqual(await get(store, 'a'), { n: 1, list: [1, 'x', null] }, 'value')
    assert((await get(store, 'b')) === undefined, 'a missing key must be undefined')
  }),

  check('returns the result of the work', async (store) => {
    assertEqual(await store.transaction(['keys'], read, async () => 7), 7, 'result')
  }),

  check('overwrites', async (store) => {
    await put(store, 'a', 1)
    await put(store, 'a', 2)
    assertEqual(await get(store, 'a'), 2, 'value')
    assertEqual(await store.transaction(['tickets'], read, keys), ['a'], 'keys')
  }),

  check('deletes, also what is not there', async (store) => {
    await put(store, 'a', 1)
    await store.transaction(['tickets'], write, async (tx) => {
      await tx.delete('tickets', 'a')
      await tx.delete('tickets', 'never was')
    })
    assert((await get(store, 'a')) === undefined, 'deleted')
  }),

  check('keeps tables apart', async (store) => {
    await store.transaction(['tickets', 'contacts'], write, async (tx) => {
      await tx.put('tickets', 'a', 'ticket')
      await tx.put('contacts', 'a', 'contact')
    })
    const both = await store.transaction(['tickets', 'contacts'], read, (tx) =>
      Promise.all([tx.get('tickets', 'a'), tx.get('contacts', 'a')]),
    )
    assertEqual(both, ['ticket', 'contact'], 'values')
  }),

  check('lists what begins with a prefix, staged writes included', async (store) => {
    for (const key of ['a', 'a/1', 'a/2', 'a/\u{10ffff}', 'b/1']) await put(store, key, key)
    const listed = await store.transaction(['tickets'], write, async (tx) => {
      await tx.put('tickets', 'a/3', 0)
      await tx.put('tickets', 'c', 0)
      await tx.delete('tickets', 'a/1')
      return (await tx.list('tickets', 'a/')).map(({ key }) => key)
    })
    assertEqual(listed, ['a/2', 'a/3', 'a/\u{10ffff}'], 'keys')
  }),

  check('lists in order of UTF-16 code units', async (store) => {
    const expected = ['', '1', '10', '2', 'A', 'a', 'aa', 'é', '😀', '\uFFFD']
    await store.transaction(['tickets'], write, async (tx) => {
      for (const key of expected.toReversed()) await tx.put('tickets', key, key)
    })
    const records = await store.transaction(['tickets'], read, (tx) => tx.list('tickets'))
    assertEqual(
      records,
      expected.map((key) => ({ key, value: key })),
      'records',
    )
  }),

  check('a transaction reads its own writes, in order', async (store) => {
    await put(store, 'b', 1)
    await put(store, 'd', 1)
    await store.transaction(['tickets'], write, async (tx) => {
      await tx.put('tickets', 'c', 2)
      await tx.put('tickets', 'a', 2)
      await tx.put('tickets', 'b', 2)
      await tx.delete('tickets', 'd')
      assertEqual(await tx.get('tickets', 'b'), 2, 'overwritten')
      assert((await tx.get('tickets', 'd')) === undefined, 'deleted')
      assertEqual(await keys(tx), ['a', 'b', 'c'], 'keys')
    })
    assertEqual(await store.transaction(['tickets'], read, keys), ['a', 'b', 'c'], 'keys after')
  }),

  check('writes nothing when the work throws, and throws the same on', async (store) => {
    await put(store, 'a', 'old')
    const thrown = new RangeError('from the work')
    const caught = await store
      .transaction(['tickets', 'contacts'], write, async (tx) => {
        await tx.put('tickets', 'a', 'new')
        await tx.put('contacts', 'b', 'new')
        await tx.delete('tickets', 'a')
        await tx.list('tickets')
        throw thrown
      })
      .catch((error: unknown) => error)
    assert(caught === thrown, `the thrown error must come through, got ${String(caught)}`)
    assertEqual(await get(store, 'a'), 'old', 'value')
    const b = await store.transaction(['contacts'], read, (tx) => tx.get('contacts', 'b'))
    assert(b === undefined, 'the other table must be unchanged')
  }),

  check('writes nothing when the work throws before its first await', async (store) => {
    const caught = await store
      .transaction(['tickets'], write, (tx) => {
        void tx.put('tickets', 'a', 1)
        throw new RangeError('at once')
      })
      .catch((error: unknown) => error)
    assert(caught instanceof RangeError, 'the error must come through')
    assert((await get(store, 'a')) === undefined, 'nothing written')
  }),

  check('writes what the work did not await', async (store) => {
    await store.transaction(['tickets'], write, async (tx) => {
      void tx.put('tickets', 'a', 1)
      void tx.put('tickets', 'b', 2)
    })
    assertEqual(await store.transaction(['tickets'], read, keys), ['a', 'b'], 'keys')
  }),

  check('isolates: 2 × 100 concurrent increments make 200', async (store) => {
    const increment = () =>
      store.transaction(['tickets'], write, async (tx) => {
        const count = ((await tx.get('tickets', 'count')) as number | undefined) ?? 0
        await tx.put('tickets', 'count', count + 1)
      })
    const hundred = () => Promise.all(Array.from({ length: 100 }, increment))
    await Promise.all([hundred(), hundred()])
    assertEqual(await get(store, 'count'), 200, 'count')
  }),

  check('of 100 racing redeemers one wins', async (store) => {
    await put(store, 'ticket', { uses: 1 })
    const redeem = (redeemer: number) =>
      store.transaction(['tickets', 'contacts'], write, async (tx) => {
        const { uses } = (await tx.get('tickets', 'ticket')) as { uses: number }
        if (uses === 0) throw new RangeError('spent')
        await tx.put('tickets', 'ticket', { uses: uses - 1 })
        await tx.put('contacts', String(redeemer), 'redeemed')
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => redeem(i)))
    const winners = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [String(i)] : []))
    assertEqual(winners.length, 1, 'winners')
    const contacts = await store.transaction(['contacts'], read, (tx) => tx.list('contacts'))
    assertEqual(
      contacts.map(({ key }) => key),
      winners,
      'contacts',
    )
  }),

  check('a failed transaction does not stop the next ones', async (store) => {
    const failing = store.transaction(['tickets'], write, async () => {
      throw new RangeError('no')
    })
    const following = put(store, 'a', 1)
    await failing.catch(() => {})
    await following
    assertEqual(await get(store, 'a'), 1, 'value')
  }),

  check('copies values in and out', async (store) => {
    const value = { bytes: Uint8Array.of(1, 2, 3), nested: { n: 1 } }
    await store.transaction(['tickets'], write, async (tx) => {
      const done = tx.put('tickets', 'a', value)
      value.bytes[0] = 9
      value.nested.n = 9
      await done
      const own = (await tx.get('tickets', 'a')) as typeof value
      own.nested.n = 8
    })
    const first = (await get(store, 'a')) as typeof value
    assertEqual([...first.bytes, first.nested.n], [1, 2, 3, 1], 'as it was put')
    first.bytes[0] = 7
    const [listed] = await store.transaction(['tickets'], read, (tx) => tx.list('tickets'))
    ;(listed!.value as typeof value).nested.n = 7
    const second = (await get(store, 'a')) as typeof value
    assertEqual([...second.bytes, second.nested.n], [1, 2, 3, 1], 'after changing copies')
  }),

  check('stores of a view its bytes alone, at any depth', async (store) => {
    const view = () => new Uint8Array(1024 * 1024).fill(7).subarray(100, 164)
    await put(store, 'a', { direct: view(), list: [{ deep: view() }] })
    const value = (await get(store, 'a')) as {
      direct: Uint8Array
      list: { deep: Uint8Array }[]
    }
    for (const bytes of [value.direct, value.list[0]!.deep]) {
      assertEqual([bytes.length, bytes.buffer.byteLength], [64, 64], 'view and buffer length')
      assert(
        bytes.every((byte) => byte === 7),
        'content',
      )
    }
  }),

  check('keeps 16 MiB', async (store) => {
    const large = new Uint8Array(16 * 1024 * 1024)
    for (let i = 0; i < large.length; i += 4093) large[i] = i
    await put(store, 'large', large)
    const back = (await get(store, 'large')) as Uint8Array
    assertEqual(back.length, large.length, 'length')
    assert(
      back.every((byte, i) => byte === large[i]),
      'content',
    )
  }),

  check('refuses a value without a structured clone and does not quote it', async (store) => {
    const secret = () => 'hunter2'
    await store.transaction(['tickets'], write, async (tx) => {
      const error = await tx.put('tickets', 'a', { secret }).catch((thrown: unknown) => thrown)
      const { code, message, cause } = error as Error & { code: string }
      assertEqual(code, 'invalid-argument', 'code')
      assert(!`${message} ${String(cause)}`.includes('hunter2'), 'the value must not be quoted')
      await tx.put('tickets', 'b', 1)
    })
    assertEqual(await store.transaction(['tickets'], read, keys), ['b'], 'keys')
  }),

  check('a read transaction refuses writes', async (store) => {
    await put(store, 'a', 1)
    await store.transaction(['tickets'], read, async (tx) => {
      await assertCode(tx.put('tickets', 'a', 2), 'invalid-argument')
      await assertCode(tx.delete('tickets', 'a'), 'invalid-argument')
    })
    assertEqual(await get(store, 'a'), 1, 'value')
  }),

  check('a table outside the scope is refused, and so is an empty scope', async (store) => {
    await store.transaction(['tickets'], write, async (tx) => {
      await assertCode(tx.get('contacts', 'a'), 'invalid-argument')
      await assertCode(tx.list('contacts'), 'invalid-argument')
      await assertCode(tx.put('contacts', 'a', 1), 'invalid-argument')
      await assertCode(tx.delete('contacts', 'a'), 'invalid-argument')
    })
    await assertCode(
      store.transaction([], write, async () => {}),
      'invalid-argument',
    )
  }),

  check('a transaction is of no use after its end', async (store) => {
    for (const fail of [false, true]) {
      let kept: StoreTransaction | undefined
      await store
        .transaction(['tickets'], write, async (tx) => {
          kept = tx
          if (fail) throw new RangeError('no')
        })
        .catch(() => {})
      await assertCode(kept!.get('tickets', 'a'), 'closed')
      await assertCode(kept!.list('tickets'), 'closed')
      await assertCode(kept!.put('tickets', 'a', 1), 'closed')
      await assertCode(kept!.delete('tickets', 'a'), 'closed')
    }
  }),

  check('work that awaits something else fails and writes nothing', async (store) => {
    const elsewhere = () => new Promise((resolve) => setTimeout(resolve, 50))
    await assertCode(
      store.transaction(['tickets'], write, async (tx) => {
        await tx.put('tickets', 'before', 1)
        await elsewhere()
        await tx.put('tickets', 'after', 1)
      }),
      'storage-failed',
    )
    await assertCode(
      store.transaction(['tickets'], write, async (tx) => {
        await tx.list('tickets')
        await tx.put('tickets', 'last', 1)
        await elsewhere()
      }),
      'storage-failed',
    )
    await elsewhere()
    assertEqual(await store.transaction(['tickets'], read, keys), [], 'keys')
  }),

  check('a transaction inside another fails instead of hanging', async (store) => {
    await assertCode(
      store.transaction(['tickets'], write, () => put(store, 'a', 1)),
      'storage-failed',
    )
  }),

  check('keeps a non-extractable key usable', async (store) => {
    const algorithm = { name: 'AES-GCM', length: 256 }
    const key = await crypto.subtle.generateKey(algorithm, false, ['encrypt', 'decrypt'])
    await put(store, 'key', key)
    const back = (await get(store, 'key')) as CryptoKey
    assert(back instanceof CryptoKey && !back.extractable, 'still a key, still not extractable')
    const gcm = { name: 'AES-GCM', iv: new Uint8Array(12) }
    const sealed = await crypto.subtle.encrypt(gcm, key, Uint8Array.of(5))
    assertEqual([...new Uint8Array(await crypto.subtle.decrypt(gcm, back, sealed))], [5], 'opened')
  }),

  check(
    'fences off who has been overtaken, whatever the transaction reads and writes',
    async (store) => {
      const fenced = (name: string, count: number, reads: number) =>
        store.transaction(
          ['tickets'],
          { mode: 'write', durability: 'strict', unless: 'over/1' },
          async (tx) => {
            for (let i = 0; i < reads; i++) await tx.get('tickets', `${i}`)
            for (let i = 0; i < count; i++)
              await tx.put('tickets', `${name} ${i}`, new Uint8Array(9e3))
          },
        )
      const shapes = [0, 1, 50].flatMap((count) =>
        [0, 1, 3].map((reads) => [count, reads] as const),
      )
      for (const [count, reads] of shapes) await fenced(`before ${reads}`, count, reads)
      await store.transaction(['mesh'], { mode: 'write', durability: 'strict' }, async (tx) => {
        await tx.delete('mesh', writerKey)
        await tx.put('mesh', 'over/1', { unless: 'over/1' })
      })
      for (let round = 0; round < 5; round++) {
        for (const [count, reads] of shapes) {
          await assertCode(fenced(`after ${count} ${reads}`, count, reads), 'not-leading')
        }
        const all = shapes.map(([count, reads]) =>
          fenced(`at once ${count} ${reads}`, count, reads),
        )
        for (const one of all) await assertCode(one, 'not-leading')
      }
      const found = await store.transaction(['tickets'], read, keys)
      assertEqual(
        found.filter((key) => !key.startsWith('before')).length,
        0,
        'written all the same',
      )
      assertEqual(found.length, 3 * 50, 'written before')
      await put(store, 'unfenced', 1)
      assertEqual(await get(store, 'unfenced'), 1, 'without a fence')
    },
  ),

  check('close waits for what is under way, then everything is closed', async (store) => {
    let settled = false
    const under = put(store, 'a', 1).then(() => (settled = true))
    const closing = store.close()
    await assertCode(get(store, 'a'), 'closed')
    await closing
    assert(settled, 'close must wait')
    await under
    await Promise.all([store.close(), store.close()])
    await assertCode(put(store, 'a', 2), 'closed')
  }),

  {
    name: 'stores are apart from each other',
    async run(makeStore) {
      const [one, other] = await Promise.all([makeStore(), makeStore()])
      await put(one, 'a', 1)
      assert((await get(other, 'a')) === undefined, 'another store must not see it')
      await Promise.all([one.close(), other.close()])
    },
  },
]
