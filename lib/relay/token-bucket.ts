/** A token bucket: `burst` at once, `perSecond` in the long run. */

export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#filledAtMs = nowMs
  }

  /** Takes `cost` tokens, or none and returns false. `nowMs` is monotonic. */
  take(cost: number, nowMs: number): boolean {
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) * this.#perSecond) / 1000
    this.#tokens = Math.min(this.#burst, filled)
    this.#filledAtMs = nowMs
    if (this.#tokens < cost) return false
    this.#tokens -= cost
    return true
  }
}
