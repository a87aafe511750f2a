/**
 * Group commit: one strict write transaction at a time, and whatever is to be written meanwhile shares the next one, in the order it
 * came. A commit takes milliseconds, so that a message in a stream of them costs a fraction of one.
 */

import { strictWrite, type Store, type StoreTransaction, type Table } from './store.ts'

type Work = (transaction: StoreTransaction) => Promise<void>

interface Waiting {
  readonly work: Work
  readonly scope: () => readonly Table[]
}

export class GroupCommit {
  readonly #store: Store
  readonly #scope: readonly Table[]
  #next: Waiting[] = []
  #committed: Promise<void> = Promise.resolve()
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store, scope: readonly Table[]) {
    this.#store = store
    this.#scope = scope
  }

  /**
   * Resolves when it is on disk. When `work` throws or the transaction fails, so does all that shared it. `scope`: the tables that it needs,
   * so that others' writes to the rest hold nobody up; asked when it comes to that. Default: all.
   */
  run(work: Work, scope: () => readonly Table[] = () => this.#scope): Promise<void> {
    if (this.#next.push({ work, scope }) === 1) {
      this.#committed = this.#last.then(() => this.#commit())
      this.#last = this.#committed.catch(() => {})
    }
    return this.#committed
  }

  #commit(): Promise<void> {
    const works = this.#next
    this.#next = []
    const scope = [...new Set(works.flatMap((each) => each.scope()))]
    return this.#store.transaction(scope, strictWrite, async (transaction) => {
      for (const { work } of works) await work(transaction)
    })
  }
}
