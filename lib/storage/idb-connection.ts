/**
 * Getting at an IndexedDB database: opening and erasing it within a time limit, telling it from another of its name, and what its
 * errors mean.
 */

import { deleteDB, openDB, unwrap } from 'idb'
import { toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { databaseTimeoutMs, lateTabTimerMs } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { awaitedElsewhere } from './staged-transaction.ts'
import { tables } from './store.ts'

/** Rises with every new table. */
const schemaVersion = 4

/** Record of table `mesh`: random, made with the table. */
const idKey = 'database'
const idBytes = 16

const path = (name: string) => `handfast/${name}`

export interface Connection {
  readonly db: IDBDatabase
  /** Of the database: one that is erased and made again has another. */
  readonly id: unknown
}

/**
 * Opens the database, making or upgrading it. With `known`, the connection of before: only that same database; `undefined` when it is
 * gone, also if another has its name by now.
 * @param watch gets the connection before anything can have happened to it
 */
export async function openDatabase(
  name: string,
  runtime: Runtime,
  watch: (db: IDBDatabase) => void,
  known?: Connection,
): Promise<Connection | undefined> {
  checkIndexedDb()
  let isGone = false
  const open = async () => {
    const db = await openDB(path(name), schemaVersion, {
      upgrade(fresh, _oldVersion, _newVersion, tx) {
        tx.done.catch(() => {})
        // Never go on with an empty database when there was another.
        if (known) {
          isGone = true
          return tx.abort()
        }
        for (const table of tables) {
          if (fresh.objectStoreNames.contains(table)) continue
          const made = fresh.createObjectStore(table)
          if (table !== 'mesh') continue
          made.put(toBase64url(runtime.randomBytes(idBytes)), idKey).catch(() => {})
          made.createIndex('unless', 'unless', { unique: true })
        }
      },
    })
    watch(unwrap(db))
    const id: unknown = await db.get('mesh', idKey).catch((error: unknown) => {
      db.close()
      throw error
    })
    if (!known || known.id === id) return { db: unwrap(db), id }
    db.close()
    return undefined
  }
  try {
    return await settleInTime(runtime, open, (connection) => connection?.db.close())
  } catch (error) {
    if (isGone) return undefined
    throw error
  }
}

/** @throws HandfastError `unsupported`, `storage-blocked`, `storage-failed` */
export async function eraseDatabase(name: string, runtime: Runtime): Promise<void> {
  checkIndexedDb()
  await settleInTime(runtime, () => deleteDB(path(name)))
}

/**
 * Calls `then` when `delayMs` have passed and this page was awake to see them: one that slept or hung has not yet seen what the database did
 * meanwhile, and waits anew. Returns how to stop.
 */
export function afterAwake(runtime: Runtime, delayMs: number, then: () => void): () => void {
  let cancel: () => void
  const wait = () => {
    const dueMs = runtime.monotonicNow() + delayMs
    cancel = runtime.setTimer(delayMs, () =>
      runtime.monotonicNow() - dueMs > lateTabTimerMs ? wait() : then(),
    )
  }
  wait()
  return () => cancel()
}

/** An open or delete that is blocked says so at most once and then waits for ever. */
function settleInTime<T>(
  runtime: Runtime,
  start: () => Promise<T>,
  tooLate: (result: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let expired = false
    const cancel = afterAwake(runtime, databaseTimeoutMs, () => {
      expired = true
      reject(new HandfastError('storage-blocked', 'another tab holds the database'))
    })
    const settle = async () => {
      try {
        const result = await start()
        if (expired) tooLate(result)
        else resolve(result)
      } catch (error) {
        reject(storageError(error))
      } finally {
        cancel()
      }
    }
    void settle()
  })
}

/** Where it is switched off it may be missing, null, or throw when looked at. */
function checkIndexedDb(): void {
  try {
    if (globalThis.indexedDB) return
  } catch {
    // As good as none.
  }
  throw new HandfastError('unsupported', 'No IndexedDB here: pass a store, such as a MemoryStore')
}

const meanings: Record<string, string> = {
  QuotaExceededError: 'the disk or the quota of this site is full',
  VersionError: 'the database was written by a newer version of this library',
}

export function storageError(cause: unknown): HandfastError {
  if (cause instanceof HandfastError) return cause
  const name = cause instanceof Error ? cause.name : 'AbortError'
  if (name === 'TransactionInactiveError') return awaitedElsewhere()
  const code = name === 'SecurityError' ? 'unsupported' : 'storage-failed'
  return new HandfastError(code, meanings[name] ?? `IndexedDB: ${name}`, { cause })
}
