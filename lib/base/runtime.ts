/**
 * Clock, timers, randomness and the page's comings and goings, as one argument, so that the same code runs in a browser, in Node and
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
  /** Calls `callback` when the page is being left. Returns the way to stop. */
  onPageHide(callback: () => void): () => void
  /** Calls `callback` when the page is shown again, woken, or back online. Returns the way to stop. */
  onWake(callback: () => void): () => void
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  setTimer(delayMs, callback) {
    // Browsers take a delay beyond 31 bits for none at all.
    const id = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    return () => clearTimeout(id)
  },
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  onPageHide: (callback) => listen(globalThis, ['pagehide'], callback),
  onWake(callback) {
    const stop = listen(globalThis, ['pageshow', 'online'], callback)
    const stopVisible = listen(globalThis.document, ['visibilitychange'], () => {
      if (document.visibilityState === 'visible') callback()
    })
    return () => (stop(), stopVisible())
  },
}

/** In Node there is nothing to listen to. */
function listen(
  target: Partial<EventTarget> | undefined,
  events: string[],
  callback: () => void,
): () => void {
  for (const event of events) target?.addEventListener?.(event, callback)
  return () => {
    for (const event of events) target?.removeEventListener?.(event, callback)
  }
}
