/**
 * Where the tab that leads serves one that follows: tells it what is new, does what it asks, and hands it what peers send, where nobody
 * before it takes that.
 */

import type { Unsubscribe } from '../base/emitter.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import { maxUntoldTraces } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { RequestHandler } from '../link/calls.ts'
import { gone, linkClosed } from '../link/carrier.ts'
import type { MessageInfo } from '../link/inbox.ts'
import type { Sessions } from '../link/sessions.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { Channel } from '../transport/transport.ts'
import type { SecurityEvent } from './journal.ts'
import { pipe } from './dialogue.ts'
import { forms, parts } from './known.ts'
import type { Leader } from './leader.ts'
import { News } from './news.ts'
import { Served } from './served.ts'
import type { Tasks } from './tasks.ts'
import { TabSession } from './tab-session.ts'
import type { TraceEvent } from './trace.ts'
import { askedFor, tabVersion } from './tab-words.ts'
import type { FollowerWords, LeaderNews, LeaderWords } from './tab-words.ts'
import { sendSnapshot, snapshotStream } from './snapshot-stream.ts'

export interface DeskOptions {
  readonly leader: Leader
  readonly channel: Channel
  /** Of the follower. */
  readonly tab: string
  readonly runtime: Runtime
}

type Handlers = {
  [W in keyof LeaderWords]: (params: LeaderWords[W], signal: AbortSignal) => unknown
}

export class Desk {
  readonly tab: string
  /** Resolves when the follower has gone, or has turned to another leader. */
  readonly ended: Promise<void>
  readonly #leader: Leader
  readonly #session: TabSession
  readonly #never = new AbortController().signal
  readonly #news = new News(() => this.#tell())
  readonly #links = new Map<PeerId, Served>()
  #forgotten: PeerId[] = []
  readonly #people = new Set<PeerId>()
  #security: SecurityEvent[] = []
  readonly #changed = new Set(parts)
  #skewMs: number | null = null
  #trace: TraceEvent[] = []
  #missed = 0
  #stopTrace: Unsubscribe = () => {}
  readonly #stops: Unsubscribe[] = [() => this.#stopTrace()]
  /** What the follower does with strangers' queries. */
  readonly #answering = {
    methods: [] as readonly string[],
    run: (method: string, params: unknown, signal: AbortSignal) =>
      this.#ask('query', [method, params], signal),
  }
  /** Peers whose first words wait until the follower has set its handlers. */
  readonly #unserved = new Map<string, Deferred<void>>()

  constructor({ leader, channel, tab, runtime }: DeskOptions) {
    this.#leader = leader
    this.tab = tab
    const tasks = (Object.keys(leader.tasks) as (keyof Tasks)[]).map(
      (task) =>
        [
          task,
          async (params: never) => {
            const result = await leader.do(task, params)
            // What the follower shows by then is what has come of it.
            await this.#news.told()
            return result
          },
        ] as const,
    )
    this.#session = new TabSession({
      channel,
      role: 'responder',
      runtime,
      handlers: new Map(
        [...tasks, ...Object.entries(this.#handlers)].map(([word, handler]) => [
          word,
          this.#unlessOver(handler),
        ]),
      ),
      acceptStream: ({ name, writable }) => {
        if (name !== snapshotStream) return false
        void sendSnapshot(writable, () => this.#leader.snapshot())
        return true
      },
    })
    this.ended = this.#session.ended.then(() => this.#end())
  }

  close(): Promise<void> {
    return this.#session.close('closed').then(() => this.ended)
  }

  #end(): void {
    for (const stop of this.#stops.splice(0)) stop()
    for (const link of this.#links.values()) link.stop()
    this.#links.clear()
    for (const { resolve } of this.#unserved.values()) resolve()
  }

  // ── What is new ──────────────────────────────────────────────────────────────────────────────────

  /** Says all from here on. */
  #subscribe(): void {
    const leader = this.#leader
    for (const [peer, sessions] of leader.links) this.#add(peer, sessions)
    this.#stops.push(
      leader.on('known', (part) => {
        this.#changed.add(part)
        this.#news.add()
      }),
      leader.on('link', (peer) => this.#add(peer, leader.links.get(peer)!)),
      leader.on('forgotten', (peer) => {
        this.#links.get(peer)?.stop()
        this.#links.delete(peer)
        this.#forgotten.push(peer)
        this.#news.add()
      }),
      leader.on('person', (peer) => {
        this.#people.add(peer)
        this.#news.add()
      }),
      leader.on('security', (event) => {
        this.#security.push(event)
        this.#news.add()
      }),
      leader.on('clock-skew', (skewMs) => {
        this.#skewMs = skewMs
        this.#news.add()
      }),
      leader.addAnswering(this.#answering),
    )
    this.#news.add()
  }

  #add(peer: PeerId, sessions: Sessions): void {
    const session = this.#session
    const served = new Served(sessions, {
      tab: this.tab,
      onNews: () => this.#news.add(),
      message: (message, info) => this.#hand(peer, message, info),
      request: (method, params, signal) => this.#ask('request', [peer, method, params], signal),
      stream: (stream) => pipe(stream, () => session.openStream(`${peer}/${stream.name}`)),
    })
    this.#links.set(peer, served)
    this.#people.add(peer)
    this.#news.add()
  }

  async #tell(): Promise<void> {
    const leader = this.#leader
    const known = [...this.#changed].map((part) => [part, forms[part].write(leader[part] as never)])
    const news: LeaderNews = {
      links: [...this.#links].flatMap(([peer, served]) => {
        const link = served.takeNews()
        return link ? [[peer, ...link]] : []
      }),
      people: [...this.#people].map((peer) => [peer, leader.person(peer)]),
      forgotten: this.#forgotten,
      known: Object.fromEntries(known),
      skewMs: this.#skewMs,
      security: this.#security,
      trace: this.#takeTrace(),
    }
    this.#people.clear()
    this.#forgotten = []
    this.#security = []
    this.#changed.clear()
    this.#skewMs = null
    await this.#ask('news', news)
  }

  /** Who leads and who follows is told by each tab for itself. */
  #note(event: TraceEvent): void {
    if (event.kind === 'leading' || event.kind === 'following') return
    this.#trace.push(event)
    if (this.#trace.length > maxUntoldTraces) {
      this.#trace.shift()
      this.#missed++
    }
    this.#news.add()
  }

  #takeTrace(): TraceEvent[] {
    const events = this.#trace
    const [first] = events
    if (this.#missed > 0) events.unshift({ atMs: first!.atMs, kind: 'missed', count: this.#missed })
    this.#trace = []
    this.#missed = 0
    return events
  }

  #ask<W extends keyof FollowerWords>(
    word: W,
    params: FollowerWords[W],
    signal = this.#never,
  ): Promise<unknown> {
    return this.#session.request(word, params, signal)
  }

  /** To the follower's handlers. */
  async #hand(peer: PeerId, message: unknown, info: MessageInfo): Promise<void | typeof gone> {
    try {
      await this.#ask('message', [peer, info, message])
    } catch (error) {
      if (this.#session.isOpen) throw error
      this.#end()
      return gone
    }
  }

  // ── What it asks ─────────────────────────────────────────────────────────────────────────────────

  #sessions(peer: string): Sessions {
    const sessions = this.#leader.links.get(peer as PeerId)
    if (!sessions) throw linkClosed()
    return sessions
  }

  /** What a leader that ceases to be one has not done, the next can do. */
  #unlessOver(handler: (params: never, signal: AbortSignal) => unknown): RequestHandler {
    return async (params, { signal }) => {
      try {
        return (await handler(params as never, signal)) ?? null
      } catch (error) {
        throw this.#leader.isOver ? new HandfastError('not-leading') : error
      }
    }
  }

  readonly #handlers = {
    hello: async ([version]) => {
      if (version !== tabVersion) {
        throw new HandfastError('identity-in-use', 'Another tab runs another version of this page')
      }
      this.#subscribe()
      await this.#news.told()
      return [...this.#leader.links.keys()]
    },
    news: ({ links, methods: answered, isTraced }) => {
      this.#answering.methods = answered
      this.#stopTrace()
      this.#stopTrace = isTraced ? this.#leader.tracer.on((event) => this.#note(event)) : () => {}
      for (const [peer, takesMessages, takesStreams, methods, hasDrafts] of links) {
        this.#links.get(peer as PeerId)?.announce({ takesMessages, takesStreams, methods })
        if (hasDrafts) this.#leader.links.get(peer as PeerId)?.adopt()
      }
    },
    delivered: async ([peer, ids]) => this.#sessions(peer).deliveredOf(ids),
    takeBack: ([peer, id]) => this.#sessions(peer).takeBack(id),
    connect: ([peer], signal) => this.#sessions(peer).connect(signal),
    request: ([peer, method, params], signal) =>
      this.#sessions(peer).request(method, params, signal),
    stream: async ([peer, name, token], signal) => {
      const stream = await this.#sessions(peer).openStream(name, signal)
      pipe(stream, () => this.#session.openStream(askedFor + token))
    },
    accept: (params, signal) => this.#accept(params, signal),
    served: ([token]) => this.#unserved.get(token)?.resolve(),
  } satisfies Omit<Handlers, keyof Tasks>

  async #accept([text, given, token]: LeaderWords['accept'], signal: AbortSignal): Promise<PeerId> {
    const served = deferred<void>()
    const options = { ...given, signal }
    this.#unserved.set(token, served)
    void served.promise.then(() => this.#unserved.delete(token))
    try {
      const peer = await this.#leader.accept(Ticket.parse(text), options, served.promise)
      if (!this.#session.isOpen) served.resolve()
      // What the application hears of first is the link.
      await this.#news.told()
      return peer
    } catch (error) {
      served.resolve()
      throw error
    }
  }
}
