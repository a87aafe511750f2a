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
  readonly #emitter = new Emitter<{ change: [] }>()

  /** @throws HandfastError `invalid-argument` for a relay URL that is not allowed, `unsupported` without WebSocket */
  constructor(options: PathsOptions) {
    this.#options = options
    const hasTabs = typeof BroadcastChannel !== 'undefined'
    this.#others =
      options.signaling ?? (hasTabs ? [new TabSignaling({ runtime: options.runtime })] : [])
    for (const url of options.relays) this.#relay(url)
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

  /** Own paths and these relays besides, as one; the caller closes it. */
  through(relays: readonly string[]): CombinedSignaling {
    const foreign = new Set(relays.filter((url) => !this.#options.relays.includes(url)))
    const urls = [...this.#options.relays, ...foreign]
    const clients = urls.flatMap((url) => this.#relay(url) ?? [])
    for (const url of foreign) this.#users.set(url, (this.#users.get(url) ?? 0) + 1)
    return new Route([...this.#others, ...clients], () => {
      for (const url of foreign) this.#leave(url)
    })
  }

  /** A relay that nobody uses any more is let go, with its place. */
  #leave(url: string): void {
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
      client.on('state', () => this.#emitter.emit('change'))
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

class Route extends CombinedSignaling {
  #onClose: (() => void) | undefined

  constructor(paths: Iterable<Signaling>, onClose: () => void) {
    super(paths)
    this.#onClose = onClose
  }

  override async close(): Promise<void> {
    await super.close()
    this.#onClose?.()
    this.#onClose = undefined
  }
}
