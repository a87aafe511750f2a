/**
 * Where an identity keeps what must outlive a tab: a few tables of records, changed in atomic batches.
 * Implementations: IndexedDB (browsers), memory (Node, tests, simulations), an application's own.
 */

export const tables = ['keys', 'tickets', 'contacts', 'answered'] as const
export type Table = (typeof tables)[number]

/** A structured-cloneable record. */
export type StoreValue = unknown

export interface StoreTransaction {
  get(table: Table, key: string): Promise<StoreValue | undefined>
  /** All records of a table in key order. */
  list(table: Table): Promise<{ key: string; value: StoreValue }[]>
  put(table: Table, key: string, value: StoreValue): Promise<void>
  delete(table: Table, key: string): Promise<void>
}

export interface TransactionOptions {
  mode: 'read' | 'write'
  /** `strict`: resolved means on disk. For what loses a message, a ticket or a key when it is lost. Default `relaxed`. */
  durability?: 'strict' | 'relaxed'
}

export interface Store {
  /**
   * Runs `work` as one atomic, isolated transaction over the named tables: all of its writes or none. `work` may await
   * nothing but the transaction's own methods. What it throws rolls back and is thrown on.
   * @throws HandfastError `storage-failed`, `storage-blocked`, `closed`
   */
  transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T>
  /** Idempotent; waits for what is under way. */
  close(): Promise<void>
}
