/**
 * Which tab of an identity leads: the one that holds the leader's Web Lock and was the last to raise the generation in the store.
 *
 *   following ──lock──▶ taking ──generation stored──▶ leading ──lock stolen, generation overtaken──▶ following
 *
 * A tab that ends frees its lock, and the next in line has it. One that hangs or is frozen keeps it: its heartbeats stop, and the lock is
 * stolen. One that wakes believes nothing before it has checked; what it writes meanwhile is stopped by `FencedStore`.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { currentGeneration, takeLead, type LeaderRecord } from '../storage/fenced-store.ts'
import type { Store } from '../storage/store.ts'
import type { TabHub, TabLock } from './tab-hub.ts'

export interface LeadershipOptions {
  readonly hub: TabHub
  readonly runtime: Runtime
  readonly store: Store
}

export interface LeadershipEvents {
  /** This tab leads; its writes go through `new FencedStore(store, record.generation)`. */
  lead: [record: LeaderRecord]
  /** Another tab leads. */
  follow: [leaderId: string]
  /** This tab led, and does so no more. */
  lost: []
}

const beat = 'beat'
const probe = 'probe'

export class Leadership {
  readonly #hub: TabHub
  readonly #runtime: Runtime
  readonly #store: Store
  readonly #events = new Emitter<LeadershipEvents>()
  readonly #stop: Unsubscribe[]
  /** Of the request for the lock that counts; none while the lock is held. */
  #request: AbortController | undefined
  #lock: TabLock | undefined
  /** While this tab leads. */
  #generation: number | undefined
  /** When this tab last knew that it leads. */
  #confirmedMs = 0
  #checking: Promise<boolean> | undefined
  #leaderId: string | undefined
  /** The highest that another tab was heard to lead with. */
  #heardGeneration = 0
  #heardMs = 0
  #patienceMs = 0
  #dueMs = 0
  #cancelTimer = () => {}
  #isClosed = false

  /** Takes part in the election at once; listeners set in the same task miss nothing. */
  constructor({ hub, runtime, store }: LeadershipOptions) {
    this.#hub = hub
    this.#runtime = runtime
    this.#store = store
    this.#stop = [
      hub.onMessage((message) => this.#receive(message)),
      runtime.onWake(() => (this.#generation === undefined ? this.#probe() : void this.check())),
    ]
    this.#follow()
    this.#probe()
  }

  on<K extends keyof LeadershipEvents>(
    event: K,
    listener: (...args: LeadershipEvents[K]) => void,
  ): Unsubscribe {
    return this.#events.on(event, listener)
  }

  /** The tab that leads, as far as is known. */
  get leaderId(): string | undefined {
    return this.#generation === undefined ? this.#leaderId : this.#hub.id
  }

  /** Whether this tab leads and has known it of late. False in a tab that has slept, until `check` says more. */
  get leads(): boolean {
    return this.#generation !== undefined && !this.#checking && this.#isFresh
  }

  /** Whether this tab leads, by what the store says now. For one that has slept, or was told `not-leading`. Never rejects. */
  check(): Promise<boolean> {
    this.#checking ??= this.#verify().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  /** Gives up the lead or the wait for it, without an event. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#events.clear()
    for (const stop of this.#stop) stop()
    this.#cancelTimer()
    this.#request?.abort()
    this.#lock?.release()
    this.#lock = this.#generation = undefined
  }

  get #isFresh(): boolean {
    return this.#runtime.monotonicNow() - this.#confirmedMs <= limits.leaderLeaseMs
  }

  // ── The lock ─────────────────────────────────────────────────────────────────────────────────────

  #follow(): void {
    this.#beginSilence()
    this.#acquire(false)
    this.#watch()
  }

  #acquire(steal: boolean): void {
    this.#request?.abort()
    const request = new AbortController()
    this.#request = request
    this.#hub.lock({ steal, signal: request.signal }).then(
      (lock) => {
        if (this.#request === request && !this.#isClosed) void this.#take(lock)
        else lock.release()
      },
      () => {
        if (this.#request === request) this.#request = undefined
      },
    )
  }

  async #take(lock: TabLock): Promise<void> {
    this.#request = undefined
    this.#lock = lock
    void lock.lost.then(() => this.#lose(lock))
    try {
      const record = await takeLead(this.#store, this.#runtime)
      if (this.#lock === lock) this.#begin(record)
      // Stolen meanwhile: the thief may have been overtaken in the store.
      else this.#hub.post([probe, this.#hub.id, record.generation])
    } catch {
      // The store fails here; it may not in another tab. This one stands in line again at the next turn of its timer.
      if (this.#lock === lock) this.#lock = undefined
      lock.release()
    }
  }

  #begin(record: LeaderRecord): void {
    const { generation } = record
    this.#generation = generation
    this.#heardGeneration = generation
    this.#leaderId = undefined
    this.#beat()
    this.#schedule(limits.leaderBeatMs)
    this.#events.emit('lead', record)
  }

  /** No more than one call has an effect. */
  #lose(lock: TabLock): void {
    if (this.#lock !== lock) return
    const led = this.#generation !== undefined
    this.#lock = this.#generation = undefined
    lock.release()
    this.#follow()
    if (led) this.#events.emit('lost')
  }

  async #verify(): Promise<boolean> {
    const lock = this.#lock
    const generation = this.#generation
    if (!lock || generation === undefined) return false
    const startMs = this.#runtime.monotonicNow()
    const stored = await currentGeneration(this.#store).catch(() => undefined)
    if (this.#lock !== lock) return false
    if (stored !== undefined && stored !== generation) this.#lose(lock)
    if (stored !== generation) return false
    this.#confirmedMs = startMs
    if (!this.#isFresh) return false
    this.#beat()
    return true
  }

  // ── Signs of life ────────────────────────────────────────────────────────────────────────────────

  /** What is heard in the meantime belongs to the past when it is the timer that is late. */
  #tick(): void {
    const nowMs = this.#runtime.monotonicNow()
    const isLate = nowMs - this.#dueMs > limits.lateTabTimerMs
    if (this.#generation !== undefined) {
      if (!isLate && this.#isFresh) this.#beat()
      else void this.check()
      return this.#schedule(limits.leaderBeatMs)
    }
    if (isLate || this.#lock) this.#beginSilence()
    const silentMs = nowMs - this.#heardMs
    if (silentMs >= this.#patienceMs) {
      this.#beginSilence()
      this.#heardGeneration = 0
      this.#acquire(true)
    } else {
      if (!this.#lock && !this.#request) this.#acquire(false)
      if (isLate || silentMs >= limits.leaderProbeMs) this.#probe()
    }
    this.#watch()
  }

  #beginSilence(): void {
    const jitter = this.#runtime.randomBytes(1)[0]! / 256
    this.#heardMs = this.#runtime.monotonicNow()
    this.#patienceMs = limits.leaderSilenceMs + jitter * limits.leaderJitterMs
  }

  #watch(): void {
    const silentMs = this.#runtime.monotonicNow() - this.#heardMs
    const untilMs = silentMs < limits.leaderProbeMs ? limits.leaderProbeMs : this.#patienceMs
    this.#schedule(untilMs - silentMs)
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer()
    this.#dueMs = this.#runtime.monotonicNow() + delayMs
    this.#cancelTimer = this.#runtime.setTimer(delayMs, () => this.#tick())
  }

  #beat(): void {
    this.#confirmedMs = this.#runtime.monotonicNow()
    this.#hub.post([beat, this.#hub.id, this.#generation])
  }

  #probe(): void {
    this.#hub.post([probe, this.#hub.id, this.#heardGeneration])
  }

  #receive(message: unknown): void {
    if (!Array.isArray(message) || message.length !== 3) return
    const [kind, from, generation] = message as unknown[]
    if ((kind !== beat && kind !== probe) || typeof from !== 'string') return
    if (!Number.isSafeInteger(generation) || from === this.#hub.id) return
    if (this.#generation !== undefined) {
      // One that leads with less learns so from our answer.
      if (this.#isFresh && (generation as number) <= this.#generation) this.#beat()
      else void this.check()
    } else if (kind === beat && (generation as number) >= this.#heardGeneration) {
      this.#hear(from, generation as number)
    }
  }

  #hear(leaderId: string, generation: number): void {
    this.#heardGeneration = generation
    this.#beginSilence()
    this.#watch()
    if (this.#leaderId === leaderId) return
    this.#leaderId = leaderId
    this.#events.emit('follow', leaderId)
  }
}
