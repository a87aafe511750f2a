/** A budget that refills: `burst` at once, `perSecond` afterwards. */

export class TokenBucket {
  readonly #burst: number
  readonly #perSecond: number
  #tokens: number
  #filledAtMs: number

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#tokens = burst
    this.#filledAtMs = nowMs
  }

  /** Takes `cost` tokens, or none and returns false. `nowMs` is monotonic. */
  take(nowMs: number, cost = 1): boolean {
    if (this.missing(nowMs, cost) > 0) return false
    this.#tokens -= cost
    return true
  }

  /** How many are to come before `cost` can be taken. */
  missing(nowMs: number, cost = 1): number {
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    this.#filledAtMs = nowMs
    return Math.max(0, cost - this.#tokens)
  }
}
