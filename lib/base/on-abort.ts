/** Listening to an `AbortSignal`, where there may be one. */

import type { Unsubscribe } from './emitter.ts'

/** Calls `listener` when `signal` is aborted from now on. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): Unsubscribe {
  signal?.addEventListener('abort', listener)
  return () => signal?.removeEventListener('abort', listener)
}
