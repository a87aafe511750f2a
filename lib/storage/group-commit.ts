/**
 * Group commit: one strict write transaction at a time, and whatever is to be written meanwhile shares the next one, in the order it
 * came. A commit takes milliseconds, so that a message in a stream of them costs a fraction of one.
 */

import type { Store, StoreTransaction, Table } from './store.ts'

type Work = (transaction: StoreTransaction) => Promise<void>

export class GroupCommit {
  readonly #store: Store
  readonly #scope: readonly Table[]
  #next: Work[] = []
  #committed: Promise<void> = Promise.resolve()
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store, scope: readonly Table[]) {
    this.#store = store
    this.#scope = scope
  }

  /** Resolves when it is on disk. When `work` throws or the transaction fails, so does all that shared it. */
  run(work: Work): Promise<void> {
    if (this.#next.push(work) === 1) {
      this.#committed = this.#last.then(() => this.#commit())
      this.#last = this.#committed.catch(() => {})
    }
    return this.#committed
  }

  #commit(): Promise<void> {
    const works = this.#next
    this.#next = []
    const options = { mode: 'write', durability: 'strict' } as const
    return this.#store.transaction(this.#scope, options, async (transaction) => {
      for (const work of works) await work(transaction)
    })
  }
}
