/** A store that fails when told to: before the write, as it commits, or after it, as when the answer is lost. Every write has to be strict. */

import { expect } from 'vitest'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import { tables, type Store } from '../../lib/storage/store.ts'

export const faults = ['before', 'during', 'after'] as const

const errors = { before: 'disk full', during: 'no room', after: 'connection lost' }

export class FaultyStore implements Store {
  fails: (typeof faults)[number] | undefined
  /** Reads whose answer is lost. */
  failingReads = 0
  writes = 0
  readonly inner = new MemoryStore()

  async transaction<T>(...args: Parameters<Store['transaction']>): Promise<T> {
    const [, { mode, durability }] = args
    if (mode === 'read') {
      const found = await this.inner.transaction(...args)
      if (this.failingReads-- > 0) throw new Error('connection lost')
      return found as T
    }
    expect(durability).toBe('strict')
    this.writes++
    const [scope, options, work] = args
    const { fails } = this
    if (fails === 'before') throw new Error(errors.before)
    const result = await this.inner.transaction(scope, options, async (transaction) => {
      const done = await work(transaction)
      if (fails === 'during') throw new Error(errors.during)
      return done
    })
    if (fails === 'after') throw new Error(errors.after)
    return result as T
  }

  /** What it fails with. */
  get error(): string {
    return errors[this.fails!]
  }

  /** What is on disk now, as a store of its own. */
  async copy(): Promise<FaultyStore> {
    const copy = new FaultyStore()
    for (const table of tables) {
      const records = await this.inner.transaction([table], { mode: 'read' }, (tx) =>
        tx.list(table),
      )
      await copy.inner.transaction([table], { mode: 'write' }, async (tx) => {
        for (const { key, value } of records) await tx.put(table, key, value)
      })
    }
    return copy
  }

  close = () => this.inner.close()
}
