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
  /** Absent: delete. */
  record?: { value: StoreValue }
}

export class StagedTransaction implements StoreTransaction {
  readonly #scope: readonly Table[]
  readonly #mode: TransactionOptions['mode']
  readonly #source: Source
  readonly #writes = new Map<string, Write>()
  #calls = 0
  #ended = false

  constructor(scope: readonly Table[], mode: TransactionOptions['mode'], source: Source) {
    if (scope.length === 0)
      throw new HandfastError('invalid-argument', 'a transaction names its tables')
    this.#scope = scope
    this.#mode = mode
    this.#source = source
  }

  /** Calls made so far. */
  get calls(): number {
    return this.#calls
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Refuses every further call; returns what to write. */
  end(): Iterable<Write> {
    this.#ended = true
    return this.#writes.values()
  }

  async get(table: Table, key: string): Promise<StoreValue | undefined> {
    this.#check(table)
    const write = this.#writes.get(`${table}/${key}`)
    return write ? structuredClone(write.record?.value) : this.#source.get(table, key)
  }

  async list(table: Table): Promise<StoreRecord[]> {
    this.#check(table)
    const records = await this.#source.list(table)
    const writes = [...this.#writes.values()].filter((write) => write.table === table)
    if (writes.length === 0) return records
    const merged = new Map(records.map(({ key, value }) => [key, value]))
    for (const { key, record } of writes) {
      if (record) merged.set(key, structuredClone(record.value))
      else merged.delete(key)
    }
    return inKeyOrder(merged)
  }

  async put(table: Table, key: string, value: StoreValue): Promise<void> {
    this.#stage({ table, key, record: { value: snapshot(value) } })
  }

  async delete(table: Table, key: string): Promise<void> {
    this.#stage({ table, key })
  }

  #stage(write: Write): void {
    this.#check(write.table)
    if (this.#mode === 'read')
      throw new HandfastError('invalid-argument', 'a read transaction cannot write')
    this.#writes.set(`${write.table}/${write.key}`, write)
  }

  #check(table: Table): void {
    if (this.#ended) throw new HandfastError('closed', 'the transaction has ended')
    if (!this.#scope.includes(table))
      throw new HandfastError('invalid-argument', `table ${table} is outside the transaction`)
    this.#calls++
  }
}

export const inKeyOrder = (records: Iterable<[string, StoreValue]>): StoreRecord[] =>
  Array.from(records, ([key, value]) => ({ key, value })).toSorted((a, b) =>
    a.key < b.key ? -1 : 1,
  )

export const awaitedElsewhereMessage =
  'the work of a transaction awaited something other than the transaction: nothing was written'

/** The platform's message would quote the value, which may be a secret: it is left out. */
function snapshot(value: StoreValue): StoreValue {
  try {
    return structuredClone(compact(value))
  } catch {
    throw new HandfastError('invalid-argument', 'the value cannot be stored: no structured clone')
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
