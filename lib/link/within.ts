/** Work that ends in time: at the caller's signal, at a time-out, or when what it is done on is closed. */

import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import { defaultRequestTimeoutMs } from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import type { Runtime } from '../base/runtime.ts'

/** How long to wait. */
export interface RequestOptions {
  /** Gives up; what waits then rejects with its reason. */
  signal?: AbortSignal | undefined
  /** Default 30,000. */
  timeoutMs?: number | undefined
}

/**
 * Runs `work` with a signal that fires at any of these. `underWay`: what is to be aborted when that is closed.
 * @throws HandfastError `timeout`; the reasons of the signals
 */
export async function within<T>(
  runtime: Runtime,
  { signal, timeoutMs = defaultRequestTimeoutMs }: RequestOptions,
  underWay: Set<AbortController>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const stop = onAbort(signal, () => controller.abort(signal!.reason))
  underWay.add(controller)
  const cancelTimeout = runtime.setTimer(timeoutMs, () =>
    controller.abort(new HandfastError('timeout', 'The peer did not answer in time')),
  )
  try {
    return await work(controller.signal)
  } finally {
    cancelTimeout()
    underWay.delete(controller)
    stop()
  }
}

/** What `promise` does, or the reason of `signal` as soon as it is aborted. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const end = deferred<never>()
  const stop = onAbort(signal, () => end.reject(signal.reason))
  try {
    return await Promise.race([promise, end.promise])
  } finally {
    stop()
  }
}
