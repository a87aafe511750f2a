/**
 * Writes what its owner has to write, in one strict transaction at a time, with all that has come by the time it runs. While storage fails
 * it tries again, and after a while has the owner refuse what waits.
 */

import { isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { GroupCommit } from '../storage/group-commit.ts'
import type { StoreTransaction, Table } from '../storage/store.ts'

export interface CommitterOptions {
  readonly runtime: Runtime
  readonly commits: GroupCommit
  readonly hasWork: () => boolean
  /** The tables that `write` is about to need: others' writes to the rest hold nobody up. */
  readonly scope: () => readonly Table[]
  readonly write: (transaction: StoreTransaction) => Promise<void>
  readonly onWritten: () => void
  /** What was written may have reached the disk all the same. */
  readonly onFailed: (error: unknown) => void
  /** Storage has failed for too long. */
  readonly refuse: (error: unknown) => void
  readonly onError: (error: unknown) => void
}

export class Committer {
  readonly #options: CommitterOptions
  #running: Promise<void> | undefined
  #failingSinceMs: number | undefined
  #cancelRetry: (() => void) | undefined
  #isEnded = false
  /** Since the last transaction began. */
  #addedBytes = 0

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** There may be something to write, so many bytes more. */
  flush(addedBytes = 0): void {
    this.#addedBytes += addedBytes
    const isHeldUp = this.#running || this.#cancelRetry || this.#isEnded
    if (!isHeldUp && this.#options.hasWork()) this.#running = this.#commit()
  }

  async #commit(): Promise<void> {
    const { commits, scope, write, onWritten, onFailed } = this.#options
    let isWritten = false
    const work = async (transaction: StoreTransaction) => {
      if (this.#isEnded) return
      await write(transaction)
      isWritten = true
    }
    await this.#whenQuiet()
    try {
      await commits.run(work, scope)
    } catch (error) {
      this.#running = undefined
      onFailed(error)
      this.retry(error, () => this.flush())
      return
    }
    this.#running = undefined
    this.succeeded()
    if (isWritten) onWritten()
    this.flush()
  }

  /** Promise chains that send one message after another share a transaction, up to a full segment. */
  async #whenQuiet(): Promise<void> {
    for (let seen = -1; seen !== this.#addedBytes && this.#addedBytes < limits.maxSegmentBytes;) {
      seen = this.#addedBytes
      for (let i = 0; i < limits.quietMicrotasks; i++) await undefined
    }
    this.#addedBytes = 0
  }

  succeeded(): void {
    this.#failingSinceMs = undefined
  }

  /** Storage failed: again after a while, and nothing until then. */
  retry(error: unknown, again: () => void): void {
    if (this.#isEnded) return
    const { runtime, refuse, onError } = this.#options
    this.#failingSinceMs ??= runtime.monotonicNow()
    const isLate = runtime.monotonicNow() - this.#failingSinceMs >= limits.storePatienceMs
    // What a tab that leads no more has waiting goes on in its next role.
    if (isLate && !isNotLeading(error)) refuse(error)
    this.#cancelRetry = runtime.setTimer(limits.storeRetryMs, () => {
      this.#cancelRetry = undefined
      again()
    })
    onError(error)
  }

  /** Writes no more. Resolves when what is under way is over. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#cancelRetry?.()
    await this.#running
  }
}
