/**
 * Clock, timers and randomness, as one argument, so that the same code runs in a browser, in Node and
 * in a deterministic simulation. Nothing else in lib touches the platform's own.
 */

export interface Runtime {
  /** Wall clock, Unix time in milliseconds. */
  now(): number
  /** Clock that never goes back, in milliseconds from an arbitrary start. */
  monotonicNow(): number
  /** Runs `callback` once after `delayMs`. Returns the way to cancel it. */
  setTimer(delayMs: number, callback: () => void): () => void
  /** Cryptographically secure random bytes. */
  randomBytes(length: number): Uint8Array
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  setTimer(delayMs, callback) {
    const id = setTimeout(callback, delayMs)
    return () => clearTimeout(id)
  },
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
}
