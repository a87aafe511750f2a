/** Puts the stores, the keystore and the store's conformance checks on the global object. */

import { Identity } from '../../../lib/identity/identity.ts'
import { Keystore } from '../../../lib/identity/keystore.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { storeChecks } from '../../conformance/store.ts'

interface Outcome {
  code: string
  message: string
  tookMs: number
}

const requested = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })

const storage = {
  Identity,
  IdbStore,
  Keystore,
  Mesh,

  /** Runs every check; returns what failed. */
  async failedChecks(): Promise<string[]> {
    const failures: string[] = []
    let stores = 0
    for (const { name, run } of storeChecks) {
      const makeStore = () => IdbStore.open(`conformance ${stores++}`)
      await run(makeStore).catch((error: unknown) => failures.push(`${name}: ${String(error)}`))
    }
    return failures
  },

  /** Says with which code and message something failed, if it did, and how long it took. */
  async outcome(run: () => Promise<unknown>): Promise<Outcome> {
    const startMs = performance.now()
    const outcome = await run().then(
      () => ({ code: 'done', message: '' }),
      (error: unknown) => ({
        code: (error as { code?: unknown }).code ?? String(error),
        message: String((error as Error).message),
      }),
    )
    return { ...outcome, tookMs: performance.now() - startMs } as Outcome
  },

  async tryOpen(name: string): Promise<Outcome> {
    const outcome = await storage.outcome(async () => {
      globalThis.store = await IdbStore.open(name)
    })
    return outcome.code === 'done' ? { ...outcome, code: 'opened' } : outcome
  },

  /** Raw IndexedDB, as nothing in the library would use it. */
  async openRaw(name: string, version?: number, upgrade?: (db: IDBDatabase) => void) {
    const request = indexedDB.open(name, version)
    request.onupgradeneeded = () => upgrade?.(request.result)
    return requested(request)
  },

  /** Replaces every record of a table, by raw IndexedDB; returns how many there were. */
  async corrupt(name: string, table: string, value: unknown): Promise<number> {
    const db = await storage.openRaw(`handfast/${name}`)
    const from = db.transaction([table], 'readwrite').objectStore(table)
    const keys = await requested(from.getAllKeys())
    await Promise.all(keys.map((key) => requested(from.put(value, key))))
    db.close()
    return keys.length
  },

  /** All records of a database. */
  async dump(name: string): Promise<Map<string, Map<IDBValidKey, unknown>>> {
    const db = await storage.openRaw(`handfast/${name}`)
    const dumped = new Map<string, Map<IDBValidKey, unknown>>()
    for (const table of db.objectStoreNames) {
      const from = db.transaction([table]).objectStore(table)
      const [keys, values] = await Promise.all([
        requested(from.getAllKeys()),
        requested(from.getAll()),
      ])
      dumped.set(table, new Map(keys.map((key, index) => [key, values[index]])))
    }
    db.close()
    return dumped
  },

  put: (key: string, value: unknown) =>
    globalThis.store.transaction(['contacts'], { mode: 'write', durability: 'strict' }, (tx) =>
      tx.put('contacts', key, value),
    ),

  get: (key: string) =>
    globalThis.store.transaction(['contacts'], { mode: 'read' }, (tx) => tx.get('contacts', key)),
}

declare global {
  var storage: typeof import('./storage.ts').default
  var store: IdbStore
}

globalThis.storage = storage

export default storage
