/**
 * The signaling paths of a mesh: its own relays, the tabs of this browser, what the application brought, and the relays of its
 * contacts. A contact's packets go to one's own paths and that contact's, and no further. Where contacts have more relays than may be
 * connected to at once, these take turns.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { dialTimeoutMs, maxRelays, relayTurnMs } from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { type CombinedOptions, CombinedSignaling } from '../signaling/combined.ts'
import { RelayClient, type RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { TabSignaling } from '../signaling/tabs.ts'

/** A signaling path, and how it stands. */
export interface PathState {
  /** A relay's URL, `tabs` or `custom`. */
  readonly path: string
  /** Whether packets go by it now. */
  readonly state: 'connecting' | 'open' | 'closed'
}

export interface PathsOptions {
  readonly runtime: Runtime
  readonly relays: readonly string[]
  /** Used like one's own, as far as there is room: contacts that know of no others come there. */
  readonly formerRelays?: readonly string[]
  readonly signaling: readonly Signaling[] | undefined
  readonly WebSocket: RelayClientOptions['WebSocket']
}

interface Place {
  readonly client: RelayClient
  /** Monotonic. */
  readonly sinceMs: number
}

export class Paths {
  readonly #options: PathsOptions
  /** Relays that are connected to, or being tried, the longest first. */
  readonly #places = new Map<string, Place>()
  /** Who wants each relay of a contact. Those without a place wait for one in this order. */
  readonly #routes = new Map<string, Set<Route>>()
  /** Besides relays. */
  readonly #others: readonly Signaling[]
  readonly #emitter = new Emitter<{ change: []; open: []; flood: [path: string, peer?: PeerId] }>()
  #cancelTurn: (() => void) | undefined

  /** @throws HandfastError `invalid-argument` for a relay URL that is not allowed, `unsupported` without WebSocket */
  constructor(options: PathsOptions) {
    this.#options = options
    for (const url of this.#standing) this.#relay(url)
    // Last, since it holds something that somebody would have to close.
    const hasTabs = typeof BroadcastChannel !== 'undefined'
    this.#others =
      options.signaling ?? (hasTabs ? [new TabSignaling({ runtime: options.runtime })] : [])
  }

  /** How things stand now. */
  get states(): PathState[] {
    const relays = [...this.#places].map(([path, { client }]) => ({ path, state: client.state }))
    const others = this.#others.map(
      (path) => ({ path: this.#nameOf(path), state: 'open' }) as const,
    )
    return [...relays, ...others]
  }

  /** Says so to whoever is to know. */
  reportFlood(path: Signaling, peer?: PeerId): void {
    this.#emitter.emit('flood', this.#nameOf(path), peer)
  }

  #nameOf(path: Signaling): string {
    if (path instanceof RelayClient) return path.url
    return this.#options.signaling ? 'custom' : 'tabs'
  }

  /** The largest difference between our clock and a relay's, in ms; ours is behind where positive. */
  get clockSkewMs(): number {
    const skews = [...this.#places.values()].map(({ client }) => client.clockSkewMs ?? 0)
    return skews.reduce((worst, skew) => (Math.abs(skew) > Math.abs(worst) ? skew : worst), 0)
  }

  onChange(listener: () => void): Unsubscribe {
    return this.#emitter.on('change', listener)
  }

  /** A relay can be reached again, or one's own for the first time. Not one whose turn it is: who wants that one is calling. */
  onOpen(listener: () => void): Unsubscribe {
    return this.#emitter.on('open', listener)
  }

  /** More comes by a path than is taken: to the mailbox of `peer`, of a ticket or an address, or altogether. */
  onFlood(listener: (path: string, peer?: PeerId) => void): Unsubscribe {
    return this.#emitter.on('flood', listener)
  }

  /** Own paths and these relays besides, as one; the caller closes it. `peer`: whose mailboxes one listens at there. */
  through(relays: readonly string[], peer?: PeerId): Route {
    const standing = this.#standing.flatMap((url) => this.#relay(url) ?? [])
    const { runtime } = this.#options
    const onFlood = (path: Signaling) => this.reportFlood(path, peer)
    const route: Route = new Route({ runtime, onFlood }, [...this.#others, ...standing], {
      enter: (url) => this.#enter(url, route),
      leave: (url) => this.#leave(url, route),
      hurry: (urls) => this.#hurry(urls),
    })
    route.use(relays)
    return route
  }

  /** Relays that stay, whoever uses them. */
  get #standing(): string[] {
    const { relays, formerRelays = [] } = this.#options
    return [...relays, ...formerRelays]
  }

  /** One that can't be used is left out: there are others. */
  #enter(url: string, route: Route): void {
    if (!isAllowedRelayUrl(url)) return
    const routes = this.#routes.get(url) ?? new Set()
    this.#routes.set(url, routes.add(route))
    this.#give(url)
    this.#scheduleTurn()
  }

  /** A relay that nobody uses any more is let go, and its place given to one that waits. */
  #leave(url: string, route: Route): void {
    const routes = this.#routes.get(url)
    const place = this.#places.get(url)
    if (!routes?.delete(route)) return
    if (place) route.without(place.client)
    if (routes.size > 0) return
    this.#routes.delete(url)
    if (!this.#standing.includes(url)) this.#vacate(url)
    for (const next of this.#waiting) this.#give(next)
  }

  get #waiting(): string[] {
    return [...this.#routes.keys()].filter((url) => !this.#places.has(url))
  }

  /** If there is room. */
  #give(url: string): void {
    const client = this.#relay(url)
    for (const route of (client && this.#routes.get(url)) ?? []) route.add(client!)
  }

  #vacate(url: string): void {
    const client = this.#places.get(url)?.client
    if (!client) return
    this.#places.delete(url)
    for (const route of this.#routes.get(url) ?? []) route.without(client)
    void client.close()
  }

  /** Beyond the bound there is no room for a contact's relay. */
  #relay(url: string): RelayClient | undefined {
    const { runtime, relays, WebSocket } = this.#options
    const known = this.#places.get(url)?.client
    if (known) return known
    const isOwn = relays.includes(url)
    if (!isOwn && this.#places.size >= maxRelays) return undefined
    try {
      const client = new RelayClient({ url, runtime, ...(WebSocket ? { WebSocket } : {}) })
      this.#places.set(url, { client, sinceMs: runtime.monotonicNow() })
      client.on('flood', () => this.reportFlood(client))
      let isNews = this.#standing.includes(url)
      client.on('state', (state) => {
        this.#emitter.emit('change')
        if (state === 'open' && isNews) this.#emitter.emit('open')
        isNews ||= state === 'closed'
      })
      return client
    } catch (error) {
      if (isOwn || !(error instanceof HandfastError)) throw error
      return undefined
    }
  }

  // ── Taking turns ─────────────────────────────────────────────────────────────────────────────────

  /** Contacts' relays that have had their place for so long; those that are down first, then the longest. */
  #due(heldMs: number): { down: string[]; up: string[] } {
    const sinceMs = this.#options.runtime.monotonicNow() - heldMs
    const due = [...this.#places].filter(
      ([url, place]) => place.sinceMs <= sinceMs && !this.#standing.includes(url),
    )
    const isUp = ([, { client }]: [string, Place]) => client.state === 'open'
    const urls = (places: [string, Place][]) => places.map(([url]) => url)
    return { down: urls(due.filter((each) => !isUp(each))), up: urls(due.filter(isUp)) }
  }

  /** The one that leaves goes behind all that wait. */
  #replace(url: string, next: string): void {
    this.#vacate(url)
    const routes = this.#routes.get(url)!
    this.#routes.delete(url)
    this.#routes.set(url, routes)
    this.#give(next)
  }

  /** Whatever is down makes room for what waits; if nothing is, the one that has been there longest. */
  #scheduleTurn(): void {
    if (this.#cancelTurn || this.#places.size < maxRelays || this.#waiting.length === 0) return
    this.#cancelTurn = this.#options.runtime.setTimer(relayTurnMs, () => {
      this.#cancelTurn = undefined
      const { down, up } = this.#due(relayTurnMs)
      const leaving = down.length > 0 ? down : up.slice(0, 1)
      const waiting = this.#waiting
      leaving.slice(0, waiting.length).forEach((url, n) => this.#replace(url, waiting[n]!))
      this.#scheduleTurn()
    })
  }

  /** A packet is to go to these: they need not wait for their turn. Those they replace have served a call. */
  #hurry(urls: Iterable<string>): void {
    for (const url of urls) {
      if (this.#places.has(url) || !this.#routes.has(url)) continue
      const { down, up } = this.#due(dialTimeoutMs)
      const [leaving] = [...down, ...up]
      if (leaving !== undefined && this.#places.size >= maxRelays) this.#replace(leaving, url)
    }
  }

  /** The network or the page is back. */
  wake(): void {
    for (const { client } of this.#places.values()) client.wake()
  }

  async close(): Promise<void> {
    this.#emitter.clear()
    this.#cancelTurn?.()
    this.#routes.clear()
    for (const { client } of this.#places.values()) await client.close()
    // What the application brought is its own to close.
    if (!this.#options.signaling) for (const tabs of this.#others) await tabs.close()
  }
}

interface RouteRelays {
  /** From now on `add` and `without` say when there is a place for it, and when not. */
  readonly enter: (url: string) => void
  readonly leave: (url: string) => void
  readonly hurry: (urls: Iterable<string>) => void
}

/** The paths to one contact. Its relays may change while it is in use: what is subscribed stays so on those that remain. */
export class Route extends CombinedSignaling {
  readonly #standing: ReadonlySet<Signaling>
  readonly #relays: RouteRelays
  readonly #used = new Set<string>()

  constructor(options: CombinedOptions, standing: readonly Signaling[], relays: RouteRelays) {
    super(options, standing)
    this.#standing = new Set(standing)
    this.#relays = relays
  }

  /** From now on these relays, besides those that all routes use. */
  use(relays: readonly string[]): void {
    const left = [...this.#used].filter((url) => !relays.includes(url))
    const entered = relays.filter((url) => !this.#used.has(url))
    for (const url of left) this.#used.delete(url)
    for (const url of entered) this.#used.add(url)
    for (const url of left) this.#relays.leave(url)
    for (const url of entered) this.#relays.enter(url)
  }

  /** A relay has lost its place, unless all routes use it. */
  without(client: Signaling): void {
    if (!this.#standing.has(client)) this.remove(client)
  }

  override async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#relays.hurry(this.#used)
    return super.publish(tag, packet)
  }

  override async close(): Promise<void> {
    await super.close()
    const left = [...this.#used]
    this.#used.clear()
    for (const url of left) this.#relays.leave(url)
  }
}
