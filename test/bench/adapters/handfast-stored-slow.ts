/** Handfast, messages in an IndexedDB on a slow disk: each commit takes 15 ms longer, and no other begins before it has ended. */

import {
  Identity,
  IdbStore,
  type Store,
  type StoreTransaction,
  type TransactionOptions,
} from '../../../lib/index.ts'

import type { Adapter } from '../adapter.ts'
import { connect, openEndpoint } from './handfast.ts'

const commitMs = 15

type Scope = Parameters<Store['transaction']>[0]

class SlowStore implements Store {
  readonly #store: Store
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store) {
    this.#store = store
  }

  transaction<T>(
    scope: Scope,
    options: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    if (options.mode === 'read') return this.#store.transaction(scope, options, work)
    const run = this.#last.then(async () => {
      const result = await this.#store.transaction(scope, options, work)
      await new Promise((resolve) => setTimeout(resolve, commitMs))
      return result
    })
    this.#last = run.catch(() => {})
    return run
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,
  open: (site) =>
    openEndpoint(site, connect, connect, async (name) =>
      Identity.open({ name, store: new SlowStore(await IdbStore.open(name)) }),
    ),
}
