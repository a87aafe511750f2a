/**
 * One mailbox on one path: packets beyond its budget are dropped unread. When too many are, the mailbox is left on that path for a while,
 * so that the path need not carry them; it is open on the others.
 */

import type { Unsubscribe } from '../base/emitter.ts'
import {
  excessHalfLifeMs,
  floodPauseHalfLifeMs,
  floodPauseMaxMs,
  floodPauseMinMs,
} from '../base/limits.ts'
import { Backoff, Penalty } from '../base/penalties.ts'
import type { Runtime } from '../base/runtime.ts'
import { TokenBucket } from '../base/token-bucket.ts'

export interface GateBounds {
  /** Packets at once, and a second. */
  readonly burst: number
  readonly perSecond: number
  /** Packets beyond them, forgotten by halves, at which the mailbox is left. */
  readonly maxExcess: number
}

export interface GateOptions {
  readonly runtime: Runtime
  readonly bounds: GateBounds
  /** Begins to listen on the path. */
  readonly enter: (listener: (packet: Uint8Array) => void) => Unsubscribe
  /** Takes what passes. */
  readonly receive: (packet: Uint8Array) => void
  readonly onFlood: () => void
}

export class Gate {
  readonly #options: GateOptions
  readonly #budget: TokenBucket
  readonly #excess = new Penalty(excessHalfLifeMs)
  readonly #pauses = new Backoff(floodPauseMinMs, floodPauseMaxMs, floodPauseHalfLifeMs)
  /** Leaves the mailbox, or the wait to enter it again. */
  #leave: Unsubscribe

  /** @throws what `enter` throws */
  constructor(options: GateOptions) {
    this.#options = options
    const { burst, perSecond } = options.bounds
    this.#budget = new TokenBucket(burst, perSecond, options.runtime.monotonicNow())
    this.#leave = this.#enter()
  }

  close(): void {
    this.#leave()
  }

  #enter(): Unsubscribe {
    let isLeft = false
    return this.#options.enter((packet) => {
      // A path may have had more under way.
      if (isLeft) return
      const nowMs = this.#options.runtime.monotonicNow()
      if (this.#budget.take(nowMs)) return this.#options.receive(packet)
      if (this.#excess.add(nowMs) < this.#options.bounds.maxExcess) return
      isLeft = true
      this.#leave()
      this.#pause(nowMs)
      this.#options.onFlood()
    })
  }

  #pause(nowMs: number): void {
    const { runtime } = this.#options
    this.#leave = runtime.setTimer(this.#pauses.next(nowMs), () => {
      try {
        this.#leave = this.#enter()
      } catch {
        // No room on the path just now.
        this.#pause(runtime.monotonicNow())
      }
    })
  }
}
