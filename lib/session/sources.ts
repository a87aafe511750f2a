/**
 * Those who have records to send on a session, and how they share a frame: interactive ones (messages, calls) come first, and leave half of
 * it to bulk ones (streams) when there are any.
 */

import { minPartBytes } from '../base/limits.ts'
import type { FrameWriter } from './frame-writer.ts'

export interface Source {
  readonly pending: boolean
  /** Writes what fits. */
  fill(writer: FrameWriter): void
}

export class Sources {
  readonly #interactive: Source[] = []
  readonly #bulk: Source[] = []

  add(source: Source, kind: 'interactive' | 'bulk'): void {
    ;(kind === 'bulk' ? this.#bulk : this.#interactive).push(source)
  }

  remove(source: Source): void {
    for (const sources of [this.#interactive, this.#bulk]) {
      const index = sources.indexOf(source)
      if (index >= 0) sources.splice(index, 1)
    }
  }

  /** Returns whether anything was written. */
  fill(writer: FrameWriter): boolean {
    const before = writer.room
    const bulkWaits = this.#bulk.some(({ pending }) => pending)
    if (bulkWaits) writer.limitTo(0.5)
    for (const source of this.#interactive) if (source.pending) source.fill(writer)
    if (this.#interactive.length > 1 && writer.room < minPartBytes) turn(this.#interactive)
    writer.limitTo(1)
    if (bulkWaits) {
      for (let turns = this.#bulk.length; turns > 0 && writer.room > minPartBytes; turns--) {
        const source = turn(this.#bulk)
        if (source.pending) source.fill(writer)
      }
    }
    return writer.room < before
  }
}

/** The first goes last, so that each comes first in its turn. */
function turn(sources: Source[]): Source {
  const first = sources.shift()!
  sources.push(first)
  return first
}
