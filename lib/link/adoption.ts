/**
 * Drafts on their way into the log: those of tabs that follow, and those that this tab had before it came to lead. Taking them reads what it
 * writes, and a page that hangs in the midst of that keeps all tabs from the database: it is done at once, and then not again for a while.
 */

import { adoptEveryMs } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { StoreRecord } from '../storage/store.ts'
import type { Delivery } from './delivery.ts'
import { nothing, type Drafted, type Handover, type Unstored } from './handover.ts'
import { entryOf, type Entry } from './entries.ts'
import { exhausted, gone, readMarker, sequenceOf } from './log.ts'

export class Adoption {
  /** There may be drafts to take. */
  isWanted = false
  /** Of this tab in its former role, that are not in the log, by key. */
  readonly own = new Map<string, Entry>()
  /** Keys of markers that have been seen. */
  obsolete: string[] = []
  readonly #runtime: Runtime
  readonly #flush: () => void
  #handover = nothing()
  #cancelWait: (() => void) | undefined
  #isWantedAgain = false

  constructor(runtime: Runtime, flush: () => void) {
    this.#runtime = runtime
    this.#flush = flush
  }

  /** There are drafts of other tabs. */
  want(): void {
    if (this.#cancelWait) return void (this.#isWantedAgain = true)
    this.isWanted = true
    this.#flush()
    this.#cancelWait = this.#runtime.setTimer(adoptEveryMs, () => {
      this.#cancelWait = undefined
      if (!this.#isWantedAgain) return
      this.#isWantedAgain = false
      this.want()
    })
  }

  end(): void {
    this.#cancelWait?.()
  }

  /** What this tab had before. */
  take(handover: Handover): void {
    this.#handover = handover
    for (const [draft, { value, delivery }] of handover.drafted) {
      this.own.set(draft, entryOf(value, delivery, { draft }))
    }
  }

  /** Compares that with what is on disk. Returns what is in the log, by number, and what is nowhere. */
  find(records: readonly StoreRecord[]): {
    pending: ReadonlyMap<number, Delivery>
    unstored: readonly Unstored[]
  } {
    const found = new Map(records.map(({ key, value }) => [key, value]))
    const { pending } = this
    const unstored: Unstored[] = []
    this.isWanted = records.some(({ value }) => value instanceof Uint8Array)
    for (const [key, { value, delivery }] of this.#handover.drafted) {
      const record = found.get(key)
      if (record instanceof Uint8Array) continue
      this.own.delete(key)
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
      const entry = this.own.get(key)
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
    for (const [key, { value, delivery }] of this.own) {
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
