/** Who listens to which tag, on one path. A tag holds 1..n listeners; the number of tags is bounded. */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxPacketBytes, maxSubscribedTags, tagBytes } from '../base/limits.ts'
import type { PacketListener, Signaling } from './signaling.ts'

/** A tag as a key of maps. */
export const tagKey = (tag: Uint8Array): string => String.fromCharCode(...tag)

interface Mailbox {
  readonly tag: Uint8Array
  readonly events: Emitter<{ packet: Parameters<PacketListener> }>
}

export class Mailboxes {
  readonly #boxes = new Map<string, Mailbox>()
  readonly #onChange: (tag: Uint8Array, subscribed: boolean) => void
  #closed = false

  /** `onChange` hears of a tag's first listener and of its last one leaving; what it throws undoes the subscription. */
  constructor(onChange: (tag: Uint8Array, subscribed: boolean) => void = () => {}) {
    this.#onChange = onChange
  }

  get size(): number {
    return this.#boxes.size
  }

  has(tag: Uint8Array): boolean {
    return this.#boxes.has(tagKey(tag))
  }

  tags(): Uint8Array[] {
    return Array.from(this.#boxes.values(), (box) => box.tag)
  }

  /** @throws HandfastError `invalid-argument`, `queue-full` beyond `maxSubscribedTags`, `closed` */
  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    this.#check(tag)
    const key = tagKey(tag)
    let box = this.#boxes.get(key)
    if (!box) {
      if (this.#boxes.size >= maxSubscribedTags) throw new HandfastError('queue-full')
      box = { tag: tag.slice(), events: new Emitter() }
      this.#boxes.set(key, box)
      try {
        this.#onChange(box.tag, true)
      } catch (error) {
        this.#boxes.delete(key)
        throw error
      }
    }
    const own = box
    const leave = own.events.on('packet', listener)
    return () => {
      leave()
      if (this.#boxes.get(key) !== own || own.events.listenerCount('packet') > 0) return
      this.#boxes.delete(key)
      this.#onChange(own.tag, false)
    }
  }

  /** Returns whether anybody listened. A listener that throws stops nobody else. */
  deliver(tag: Uint8Array, packet: Uint8Array, path?: Signaling): boolean {
    const box = this.#boxes.get(tagKey(tag))
    box?.events.emit('packet', packet, path)
    return box !== undefined
  }

  /** What every `publish` checks first. @throws HandfastError `invalid-argument`, `too-large`, `closed` */
  checkPublish(tag: Uint8Array, packet: Uint8Array): void {
    this.#check(tag)
    if (packet.length > maxPacketBytes) throw new HandfastError('too-large')
  }

  close(): void {
    this.#closed = true
    for (const { events } of this.#boxes.values()) events.clear()
    this.#boxes.clear()
  }

  /** @throws HandfastError `closed` */
  checkOpen(): void {
    if (this.#closed) throw new HandfastError('closed')
  }

  #check(tag: Uint8Array): void {
    this.checkOpen()
    if (tag.length !== tagBytes) throw new HandfastError('invalid-argument')
  }
}
