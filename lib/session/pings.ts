/** The pings of one session: each has a number, which its answer repeats. */

import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'

export class Pings {
  /** As last measured. */
  roundTripMs: number | null = null
  /** When the latest left. */
  askedAtMs = -Infinity
  readonly #runtime: Runtime
  readonly #send: (nonce: number) => void
  readonly #waiting = new Map<number, () => void>()
  #next = 0
  /** The latest has no answer yet. */
  #isAsking = false

  constructor(runtime: Runtime, send: (nonce: number) => void) {
    this.#runtime = runtime
    this.#send = send
  }

  /** Returns the number. */
  ask(): number {
    this.#isAsking = true
    this.askedAtMs = this.#runtime.monotonicNow()
    this.#send(this.#next)
    return this.#next++
  }

  /** Resolves with the round trip in milliseconds; rejects with `timeout`, or with `closed` when the session has `ended`. */
  async measure(timeoutMs: number, ended: Promise<unknown>): Promise<number> {
    const runtime = this.#runtime
    const sentAt = runtime.monotonicNow()
    const pong = deferred<void>()
    const cancel = runtime.setTimer(timeoutMs, () => pong.reject(new HandfastError('timeout')))
    void ended.then(() => pong.reject(new HandfastError('closed')))
    const nonce = this.ask()
    this.#waiting.set(nonce, pong.resolve)
    try {
      await pong.promise
      return runtime.monotonicNow() - sentAt
    } finally {
      cancel()
      this.#waiting.delete(nonce)
    }
  }

  answered(nonce: number): void {
    this.#waiting.get(nonce)?.()
    if (!this.#isAsking || nonce !== this.#next - 1) return
    this.#isAsking = false
    this.roundTripMs = this.#runtime.monotonicNow() - this.askedAtMs
  }
}
