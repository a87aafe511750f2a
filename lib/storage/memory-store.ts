/**
 * A store that lives as long as its object: for Node, tests and simulations. Transactions run one after the other.
 * It keeps IndexedDB's rule that work may await nothing but its transaction, so that code tested on it runs there.
 */

import { HandfastError } from '../base/errors.ts'
import { idleMicrotasks } from '../base/limits.ts'
import { awaitedElsewhere, StagedTransaction } from './staged-transaction.ts'
import type { Source } from './staged-transaction.ts'
import type { Store, StoreRecord, StoreTransaction, Table, TransactionOptions } from './store.ts'

/** A store that lives as long as its object: for Node, tests and simulations. */
export class MemoryStore implements Store {
  readonly #tables = new Map<Table, Map<string, StoreRecord>>()
  readonly #source: Source = {
    get: async (table, key) => structuredClone(this.#table(table).get(key)?.value),
    list: async (table, prefix = '') =>
      structuredClone([...this.#table(table).values()].filter(({ key }) => key.startsWith(prefix))),
  }
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  async transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new HandfastError('closed')
    const staged = new StagedTransaction(scope, options.mode, this.#source)
    const run = this.#last.then(async () => {
      try {
        const result = await Promise.race([work(staged), idle(staged)])
        if (options.unless !== undefined && this.#table('mesh').has(options.unless)) {
          throw new HandfastError('not-leading')
        }
        for (const { table, key, record } of staged.end()) {
          if (record) this.#table(table).set(key, record)
          else this.#table(table).delete(key)
        }
        return result
      } finally {
        staged.end()
      }
    })
    this.#last = run.catch(() => {})
    return run
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  #table(table: Table): Map<string, StoreRecord> {
    const records = this.#tables.get(table) ?? new Map<string, StoreRecord>()
    this.#tables.set(table, records)
    return records
  }
}

/** Rejects once the work has let many microtasks pass without a call, which it does when it waits for a task. */
async function idle(staged: StagedTransaction): Promise<never> {
  for (let seen = -1; seen !== staged.calls;) {
    seen = staged.calls
    for (let i = 0; i < idleMicrotasks && !staged.ended; i++) await undefined
  }
  throw awaitedElsewhere()
}
