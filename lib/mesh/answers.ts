/** What one tab answers to strangers: a handler for each method, and how many questions a second it is given at most. */

import { utf8 } from '../base/bytes.ts'
import { reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { defaultQueriesPerS, maxNameBytes, maxQueriesPerS } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { RequestHandler } from '../link/calls.ts'
import type { AnswerOptions } from './options.ts'

/** A tab that answers. */
export interface Answering {
  readonly methods: readonly string[]
  /** @throws HandfastError `no-handler`, `request-failed`; `queue-full` when it has had its number in the last second */
  run(method: string, params: unknown, signal: AbortSignal): Promise<unknown>
}

interface Answer {
  readonly handler: RequestHandler
  readonly perSecond: number
  /** When it was given those of the last second; monotonic. */
  readonly startsMs: number[]
}

export class Answers implements Answering {
  readonly #runtime: Runtime
  readonly #answers = new Map<string, Answer>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get methods(): readonly string[] {
    return [...this.#answers.keys()]
  }

  /** Replaces an earlier handler. Returns how to take it back. @throws HandfastError `invalid-argument` */
  set(method: string, handler: RequestHandler, options: AnswerOptions): Unsubscribe {
    const { perSecond = defaultQueriesPerS } = options
    const isNumber = Number.isInteger(perSecond) && perSecond >= 1 && perSecond <= maxQueriesPerS
    if (!isNumber || method === '' || utf8(method).length > maxNameBytes) {
      throw new HandfastError('invalid-argument', 'A limit of AnswerOptions, or of the method')
    }
    const { startsMs } = this.#answers.get(method) ?? { startsMs: [] }
    const answer = { handler, perSecond, startsMs }
    this.#answers.set(method, answer)
    return () => {
      if (this.#answers.get(method) === answer) this.#answers.delete(method)
    }
  }

  async run(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const answer = this.#answers.get(method)
    if (!answer) throw new HandfastError('no-handler')
    const { handler, perSecond, startsMs } = answer
    const now = this.#runtime.monotonicNow()
    while (startsMs[0]! <= now - 1000) startsMs.shift()
    if (startsMs.length >= perSecond) throw new HandfastError('queue-full')
    startsMs.push(now)
    try {
      return await handler(params, { signal })
    } catch (error) {
      // A stranger learns no more than that; what a handler refuses on purpose is no fault of the application.
      if (!(error instanceof HandfastError) && !signal.aborted) reportError(error)
      throw new HandfastError('request-failed')
    }
  }
}
