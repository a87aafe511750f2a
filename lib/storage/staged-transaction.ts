/**
 * A transaction that keeps its writes to itself until its work has returned, so that work that throws, or awaits
 * something that a database does not wait for, has written nothing. Both stores hand this to their callers.
 */

import { HandfastError } from '../base/errors.ts'
import type {
  StoreRecord,
  StoreTransaction,
  StoreValue,
  Table,
  TransactionOptions,
} from './store.ts'

/** The committed state below a transaction. Returns copies. */
export type Source = Pick<StoreTransaction, 'get' | 'list'>

export interface Write {
  table: Table
  key: string
  /** None: delete. */
  record?: StoreRecord
}

export class StagedTransaction implements StoreTransaction {
  readonly #scope: readonly Table[]
  readonly #mode: TransactionOptions['mode']
  readonly #source: Source
  readonly #writes = new Map<string, Write>()
  /** Calls made so far. */
  calls = 0
  ended = false

  constructor(scope: readonly Table[], mode: TransactionOptions['mode'], source: Source) {
    if (scope.length === 0) throw new HandfastError('invalid-argument')
    this.#scope = scope
    this.#mode = mode
    this.#source = source
  }

  /** Refuses every further call; returns what to write. */
  end(): Iterable<Write> {
    this.ended = true
    return this.#writes.values()
  }

  async get(table: Table, key: string): Promise<StoreValue | undefined> {
    this.#check(table)
    const write = this.#writes.get(`${table}/${key}`)
    return write ? structuredClone(write.record?.value) : this.#source.get(table, key)
  }

  async list(table: Table, prefix = ''): Promise<StoreRecord[]> {
    this.#check(table)
    const committed = await this.#source.list(table, prefix)
    const merged = new Map(committed.map((record) => [record.key, record]))
    for (const { table: written, key, record } of this.#writes.values()) {
      if (written !== table || !key.startsWith(prefix)) continue
      if (record) merged.set(key, structuredClone(record))
      else merged.delete(key)
    }
    return [...merged.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  async put(table: Table, key: string, value: StoreValue): Promise<void> {
    this.#stage({ table, key, record: { key, value: snapshot(value) } })
  }

  async delete(table: Table, key: string): Promise<void> {
    this.#stage({ table, key })
  }

  #stage(write: Write): void {
    this.#check(write.table)
    if (this.#mode === 'read') throw new HandfastError('invalid-argument')
    this.#writes.set(`${write.table}/${write.key}`, write)
  }

  #check(table: Table): void {
    if (this.ended) throw new HandfastError('closed', 'the transaction has ended')
    if (!this.#scope.includes(table)) throw new HandfastError('invalid-argument', `table ${table}`)
    this.calls++
  }
}

export const awaitedElsewhere = () =>
  new HandfastError('storage-failed', 'a transaction awaited something else: nothing was written')

/** The platform's error would quote the value, which may be a secret: it is left out, as a cause too. */
function snapshot(value: StoreValue): StoreValue {
  try {
    return value instanceof Uint8Array ? new Uint8Array(value) : structuredClone(compact(value))
  } catch {
    throw new HandfastError('invalid-argument', 'the value has no structured clone')
  }
}

/** Cloning a view clones its whole buffer: 64 bytes of a 1 MiB buffer would be stored as 1 MiB. */
function compact(value: unknown): unknown {
  if (value instanceof Uint8Array)
    return value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value)
  if (Array.isArray(value)) return value.map(compact)
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, compact(item)]))
}
