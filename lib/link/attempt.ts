/**
 * What one transaction does to an outgoing log: it removes segments of which all is acknowledged, puts marks in place of what is withdrawn,
 * adds messages under their numbers, in segments, with markers in place of those that were drafts, and says so in the head.
 */

import * as limits from '../base/limits.ts'
import type { StoreRecord, StoreTransaction } from '../storage/store.ts'
import type { Adoption } from './adoption.ts'
import type { Entries, Entry } from './entries.ts'
import type { Extent } from './held.ts'
import {
  messageId,
  packSegment,
  segmentCost,
  segmentKey,
  seriesName,
  unpackSegment,
  type Marker,
  type OutboxHead,
} from './log.ts'

/** Messages that get their numbers. */
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

  /**
   * Takes from drafts and from what waits, as much as there is room for; this tab's own drafts come before what it has sent since. Those of
   * others only if `takesOthers`.
   */
  fill(
    adoption: Adoption,
    drafts: readonly StoreRecord[],
    waiting: Entries,
    takesOthers: boolean,
  ): void {
    const take = (entry: Entry) => this.#take(entry)
    const { own, others } = adoption.sort(drafts)
    const isOwnTaken = own.every(take)
    const areOthersTaken = others.length === 0 || (takesOthers && others.every(take))
    if (!isOwnTaken || !areOthersTaken) adoption.isWanted = true
    if (!isOwnTaken) return
    for (let at = 0; at < waiting.length; at++) if (!take(waiting.at(at)!)) return
  }

  /** Gives the message its number. Returns whether there was room. */
  #take(entry: Entry): boolean {
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

export interface Attempt {
  readonly head: OutboxHead
  readonly batch: Batch
  /** Segments on disk, and those of them from the front that go. */
  readonly segments: readonly Extent[]
  readonly pruned: number
  /** Withdrawn ones that have a number. */
  readonly withdrawn: readonly Entry[]
  /** Keys of markers that go. */
  readonly obsolete: readonly string[]
}

export async function writeAttempt(
  transaction: StoreTransaction,
  peer: string,
  { head, batch, segments, pruned, withdrawn, obsolete }: Attempt,
): Promise<void> {
  for (const { first } of segments.slice(0, pruned)) {
    await transaction.delete('outbox', segmentKey(peer, first))
  }
  const firstNew = head.next - batch.entries.length
  for (const { sequence } of withdrawn) {
    if (sequence >= firstNew) continue
    const { first } = segments.find(({ end }) => sequence < end)!
    const key = segmentKey(peer, first)
    const record = await transaction.get('outbox', key)
    // All of it has been acknowledged.
    if (record === undefined) continue
    const values = unpackSegment(record)
    values[sequence - first] = null
    await transaction.put('outbox', key, packSegment(values))
  }
  for (const { first, values } of batch.segments) {
    await transaction.put('outbox', segmentKey(peer, first), packSegment(values))
  }
  const series = seriesName(head.logId)
  for (const { draft, sequence } of [...batch.entries, ...batch.refused]) {
    const id = sequence > 0 ? messageId(series, sequence) : null
    if (draft) await transaction.put('drafts', draft, { id } satisfies Marker)
  }
  for (const key of obsolete) await transaction.delete('drafts', key)
  await transaction.put('outbox', peer, head)
}
