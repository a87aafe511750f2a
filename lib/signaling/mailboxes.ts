/** Who listens to which tag, on one path. A tag holds 1..n listeners; the number of tags is bounded. */

import { type Unsubscribe, reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxPacketBytes, maxSubscribedTags, tagBytes } from '../base/limits.ts'

export type PacketListener = (packet: Uint8Array) => void

/** A tag as a key of maps. */
export const tagKey = (tag: Uint8Array): string => String.fromCharCode(...tag)

interface Mailbox {
  readonly tag: Uint8Array
  readonly listeners: Set<{ listener: PacketListener }>
}

export class Mailboxes {
  readonly #boxes = new Map<string, Mailbox>()
  readonly #onChange: (tag: Uint8Array, subscribed: boolean) => void
  #closed = false

  /** `onChange` hears of a tag's first listener and of its last one leaving; what it throws undoes the subscription. */
  constructor(onChange: (tag: Uint8Array, subscribed: boolean) => void = () => {}) {
    this.#onChange = onChange
  }

  get closed(): boolean {
    return this.#closed
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
      if (this.#boxes.size >= maxSubscribedTags) {
        throw new HandfastError('queue-full', `over ${maxSubscribedTags} tags`)
      }
      box = { tag: tag.slice(), listeners: new Set() }
      this.#boxes.set(key, box)
      try {
        this.#onChange(box.tag, true)
      } catch (error) {
        this.#boxes.delete(key)
        throw error
      }
    }
    const { tag: own, listeners } = box
    const entry = { listener }
    listeners.add(entry)
    return () => {
      if (!listeners.delete(entry) || listeners.size > 0) return
      this.#boxes.delete(key)
      this.#onChange(own, false)
    }
  }

  /** Returns whether anybody listened. A listener that throws stops nobody else. */
  deliver(tag: Uint8Array, packet: Uint8Array): boolean {
    const box = this.#boxes.get(tagKey(tag))
    if (!box) return false
    for (const entry of [...box.listeners]) {
      if (!box.listeners.has(entry)) continue
      try {
        entry.listener(packet)
      } catch (error) {
        reportError(error)
      }
    }
    return true
  }

  /** What every `publish` checks first. @throws HandfastError `invalid-argument`, `too-large`, `closed` */
  checkPublish(tag: Uint8Array, packet: Uint8Array): void {
    this.#check(tag)
    if (packet.length > maxPacketBytes) {
      throw new HandfastError('too-large', `packet: ${packet.length} over ${maxPacketBytes} bytes`)
    }
  }

  close(): void {
    this.#closed = true
    for (const { listeners } of this.#boxes.values()) listeners.clear()
    this.#boxes.clear()
  }

  #check(tag: Uint8Array): void {
    if (this.#closed) throw new HandfastError('closed', 'signaling is closed')
    if (tag.length !== tagBytes) {
      throw new HandfastError('invalid-argument', `a tag has ${tagBytes} bytes`)
    }
  }
}
