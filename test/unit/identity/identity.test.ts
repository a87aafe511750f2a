import 'fake-indexeddb/auto'
import { describe, expect, it } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { WrappingKey } from '../../../lib/identity/wrapping-key.ts'
import { simulatedWrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { FencedStore, takeLead } from '../../../lib/storage/fenced-store.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'

const write = { mode: 'write' } as const

/** A tab whose every transaction waits for its turn, and which may end before one. */
class Tab implements Store {
  readonly #store: Store
  #begin: (() => void) | undefined
  #isIdle: (() => void) | undefined

  constructor(store: Store) {
    this.#store = store
  }

  async transaction(...args: Parameters<Store['transaction']>): Promise<never> {
    await new Promise<void>((begin) => {
      this.#begin = begin
      this.#isIdle?.()
    })
    return this.#store.transaction(...args) as Promise<never>
  }

  async close(): Promise<void> {}

  /** Resolves with whether it has a transaction to begin; not if `done` comes first. */
  async waits(done: Promise<unknown>): Promise<boolean> {
    const idle = new Promise<void>((resolve) => (this.#isIdle = resolve))
    if (!this.#begin) await Promise.race([idle, done])
    return this.#begin !== undefined
  }

  step(): void {
    const begin = this.#begin!
    this.#begin = undefined
    begin()
  }
}

interface Schedule {
  /** At each point where both could go on, whether the second tab does. */
  readonly turns: readonly boolean[]
}

/** Two tabs open the identity, one transaction at a time; returns what they got, and the turns that were taken. */
async function openTwice(store: Store, schedule: Schedule, wrappingKey?: WrappingKey) {
  const tabs = [new Tab(store), new Tab(store)] as const
  const opening = tabs.map((tab) =>
    Identity.open({ store: tab, ...(wrappingKey && { wrappingKey }) }),
  )
  const turns: boolean[] = []
  for (;;) {
    const [first, second] = [await tabs[0].waits(opening[0]!), await tabs[1].waits(opening[1]!)]
    if (!first && !second) break
    let isSecond = second
    if (first && second) {
      isSecond = schedule.turns[turns.length] ?? false
      turns.push(isSecond)
    }
    tabs[isSecond ? 1 : 0].step()
  }
  return { identities: await Promise.all(opening), turns }
}

/** The schedule after one that took those turns, in order; none after the last. */
function nextSchedule(turns: readonly boolean[]): Schedule | undefined {
  const last = turns.lastIndexOf(false)
  return last < 0 ? undefined : { turns: [...turns.slice(0, last), true] }
}

/** A store that an earlier opening left after so many of its secrets, in the order in which they were once written. */
async function halfMade(names: readonly string[], wrappingKey?: WrappingKey) {
  const whole = new MemoryStore()
  const { peer } = await Identity.open({ store: whole, ...(wrappingKey && { wrappingKey }) })
  await whole.transaction(['keys'], write, async (tx) => {
    for (const { key } of await tx.list('keys', 'secret/')) {
      if (!names.includes(key.slice('secret/'.length))) await tx.delete('keys', key)
    }
  })
  return { store: whole, peer: names.length > 0 ? peer : undefined }
}

const keysOf = (store: Store) =>
  store.transaction(['keys'], { mode: 'read' }, async (tx) =>
    (await tx.list('keys')).map(({ key }) => key),
  )

const secrets = ['secret/chain', 'secret/device', 'secret/identity']

async function expectSame(identities: readonly Identity[], peer: string | undefined) {
  const [first] = identities
  for (const { peer: each, device, chain } of identities) {
    expect(each).toBe(peer ?? first!.peer)
    expect(device.key).toEqual(first!.device.key)
    expect(device.boxKey).toEqual(first!.device.boxKey)
    expect(chain).toEqual(first!.chain)
  }
}

describe('two tabs that make an identity at once get the same', () => {
  it.each([
    ['nothing', []],
    ['a seed alone', ['identity']],
    ['a seed and a chain', ['identity', 'chain']],
  ])('whatever the order of their transactions, on %s', async (_, names) => {
    let count = 0
    for (let schedule: Schedule | undefined = { turns: [] }; schedule; count++) {
      const { store, peer } = await halfMade(names, simulatedWrappingKey)
      const { identities, turns } = await openTwice(store, schedule, simulatedWrappingKey)
      const later = await Identity.open({ store, wrappingKey: simulatedWrappingKey })
      await expectSame([later, ...identities], peer)
      expect(await keysOf(store)).toEqual(secrets)
      schedule = nextSchedule(turns)
    }
    expect(count).toBeGreaterThan(50)
  })

  it('and one wrapping key of WebCrypto', async () => {
    for (let n = 0; n < 200; n++) {
      const store = new MemoryStore()
      const turns = Array.from({ length: 20 }, (_, i) => ((n * 2_654_435_761) >>> i) % 2 === 1)
      const { identities } = await openTwice(store, { turns })
      await expectSame([await Identity.open({ store }), ...identities], undefined)
      expect(await keysOf(store)).toEqual([...secrets, 'wrapping-key'])
      const sealed = await identities[0]!.keystore.seal('x', Uint8Array.of(7))
      expect(await identities[1]!.keystore.unseal('x', sealed)).toEqual(Uint8Array.of(7))
    }
  })

  it('in IndexedDB, twenty at once', async () => {
    const identities = await Promise.all(
      Array.from({ length: 20 }, () => Identity.open({ name: 'twenty' })),
    )
    await expectSame(identities, undefined)
    for (const identity of identities) await identity.close()
  })
})

describe('a tab that ends while it makes an identity', () => {
  it('leaves all of it or nothing, and the next one finishes', async () => {
    for (let steps = 0, isWhole = false; !isWhole; steps++) {
      const store = new MemoryStore()
      const tab = new Tab(store)
      const opening = Identity.open({ store: tab })
      for (let n = 0; n < steps && (await tab.waits(opening)); n++) tab.step()
      isWhole = !(await tab.waits(opening))
      const left = (await keysOf(store)).filter((key) => key !== 'wrapping-key')
      expect([[], secrets]).toContainEqual(left)
      const next = await Identity.open({ store })
      if (isWhole) await expectSame([next, await opening], undefined)
      await expectSame([next, await Identity.open({ store })], undefined)
    }
  })
})

it('makes no new wrapping key where secrets are sealed under a lost one', async () => {
  const store = new MemoryStore()
  await Identity.open({ store })
  await store.transaction(['keys'], write, (tx) => tx.delete('keys', 'wrapping-key'))
  for (let again = 0; again < 2; again++) {
    await expect(Identity.open({ store })).rejects.toMatchObject({ code: 'storage-failed' })
  }
  expect(await keysOf(store)).toEqual(secrets)
})

it('writes all secrets in one strict transaction', async () => {
  const store = new MemoryStore()
  const writes: (string | undefined)[] = []
  const seen: Store = {
    transaction(scope, options, work) {
      if (options.mode === 'write') writes.push(options.durability)
      return store.transaction(scope, options, work)
    },
    close: () => store.close(),
  }
  await Identity.open({ store: seen })
  // The wrapping key with them.
  expect(writes).toEqual(['strict'])
  await Identity.open({ store: seen })
  expect(writes).toHaveLength(1)
})

describe('the same identity through another way to its store', () => {
  it('has its secrets, and writes by that way alone', async () => {
    const store = await IdbStore.open('with')
    const identity = await Identity.open({ store })
    const { generation } = await takeLead(store, systemRuntime)
    const leading = identity.with(new FencedStore(store, generation))
    await expectSame([identity, leading], identity.peer)
    expect(leading.publicKey).toEqual(identity.publicKey)
    expect(leading.runtime).toBe(identity.runtime)
    await leading.keystore.put({ x: Uint8Array.of(1) })
    await takeLead(store, systemRuntime)
    await expect(leading.keystore.put({ x: Uint8Array.of(2) })).rejects.toMatchObject({
      code: 'not-leading',
    })
    expect(await leading.keystore.get('x')).toEqual(Uint8Array.of(1))
    await identity.keystore.put({ x: Uint8Array.of(3) })
    expect(await leading.keystore.get('x')).toEqual(Uint8Array.of(3))
    await identity.close()
  })

  it('is in a mesh of its own', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    const leave = identity.occupy()
    const leading = identity.with(identity.store)
    leading.occupy()
    expect(() => identity.occupy()).toThrow(expect.objectContaining({ code: 'identity-in-use' }))
    leave()
    identity.occupy()()
  })
})
