/**
 * Numbers of messages that were refused, in stretches, lowest first. Who refused them remembers them until the sender is known to have been
 * told, who sent them for tabs that have not heard; both the last 1,024 stretches.
 */

import { maxRefusals } from '../base/limits.ts'
import { malformed } from '../codec/records.ts'
import { isUint32 } from './streams.ts'

export class Refusals {
  /** First and last number of each stretch, in turn. */
  #ends: number[]

  constructor(ends: readonly number[] = []) {
    this.#ends = [...ends]
  }

  /** A number beyond all others. The oldest stretch may go. */
  add(sequence: number): void {
    const ends = this.#ends
    if (ends.at(-1) === sequence - 1) ends[ends.length - 1] = sequence
    else if (ends.push(sequence, sequence) > 2 * maxRefusals) ends.splice(0, 2)
  }

  has(sequence: number): boolean {
    const ends = this.#ends
    if (!(sequence <= ends.at(-1)!)) return false
    // The first stretch that ends there or behind.
    let [low, high] = [0, ends.length / 2 - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[2 * middle + 1]! < sequence) low = middle + 1
      else high = middle
    }
    return ends[2 * low]! <= sequence
  }

  /** The ends of the stretches from `first` to `last`, cut to fit. */
  within(first: number, last: number): number[] {
    const cut: number[] = []
    for (let at = 0; at < this.#ends.length; at += 2) {
      const [from, to] = [Math.max(this.#ends[at]!, first), Math.min(this.#ends[at + 1]!, last)]
      if (from <= to) cut.push(from, to)
    }
    return cut
  }

  /** What is told of once more, or of no use any more. */
  forgetUpTo(sequence: number): void {
    if (this.#ends[0]! <= sequence) this.#ends = this.within(sequence + 1, Infinity)
  }

  /**
   * Adds what a peer has told.
   * @throws HandfastError `protocol` for stretches out of order, and more than there may be
   */
  join(told: readonly unknown[]): void {
    let last = this.#ends.at(-1) ?? 0
    for (let at = 0; at < told.length; at += 2) {
      const [from, to] = [told[at], told[at + 1]]
      const isWell = isUint32(from) && isUint32(to) && last < from && from <= to
      if (!isWell || this.#ends.push(from, to) > 2 * maxRefusals) throw malformed()
      last = to
    }
  }
}
