/**
 * Several tabs of one origin on one virtual time line. A frozen tab runs nothing: its timers, messages and news of its locks wait until it
 * is thawed. One that dies runs nothing ever again, and its locks are free.
 */

import type { Runtime } from '../../lib/base/runtime.ts'
import type { TabHub, TabLock } from '../../lib/mesh/tab-hub.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import type { Store } from '../../lib/storage/store.ts'
import { TimeLine, virtualRuntime, type VirtualRuntime } from './virtual-runtime.ts'

interface Request {
  readonly tab: Tab
  readonly grant: () => void
}

export class TabWorld {
  readonly line = new TimeLine()
  readonly clock: VirtualRuntime
  readonly store = new MemoryStore()
  readonly tabs: Tab[] = []
  holder: { tab: Tab; lose: () => void } | undefined
  readonly queue: Request[] = []

  constructor(seed = 1) {
    this.clock = virtualRuntime({ seed }, this.line)
  }

  /** Tabs of the same seed draw the same random numbers, but for their ids. */
  open(seed = this.tabs.length + 100): Tab {
    const tab = new Tab(this, `tab ${this.tabs.length}`, seed)
    this.tabs.push(tab)
    return tab
  }

  /** The leader's lock goes to the next in line. */
  grantNext(): void {
    if (!this.holder) this.queue.shift()?.grant()
  }
}

export class Tab {
  readonly hub: TabHub
  readonly runtime: Runtime
  readonly store: Store
  readonly gone: (() => void)[] = []
  isDead = false
  readonly #world: TabWorld
  readonly #listeners = new Set<(message: unknown) => void>()
  /** What waits in a frozen tab. */
  #waiting: (() => void)[] | undefined

  constructor(world: TabWorld, id: string, seed: number) {
    this.#world = world
    const own = virtualRuntime({ seed }, world.line)
    this.runtime = {
      ...own,
      setTimer: (delayMs, callback) => {
        let isCancelled = false
        const cancel = own.setTimer(delayMs, () => this.run(() => isCancelled || callback()))
        return () => {
          isCancelled = true
          cancel()
        }
      },
    }
    this.store = {
      transaction: async (scope, options, work) => {
        await this.#awake()
        try {
          return await world.store.transaction(scope, options, work)
        } finally {
          await this.#awake()
        }
      },
      close: async () => {},
    }
    this.hub = {
      id,
      post: (message) => {
        if (this.isDead) return
        for (const tab of world.tabs) if (tab !== this) tab.deliver(structuredClone(message))
      },
      onMessage: (listener) => {
        this.#listeners.add(listener)
        return () => void this.#listeners.delete(listener)
      },
      lock: (options) => this.#lock(options),
      whenGone: (other, signal) =>
        new Promise((resolve, reject) => {
          const tab = world.tabs.find(({ hub }) => hub.id === other)
          if (!tab || tab.isDead) return resolve()
          tab.gone.push(() => this.run(resolve))
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
      live: async () =>
        new Set(world.tabs.filter(({ isDead }) => !isDead).map(({ hub }) => hub.id)),
      close: () => this.die(),
    }
  }

  /** In a task of its own, once the tab is awake. */
  run(callback: () => void): void {
    if (this.isDead) return
    if (this.#waiting) this.#waiting.push(callback)
    else callback()
  }

  deliver(message: unknown): void {
    queueMicrotask(() =>
      this.run(() => {
        for (const listener of this.#listeners) listener(message)
      }),
    )
  }

  freeze(): void {
    this.#waiting ??= []
  }

  /** What waited runs in its order, each in a task of its own. */
  async thaw(): Promise<void> {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const callback of waiting) {
      this.run(callback)
      await this.#world.clock.settle()
    }
  }

  die(): void {
    const world = this.#world
    this.isDead = true
    for (const tell of this.gone) tell()
    for (const request of [...world.queue]) {
      if (request.tab === this) world.queue.splice(world.queue.indexOf(request), 1)
    }
    if (world.holder?.tab === this) world.holder = undefined
    world.grantNext()
  }

  async #awake(): Promise<void> {
    if (this.#waiting || this.isDead) await new Promise<void>((resolve) => this.run(resolve))
  }

  #lock({ steal, signal }: { steal: boolean; signal: AbortSignal }): Promise<TabLock> {
    const world = this.#world
    return new Promise((resolve, reject) => {
      const grant = () => {
        let tellLost = () => {}
        const lost = new Promise<void>((told) => (tellLost = told))
        const holder = { tab: this as Tab, lose: () => this.run(tellLost) }
        world.holder = holder
        const release = () => {
          if (world.holder !== holder) return
          world.holder = undefined
          world.grantNext()
        }
        this.run(() => resolve({ lost, release }))
      }
      if (steal) {
        world.holder?.lose()
        return grant()
      }
      const request = { tab: this as Tab, grant }
      world.queue.push(request)
      signal.addEventListener('abort', () => {
        const index = world.queue.indexOf(request)
        if (index >= 0) world.queue.splice(index, 1)
        reject(signal.reason)
      })
      world.grantNext()
    })
  }
}
