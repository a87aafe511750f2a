/**
 * Several signaling paths as one: subscribed on all, published on all. A packet may arrive by each of them. A path that
 * fails disturbs no other. Paths belong to whoever made them: they are neither opened nor closed here.
 */

import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { Mailboxes, type PacketListener, tagKey } from './mailboxes.ts'
import type { Signaling } from './signaling.ts'

export class CombinedSignaling implements Signaling {
  /** The subscriptions that each path took, by tag. */
  readonly #paths = new Map<Signaling, Map<string, Unsubscribe>>()
  readonly #mailboxes = new Mailboxes((tag, subscribed) => {
    if (subscribed) this.#subscribeAll(tag)
    else for (const subscriptions of this.#paths.values()) drop(subscriptions, tagKey(tag))
  })

  constructor(paths: Iterable<Signaling> = []) {
    for (const path of paths) this.add(path)
  }

  /** The paths in use now. */
  get paths(): readonly Signaling[] {
    return [...this.#paths.keys()]
  }

  /** Carries the present subscriptions to `path` as well. Adding it again changes nothing. */
  add(path: Signaling): void {
    if (this.#mailboxes.closed) throw new HandfastError('closed', 'signaling is closed')
    if (this.#paths.has(path)) return
    const subscriptions = new Map<string, Unsubscribe>()
    this.#paths.set(path, subscriptions)
    for (const tag of this.#mailboxes.tags()) this.#subscribe(path, subscriptions, tag)
  }

  /** Stops using `path`. What is being published on it goes on. */
  remove(path: Signaling): void {
    const subscriptions = this.#paths.get(path)
    if (!subscriptions) return
    this.#paths.delete(path)
    for (const key of [...subscriptions.keys()]) drop(subscriptions, key)
  }

  /** @throws HandfastError also what the first path threw, when every path refused */
  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    return this.#mailboxes.subscribe(tag, listener)
  }

  /**
   * Resolves as soon as a path reports a receiver, or else when all have answered.
   * @throws HandfastError `signaling-unavailable` when every path failed or there is none, `too-large`, `closed`
   */
  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#mailboxes.checkPublish(tag, packet)
    const answers = this.paths.map(async (path) => path.publish(tag, packet))
    const useful = answers.map(async (answer) => (await answer) || Promise.reject(new Error('0')))
    try {
      return await Promise.any(useful)
    } catch {
      // Nobody was there: one that took it says so, all of them failing is a failure.
      return Promise.any(answers).catch((cause: unknown) => {
        throw new HandfastError('signaling-unavailable', 'no path took the packet', { cause })
      })
    }
  }

  /** Unsubscribes from every path and forgets them, closing none. */
  async close(): Promise<void> {
    for (const path of this.paths) this.remove(path)
    this.#mailboxes.close()
  }

  #subscribeAll(tag: Uint8Array): void {
    let failure: unknown
    let taken = this.#paths.size === 0
    for (const [path, subscriptions] of this.#paths) {
      const error = this.#subscribe(path, subscriptions, tag)
      if (error === undefined) taken = true
      else failure ??= error
    }
    if (!taken) throw failure
  }

  /** Returns what the path threw. */
  #subscribe(path: Signaling, subscriptions: Map<string, Unsubscribe>, tag: Uint8Array): unknown {
    try {
      const unsubscribe = path.subscribe(tag, (packet) => void this.#mailboxes.deliver(tag, packet))
      subscriptions.set(tagKey(tag), unsubscribe)
      return undefined
    } catch (error) {
      return error
    }
  }
}

function drop(subscriptions: Map<string, Unsubscribe>, key: string): void {
  subscriptions.get(key)?.()
  subscriptions.delete(key)
}
