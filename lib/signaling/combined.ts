/**
 * Several signaling paths as one: subscribed on all, published on all. A packet may arrive by each of them. A path that
 * fails disturbs no other, nor does one that floods a mailbox. Paths belong to whoever made them: they are neither opened nor
 * closed here.
 */

import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { mailboxBurst, mailboxPacketsPerS, maxExcessPackets } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { Gate, type GateBounds } from './gate.ts'
import { Mailboxes, tagKey } from './mailboxes.ts'
import type { PacketListener, Signaling } from './signaling.ts'

const mailboxBounds: GateBounds = {
  burst: mailboxBurst,
  perSecond: mailboxPacketsPerS,
  maxExcess: maxExcessPackets,
}

export interface CombinedOptions {
  readonly runtime: Runtime
  /** More packets came to one mailbox by one path than it takes: they are dropped, there and for a while. */
  readonly onFlood?: (path: Signaling) => void
}

export class CombinedSignaling implements Signaling {
  readonly #options: CombinedOptions
  /** The subscriptions that each path took, by tag. */
  readonly #paths = new Map<Signaling, Map<string, Gate>>()
  readonly #mailboxes = new Mailboxes((tag, subscribed) => {
    if (subscribed) this.#subscribeAll(tag)
    else for (const path of this.#paths.keys()) this.#unsubscribe(path, tagKey(tag))
  })

  constructor(options: CombinedOptions, paths: Iterable<Signaling> = []) {
    this.#options = options
    for (const path of paths) this.add(path)
  }

  /** The paths in use now. */
  get paths(): readonly Signaling[] {
    return [...this.#paths.keys()]
  }

  /** Carries the present subscriptions to `path` as well. Adding it again changes nothing. */
  add(path: Signaling): void {
    this.#mailboxes.checkOpen()
    if (this.#paths.has(path)) return
    this.#paths.set(path, new Map())
    for (const tag of this.#mailboxes.tags()) this.#subscribe(path, tag)
  }

  /** Stops using `path`. What is being published on it goes on. */
  remove(path: Signaling): void {
    for (const key of this.#paths.get(path)?.keys() ?? []) this.#unsubscribe(path, key)
    this.#paths.delete(path)
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
        throw new HandfastError('signaling-unavailable', 'no path to the peer', { cause })
      })
    }
  }

  /** Unsubscribes from every path and forgets them, closing none. */
  async close(): Promise<void> {
    for (const path of this.paths) this.remove(path)
    this.#mailboxes.close()
  }

  #subscribeAll(tag: Uint8Array): void {
    const failures = this.paths.flatMap((path) => this.#subscribe(path, tag))
    if (failures.length > 0 && failures.length === this.#paths.size) throw failures[0]
  }

  /** Returns what the path threw, if it did. */
  #subscribe(path: Signaling, tag: Uint8Array): unknown[] {
    try {
      const { runtime, onFlood } = this.#options
      const gate = new Gate({
        runtime,
        bounds: mailboxBounds,
        enter: (listener) => path.subscribe(tag, listener),
        receive: (packet) => void this.#mailboxes.deliver(tag, packet, path),
        onFlood: () => onFlood?.(path),
      })
      this.#paths.get(path)!.set(tagKey(tag), gate)
      return []
    } catch (error) {
      return [error]
    }
  }

  #unsubscribe(path: Signaling, key: string): void {
    const subscriptions = this.#paths.get(path)
    subscriptions?.get(key)?.close()
    subscriptions?.delete(key)
  }
}
