/**
 * Whether the other side of a session still lives. Any frame of it shows that it does, and so does data that leaves our buffer, since the
 * transport sends no more than is acknowledged. After some silence it is asked; unanswered, the session first counts as silent, then as dead.
 *
 *     quiet ──5 s without a frame──▶ asked ──1.5 s──▶ silent ──1.5 s──▶ dead
 *       ▲──────────── a frame ────────┴────────────────┘
 *
 * A timer that fires much too late says that this page was frozen, throttled or asleep, and nothing about the peer: it asks anew.
 */

import { lateTimerMs, pingAfterSilenceMs, pingTimeoutMs, silentAfterMs } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'

export interface LivenessOptions {
  readonly runtime: Runtime
  readonly ping: () => void
  /** Bytes that have left the transport's buffer. */
  readonly drainedBytes: () => number
  readonly onSilent: () => void
  readonly onDead: () => void
}

/** What leaves the buffer whether or not anybody is there: a ping. */
const pingFrameBytes = 64

export class Liveness {
  /** The last question has gone unanswered for a while. */
  isSilent = false
  readonly #runtime: Runtime
  readonly #options: LivenessOptions
  #heardAtMs = 0
  /** When the question was put that has no answer yet. */
  #askedAtMs: number | undefined
  #silentAtMs = 0
  #isRunning = false
  #cancel: () => void = () => {}

  constructor(options: LivenessOptions) {
    this.#options = options
    this.#runtime = options.runtime
  }

  start(): void {
    this.#isRunning = true
    this.heard()
    this.#awaitSilence()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancel()
  }

  /** A frame has come. */
  heard(): void {
    this.#heardAtMs = this.#runtime.monotonicNow()
    if (this.#askedAtMs === undefined) return
    this.#askedAtMs = undefined
    this.isSilent = false
    this.#awaitSilence()
  }

  /** Asks at once, unless a question that is not old has been put; without an answer within `limitMs` the session is silent. */
  probe(limitMs: number): void {
    if (!this.#isRunning || this.isSilent) return
    const now = this.#runtime.monotonicNow()
    const isAsked = this.#askedAtMs !== undefined && now - this.#askedAtMs < pingTimeoutMs
    if (!isAsked) this.#ask(limitMs)
    else if (now + limitMs < this.#silentAtMs) this.#awaitAnswer(limitMs)
  }

  #awaitSilence(): void {
    const silentForMs = this.#runtime.monotonicNow() - this.#heardAtMs
    if (silentForMs >= pingAfterSilenceMs) this.#ask(silentAfterMs)
    else this.#after(pingAfterSilenceMs - silentForMs, () => this.#awaitSilence())
  }

  #ask(limitMs: number): void {
    this.#askedAtMs = this.#runtime.monotonicNow()
    this.isSilent = false
    this.#options.ping()
    this.#awaitAnswer(limitMs)
  }

  #awaitAnswer(limitMs: number): void {
    this.#silentAtMs = this.#runtime.monotonicNow() + limitMs
    const deadAtMs = this.#askedAtMs! + pingTimeoutMs
    this.#after(limitMs, () => {
      this.isSilent = true
      this.#after(deadAtMs - this.#runtime.monotonicNow(), this.#options.onDead)
      this.#options.onSilent()
    })
  }

  #after(delayMs: number, callback: () => void): void {
    const { drainedBytes } = this.#options
    const dueMs = this.#runtime.monotonicNow() + delayMs
    const drainedBefore = drainedBytes()
    this.#cancel()
    this.#cancel = this.#runtime.setTimer(delayMs, () => {
      if (this.#runtime.monotonicNow() - dueMs > lateTimerMs) this.#ask(silentAfterMs)
      else if (this.#askedAtMs !== undefined && drainedBytes() - drainedBefore > pingFrameBytes) {
        this.heard()
      } else callback()
    })
  }
}
