/**
 * Withdrawing: what only waits just goes. In place of what is on disk, or may be, comes a mark, and whoever withdraws it waits for that.
 * What may have been sent stays.
 */

import { deferred, type Deferred } from '../base/deferred.ts'
import type { Entries, Entry } from './entries.ts'

export interface WithdrawalsOptions {
  /** From which messages just go. */
  readonly waiting: Entries
  /** Whether it may have been sent. */
  readonly isSent: (entry: Entry) => boolean
  /** Nothing is written any more. */
  readonly isEnded: () => boolean
  /** There is a mark to write. */
  readonly onMark: () => void
}

export class Withdrawals {
  readonly #options: WithdrawalsOptions
  /** Until their marks are on disk. */
  readonly #marked = new Map<Entry, Deferred<void>>()

  constructor(options: WithdrawalsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#marked.size
  }

  /** Those that have a number. */
  get numbered(): Entry[] {
    return [...this.#marked.keys()].filter(({ sequence }) => sequence > 0)
  }

  /** Whoever waits for its delivery may withdraw it. */
  watch(entry: Entry): void {
    const { delivery } = entry
    delivery?.withdrawBy((reason) => {
      this.withdraw(entry).then(
        (isGone) => isGone && delivery.reject(reason),
        (error: unknown) => this.#options.isEnded() || delivery.reject(error),
      )
    })
  }

  /** Resolves with whether it was in time, once that is on disk. */
  async withdraw(entry: Entry): Promise<boolean> {
    const { waiting, isSent, isEnded, onMark } = this.#options
    if (isEnded()) return false
    if (entry.value !== null) {
      if (isSent(entry)) return false
      if (entry.sequence === 0 && waiting.remove(entry)) return true
      this.mark(entry)
      onMark()
    }
    await this.#marked.get(entry)?.promise
    return true
  }

  /** It goes out to nobody from now on. */
  mark(entry: Entry): void {
    if (entry.value === null) return
    entry.value = null
    const marked = deferred<void>()
    marked.promise.catch(() => {})
    this.#marked.set(entry, marked)
  }

  /** Its mark is on disk. */
  end(entry: Entry): void {
    this.#marked.get(entry)?.resolve()
    this.#marked.delete(entry)
  }

  fail(error: unknown): void {
    for (const { reject } of this.#marked.values()) reject(error)
  }
}
