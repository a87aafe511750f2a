/**
 * Signaling between the tabs of one origin, over BroadcastChannel (HTML, "Broadcasting to other browsing contexts").
 * A tab that is subscribed answers each packet with a receipt, so that the publisher learns that somebody was there.
 */

import { toBase64url } from '../base/bytes.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import {
  maxPacketBytes,
  maxPendingPublishes,
  tabReceiptTimeoutMs,
  tagBytes,
} from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { Mailboxes } from './mailboxes.ts'
import type { PacketListener, Signaling } from './signaling.ts'

export interface TabSignalingOptions {
  runtime: Runtime
  /** Tabs hear each other under the same name. Default `handfast`. */
  channelName?: string
}

export class TabSignaling implements Signaling {
  readonly #runtime: Runtime
  readonly #channel: BroadcastChannel
  readonly #mailboxes = new Mailboxes()
  /** Publishes waiting for a receipt, by id. */
  readonly #waiting = new Map<string, (receivers: number) => void>()

  /** @throws HandfastError `unsupported` without BroadcastChannel */
  constructor({ runtime, channelName = 'handfast' }: TabSignalingOptions) {
    if (typeof BroadcastChannel === 'undefined') {
      throw new HandfastError('unsupported', 'no BroadcastChannel')
    }
    this.#runtime = runtime
    this.#channel = new BroadcastChannel(channelName)
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data)
  }

  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    return this.#mailboxes.subscribe(tag, listener)
  }

  /** Resolves with 1 at the first receipt, else with 0 after `tabReceiptTimeoutMs`. */
  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#mailboxes.checkPublish(tag, packet)
    if (this.#waiting.size >= maxPendingPublishes) throw new HandfastError('signaling-unavailable')
    const id = toBase64url(this.#runtime.randomBytes(12))
    const receivers = new Promise<number>((resolve) => {
      const settle = (count: number): void => {
        cancel()
        this.#waiting.delete(id)
        resolve(count)
      }
      const cancel = this.#runtime.setTimer(tabReceiptTimeoutMs, () => settle(0))
      this.#waiting.set(id, settle)
    })
    // A view would be cloned together with all the memory below it.
    this.#channel.postMessage([id, tag.slice(), packet.slice()])
    return receivers
  }

  async close(): Promise<void> {
    this.#mailboxes.close()
    this.#channel.onmessage = null
    this.#channel.close()
    for (const settle of [...this.#waiting.values()]) settle(0)
  }

  /** `[id, tag, packet]` is a publish, `[id]` a receipt; whatever else other scripts of the origin say is ignored. */
  #receive(data: unknown): void {
    if (!Array.isArray(data)) return
    const [id, tag, packet] = data as unknown[]
    if (typeof id !== 'string') return
    if (data.length === 1) this.#waiting.get(id)?.(1)
    if (!isBytes(tag) || tag.length !== tagBytes) return
    if (!isBytes(packet) || packet.length > maxPacketBytes) return
    if (this.#mailboxes.has(tag)) {
      this.#channel.postMessage([id])
      this.#mailboxes.deliver(tag, packet)
    }
  }
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array
