/** An identity that is made, restored or installed while the disk fails, or in two tabs at once: one of them wins, whole, or none has. */

import { describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { certifyDevice } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { FaultyStore, faults } from '../../support/faulty-store.ts'

await ready()

/** Fails at one write. */
class FailingAt extends FaultyStore {
  readonly #at: number
  readonly #fault: (typeof faults)[number]

  constructor(at: number, fault: (typeof faults)[number]) {
    super()
    this.#at = at
    this.#fault = fault
  }

  override transaction<T>(...args: Parameters<Store['transaction']>): Promise<T> {
    this.fails = this.writes === this.#at ? this.#fault : undefined
    return super.transaction<T>(...args)
  }
}

const other = await Identity.open({ store: new MemoryStore() })
const words = await other.words()
const device = await Device.create(systemRuntime)
const chain = await certifyDevice(other.issuer, device, { nowS: Math.floor(Date.now() / 1000) })
const snapshot = new Uint8Array(5).fill(3)

const ways = {
  opened: (store: Store) => Identity.open({ store }),
  restored: (store: Store) => Identity.restore({ store, words }),
  'restored without keeping the root': (store: Store) =>
    Identity.restore({ store, words, keepRoot: false }),
  installed: (store: Store) => Identity.install({ device, chain, snapshot }, { store }),
} satisfies Record<string, (store: Store) => Promise<Identity>>

describe.each(Object.entries(ways))('an identity that is %s', (way, make) => {
  test.each(faults.flatMap((fault) => [0, 1, 2].map((at) => [fault, at] as const)))(
    'while the disk fails (%s write %d) is there or not',
    async (fault, at) => {
      const store = new FailingAt(at, fault)
      const first = await make(store).catch(() => undefined)
      const disk = (await store.copy()).inner
      const isThere = fault === 'after' ? at < 2 : first !== undefined
      if (first || isThere) {
        const again = await Identity.open({ store: disk })
        if (first) expect(again.peer).toBe(first.peer)
        else if (way !== 'opened' && at === 1) expect(again.peer).toBe(other.peer)
        if (first) expect(again.device.key).toEqual(first.device.key)
        return
      }
      const again = await make(disk)
      if (way !== 'opened') expect(again.peer).toBe(other.peer)
      const reopened = await Identity.open({ store: disk })
      expect(reopened.device.key).toEqual(again.device.key)
    },
  )

  test.each(Object.entries(ways))(
    'while it is %s in another tab is one',
    async (_, makeElsewhere) => {
      const store = new MemoryStore()
      const made = await Promise.all(
        [make(store), makeElsewhere(store)].map((each) =>
          each.catch((error: { code: string }) => error.code),
        ),
      )
      const winners = made.filter((each) => each instanceof Identity)
      expect(winners.length).toBeGreaterThan(0)
      for (const each of made) if (!(each instanceof Identity)) expect(each).toBe('identity-exists')
      const there = await Identity.open({ store })
      for (const winner of winners) {
        expect(winner.peer).toBe(there.peer)
        expect(winner.device.key).toEqual(there.device.key)
        expect(winner.chain).toEqual(there.chain)
        expect(winner.hasRoot).toBe(there.hasRoot)
      }
      if (there.hasRoot) expect(await there.words()).toMatch(/^(\w+ ){23}\w+$/)
      // What was installed or restored did not get another's snapshot or root.
      if (there.peer !== other.peer) expect(await there.keystore.get('snapshot')).toBeUndefined()
    },
  )
})
