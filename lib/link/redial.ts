/**
 * Dialling again: at once when a link is wanted, then after jittered waits that double, for as long as something waits to be sent, or else a
 * few times: a peer that is away dials when it comes back.
 */

import { redialMaxMs, redialMinMs, staleDialMs, unneededDials } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'

export interface RedialOptions {
  /** One attempt; resolves when there is a session. */
  readonly dial: (signal: AbortSignal) => Promise<void>
  /** Whether there is a session that answers. */
  readonly isOpen: () => boolean
  /** Whether something waits for a session. */
  readonly isNeeded: () => boolean
}

export class Redial {
  readonly #runtime: Runtime
  readonly #options: RedialOptions
  #attempt: AbortController | undefined
  #begunAtMs = 0
  #failures = 0
  /** In a row. */
  #briefSessions = 0
  #cancelWait: (() => void) | undefined
  /** After dials in vain, which nothing needed. */
  #hasGivenUp = false

  constructor(runtime: Runtime, options: RedialOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  /** Dials now, unless an attempt or a wait is under way. */
  want(): void {
    if (this.#attempt || this.#cancelWait || this.#options.isOpen()) return
    void this.#try()
  }

  /** Ends a wait, or tries again what was given up. */
  hurry(): void {
    if (!this.#cancelWait && !this.#hasGivenUp) return
    this.#stopWaiting()
    this.#failures = 0
    void this.#try()
  }

  /** The page or the network is back: as `hurry`; an attempt that was begun long before is begun anew. */
  wake(): void {
    const isStale = this.#runtime.monotonicNow() - this.#begunAtMs >= staleDialMs
    if (!this.#attempt || !isStale) return this.hurry()
    this.stop()
    this.#failures = 0
    this.want()
  }

  /** A session that had worked is gone: dials at once, unless those before it did not last either. */
  lost(hasLasted: boolean): void {
    this.#briefSessions = hasLasted ? 0 : this.#briefSessions + 1
    if (this.#briefSessions < 2) {
      this.#stopWaiting()
      return this.want()
    }
    this.#failures = Math.max(this.#failures, this.#briefSessions - 2)
    this.failed()
  }

  /** There is a session that works. */
  succeeded(): void {
    this.#failures = 0
    this.#hasGivenUp = false
    this.#stopWaiting()
  }

  /** No more dials, until wanted again. */
  stop(): void {
    this.#stopWaiting()
    this.#attempt?.abort()
    this.#attempt = undefined
  }

  #stopWaiting(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
  }

  async #try(): Promise<void> {
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#begunAtMs = this.#runtime.monotonicNow()
    this.#hasGivenUp = false
    const succeeded = await this.#options.dial(attempt.signal).then(
      () => true,
      () => false,
    )
    if (this.#attempt !== attempt) return
    this.#attempt = undefined
    if (!succeeded) this.failed()
  }

  /** An attempt, or a session that came of one, was in vain. */
  failed(): void {
    if (this.#attempt || this.#cancelWait) return
    this.#failures++
    const { isOpen, isNeeded } = this.#options
    if (isOpen() || (this.#failures >= unneededDials && !isNeeded())) {
      this.#failures = 0
      this.#hasGivenUp = !isOpen()
      return
    }
    const waitMs = Math.min(redialMinMs * 2 ** (this.#failures - 1), redialMaxMs)
    const jitter = 0.5 + this.#runtime.randomBytes(1)[0]! / 512
    this.#cancelWait = this.#runtime.setTimer(waitMs * jitter, () => {
      this.#cancelWait = undefined
      this.want()
    })
  }
}
