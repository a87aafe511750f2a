/**
 * A simulated process: one run of one peer, from its start to its crash. It has a wall clock of its own, sleeps (its timers and
 * its monotonic clock stop, the wall clock does not) and can crash at any effect. What happens between two effects nobody outside
 * can see, so that crashing at each effect in turn is crashing everywhere.
 */

import type { Runtime } from '../base/runtime.ts'
import type { Random } from './random.ts'
import type { TimeLine } from './time-line.ts'
import type { Trace } from './trace.ts'

const startUnixMs = 1_700_000_000_000

export interface ProcessOptions {
  readonly name: string
  readonly line: TimeLine
  readonly trace: Trace
  readonly random: Random
  /** How far its wall clock is ahead. */
  readonly skewMs: number
}

/** One run of one peer, from its start to its crash. */
export class Process {
  /** The peer's. */
  readonly name: string
  /** Its clocks, timers and randomness. */
  readonly runtime: Runtime
  readonly #options: ProcessOptions
  readonly #wakeListeners = new Set<() => void>()
  readonly #downListeners = new Set<(why: 'crash' | 'sleep') => void>()
  /** Timers that came due during a sleep. */
  #held: (() => void)[] = []
  #asleepSinceMs: number | undefined
  #sleptMs = 0
  #crashAtEffect = Infinity
  /** Whether it has not crashed. */
  isAlive = true
  /** How many so far. */
  effects = 0

  /** @internal */
  constructor(options: ProcessOptions) {
    const { name, line, random, skewMs } = options
    this.name = name
    this.#options = options
    const listen = (set: Set<() => void>, callback: () => void) => {
      set.add(callback)
      return () => void set.delete(callback)
    }
    this.runtime = {
      now: () => Math.floor(startUnixMs + skewMs + line.nowMs),
      monotonicNow: () => this.#localMs,
      randomBytes: (length) => random.bytes(length),
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
      onPageHide: () => () => {},
      onWake: (callback) => listen(this.#wakeListeners, callback),
    }
  }

  /** Whether it runs: alive and awake. */
  get isUp(): boolean {
    return this.isAlive && this.#asleepSinceMs === undefined
  }

  /** Something that the world can see is about to happen. False: it must not, the process is dead. */
  effect(kind: string, detail: string | number = ''): boolean {
    if (!this.isAlive) return false
    this.effects++
    if (this.effects >= this.#crashAtEffect) {
      this.crash()
      return false
    }
    this.trace(kind, detail)
    return true
  }

  /** Notes something in the world's trace. */
  trace(kind: string, detail: string | number = ''): void {
    this.#options.trace.add(this.#options.line.nowMs, this.name, kind, detail)
  }

  /** Calls `listener` when it crashes or falls asleep. */
  onDown(listener: (why: 'crash' | 'sleep') => void): void {
    this.#downListeners.add(listener)
  }

  /** Crashes at the effect so many from now, 1 for the next, which then does not take place. */
  crashAt(effectsFromNow: number): void {
    this.#crashAtEffect = this.effects + effectsFromNow
  }

  /** For good. Its code may go on for some microtasks, and nothing comes of it. */
  crash(): void {
    if (!this.isAlive) return
    this.trace('crash', this.effects)
    this.isAlive = false
    this.#held = []
    for (const listener of this.#downListeners) listener('crash')
  }

  /** Stops its timers and its monotonic clock. */
  sleep(): void {
    if (!this.isUp) return
    this.trace('sleep')
    this.#asleepSinceMs = this.#options.line.nowMs
    for (const listener of this.#downListeners) listener('sleep')
  }

  /** Ends the sleep; timers that came due fire. */
  wake(): void {
    if (!this.isAlive || this.#asleepSinceMs === undefined) return
    this.trace('wake')
    this.#sleptMs += this.#options.line.nowMs - this.#asleepSinceMs
    this.#asleepSinceMs = undefined
    const held = this.#held
    this.#held = []
    for (const timer of held) timer()
    for (const listener of [...this.#wakeListeners]) listener()
  }

  get #localMs(): number {
    return (this.#asleepSinceMs ?? this.#options.line.nowMs) - this.#sleptMs
  }

  #setTimer(delayMs: number, callback: () => void): () => void {
    if (Number.isNaN(delayMs)) throw new Error('a timer needs a delay')
    // Platforms count whole milliseconds: a rest of 1e-12 would come due without time passing, again and again.
    const wholeMs = Math.ceil(Math.max(0, delayMs))
    const dueMs = this.#localMs + wholeMs
    let isCancelled = false
    const fire = () => {
      if (isCancelled || !this.isAlive) return
      if (!this.isUp) return void this.#held.push(fire)
      // A sleep has put it off. Rounding must not.
      const leftMs = dueMs - this.#localMs
      if (leftMs > 1e-3) return void this.#options.line.after(leftMs, fire)
      callback()
    }
    const cancel = this.#options.line.after(wholeMs, fire)
    return () => {
      isCancelled = true
      cancel()
    }
  }
}

/** What a dead process waits for. */
export const never = (): Promise<never> => new Promise(() => {})
