/** Points that are forgotten exponentially: half of them in every half-life, so that who behaves is soon as good as new. */

export class Penalty {
  readonly #halfLifeMs: number
  #points = 0
  #atMs = 0

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs
  }

  /** `nowMs` is monotonic. Returns what there are now. */
  add(nowMs: number, points = 1): number {
    this.#points = this.at(nowMs) + points
    this.#atMs = nowMs
    return this.#points
  }

  at(nowMs: number): number {
    return this.#points * 2 ** ((this.#atMs - nowMs) / this.#halfLifeMs)
  }
}

/** A wait that doubles each time, and less as earlier times are forgotten. */
export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #times: Penalty

  constructor(minMs: number, maxMs: number, halfLifeMs: number) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#times = new Penalty(halfLifeMs)
  }

  next(nowMs: number): number {
    return Math.min(this.#minMs * 2 ** (this.#times.add(nowMs) - 1), this.#maxMs)
  }
}
