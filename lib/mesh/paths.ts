/**
 * The signaling paths of a mesh: its own relays, the tabs of this browser, what the application brought, and the relays of its
 * contacts. A contact's packets go to one's own paths and that contact's, and no further.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxRelays } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { CombinedSignaling } from '../signaling/combined.ts'
import { RelayClient, type RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { TabSignaling } from '../signaling/tabs.ts'

export interface PathState {
  /** A relay's URL, `tabs` or `custom`. */
  readonly path: string
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

export class Paths {
  readonly #options: PathsOptions
  readonly #relays = new Map<string, RelayClient>()
  /** How many use each relay that is not one's own. */
  readonly #users = new Map<string, number>()
  /** Besides relays. */
  readonly #others: readonly Signaling[]
  readonly #emitter = new Emitter<{ change: []; open: [] }>()

  /** @throws HandfastError `invalid-argument` for a relay URL that is not allowed, `unsupported` without WebSocket */
  constructor(options: PathsOptions) {
    this.#options = options
    const hasTabs = typeof BroadcastChannel !== 'undefined'
    this.#others =
      options.signaling ?? (hasTabs ? [new TabSignaling({ runtime: options.runtime })] : [])
    for (const url of this.#standing) this.#relay(url)
  }

  /** How things stand now. */
  get states(): PathState[] {
    const relays = [...this.#relays].map(([path, { state }]) => ({ path, state }))
    const path = this.#options.signaling ? 'custom' : 'tabs'
    return [...relays, ...this.#others.map(() => ({ path, state: 'open' }) as const)]
  }

  /** The largest difference between our clock and a relay's, in ms; ours is behind where positive. */
  get clockSkewMs(): number {
    const skews = [...this.#relays.values()].map(({ clockSkewMs = 0 }) => clockSkewMs)
    return skews.reduce((worst, skew) => (Math.abs(skew) > Math.abs(worst) ? skew : worst), 0)
  }

  onChange(listener: () => void): Unsubscribe {
    return this.#emitter.on('change', listener)
  }

  /** A relay can be reached again, or for the first time. */
  onOpen(listener: () => void): Unsubscribe {
    return this.#emitter.on('open', listener)
  }

  /** Own paths and these relays besides, as one; the caller closes it. */
  through(relays: readonly string[]): Route {
    const standing = this.#standing.flatMap((url) => this.#relay(url) ?? [])
    const route = new Route([...this.#others, ...standing], {
      enter: (url) => this.#enter(url),
      leave: (url) => this.#leave(url),
    })
    route.use(relays)
    return route
  }

  /** Relays that stay, whoever uses them. */
  get #standing(): string[] {
    const { relays, formerRelays = [] } = this.#options
    return [...relays, ...formerRelays]
  }

  #enter(url: string): RelayClient | undefined {
    const client = this.#relay(url)
    if (client && !this.#standing.includes(url)) {
      this.#users.set(url, (this.#users.get(url) ?? 0) + 1)
    }
    return client
  }

  /** A relay that nobody uses any more is let go, with its place. */
  #leave(url: string): void {
    if (!this.#users.has(url)) return
    const users = this.#users.get(url)! - 1
    if (users > 0) return void this.#users.set(url, users)
    this.#users.delete(url)
    void this.#relays.get(url)?.close()
    this.#relays.delete(url)
  }

  /** Beyond the bound, or where it can't be used, a contact's relay is left out: there are others. */
  #relay(url: string): RelayClient | undefined {
    const { runtime, relays, WebSocket } = this.#options
    const known = this.#relays.get(url)
    if (known) return known
    const isOwn = relays.includes(url)
    if (!isOwn && this.#relays.size >= maxRelays) return undefined
    try {
      const client = new RelayClient({ url, runtime, ...(WebSocket ? { WebSocket } : {}) })
      this.#relays.set(url, client)
      client.on('state', (state) => {
        this.#emitter.emit('change')
        if (state === 'open') this.#emitter.emit('open')
      })
      return client
    } catch (error) {
      if (isOwn || !(error instanceof HandfastError)) throw error
      return undefined
    }
  }

  /** The network or the page is back. */
  wake(): void {
    for (const relay of this.#relays.values()) relay.wake()
  }

  async close(): Promise<void> {
    this.#emitter.clear()
    for (const relay of this.#relays.values()) await relay.close()
    // What the application brought is its own to close.
    if (!this.#options.signaling) for (const tabs of this.#others) await tabs.close()
  }
}

interface RouteRelays {
  /** Nothing for one that there is no room for. */
  readonly enter: (url: string) => RelayClient | undefined
  readonly leave: (url: string) => void
}

/** The paths to one contact. Its relays may change while it is in use: what is subscribed stays so on those that remain. */
export class Route extends CombinedSignaling {
  readonly #standing: ReadonlySet<Signaling>
  readonly #relays: RouteRelays
  readonly #used = new Map<string, RelayClient>()

  constructor(standing: readonly Signaling[], relays: RouteRelays) {
    super(standing)
    this.#standing = new Set(standing)
    this.#relays = relays
  }

  /** From now on these relays, besides those that all routes use. */
  use(relays: readonly string[]): void {
    const left = [...this.#used].filter(([url]) => !relays.includes(url))
    for (const [url, client] of left) {
      if (!this.#standing.has(client)) this.remove(client)
      this.#used.delete(url)
      this.#relays.leave(url)
    }
    for (const url of relays) {
      const client = this.#used.has(url) ? undefined : this.#relays.enter(url)
      if (!client) continue
      this.#used.set(url, client)
      this.add(client)
    }
  }

  override async close(): Promise<void> {
    await super.close()
    for (const url of this.#used.keys()) this.#relays.leave(url)
    this.#used.clear()
  }
}
