/**
 * Getting at an IndexedDB database: the Web Lock that makes it one tab's own, opening and erasing it within a
 * time limit, and what its errors mean.
 */

import { deleteDB, openDB, unwrap } from 'idb'
import { HandfastError } from '../base/errors.ts'
import { databaseTimeoutMs, identityLockTimeoutMs } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { awaitedElsewhere } from './staged-transaction.ts'
import { tables } from './store.ts'

/** Rises with every new table. */
const schemaVersion = 3

const path = (name: string) => `handfast/${name}`

/** Opens the database; makes its tables if `create`, and fails if they are not there otherwise. */
export async function openDatabase(
  name: string,
  runtime: Runtime,
  create: boolean,
): Promise<IDBDatabase> {
  const open = () =>
    openDB(path(name), schemaVersion, {
      upgrade(db, _oldVersion, _newVersion, tx) {
        tx.done.catch(() => {})
        // A lost connection finds nothing on its return: the user cleared the site's data. Never go on with nothing.
        if (!create) return tx.abort()
        for (const table of tables) {
          if (!db.objectStoreNames.contains(table)) db.createObjectStore(table)
        }
      },
    })
  return unwrap(await settleInTime(runtime, open, (db) => db.close()))
}

export const eraseDatabase = (name: string, runtime: Runtime): Promise<void> =>
  settleInTime(runtime, () => deleteDB(path(name)))

/** An open or delete that is blocked says so at most once and then waits for ever. */
function settleInTime<T>(
  runtime: Runtime,
  start: () => Promise<T>,
  tooLate: (result: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let expired = false
    const cancel = runtime.setTimer(databaseTimeoutMs, () => {
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
function hasIndexedDb(): boolean {
  try {
    return Boolean(globalThis.indexedDB)
  } catch {
    return false
  }
}

/** Takes the Web Lock of that name; returns the way to let go of it. */
export async function lockDatabase(name: string, runtime: Runtime): Promise<() => void> {
  if (!hasIndexedDb()) throw new HandfastError('unsupported', 'no IndexedDB')
  const locks = globalThis.navigator?.locks
  if (!locks) return () => {}
  const giveUp = new AbortController()
  const cancel = runtime.setTimer(identityLockTimeoutMs, () => giveUp.abort())
  return new Promise((resolve, reject) => {
    const held = locks.request(path(name), { signal: giveUp.signal }, () => {
      cancel()
      return new Promise<void>((release) => resolve(release))
    })
    held.catch((error: unknown) => {
      cancel()
      reject(
        giveUp.signal.aborted
          ? new HandfastError(
              'identity-in-use',
              `'${name}' is already open, here or in another tab`,
            )
          : storageError(error),
      )
    })
  })
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
