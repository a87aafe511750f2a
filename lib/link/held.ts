/**
 * Messages that are on disk and not acknowledged. The first of them are in memory, as many as a session has under way and some more;
 * the others are read when their turn comes.
 */

import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Delivery } from './delivery.ts'
import type { Segment } from './log.ts'

/** A message on its way into the log, or in it. */
export interface Entry {
  /** Given when it is stored; 0 before. */
  sequence: number
  /** `null`: withdrawn. `undefined`: on disk alone. */
  value: Uint8Array | null | undefined
  /** What it counts for, as long as it waits. */
  bytes: number
  /** None for what an earlier page or another tab has sent. */
  readonly delivery: Delivery | undefined
  /** The key of the draft that it was. */
  readonly draft: string | undefined
}

export const bytesOf = (value: Uint8Array | null | undefined): number =>
  (value?.length ?? 0) + limits.messageOverheadBytes

export const entryOf = (
  value: Uint8Array | null | undefined,
  delivery: Delivery | undefined,
  { sequence = 0, draft }: { sequence?: number; draft?: string } = {},
): Entry => ({ sequence, value, bytes: bytesOf(value), delivery, draft })

export class Held {
  readonly #entries = new Queue<Entry>()
  /** Entries from the front that are in memory, and what they count for. */
  #loaded = 0
  #loadedBytes = 0

  get length(): number {
    return this.#entries.length
  }

  at(position: number): Entry | undefined {
    return this.#entries.at(position)
  }

  push(entry: Entry): void {
    const isFull = this.#loadedBytes + entry.bytes > limits.maxHeldBytes && this.#loaded > 0
    const isNext = this.#loaded === this.length
    this.#entries.push(entry)
    if (isNext && !isFull) this.#noteLoaded(entry)
    else if (entry.value) entry.value = undefined
  }

  shift(): Entry | undefined {
    const entry = this.#entries.shift()
    if (entry && this.#loaded > 0) {
      this.#loaded--
      this.#loadedBytes -= entry.bytes
    }
    return entry
  }

  #noteLoaded(entry: Entry): void {
    this.#loaded++
    this.#loadedBytes += entry.bytes
  }

  /** The number from which on more should be read. */
  get wanted(): number | undefined {
    const isLow = this.#loadedBytes <= limits.maxHeldBytes - limits.maxCommitBytes
    return isLow ? this.at(this.#loaded)?.sequence : undefined
  }

  /** What was read. */
  load({ first, values }: Segment): void {
    for (let next = this.at(this.#loaded); next; next = this.at(this.#loaded)) {
      const value = values[next.sequence - first]
      if (value === undefined) return
      if (next.value === undefined) next.value = value
      this.#noteLoaded(next)
    }
  }
}
