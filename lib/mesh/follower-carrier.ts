/** What carries a link in a tab that follows: drafts for what it sends, and the leader for all else. */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { linkClosed, type Carrier, type Receiver, type Reception } from '../link/carrier.ts'
import type { Delivery, Fates } from '../link/delivery.ts'
import { Drafts } from '../link/drafts.ts'
import type { CarrierEvents } from '../link/events.ts'
import type { Handover } from '../link/handover.ts'
import type { LinkState } from '../link/state.ts'
import type { LinkStream } from '../link/streams.ts'
import type { GroupCommit } from '../storage/group-commit.ts'
import type { Store } from '../storage/store.ts'
import { fromTabError } from './tab-error.ts'
import type { FollowerLink, LeaderWords, LinkNews } from './tab-words.ts'

export interface CarrierOptions {
  readonly peer: PeerId
  /** This one. */
  readonly tab: string
  readonly runtime: Runtime
  readonly store: Store
  readonly commits: GroupCommit
  readonly handover?: Promise<Handover>
  /** Asks the leader; the next one too, if `again`. */
  readonly ask: <W extends keyof LeaderWords>(
    word: W,
    params: LeaderWords[W],
    signal: AbortSignal,
    again: boolean,
  ) => Promise<unknown>
  readonly stream: (name: string, signal: AbortSignal) => Promise<LinkStream>
  /** There is something to tell the leader. */
  readonly onNews: () => void
}

export class FollowerCarrier implements Carrier {
  readonly peer: PeerId
  readonly #options: CarrierOptions
  readonly #emitter = new Emitter<CarrierEvents>()
  readonly #drafts: Drafts
  readonly #ending = new AbortController()
  receiver: Receiver | undefined
  state: LinkState = 'idle'
  /** In the leader's outbox. */
  #queuedThere = 0
  #queuedTold = 0
  #isNew = true
  #hasDrafts = true

  constructor(options: CarrierOptions) {
    this.#options = options
    const { peer, tab, runtime, store, commits, handover } = options
    this.peer = peer
    this.#drafts = new Drafts({
      peer,
      tab,
      runtime,
      store,
      commits,
      ...(handover ? { handover } : {}),
      onStored: () => {
        this.#hasDrafts = true
        this.#change()
      },
      withdraw: async (id) =>
        Boolean(await options.ask('takeBack', [peer, id], this.#ending.signal, true)),
      onError: (error) => this.#emitter.emit('error', error),
    })
  }

  get queued(): number {
    return this.#queuedThere + this.#drafts.length
  }

  on<K extends keyof CarrierEvents>(
    event: K,
    listener: (...args: CarrierEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  receive(receiver: Receiver): Reception {
    this.receiver = receiver
    this.#change()
    return {
      changed: () => this.#change(),
      remove: () => {
        if (this.receiver === receiver) this.receiver = undefined
        this.#change()
      },
    }
  }

  send(encoded: Uint8Array, signal?: AbortSignal): Delivery {
    const delivery = this.#drafts.add(encoded, signal)
    const count = () => this.#tellQueued()
    delivery.then(count, count)
    count()
    return delivery
  }

  #tellQueued(): void {
    if (this.queued === this.#queuedTold) return
    this.#queuedTold = this.queued
    this.#emitter.emit('queued', this.queued)
  }

  async request(method: string, params: Uint8Array, signal: AbortSignal): Promise<unknown> {
    return this.#options.ask('request', [this.peer, method, params], signal, false)
  }

  openStream(name: string, signal: AbortSignal): Promise<LinkStream> {
    return this.#options.stream(name, signal)
  }

  async connect(signal: AbortSignal): Promise<void> {
    await this.#options.ask('connect', [this.peer], signal, true)
  }

  // ── For the follower ─────────────────────────────────────────────────────────────────────────────

  /** There is a leader, and it may be another than before: what has become of what was sent? */
  async begin(): Promise<void> {
    const { signal } = this.#ending
    try {
      await this.#drafts.recheck()
      const { pendingIds } = this.#drafts
      if (signal.aborted || pendingIds.length === 0) return
      const told = await this.#options.ask('delivered', [this.peer, pendingIds], signal, false)
      const { handled, refused } = told as Fates
      this.#drafts.delivered(handled)
      for (const id of refused) this.#drafts.refused(id)
    } catch {
      // The next leader is asked again.
    } finally {
      this.#hasDrafts = true
      this.#change()
    }
  }

  /** There is no leader. */
  interrupt(): void {
    this.#isNew = true
    if (this.state !== 'closed') this.#become('idle')
  }

  learn(state: LinkState, queued: number, events: readonly LinkNews[]): void {
    for (const event of events) this.#take(event)
    this.#become(state)
    this.#queuedThere = queued
    this.#tellQueued()
  }

  #take(event: LinkNews): void {
    const emitter = this.#emitter
    switch (event[0]) {
      case 'delivered': {
        const ids: string[] = []
        for (let n = event[2]; n <= event[3]; n++) ids.push(`${event[1]}.${n}`)
        this.#drafts.delivered(ids)
        for (const id of ids) emitter.emit('delivered', id)
        return
      }
      case 'refused':
        this.#drafts.refused(event[1])
        return emitter.emit('refused', event[1])
      case 'adopted':
        return this.#drafts.adopted(event[1], event[2])
      case 'gap':
        return emitter.emit('gap', { from: event[1], to: event[2] })
      case 'rollback':
        return emitter.emit('rollback')
      case 'stuck': {
        const [, id, message, error, attempts] = event
        return emitter.emit('stuck', { id, message, error: fromTabError(error), attempts })
      }
      case 'error':
        return emitter.emit('error', fromTabError(event[1]))
    }
  }

  #become(state: LinkState): void {
    if (state === this.state) return
    this.state = state
    this.#emitter.emit('state', state)
  }

  /** Nothing, when nothing is new since the last time. */
  takeNews(): FollowerLink[] {
    if (!this.#isNew) return []
    const { takesMessages = false, takesStreams = false, methods = [] } = this.receiver ?? {}
    const hasDrafts = this.#hasDrafts
    this.#isNew = this.#hasDrafts = false
    return [[this.peer, takesMessages, takesStreams, [...methods], hasDrafts]]
  }

  #change(): void {
    this.#isNew = true
    this.#options.onNews()
  }

  release(): Promise<Handover> {
    this.#ending.abort(new HandfastError('not-leading'))
    return this.#drafts.release()
  }

  /** For good. */
  close(): void {
    const error = linkClosed()
    this.#ending.abort(error)
    this.#become('closed')
    this.#drafts.close(error)
    this.#emitter.clear()
  }
}
