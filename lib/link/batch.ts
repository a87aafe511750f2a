/** What one transaction adds to a log: messages with their numbers, in segments. */

import * as limits from '../base/limits.ts'
import type { Entry } from './held.ts'
import { segmentCost } from './log.ts'

export class Batch {
  readonly entries: Entry[] = []
  /** For which there is no number. */
  readonly refused: Entry[] = []
  readonly segments: { readonly first: number; readonly values: (Uint8Array | null)[] }[] = []
  /** The number after the last. */
  next: number
  #bytes = 0
  #segmentBytes = Infinity

  constructor(next: number) {
    this.next = next
  }

  /** Gives the message its number. Returns whether there was room. */
  take(entry: Entry): boolean {
    const value = entry.value!
    const bytes = segmentCost(value)
    if (this.#bytes > 0 && this.#bytes + bytes > limits.maxCommitBytes) return false
    if (this.next > limits.maxSequence) return this.refused.push(entry) > 0
    if (this.#segmentBytes + bytes > limits.maxSegmentBytes) {
      this.segments.push({ first: this.next, values: [] })
      this.#segmentBytes = 0
    }
    this.segments.at(-1)!.values.push(value)
    this.#segmentBytes += bytes
    this.#bytes += bytes
    entry.sequence = this.next++
    return this.entries.push(entry) > 0
  }
}
