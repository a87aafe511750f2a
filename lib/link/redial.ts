/**
 * Dialling again: at once when a link is wanted, then after jittered waits that double, for as long as something waits to be sent, or else a
 * few times: a peer that is away dials when it comes back.
 */

import { redialMaxMs, redialMinMs, unneededDials } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'

export interface RedialOptions {
  /** One attempt; resolves when there is a session. */
  readonly dial: (signal: AbortSignal) => Promise<void>
  readonly isOpen: () => boolean
  /** Whether something waits for a session. */
  readonly isNeeded: () => boolean
}

export class Redial {
  readonly #runtime: Runtime
  readonly #options: RedialOptions
  #attempt: AbortController | undefined
  #failures = 0
  #cancelWait: (() => void) | undefined

  constructor(runtime: Runtime, options: RedialOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  /** Dials now, unless an attempt or a wait is under way. */
  want(): void {
    if (this.#attempt || this.#cancelWait || this.#options.isOpen()) return
    void this.#try()
  }

  /** Ends a wait. */
  hurry(): void {
    if (!this.#cancelWait) return
    this.#stopWaiting()
    this.#failures = 0
    void this.#try()
  }

  /** There is a session that works. */
  succeeded(): void {
    this.#failures = 0
    this.#stopWaiting()
  }

  /** Gives up, until wanted again. */
  stop(): void {
    this.#stopWaiting()
    this.#attempt?.abort()
  }

  #stopWaiting(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
  }

  async #try(): Promise<void> {
    const attempt = new AbortController()
    this.#attempt = attempt
    try {
      await this.#options.dial(attempt.signal)
      this.#attempt = undefined
    } catch {
      this.#attempt = undefined
      if (!attempt.signal.aborted) this.failed()
    }
  }

  /** An attempt, or a session that came of one, was in vain. */
  failed(): void {
    if (this.#attempt || this.#cancelWait) return
    this.#failures++
    const { isOpen, isNeeded } = this.#options
    if (isOpen() || (this.#failures >= unneededDials && !isNeeded())) {
      this.#failures = 0
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
