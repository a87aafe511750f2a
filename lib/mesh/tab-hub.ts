/**
 * What tabs of one origin have in common, under one name: messages to all others (BroadcastChannel), the lock of the one that leads, and
 * a way to learn that a tab is gone (Web Locks API: a lock is freed with its tab). Tests and simulations bring their own.
 */

import { toBase64url } from '../base/bytes.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'

export interface TabLock {
  /** Resolves when another tab has stolen the lock; not when it is released. */
  readonly lost: Promise<void>
  /** Idempotent. */
  release(): void
}

export interface TabHub {
  /** Of this tab; random, never used again. */
  readonly id: string
  /** To all other tabs; from one tab to another in order. */
  post(message: readonly unknown[]): void
  /** Whatever other scripts of the origin say arrives as well. */
  onMessage(listener: (message: unknown) => void): Unsubscribe
  /**
   * Resolves when this tab holds the leader's lock: after all who asked before, or at once with `steal`. Rejects with the
   * reason of `signal`, which does not end a theft.
   */
  lock(options: { readonly steal: boolean; readonly signal: AbortSignal }): Promise<TabLock>
  /** Resolves when that tab has ended; never for one that is only frozen. Rejects with the reason of `signal`. */
  whenGone(tab: string, signal: AbortSignal): Promise<void>
  /** The tabs that have not ended; this one is among them. */
  live(): Promise<ReadonlySet<string>>
  /** This tab is gone for the others. Idempotent. */
  close(): void
}

const idBytes = 12

/** @throws HandfastError `unsupported` without Web Locks or BroadcastChannel */
export async function openTabHub(name: string, runtime: Runtime): Promise<TabHub> {
  const locks = globalThis.navigator?.locks
  if (!locks || typeof BroadcastChannel === 'undefined') {
    throw new HandfastError('unsupported', 'no Web Locks or no BroadcastChannel')
  }
  const id = toBase64url(runtime.randomBytes(idBytes))
  const path = `handfast/${name}`
  const tabLock = (tab: string) => `${path}/tab/${tab}`
  // Held before anybody hears of this tab, so that whoever waits for it waits for its end.
  const alive = await hold(locks, tabLock(id), {})
  const channel = new BroadcastChannel(path)
  const listeners = new Set<(message: unknown) => void>()
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    for (const listener of [...listeners]) listener(data)
  }
  let isClosed = false
  return {
    id,
    post: (message) => {
      if (!isClosed) channel.postMessage(message)
    },
    onMessage(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    lock: ({ steal, signal }) => hold(locks, `${path}/lead`, steal ? { steal } : { signal }),
    // Shared: a frozen tab that is told of it keeps nobody else from learning.
    whenGone: async (tab, signal) => {
      await locks.request(tabLock(tab), { mode: 'shared', signal }, () => {})
    },
    async live() {
      const { held = [] } = await locks.query()
      const prefix = tabLock('')
      const names = held.map(({ name = '' }) => name).filter((lock) => lock.startsWith(prefix))
      return new Set(names.map((lock) => lock.slice(prefix.length)))
    },
    close() {
      isClosed = true
      listeners.clear()
      channel.close()
      alive.release()
    },
  }
}

function hold(locks: LockManager, name: string, options: LockOptions): Promise<TabLock> {
  return new Promise((resolve, reject) => {
    let release = () => {}
    let tellLost = () => {}
    const lost = new Promise<void>((told) => (tellLost = told))
    const released = new Promise<void>((free) => (release = free))
    locks
      .request(name, options, () => {
        resolve({ lost, release })
        return released
      })
      .catch((error: unknown) => {
        reject(error)
        tellLost()
      })
  })
}
