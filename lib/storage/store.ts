/**
 * Where an identity keeps what must outlive a tab: a few tables of records, changed in atomic batches.
 * Implementations: IndexedDB (browsers), memory (Node, tests, simulations), an application's own.
 */

/** A table of a store. What each holds is in `docs/architecture.md`, "Storage". */
export type Table =
  | 'keys'
  | 'tickets'
  | 'contacts'
  | 'answered'
  | 'outbox'
  | 'inbox'
  | 'drafts'
  | 'mesh'
  | 'peers'
  | 'journal'

/** A new table needs a higher `schemaVersion` in `idb-connection.ts`. */
export const tables = [
  'keys',
  'tickets',
  'contacts',
  'answered',
  'outbox',
  'inbox',
  'drafts',
  'mesh',
  'peers',
  'journal',
] as const satisfies readonly Table[]

/** A structured-cloneable record. */
export type StoreValue = unknown

/** A record with its key. */
export interface StoreRecord {
  /** Unique in its table. */
  key: string
  /** What was put. */
  value: StoreValue
}

/** Values are copied on their way in and out. A call that is refused changes nothing. */
export interface StoreTransaction {
  /** The value of a key, or undefined. */
  get(table: Table, key: string): Promise<StoreValue | undefined>
  /** The records of a table whose key begins with `prefix` (default: all), in key order (by UTF-16 code units). */
  list(table: Table, prefix?: string): Promise<StoreRecord[]>
  /** @throws HandfastError `invalid-argument` for a value that has no structured clone */
  put(table: Table, key: string, value: StoreValue): Promise<void>
  /** Does nothing where there is no such key. */
  delete(table: Table, key: string): Promise<void>
}

/** In table `mesh`, for stores that check `unless` by a unique index; whoever makes such a record deletes it. */
export const writerKey = 'writer'

/** How a transaction runs. */
export interface TransactionOptions {
  /** Whether it may change anything. */
  mode: 'read' | 'write'
  /** `strict`: resolved means on disk. For what loses a message, a ticket or a key when it is lost. Default `relaxed`. */
  durability?: 'strict' | 'relaxed'
  /**
   * Where table `mesh` has a record of this key, `{ unless: <key> }`, nothing is written, and the transaction fails with `not-leading`.
   * Checked as it commits, by the database alone: a page that hangs after that holds nobody up.
   */
  unless?: string
}

/** For what must be on disk before it is in use. */
export const strictWrite = { mode: 'write', durability: 'strict' } as const

/** Where an identity keeps what must outlive a page: a few tables of records, changed in atomic batches. */
export interface Store {
  /**
   * Runs `work` as one atomic, isolated transaction over the named tables: all of its writes or none. `work` may await
   * nothing but the transaction's own methods; if it does, the transaction fails with `storage-failed` and writes
   * nothing. What `work` throws rolls back and is thrown on. After `storage-failed` with a lost database, the writes
   * may or may not have reached it.
   * @throws HandfastError `storage-failed`, `storage-blocked`, `closed`, `not-leading`; `invalid-argument` for a table outside the
   * scope or a write in a `read` transaction
   */
  transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T>
  /** Idempotent; waits for what is under way. */
  close(): Promise<void>
}
