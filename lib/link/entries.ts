/** Messages on their way into the log, or in it, in the order they were sent. */

import { messageOverheadBytes } from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Delivery } from './delivery.ts'

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
  (value?.length ?? 0) + messageOverheadBytes

export const entryOf = (
  value: Uint8Array | null | undefined,
  delivery: Delivery | undefined,
  { sequence = 0, draft }: { sequence?: number; draft?: string } = {},
): Entry => ({ sequence, value, bytes: bytesOf(value), delivery, draft })

export class Entries extends Queue<Entry> {
  /** What all of them count for. */
  bytes = 0

  override push(entry: Entry): void {
    super.push(entry)
    this.bytes += entry.bytes
  }

  override shift(): Entry | undefined {
    const entry = super.shift()
    this.bytes -= entry?.bytes ?? 0
    return entry
  }

  override remove(entry: Entry): boolean {
    const isThere = super.remove(entry)
    if (isThere) this.bytes -= entry.bytes
    return isThere
  }

  override drain(): Entry[] {
    this.bytes = 0
    return super.drain()
  }
}
