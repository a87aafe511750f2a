/** A store over one IndexedDB database that several tabs have open at once: what leadership and its fence need of one. */

import { openDB } from 'idb'
import { StagedTransaction } from '../../../lib/storage/staged-transaction.ts'
import { tables, type Store, type Table } from '../../../lib/storage/store.ts'

export async function sharedStore(name: string): Promise<Store> {
  const db = await openDB(`shared/${name}`, 1, {
    upgrade(fresh) {
      for (const table of tables) fresh.createObjectStore(table)
    },
  })
  return {
    async transaction(scope, { mode, durability = 'relaxed' }, work) {
      const idbMode = mode === 'read' ? 'readonly' : 'readwrite'
      const tx = db.transaction([...scope], idbMode, { durability })
      tx.done.catch(() => {})
      const staged = new StagedTransaction(scope, mode, {
        get: (table: Table, key) => tx.objectStore(table).get(key),
        list: async () => [],
      })
      try {
        const result = await work(staged)
        for (const { table, key, record } of staged.end()) {
          const from = tx.objectStore(table)
          if (record) await from.put!(record.value, key)
          else await from.delete!(key)
        }
        await tx.done
        return result
      } catch (error) {
        try {
          tx.abort()
        } catch {
          // It has already ended.
        }
        throw error
      }
    },
    close: async () => db.close(),
  }
}
