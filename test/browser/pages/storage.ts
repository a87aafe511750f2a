/** Puts the stores, the keystore and the store's conformance checks on the global object. */

import { Keystore } from '../../../lib/identity/keystore.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { storeChecks } from '../../conformance/store.ts'

const storage = {
  IdbStore,
  Keystore,

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

  /** Opens a store; says with which code and message that failed, and how long it took. */
  async tryOpen(name: string): Promise<{ code: string; message: string; tookMs: number }> {
    const startMs = performance.now()
    const outcome = await IdbStore.open(name).then(
      (store) => {
        globalThis.store = store
        return { code: 'opened', message: '' }
      },
      ({ code, message }: { code: string; message: string }) => ({ code, message }),
    )
    return { ...outcome, tookMs: performance.now() - startMs }
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
