/** Publishing again what may have been lost, ever more seldom, until something comes of it. What comes may be forged. */

import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { republishMaxMs, republishMs } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'

/** Publishes now, and again until that is stopped. */
export function republish(runtime: Runtime, publish: () => void): Unsubscribe {
  let cancel: Unsubscribe
  const next = (delayMs: number) => {
    publish()
    cancel = runtime.setTimer(delayMs, () => next(Math.min(delayMs * 2, republishMaxMs)))
  }
  next(republishMs)
  return () => cancel()
}

/** Whether an answer was not the other side's: the handshake is as it was, and the true one may still come. */
export const isForged = (error: unknown): boolean =>
  error instanceof HandfastError && ['decrypt-failed', 'bad-key'].includes(error.code)
