/**
 * The browser's store: one IndexedDB database for each name, open in one tab at a time (a Web Lock sees to that,
 * where the browser has them). Every failure is typed and comes within seconds; nothing hangs on a blocked, full,
 * closed or lost database. A connection that the browser dropped (Safari does so to hidden tabs) is opened anew, once,
 * unless the data went with it.
 */

import { wrap } from 'idb'
import { HandfastError } from '../base/errors.ts'
import { databaseStallMs } from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import type { Runtime } from '../base/runtime.ts'
import { eraseDatabase, lockDatabase, openDatabase, storageError } from './idb-connection.ts'
import { awaitedElsewhere, StagedTransaction } from './staged-transaction.ts'
import type { Write } from './staged-transaction.ts'
import type { Store, StoreTransaction, Table, TransactionOptions } from './store.ts'

/** What starting a transaction throws on a connection that is gone: by the standard, and as WebKit says it. */
const lostConnection = ['InvalidStateError', 'UnknownError']

export class IdbStore implements Store {
  readonly #name: string
  readonly #runtime: Runtime
  readonly #unlock: () => void
  readonly #running = new Set<Promise<unknown>>()
  #db: IDBDatabase | undefined
  #connecting: Promise<IDBDatabase> | undefined
  #endReason: string | undefined
  #finished: Promise<void> | undefined
  /** Grows whenever the database gives any sign of life. */
  #progress = 0

  private constructor(name: string, runtime: Runtime, unlock: () => void) {
    this.#name = name
    this.#runtime = runtime
    this.#unlock = unlock
  }

  /**
   * Opens the database `handfast/<name>`, creating it on first use.
   * @throws HandfastError `unsupported` without IndexedDB; `identity-in-use` when it stays open in this tab or
   * another for 2 s; `storage-blocked` when it does not open within 3 s; `storage-failed`
   */
  static async open(name: string, runtime: Runtime = systemRuntime): Promise<IdbStore> {
    const store = new IdbStore(name, runtime, await lockDatabase(name, runtime))
    try {
      await store.#connect(true)
      return store
    } catch (error) {
      store.#unlock()
      throw error
    }
  }

  /**
   * Erases the database of that name for good. After `storage-blocked` the erasure is still pending: it happens as
   * soon as whatever blocks it lets go.
   * @throws HandfastError as `open` does
   */
  static async delete(name: string, runtime: Runtime = systemRuntime): Promise<void> {
    const unlock = await lockDatabase(name, runtime)
    try {
      await eraseDatabase(name, runtime)
    } finally {
      unlock()
    }
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
    return this.#end('the store is closed')
  }

  async #run<T>(
    scope: readonly Table[],
    { mode, durability = 'relaxed' }: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    // Until the first request everything happens in one go or in microtasks: the transaction would end by itself.
    let tx: IDBTransaction | undefined
    const read = async <R>(table: Table, make: (from: IDBObjectStore) => IDBRequest<R>) => {
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
    tx = await this.#begin(scope, mode === 'read' ? 'readonly' : 'readwrite', durability)
    const committed = this.#settled(tx)
    try {
      const early = committed.then(() => {
        throw awaitedElsewhere()
      })
      const result = await Promise.race([early, (async () => work(staged))()])
      commit(tx, staged.end())
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
      const db = this.#db ?? (await this.#connect(false))
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
  #settled(tx: IDBTransaction): Promise<void> {
    return new Promise((resolve, reject) => {
      let cancel: () => void
      const watch = (seen: number) => {
        cancel = this.#runtime.setTimer(databaseStallMs, () => {
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
          // What the platform aborts for anything but a full disk leaves a connection not to be trusted.
          if (tx.error && tx.error.name !== 'QuotaExceededError') this.#lose(tx.db)
          reject(storageError(tx.error))
        }),
      )
    })
  }

  #connect(create: boolean): Promise<IDBDatabase> {
    const connect = async () => {
      const db = await openDatabase(this.#name, this.#runtime, create)
      db.addEventListener('close', () => this.#lose(db))
      db.addEventListener('versionchange', () => {
        void this.#end('another tab erases or upgrades this database')
      })
      if (this.#endReason !== undefined) db.close()
      this.#checkOpen()
      this.#db = db
      return db
    }
    this.#connecting ??= connect().finally(() => (this.#connecting = undefined))
    return this.#connecting
  }

  #lose(db: IDBDatabase): void {
    db.close()
    if (this.#db === db) this.#db = undefined
  }

  #checkOpen(): void {
    if (this.#endReason !== undefined) throw new HandfastError('closed', this.#endReason)
  }

  #end(reason: string): Promise<void> {
    this.#endReason ??= reason
    // Transactions under way still run to their end on a closed connection.
    this.#db?.close()
    this.#finished ??= Promise.allSettled(this.#running).then(this.#unlock)
    return this.#finished
  }
}

function commit(tx: IDBTransaction, writes: Iterable<Write>): void {
  try {
    for (const { table, key, record } of writes) {
      if (record) tx.objectStore(table).put(record.value, key)
      else tx.objectStore(table).delete(key)
    }
    tx.commit()
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
