/**
 * The browser's store: one IndexedDB database for each name, which several tabs and objects may have open. Every failure is typed and
 * comes within seconds; nothing hangs on a blocked, full, closed or lost database. A connection that the browser dropped (Safari does
 * so to hidden tabs) is opened anew, once. If the data went with it, the store has ended: it never goes on with an empty database, nor
 * with one that another tab has made since.
 */

import { wrap } from 'idb'
import { HandfastError, type ErrorCode } from '../base/errors.ts'
import { databaseStallMs } from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import type { Runtime } from '../base/runtime.ts'
import {
  afterAwake,
  eraseDatabase,
  openDatabase,
  storageError,
  type Connection,
} from './idb-connection.ts'
import { awaitedElsewhere, StagedTransaction } from './staged-transaction.ts'
import type { Write } from './staged-transaction.ts'
import {
  writerKey,
  type Store,
  type StoreTransaction,
  type Table,
  type TransactionOptions,
} from './store.ts'

/** What starting a transaction throws on a connection that is gone: by the standard, and as WebKit says it. */
const lostConnection = ['InvalidStateError', 'UnknownError']

/** The store of a browser: one IndexedDB database for each name. */
export class IdbStore implements Store {
  readonly #name: string
  readonly #runtime: Runtime
  readonly #running = new Set<Promise<unknown>>()
  /** The connection of now, or the latest. */
  #connection: Connection | undefined
  #isConnected = false
  #connecting: Promise<IDBDatabase> | undefined
  /** Why it is of no more use: what every call fails with. */
  #ended: [code: ErrorCode, reason: string] | undefined
  #finished: Promise<void> | undefined
  /** Grows whenever the database gives any sign of life. */
  #progress = 0

  private constructor(name: string, runtime: Runtime) {
    this.#name = name
    this.#runtime = runtime
  }

  /**
   * Opens the database `handfast/<name>`, creating it on first use.
   * @throws HandfastError `unsupported` without IndexedDB; `storage-blocked` when it does not open within 3 s; `storage-failed`
   */
  static async open(name: string, runtime: Runtime = systemRuntime): Promise<IdbStore> {
    const store = new IdbStore(name, runtime)
    await store.#connect()
    return store
  }

  /**
   * Erases the database of that name for good. Stores that have it open, here or in other tabs, finish what is under way and are
   * closed. After `storage-blocked` the erasure is still pending: it happens as soon as whatever blocks it lets go.
   * @throws HandfastError as `open` does
   */
  static delete(name: string, runtime: Runtime = systemRuntime): Promise<void> {
    return eraseDatabase(name, runtime)
  }

  async transaction<T>(
    scope: readonly Table[],
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    this.#checkOpen()
    const run = this.#run(scope, options, work)
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  close(): Promise<void> {
    return this.#end('closed', 'the store is closed')
  }

  async #run<T>(
    scope: readonly Table[],
    { mode, durability = 'relaxed', unless }: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    // Until the first request everything happens in one go or in microtasks: the transaction would end by itself.
    const state: TransactionState = { hasRead: false, isOvertaken: false }
    let tx: IDBTransaction | undefined
    const read = async <R>(table: Table, make: (from: IDBObjectStore) => IDBRequest<R>) => {
      state.hasRead = true
      try {
        return await wrap(make(tx!.objectStore(table)))
      } catch (error) {
        throw storageError(error)
      } finally {
        this.#progress++
      }
    }
    const staged = new StagedTransaction(scope, mode, {
      get: (table, key) => read(table, (from) => from.get(key)),
      list: async (table, prefix = '') => {
        // No key holds U+FFFF, which is no character.
        const range = prefix ? IDBKeyRange.bound(prefix, `${prefix}\uffff`) : undefined
        const [keys, values] = await Promise.all([
          read(table, (from) => from.getAllKeys(range) as IDBRequest<string[]>),
          read(table, (from) => from.getAll(range)),
        ])
        return keys.map((key, i) => ({ key, value: values[i] as unknown }))
      },
    })
    const tables = unless === undefined ? scope : [...new Set<Table>([...scope, 'mesh'])]
    tx = await this.#begin(tables, mode === 'read' ? 'readonly' : 'readwrite', durability)
    const committed = this.#settled(tx, state)
    try {
      const early = committed.then(() => {
        throw awaitedElsewhere()
      })
      const result = await Promise.race([early, (async () => work(staged))()])
      commit(tx, staged.end(), unless, state)
      await committed
      return result
    } catch (error) {
      staged.end()
      abort(tx)
      await committed.catch(() => {})
      throw error
    }
  }

  /** Starts a transaction, in this very task when the connection is up. */
  async #begin(
    scope: readonly Table[],
    mode: IDBTransactionMode,
    durability: IDBTransactionDurability,
  ) {
    for (let retried = false; ; retried = true) {
      const db = this.#isConnected ? this.#connection!.db : await this.#connect()
      try {
        return db.transaction(scope, mode, { durability })
      } catch (error) {
        this.#checkOpen()
        const isLost = lostConnection.includes((error as DOMException).name)
        if (!isLost || retried) throw storageError(error)
        this.#lose(db)
      }
    }
  }

  /** Resolves once committed; rejects once aborted, or when the database shows no life for `databaseStallMs`. */
  #settled(tx: IDBTransaction, state: TransactionState): Promise<void> {
    return new Promise((resolve, reject) => {
      let cancel: () => void
      const watch = (seen: number) => {
        cancel = afterAwake(this.#runtime, databaseStallMs, () => {
          if (this.#progress !== seen) return watch(this.#progress)
          this.#lose(tx.db)
          reject(new HandfastError('storage-failed', 'IndexedDB stopped answering'))
        })
      }
      watch(this.#progress)
      const settle = (how: () => void) => () => {
        this.#progress++
        cancel()
        how()
      }
      tx.addEventListener('complete', settle(resolve))
      // Only now does `tx.error` say why: a quota is often found exceeded as late as the commit.
      tx.addEventListener(
        'abort',
        settle(() => {
          if (state.isOvertaken || isTaken(tx.error))
            return reject(new HandfastError('not-leading'))
          // What the platform aborts for anything but a full disk leaves a connection not to be trusted.
          if (tx.error && tx.error.name !== 'QuotaExceededError') this.#lose(tx.db)
          reject(storageError(tx.error))
        }),
      )
    })
  }

  #connect(): Promise<IDBDatabase> {
    const connect = async () => {
      const watch = (db: IDBDatabase) => this.#watch(db)
      const found = await openDatabase(this.#name, this.#runtime, watch, this.#connection)
      if (!found) void this.#end('storage-failed', 'the data of this site were erased')
      if (this.#ended) found?.db.close()
      this.#checkOpen()
      this.#connection = found!
      this.#isConnected = true
      return found!.db
    }
    this.#connecting ??= connect().finally(() => (this.#connecting = undefined))
    return this.#connecting
  }

  #watch(db: IDBDatabase): void {
    db.addEventListener('close', () => this.#lose(db))
    db.addEventListener('versionchange', () => {
      db.close()
      void this.#end('closed', 'another tab erases or upgrades this database')
    })
  }

  #lose(db: IDBDatabase): void {
    db.close()
    if (this.#connection?.db === db) this.#isConnected = false
  }

  #checkOpen(): void {
    if (this.#ended) throw new HandfastError(...this.#ended)
  }

  #end(code: ErrorCode, reason: string): Promise<void> {
    this.#ended ??= [code, reason]
    // Transactions under way still run to their end on a closed connection.
    this.#connection?.db.close()
    this.#finished ??= Promise.allSettled(this.#running).then(() => {})
    return this.#finished
  }
}

/**
 * Firefox commits although the last request fails, when others had come back before it was told to. So there, and wherever it is not known,
 * a fenced transaction that reads ends by itself; if its page hangs just then, others wait for it.
 */
const isChromium = () => 'userAgentData' in (globalThis.navigator ?? {})

interface TransactionState {
  hasRead: boolean
  /** The record of who writes was refused. */
  isOvertaken: boolean
}

const isTaken = (error: DOMException | null): boolean => error?.name === 'ConstraintError'

/** Writes, and has the unique index of table `mesh` fail it all where another has taken the lead. */
function commit(
  tx: IDBTransaction,
  writes: Iterable<Write>,
  unless: string | undefined,
  state: TransactionState,
): void {
  try {
    for (const { table, key, record } of writes) {
      if (record) tx.objectStore(table).put(record.value, key)
      else tx.objectStore(table).delete(key)
    }
    if (unless !== undefined) {
      const fence = tx.objectStore('mesh').put({ unless }, writerKey)
      fence.addEventListener('error', () => (state.isOvertaken ||= isTaken(fence.error)))
    }
    if (unless === undefined || !state.hasRead || isChromium()) tx.commit()
  } catch (error) {
    throw storageError(error)
  }
}

function abort(tx: IDBTransaction): void {
  try {
    tx.abort()
  } catch {
    // It has already ended.
  }
}
