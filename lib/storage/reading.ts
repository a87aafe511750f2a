/** What is read in a transaction of its own. */

import { reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { Store, StoreRecord, StoreValue, Table } from './store.ts'

export const readRecord = (
  store: Store,
  table: Table,
  key: string,
): Promise<StoreValue | undefined> =>
  store.transaction([table], { mode: 'read' }, (transaction) => transaction.get(table, key))

/** Those whose key begins with `prefix`. */
export const readRecords = (store: Store, table: Table, prefix = ''): Promise<StoreRecord[]> =>
  store.transaction([table], { mode: 'read' }, (transaction) => transaction.list(table, prefix))

/** Gives each of them to `take`. What it throws at is damaged, and costs no more than that one: it stays where it is, and is reported. */
export async function takeRecords(
  store: Store,
  table: Table,
  what: string,
  take: (key: string, value: StoreValue) => unknown,
  prefix?: string,
): Promise<void> {
  for (const { key, value } of await readRecords(store, table, prefix)) {
    try {
      await take(key, value)
    } catch (cause) {
      reportError(new HandfastError('storage-failed', `the ${what} '${key}' is damaged`, { cause }))
    }
  }
}
