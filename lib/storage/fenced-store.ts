/**
 * A store that only the leader of the day can write to (a fencing token, as in "How to do distributed locking"). Whoever takes the lead
 * raises the generation in `mesh/leader` and records that the one before is over, `mesh/over/<generation>`; each write of an earlier
 * leader fails on that in its own transaction and writes nothing, however late it comes.
 */

import { HandfastError, isNotLeading } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import {
  strictWrite,
  writerKey,
  type Store,
  type StoreTransaction,
  type Table,
  type TransactionOptions,
} from './store.ts'

/** The record `mesh/leader`. */
export interface LeaderRecord {
  readonly generation: number
  /** Random, 16 bytes: tells this leadership from one of a copy of the same database. */
  readonly run: Uint8Array
}

const runBytes = 16
const rememberedLeads = 10_000
const meshTable = ['mesh'] as const

/** Makes the caller the leader, on disk. @throws HandfastError as `Store.transaction` does; `exhausted` */
export function takeLead(store: Store, runtime: Runtime): Promise<LeaderRecord> {
  const run = runtime.randomBytes(runBytes)
  return store.transaction(meshTable, strictWrite, async (transaction) => {
    const generation = ((await readLeader(transaction))?.generation ?? 0) + 1
    if (!Number.isSafeInteger(generation)) throw new HandfastError('exhausted')
    const record: LeaderRecord = { generation, run }
    await transaction.put('mesh', 'leader', record)
    const over = endOf(generation - 1)
    await transaction.delete('mesh', writerKey)
    await transaction.put('mesh', over, { unless: over })
    // Nobody sleeps through so many.
    await transaction.delete('mesh', endOf(generation - 1 - rememberedLeads))
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
  readonly #unless: string
  readonly #onOvertaken: () => void

  /** `generation`: as `takeLead` returned it. `onOvertaken`: called whenever a write was refused. */
  constructor(store: Store, generation: number, onOvertaken: () => void = () => {}) {
    this.#store = store
    this.#unless = endOf(generation)
    this.#onOvertaken = onOvertaken
  }

  /** As that of the store below. @throws HandfastError `not-leading` for a write after another has taken the lead */
  transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    if (options.mode === 'read') return this.#store.transaction(scope, options, work)
    const run = this.#store.transaction(scope, { ...options, unless: this.#unless }, work)
    run.catch((error: unknown) => {
      if (isNotLeading(error)) this.#onOvertaken()
    })
    return run
  }

  /** Closes the store below. */
  close(): Promise<void> {
    return this.#store.close()
  }
}

/** Says that a generation is over. */
const endOf = (generation: number) => `over/${generation}`

const readLeader = async (transaction: StoreTransaction) =>
  (await transaction.get('mesh', 'leader')) as LeaderRecord | undefined
