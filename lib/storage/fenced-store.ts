/**
 * A store that only the leader of the day can write to (a fencing token, as in "How to do distributed locking"). Whoever takes the lead
 * raises the generation in `mesh/leader`; each write of an earlier leader finds that in its own transaction and writes nothing, however
 * late it comes.
 */

import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import type { Store, StoreTransaction, Table, TransactionOptions } from './store.ts'

/** The record `mesh/leader`. */
export interface LeaderRecord {
  readonly generation: number
  /** Random, 16 bytes: tells this leadership from one of a copy of the same database. */
  readonly run: Uint8Array
}

const runBytes = 16
const meshTable = ['mesh'] as const

/** Makes the caller the leader, on disk. @throws HandfastError as `Store.transaction` does; `exhausted` */
export function takeLead(store: Store, runtime: Runtime): Promise<LeaderRecord> {
  const run = runtime.randomBytes(runBytes)
  const options = { mode: 'write', durability: 'strict' } as const
  return store.transaction(meshTable, options, async (transaction) => {
    const generation = ((await readLeader(transaction))?.generation ?? 0) + 1
    if (!Number.isSafeInteger(generation)) throw new HandfastError('exhausted')
    const record: LeaderRecord = { generation, run }
    await transaction.put('mesh', 'leader', record)
    return record
  })
}

/** Who leads, as far as the store knows: 0 before anybody did. */
export function currentGeneration(store: Store): Promise<number> {
  return store.transaction(
    meshTable,
    { mode: 'read' },
    async (transaction) => (await readLeader(transaction))?.generation ?? 0,
  )
}

export class FencedStore implements Store {
  readonly #store: Store
  readonly #generation: number
  readonly #onOvertaken: () => void

  /** `generation`: as `takeLead` returned it. `onOvertaken`: called whenever a write was refused. */
  constructor(store: Store, generation: number, onOvertaken: () => void = () => {}) {
    this.#store = store
    this.#generation = generation
    this.#onOvertaken = onOvertaken
  }

  /** As that of the store below. @throws HandfastError `not-leading` for a write after another has taken the lead */
  transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    if (options.mode === 'read' || scope.length === 0) {
      return this.#store.transaction(scope, options, work)
    }
    const withFence = [...new Set<Table>([...scope, 'mesh'])]
    return this.#store.transaction(withFence, options, async (transaction) => {
      const leader = await readLeader(transaction)
      if (leader?.generation !== this.#generation) {
        this.#onOvertaken()
        throw new HandfastError('not-leading', 'Another tab leads now')
      }
      return work(within(transaction, scope))
    })
  }

  /** Closes the store below. */
  close(): Promise<void> {
    return this.#store.close()
  }
}

const readLeader = async (transaction: StoreTransaction) =>
  (await transaction.get('mesh', 'leader')) as LeaderRecord | undefined

/** The transaction as its owner asked for it: the table that the fence reads is not part of it. */
function within(transaction: StoreTransaction, scope: readonly Table[]): StoreTransaction {
  if (scope.includes('mesh')) return transaction
  const check = (table: Table) => {
    if (table === 'mesh') throw new HandfastError('invalid-argument', 'table mesh')
  }
  return {
    async get(table, key) {
      check(table)
      return transaction.get(table, key)
    },
    async list(table, prefix) {
      check(table)
      return transaction.list(table, prefix)
    },
    async put(table, key, value) {
      check(table)
      return transaction.put(table, key, value)
    },
    async delete(table, key) {
      check(table)
      return transaction.delete(table, key)
    },
  }
}
