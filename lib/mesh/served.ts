/** One link as a tab that follows has it from the leader: what is new of it, and what its handlers there take. */

import type { Unsubscribe } from '../base/emitter.ts'
import type { RequestHandler } from '../link/calls.ts'
import type { gone, Receiver } from '../link/carrier.ts'
import type { MessageInfo } from '../link/inbox.ts'
import type { Sessions } from '../link/sessions.ts'
import type { LinkState } from '../link/state.ts'
import type { LinkStream } from '../link/streams.ts'
import { toTabError } from './tab-error.ts'
import type { LinkNews } from './tab-words.ts'

/** The way to the follower. */
export interface ServedOptions {
  /** Of the follower. */
  readonly tab: string
  readonly onNews: () => void
  readonly message: (message: unknown, info: MessageInfo) => Promise<void | typeof gone>
  readonly request: (method: string, params: unknown, signal: AbortSignal) => Promise<unknown>
  readonly stream: (stream: LinkStream) => boolean
}

type Takes = Pick<Receiver, 'takesMessages' | 'takesStreams' | 'methods'>

export class Served implements Receiver {
  readonly #sessions: Sessions
  readonly #options: ServedOptions
  readonly #stops: Unsubscribe[]
  readonly #changed: () => void
  #takes: Takes = { takesMessages: false, takesStreams: false, methods: [] }
  #isNew = true
  #events: LinkNews[] = []

  constructor(sessions: Sessions, options: ServedOptions) {
    this.#sessions = sessions
    this.#options = options
    const reception = sessions.receivers.add(this, 'last')
    const note = (...event: LinkNews) => {
      this.#events.push(event)
      this.#change()
    }
    this.#changed = reception.changed
    this.#stops = [
      () => reception.remove(),
      sessions.on('state', () => this.#change()),
      sessions.on('queued', () => this.#change()),
      sessions.on('delivered', (id) => this.#noteDelivered(id)),
      sessions.on('refused', (id) => note('refused', id)),
      sessions.on('adopted', (tab, n, id) => {
        if (tab === options.tab) note('adopted', n, id)
      }),
      sessions.on('gap', ({ from, to }) => note('gap', from, to)),
      sessions.on('rollback', () => note('rollback')),
      sessions.on('stuck', ({ id, message, error, attempts }) =>
        note('stuck', id, message, toTabError(error), attempts),
      ),
      sessions.on('error', (error) => note('error', toTabError(error))),
    ]
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }

  /** Nothing, when nothing is new since the last time. */
  takeNews(): [state: LinkState, queued: number, events: LinkNews[]] | undefined {
    if (!this.#isNew) return undefined
    const events = this.#events
    this.#isNew = false
    this.#events = []
    return [this.#sessions.state, this.#sessions.queued, events]
  }

  #change(): void {
    this.#isNew = true
    this.#options.onNews()
  }

  /** Those in a row are told as one. */
  #noteDelivered(id: string): void {
    const dot = id.lastIndexOf('.')
    const log = id.slice(0, dot)
    const sequence = Number(id.slice(dot + 1))
    const last = this.#events.at(-1)
    if (last?.[0] === 'delivered' && last[1] === log && last[3] === sequence - 1) {
      last[3] = sequence
    } else this.#events.push(['delivered', log, sequence, sequence])
    this.#change()
  }

  // ── What the follower takes ──────────────────────────────────────────────────────────────────────

  announce(takes: Takes): void {
    this.#takes = takes
    this.#changed()
  }

  get takesMessages(): boolean {
    return this.#takes.takesMessages
  }

  get takesStreams(): boolean {
    return this.#takes.takesStreams
  }

  get methods(): readonly string[] {
    return this.#takes.methods
  }

  message(message: unknown, info: MessageInfo): Promise<void | typeof gone> {
    return this.#options.message(message, info)
  }

  handlerOf(method: string): RequestHandler | undefined {
    if (!this.methods.includes(method)) return undefined
    return (params, { signal }) => this.#options.request(method, params, signal)
  }

  stream(stream: LinkStream): boolean {
    return this.takesStreams && this.#options.stream(stream)
  }
}
