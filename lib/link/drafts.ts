/**
 * Messages accepted by a tab that does not lead. Each is stored as a draft, from which the leader takes it into the log, leaving a marker
 * in its place, so that the tab learns of it at whatever point the leader dies. Until the peer has handled it the tab remembers
 * whose delivery it is.
 */

import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import type { GroupCommit } from '../storage/group-commit.ts'
import type { Store, StoreTransaction, StoreValue } from '../storage/store.ts'
import { Committer } from './committer.ts'
import { Delivery } from './delivery.ts'
import { nothing, type Drafted, type Handover, type Unstored } from './handover.ts'
import { bytesOf } from './entries.ts'
import {
  draftKey,
  exhausted,
  forbidden,
  gone,
  parseDraftKey,
  readMarker,
  sequenceOf,
  type LogOptions,
} from './log.ts'

export interface DraftsOptions {
  readonly peer: string
  /** Names this page for as long as it lives. Without a slash. */
  readonly tab: string
  readonly runtime: Runtime
  readonly store: Store
  /** Over the table `drafts`. */
  readonly commits: GroupCommit
  /** Of this tab in its former role. */
  readonly handover?: Promise<Handover> | undefined
  /** There is something for the leader to take. */
  readonly onStored: () => void
  readonly onError: (error: unknown) => void
  /** Asks the leader to withdraw what is in the log. Rejects when there is none: it is asked again after `recheck`. */
  readonly withdraw: (id: string) => Promise<boolean>
}

interface Draft {
  /** Given when it is first written; empty before. */
  key: string
  /** None: on disk alone. */
  readonly value: Uint8Array | undefined
  readonly bytes: number
  readonly delivery: Delivery
  isStored: boolean
  /** A write failed that may have reached the disk. */
  isDoubtful: boolean
}

export class Drafts {
  readonly #options: DraftsOptions
  readonly #taken: Promise<void>
  /** Not on disk, or not known to be. */
  readonly #waiting = new Queue<Draft>()
  /** Written, or being written, and not known to be in the log. */
  readonly #keyed = new Map<string, Draft>()
  /** To be deleted, and why. */
  readonly #withdrawn = new Map<Draft, unknown>()
  /** In the log, by number. */
  readonly #pending = new Map<number, Delivery>()
  /** Markers that were seen. */
  #obsolete: string[] = []
  #next = 1
  #length = 0
  #bytes = 0
  #isReady = false
  readonly #committer: Committer
  /** What a transaction writes, and finds in its place. */
  #writing = new Map<Draft, StoreValue | undefined>()
  #deleting: string[] = []
  #cancelSweep: (() => void) | undefined

  constructor(options: DraftsOptions) {
    this.#options = options
    this.#committer = new Committer({
      ...options,
      hasWork: () => this.#hasWork,
      scope: () => ['drafts'],
      write: (transaction) => this.#write(transaction),
      onWritten: () => this.#conclude(),
      onFailed: () => {
        this.#obsolete.push(...this.#deleting)
        for (const draft of this.#writing.keys()) draft.isDoubtful = true
        this.#writing.clear()
        this.#deleting = []
      },
      refuse: (error) => this.#refuse(error),
    })
    this.#taken = this.#take()
  }

  /** Messages that are not in the log. */
  get length(): number {
    return this.#length
  }

  /** Messages in the log of which it is not known here that the peer has handled them. */
  get pendingIds(): string[] {
    return [...this.#pending.values()].map(({ id }) => id!)
  }

  /**
   * Accepts an encoded message.
   * @throws HandfastError `queue-full`
   */
  add(value: Uint8Array, signal?: AbortSignal): Delivery {
    signal?.throwIfAborted()
    const draft = draftOf(value, new Delivery())
    if (this.#bytes + draft.bytes > limits.maxDraftBytes && this.#length > 0) {
      throw new HandfastError('queue-full', 'Too many bytes wait for the tab that leads')
    }
    if (signal) draft.delivery.listen(signal)
    this.#enter(draft)
    this.#committer.flush(draft.bytes)
    return draft.delivery
  }

  // ── What the leader tells ────────────────────────────────────────────────────────────────────────

  /** A draft is in the log, under that id; or refused, for there are no more numbers. */
  adopted(n: number, id: string | null): void {
    const { peer, tab } = this.#options
    const draft = this.#keyed.get(draftKey(peer, tab, n))
    if (draft) this.#adopted(draft, id)
  }

  /** The peer has handled these. */
  delivered(ids: readonly string[]): void {
    for (const id of ids) {
      this.#pending.get(sequenceOf(id))?.resolve()
      this.#pending.delete(sequenceOf(id))
    }
  }

  /** The peer has refused this one. */
  refused(id: string): void {
    this.#pending.get(sequenceOf(id))?.reject(forbidden())
    this.#pending.delete(sequenceOf(id))
  }

  /** There is a leader, and an earlier one may have died before it told: looks for markers. Then `pendingIds` are all there are. */
  async recheck(): Promise<void> {
    const { peer, tab, store, runtime, onError } = this.#options
    await this.#taken
    while (!this.#committer.isEnded) {
      const stored = [...this.#keyed.values()].filter(({ isStored }) => isStored)
      try {
        const records = await store.transaction(['drafts'], { mode: 'read' }, (transaction) =>
          transaction.list('drafts', `${peer}/${tab}/`),
        )
        const found = new Map(records.map(({ key, value }) => [key, value]))
        for (const draft of stored) this.#learn(draft, found.get(draft.key))
        for (const [sequence, delivery] of this.#pending) this.#follow(sequence, delivery)
        return
      } catch (error) {
        onError(error)
        const paused = deferred<void>()
        runtime.setTimer(limits.storeRetryMs, () => paused.resolve())
        await paused.promise
      }
    }
  }

  /** What is on disk in place of a draft that was. */
  #learn(draft: Draft, record: StoreValue | undefined): void {
    if (this.#committer.isEnded || !this.#keyed.has(draft.key) || record instanceof Uint8Array)
      return
    const id = readMarker(record)
    if (id !== undefined) this.#adopted(draft, id)
    else if (!this.#withdrawn.has(draft)) this.#leave(draft, gone())
  }

  #adopted(draft: Draft, id: string | null): void {
    draft.isStored = true
    this.#obsolete.push(draft.key)
    this.#leave(draft, id === null ? exhausted() : undefined)
    this.#cancelSweep ??= this.#options.runtime.setTimer(limits.pruneLogMs, () => {
      this.#cancelSweep = undefined
      this.#committer.flush()
    })
    if (id === null) return
    draft.delivery.noteStored(id)
    this.#follow(sequenceOf(id), draft.delivery)
  }

  #follow(sequence: number, delivery: Delivery): void {
    this.#pending.set(sequence, delivery)
    delivery.withdrawBy((reason) => {
      this.#options.withdraw(delivery.id!).then(
        (isGone) => {
          if (!isGone || this.#committer.isEnded) return
          this.#pending.delete(sequence)
          delivery.reject(reason)
        },
        () => {},
      )
    })
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  async #take(): Promise<void> {
    const { unstored, drafted, pending, nextDraft } = (await this.#options.handover) ?? nothing()
    const added = this.#waiting.drain()
    this.#next = nextDraft
    for (const [key, { value, delivery }] of drafted) {
      const draft = draftOf(value, delivery, key)
      this.#keyed.set(key, draft)
      this.#enter(draft)
    }
    for (const { value, delivery } of unstored) this.#enter(draftOf(value, delivery))
    for (const draft of added) this.#waiting.push(draft)
    for (const [sequence, delivery] of pending) this.#follow(sequence, delivery)
    this.#isReady = true
    this.#committer.flush()
  }

  #enter(draft: Draft): void {
    this.#length++
    this.#bytes += draft.bytes
    if (!draft.isStored) this.#waiting.push(draft)
    draft.delivery.withdrawBy((reason) => {
      if (this.#committer.isEnded) return
      if (draft.key) this.#withdrawn.set(draft, reason)
      else if (this.#waiting.remove(draft)) this.#leave(draft, reason)
      this.#committer.flush()
    })
  }

  #leave(draft: Draft, error?: unknown): void {
    this.#length--
    this.#bytes -= draft.bytes
    this.#keyed.delete(draft.key)
    this.#withdrawn.delete(draft)
    if (error !== undefined) draft.delivery.reject(error)
  }

  get #hasWork(): boolean {
    const isSweeping = this.#obsolete.length > 0 && !this.#cancelSweep
    return this.#isReady && (this.#waiting.length + this.#withdrawn.size > 0 || isSweeping)
  }

  async #write(transaction: StoreTransaction): Promise<void> {
    const drafts = this.#toWrite()
    this.#writing = new Map(drafts.map((draft) => [draft, undefined]))
    this.#deleting = this.#obsolete
    this.#obsolete = []
    for (const draft of drafts) this.#writing.set(draft, await this.#writeOne(transaction, draft))
    for (const key of this.#deleting) await transaction.delete('drafts', key)
  }

  #conclude(): void {
    let isNew = false
    for (const [draft, record] of this.#writing) {
      isNew ||= !draft.isStored
      draft.isStored = true
      if (!this.#keyed.has(draft.key)) continue
      if (record === 'deleted') this.#leave(draft, this.#withdrawn.get(draft))
      else this.#learn(draft, record)
    }
    this.#writing.clear()
    this.#deleting = []
    while (this.#waiting.at(0)?.isStored) this.#waiting.shift()
    if (isNew) this.#options.onStored()
  }

  /** Those on disk that are withdrawn, and those that wait, as many as one transaction takes. They get their keys. */
  #toWrite(): Draft[] {
    const { peer, tab } = this.#options
    const drafts = [...this.#withdrawn.keys()].filter(({ isStored }) => isStored)
    let bytes = 0
    for (let at = 0; at < this.#waiting.length; at++) {
      const draft = this.#waiting.at(at)!
      if (draft.isStored) continue
      bytes += draft.bytes
      if (bytes > limits.maxCommitBytes && bytes > draft.bytes) break
      if (!draft.key) {
        draft.key = draftKey(peer, tab, this.#next++)
        this.#keyed.set(draft.key, draft)
      }
      drafts.push(draft)
    }
    return drafts
  }

  /** Never again what the leader may have taken. Returns what is there now, if it was withdrawn `deleted`. */
  async #writeOne(transaction: StoreTransaction, draft: Draft): Promise<StoreValue | undefined> {
    const { key, value, isStored, isDoubtful } = draft
    const record = isStored || isDoubtful ? await transaction.get('drafts', key) : undefined
    if (record !== undefined && !(record instanceof Uint8Array)) return record
    if (this.#withdrawn.has(draft)) {
      if (record) await transaction.delete('drafts', key)
      return 'deleted'
    }
    if (!record) await transaction.put('drafts', key, value!)
    return value
  }

  #refuse(error: unknown): void {
    for (const draft of this.#waiting.drain()) {
      if (draft.isDoubtful) {
        // It may be on disk, and must not go out.
        this.#waiting.push(draft)
        this.#withdrawn.set(draft, error)
      } else this.#leave(draft, error)
    }
    for (const { delivery } of this.#withdrawn.keys()) delivery.reject(error)
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  /** Writes no more. What this tab has waiting goes on in its next role. */
  async release(): Promise<Handover> {
    await Promise.all([this.#end(), this.#taken])
    const unstored: Unstored[] = []
    const drafted = new Map<string, Drafted>()
    for (const [key, { isStored, value, delivery }] of this.#keyed) {
      drafted.set(key, { value: isStored ? undefined : value, delivery })
    }
    for (const { key, value, delivery } of this.#waiting.drain()) {
      if (!key) unstored.push({ value: value!, delivery })
    }
    return { unstored, drafted, pending: new Map(this.#pending), nextDraft: this.#next }
  }

  /** Rejects everything that waits. What is on disk goes out all the same. */
  close(error: Error): void {
    void this.#end()
    const drafts = [...this.#keyed.values(), ...this.#waiting.drain()]
    for (const { delivery } of drafts) delivery.reject(error)
    for (const delivery of this.#pending.values()) delivery.reject(error)
  }

  #end(): Promise<void> {
    this.#cancelSweep?.()
    return this.#committer.end()
  }
}

/** With a key it is on disk; with a value, too, it may be. */
const draftOf = (value: Uint8Array | undefined, delivery: Delivery, key = ''): Draft => ({
  key,
  value,
  bytes: bytesOf(value),
  delivery,
  isStored: value === undefined,
  isDoubtful: key !== '' && value !== undefined,
})

/** Deletes the markers of tabs that are gone. @throws HandfastError `storage-failed` */
export function sweepMarkers(
  { commits }: LogOptions,
  isLive: (tab: string) => boolean,
): Promise<void> {
  return commits.run(async (transaction) => {
    for (const { key, value } of await transaction.list('drafts')) {
      const isMarker = !(value instanceof Uint8Array)
      if (isMarker && !isLive(parseDraftKey(key).tab)) await transaction.delete('drafts', key)
    }
  })
}
