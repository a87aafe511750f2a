/**
 * A tab that follows the one that leads: it has the same links, by way of that tab. What it sends it writes down by itself, so that nothing
 * is lost with a leader; all else waits for one.
 */

import { toBase64url } from '../base/bytes.ts'
import { deferred, type Deferred } from '../base/deferred.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Handover } from '../link/handover.ts'
import type { Person } from '../link/person.ts'
import type { LinkStream } from '../link/streams.ts'
import { unlessAborted } from '../link/within.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import type { Store } from '../storage/store.ts'
import type { Address } from '../ticket/address.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Answers } from './answers.ts'
import { FollowerCarrier, type CarrierOptions } from './follower-carrier.ts'
import { forms, parts } from './known.ts'
import { News } from './news.ts'
import type { AcceptOptions } from './options.ts'
import type { OwnDevice } from './known.ts'
import type { PathState } from './paths.ts'
import type { Role } from './role.ts'
import type { RoleEvents } from './role-events.ts'
import { openTabChannel } from './tab-channel.ts'
import type { TabHub } from './tab-hub.ts'
import { TabSession } from './tab-session.ts'
import type { TaskResult, Tasks } from './tasks.ts'
import { askedFor, tabVersion } from './tab-words.ts'
import type { FollowerNews, FollowerWords, LeaderNews, LeaderWords } from './tab-words.ts'
import type { Tracer } from './tracer.ts'
import { readSnapshot, snapshotStream } from './snapshot-stream.ts'

export interface FollowerOptions {
  readonly hub: TabHub
  readonly runtime: Runtime
  /** Not that of a leader. */
  readonly store: Store
  /** Of the links that this tab had as leader. */
  readonly handovers: ReadonlyMap<PeerId, Promise<Handover>>
  readonly tracer: Tracer
}

const tokenBytes = 12

export class Follower implements Role {
  readonly links = new Map<PeerId, FollowerCarrier>()
  readonly tickets: readonly Ticket[] = []
  readonly addresses: readonly Address[] = []
  readonly pairings: ReadonlyMap<string, string> = new Map()
  readonly devices: readonly OwnDevice[] = []
  readonly signaling: readonly PathState[] = []
  readonly revoked = false as boolean
  readonly #options: FollowerOptions
  readonly #commits: GroupCommit
  readonly #people = new Map<PeerId, Person>()
  readonly #emitter = new Emitter<RoleEvents>()
  readonly #never = new AbortController().signal
  readonly #news = new News(() => this.#tell())
  /** Streams that the leader is to open. */
  readonly #awaited = new Map<string, (stream: LinkStream) => void>()
  #leaderId: string | undefined
  /** With the leader, from when it is opened. */
  #session: TabSession | undefined
  /** The same, from when all news are here. */
  #ready: Deferred<TabSession> = fresh()
  #isReady = false
  #answers: Answers | undefined
  #cancelRetry = () => {}
  readonly #stopTracing: Unsubscribe
  #over: HandfastError | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#commits = new GroupCommit(options.store, ['drafts'])
    this.#stopTracing = options.tracer.onSwitch(() => this.#news.add())
    for (const [peer, handover] of options.handovers) this.#add(peer, handover)
  }

  /** Resolves when the leader has told all. @throws HandfastError `identity-in-use` when it runs another version of this library */
  async ready(): Promise<void> {
    await this.#ready.promise
  }

  on<K extends keyof RoleEvents>(
    event: K,
    listener: (...args: RoleEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  // ── The leader ───────────────────────────────────────────────────────────────────────────────────

  /** Another tab leads. */
  follow(leaderId: string): void {
    if (this.#over || this.#leaderId === leaderId) return
    this.#leaderId = leaderId
    this.#options.tracer.trace('following', {})
    void this.#session?.close('replaced')
    this.#drop()
    this.#connect()
  }

  #connect(): void {
    const { hub, runtime } = this.#options
    this.#cancelRetry()
    const session = new TabSession({
      channel: openTabChannel({ hub, runtime }, this.#leaderId!),
      role: 'initiator',
      runtime,
      handlers: new Map<string, (params: never, context: { signal: AbortSignal }) => unknown>([
        ['news', (news: never) => this.#learn(news)],
        ['message', (message: never) => this.#handle(message)],
        ['request', (request: never, { signal }) => this.#answer(request, signal)],
        ['query', (query: never, { signal }) => this.#answerQuery(query, signal)],
      ]) as never,
      acceptStream: (stream) => this.#accept(stream),
    })
    this.#session = session
    void session.ended.then(() => this.#lose(session))
    session.request('hello', [tabVersion], this.#never).then(
      (peers) => this.#begin(session, peers as string[]),
      (error: unknown) => {
        if (error instanceof HandfastError && error.code === 'identity-in-use') {
          this.#ready.reject(error)
          this.#ready = fresh()
        }
        void session.close()
      },
    )
  }

  #begin(session: TabSession, peers: readonly string[]): void {
    if (this.#session !== session) return
    // Forgotten while this tab had no leader, or was one.
    for (const peer of this.links.keys()) if (!peers.includes(peer)) this.#forget(peer)
    this.#isReady = true
    this.#ready.resolve(session)
    for (const carrier of this.links.values()) void carrier.begin()
    this.#news.add()
  }

  #lose(session: TabSession): void {
    if (this.#session !== session || this.#over) return
    this.#drop()
    // It may be there still; another that leads tells us so.
    this.#cancelRetry = this.#options.runtime.setTimer(limits.tabRetryMs, () => this.#connect())
  }

  #drop(): void {
    this.#session = undefined
    if (!this.#isReady) return
    this.#isReady = false
    this.#ready = fresh()
    for (const carrier of this.links.values()) carrier.interrupt()
  }

  /** Asks the leader; the next one where this one is gone, if `again` says that this does no harm, or if it has done nothing. */
  async #ask<W extends keyof LeaderWords>(
    word: W,
    params: LeaderWords[W],
    signal: AbortSignal,
    again = true,
  ): Promise<unknown> {
    for (;;) {
      const session = await this.#connected(signal)
      try {
        return await session.request(word, params, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!isNotLeading(error) && (session.isOpen || !again)) throw error
        await unlessAborted(signal, session.ended)
      }
    }
  }

  async #connected(signal: AbortSignal): Promise<TabSession> {
    for (;;) {
      if (this.#over) throw this.#over
      if (this.#isReady && this.#session?.isOpen) return this.#session
      if (this.#isReady) await unlessAborted(signal, this.#session!.ended)
      else await unlessAborted(signal, this.#ready.promise)
    }
  }

  // ── What is new ──────────────────────────────────────────────────────────────────────────────────

  #add(peer: PeerId, handover?: Promise<Handover>): FollowerCarrier {
    const { hub, runtime, store } = this.#options
    const options: CarrierOptions = {
      peer,
      tab: hub.id,
      runtime,
      store,
      commits: this.#commits,
      ...(handover ? { handover } : {}),
      ask: (word, params, signal, again) => this.#ask(word, params, signal, again),
      stream: (name, signal) => this.#openStream(peer, name, signal),
      onNews: () => this.#news.add(),
    }
    const carrier = new FollowerCarrier(options)
    this.links.set(peer, carrier)
    return carrier
  }

  #learn(news: LeaderNews): void {
    const { links, people, forgotten, known: told, skewMs, security, trace } = news
    if (this.#over) return
    for (const peer of forgotten) this.#forget(peer as PeerId)
    for (const [peer, person] of people) this.#people.set(peer as PeerId, person)
    for (const [peer, state, queued, events] of links) {
      const known = this.links.get(peer as PeerId)
      const carrier = known ?? this.#add(peer as PeerId)
      carrier.learn(state, queued, events)
      if (known) continue
      this.#emitter.emit('link', carrier.peer, carrier)
      if (this.#session?.isOpen) void carrier.begin()
    }
    for (const [peer, person] of people) this.#emitter.emit('person', peer as PeerId, person)
    for (const part of parts.filter((each) => each in told)) {
      const before = this[part]
      const now = forms[part].read(told[part] as never, before as never)
      if (now === before) continue
      Object.assign(this, { [part]: now })
      this.#emitter.emit('known', part)
    }
    if (skewMs !== null) this.#emitter.emit('clock-skew', skewMs)
    for (const event of security) this.#emitter.emit('security', event)
    for (const event of trace) this.#options.tracer.pass(event)
  }

  #forget(peer: PeerId): void {
    const carrier = this.links.get(peer)
    if (!carrier) return
    this.links.delete(peer)
    this.#people.delete(peer)
    this.#emitter.emit('forgotten', peer)
    carrier.close()
  }

  async #tell(): Promise<void> {
    const session = await this.#ready.promise
    const news: FollowerNews = {
      links: [...this.links.values()].flatMap((carrier) => carrier.takeNews()),
      methods: this.#answers?.methods ?? [],
      isTraced: this.#options.tracer.isOn,
    }
    await session.request('news', news, this.#never)
  }

  // ── What peers send ──────────────────────────────────────────────────────────────────────────────

  #handle([peer, info, message]: FollowerWords['message']): unknown {
    const receiver = this.links.get(peer as PeerId)?.receiver
    if (!receiver?.takesMessages) throw new HandfastError('no-handler')
    return receiver.message(message, info)
  }

  #answer([peer, method, params]: FollowerWords['request'], signal: AbortSignal): unknown {
    const handler = this.links.get(peer as PeerId)?.receiver?.handlerOf(method)
    if (!handler) throw new HandfastError('no-handler')
    return handler(params, { signal })
  }

  async #answerQuery(
    [method, params]: FollowerWords['query'],
    signal: AbortSignal,
  ): Promise<unknown> {
    if (!this.#answers) throw new HandfastError('no-handler')
    return this.#answers.run(method, params, signal)
  }

  #accept({ name, readable, writable }: LinkStream): boolean {
    if (name.startsWith(askedFor)) {
      const token = name.slice(askedFor.length)
      const take = this.#awaited.get(token)
      take?.({ name, readable, writable })
      return this.#awaited.delete(token)
    }
    const slash = name.indexOf('/')
    const receiver = this.links.get(name.slice(0, slash) as PeerId)?.receiver
    return receiver?.stream({ name: name.slice(slash + 1), readable, writable }) ?? false
  }

  async #openStream(peer: PeerId, name: string, signal: AbortSignal): Promise<LinkStream> {
    const token = this.#token()
    const opened = deferred<LinkStream>()
    this.#awaited.set(token, opened.resolve)
    try {
      await this.#ask('stream', [peer, name, token], signal, false)
      return { ...(await opened.promise), name }
    } finally {
      this.#awaited.delete(token)
    }
  }

  #token(): string {
    return toBase64url(this.#options.runtime.randomBytes(tokenBytes))
  }

  // ── The mesh ─────────────────────────────────────────────────────────────────────────────────────

  async do<T extends keyof Tasks>(
    task: T,
    params: Parameters<Tasks[T]>,
    signal: AbortSignal,
  ): Promise<TaskResult<T>> {
    return (await this.#ask(task, params as never, signal, task !== 'settlePairing')) as never
  }

  serve(answers: Answers): void {
    this.#answers = answers
    this.#news.add()
  }

  async accept(
    ticket: Ticket,
    { signal = this.#never, ...options }: AcceptOptions,
    served: Promise<void>,
  ): Promise<PeerId> {
    const token = this.#token()
    const peer = await this.#ask('accept', [String(ticket), options, token], signal)
    void served
      .then(() => this.#news.told())
      .then(() => this.#ask('served', [token], this.#never, false))
      .catch(() => {})
    return peer as PeerId
  }

  person(peer: PeerId): Person | undefined {
    return this.#people.get(peer)
  }

  async snapshot(signal: AbortSignal): Promise<Uint8Array> {
    const session = await this.#connected(signal)
    return unlessAborted(signal, readSnapshot(session.openStream(snapshotStream)))
  }

  /** For this tab's next role: what its applications wait for. Whatever waits here for a leader is left with `not-leading`. */
  release(): Map<PeerId, Promise<Handover>> {
    this.#end(new HandfastError('not-leading'))
    return new Map([...this.links].map(([peer, carrier]) => [peer, carrier.release()]))
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#end(new HandfastError('closed', 'The mesh is closed'))
    for (const carrier of this.links.values()) carrier.close()
    await session?.ended
  }

  #end(error: HandfastError): void {
    if (this.#over) return
    this.#over = error
    this.#cancelRetry()
    this.#stopTracing()
    this.#ready.reject(error)
    void this.#session?.close()
    this.#emitter.clear()
  }
}

/** Waited for by none or many. */
function fresh(): Deferred<TabSession> {
  const made = deferred<TabSession>()
  made.promise.catch(() => {})
  return made
}
