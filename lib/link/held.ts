/**
 * Messages that are on disk and not acknowledged. The first of them are in memory, as many as a session has under way and some more;
 * the others are read when their turn comes.
 */

import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { Store } from '../storage/store.ts'
import { Entries, type Entry } from './entries.ts'
import { corrupted, segmentKey, unpackSegment, type Segment } from './log.ts'

/** A segment on disk: its first number, and the one after its last. */
export interface Extent {
  readonly first: number
  readonly end: number
}

export interface HeldOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly store: Store
  readonly extents: () => readonly Extent[]
  /** More is in memory. */
  readonly onMore: () => void
  readonly onError: (error: unknown) => void
}

export class Held {
  readonly #options: HeldOptions
  readonly #entries = new Entries()
  /** Entries from the front that are in memory, and what they count for. */
  #loaded = 0
  #loadedBytes = 0
  /** Until what is being read is there, and after a failure for a while. */
  #isReading = false
  #isEnded = false
  #cancelRetry: () => void = () => {}

  constructor(options: HeldOptions) {
    this.#options = options
  }

  get length(): number {
    return this.#entries.length
  }

  /** What all of them count for, in memory or not. */
  get bytes(): number {
    return this.#entries.bytes
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
    this.#readAhead()
    return entry
  }

  /** Takes out all there are, of one that reads no more. */
  drain(): Entry[] {
    return this.#entries.drain()
  }

  #noteLoaded(entry: Entry): void {
    this.#loaded++
    this.#loadedBytes += entry.bytes
  }

  /** The number from which on more should be read. */
  get #wanted(): number | undefined {
    const isLow = this.#loadedBytes <= limits.maxHeldBytes - limits.maxCommitBytes
    return isLow ? this.at(this.#loaded)?.sequence : undefined
  }

  #readAhead(): void {
    const wanted = this.#wanted
    if (wanted === undefined || this.#isReading || this.#isEnded) return
    this.#isReading = true
    void this.#read(wanted)
  }

  async #read(wanted: number): Promise<void> {
    const { peer, runtime, store, extents, onMore, onError } = this.#options
    const segments: Segment[] = []
    let bytes = 0
    try {
      await store.transaction(['outbox'], { mode: 'read' }, async (transaction) => {
        for (const { first, end } of extents()) {
          if (end <= wanted || bytes > limits.maxCommitBytes) continue
          const segment = await transaction.get('outbox', segmentKey(peer, first))
          // Acknowledged meanwhile.
          if (segment === undefined) break
          segments.push({ first, values: unpackSegment(segment) })
          bytes += (segment as Uint8Array).length
        }
      })
      for (const segment of segments) this.#load(segment)
      if (this.#wanted === wanted) throw corrupted()
    } catch (error) {
      if (this.#isEnded) return
      onError(error)
      this.#cancelRetry = runtime.setTimer(limits.storeRetryMs, () => {
        this.#isReading = false
        this.#readAhead()
      })
      return
    }
    this.#isReading = false
    onMore()
    this.#readAhead()
  }

  #load({ first, values }: Segment): void {
    for (let next = this.at(this.#loaded); next; next = this.at(this.#loaded)) {
      const value = values[next.sequence - first]
      if (value === undefined) return
      if (next.value === undefined) next.value = value
      this.#noteLoaded(next)
    }
  }

  /** Reads no more. */
  end(): void {
    this.#isEnded = true
    this.#cancelRetry()
  }
}
