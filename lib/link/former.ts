/** What a tab that comes to lead had of a link's outgoing messages before, and what has become of it. */

import type { StoreRecord } from '../storage/store.ts'
import type { Delivery } from './delivery.ts'
import type { Drafted, Handover, Unstored } from './handover.ts'
import { entryOf, type Entry } from './held.ts'
import { exhausted, gone, readMarker, sequenceOf } from './log.ts'

export class Former {
  /** Drafts that are not in the log, by key. */
  readonly drafts = new Map<string, Entry>()
  /** Keys of markers that have been seen. */
  obsolete: string[] = []
  readonly #handover: Handover

  constructor(handover: Handover) {
    this.#handover = handover
    for (const [draft, { value, delivery }] of handover.drafted) {
      this.drafts.set(draft, entryOf(value, delivery, { draft }))
    }
  }

  /** Compares with what is on disk. Returns what is in the log, by number, and what is nowhere. */
  find(records: readonly StoreRecord[]): {
    pending: ReadonlyMap<number, Delivery>
    unstored: readonly Unstored[]
  } {
    const found = new Map(records.map(({ key, value }) => [key, value]))
    const pending = new Map(this.#handover.pending)
    const unstored: Unstored[] = []
    for (const [key, { value, delivery }] of this.#handover.drafted) {
      const record = found.get(key)
      if (record instanceof Uint8Array) continue
      this.drafts.delete(key)
      const id = readMarker(record)
      if (id !== undefined) this.obsolete.push(key)
      if (id === null) delivery.reject(exhausted())
      else if (id !== undefined) {
        delivery.noteStored(id)
        pending.set(sequenceOf(id), delivery)
      } else if (value) unstored.push({ value, delivery })
      else delivery.reject(gone())
    }
    return { pending, unstored }
  }

  /** The drafts among the records: this tab's own, and those of others. */
  sort(records: readonly StoreRecord[]): { own: Entry[]; others: Entry[] } {
    const own: Entry[] = []
    const others: Entry[] = []
    for (const { key, value } of records) {
      if (!(value instanceof Uint8Array)) continue
      const read = entryOf(value, undefined, { draft: key })
      const entry = this.drafts.get(key)
      if (!entry) others.push(read)
      else {
        if (entry.value !== null) entry.value = value
        entry.bytes = read.bytes
        own.push(entry)
      }
    }
    return { own, others }
  }

  /** Gone on to the next role. */
  get drafted(): Map<string, Drafted> {
    const drafted = new Map<string, Drafted>()
    for (const [key, { value, delivery }] of this.drafts) {
      drafted.set(key, { value: value ?? undefined, delivery: delivery! })
    }
    return drafted
  }

  /** In the log, as far as was known. */
  get pending(): Map<number, Delivery> {
    return new Map(this.#handover.pending)
  }

  get nextDraft(): number {
    return this.#handover.nextDraft
  }
}
