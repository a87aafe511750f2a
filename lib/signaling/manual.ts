/**
 * Signaling by copy and paste: every published packet becomes a line of text (`hfp1` + base64url) for a human to carry, and
 * what they bring goes to the subscriber of the tag inside the packet (byte ‖ tag ‖ body).
 */

import { fromBase64url, equalBytes, toBase64url } from '../base/bytes.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import { maxPacketBytes, tagBytes } from '../base/limits.ts'
import { Mailboxes } from './mailboxes.ts'
import type { PacketListener, Signaling } from './signaling.ts'

const prefix = 'hfp1'
const tagOf = (packet: Uint8Array): Uint8Array => packet.subarray(1, 1 + tagBytes)

/** Signaling by copy and paste, where there is no relay: packets as lines of text for people to carry. Give it to `Mesh.open` as one of `signaling`. */
export class ManualSignaling implements Signaling {
  readonly #mailboxes = new Mailboxes()
  readonly #events = new Emitter<{ outgoing: [text: string] }>()

  /** `outgoing`: a packet as text, to be carried to the other side. */
  on(event: 'outgoing', listener: (text: string) => void): Unsubscribe {
    return this.#events.on(event, listener)
  }

  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    return this.#mailboxes.subscribe(tag, listener)
  }

  /**
   * Emits `outgoing`. Resolves with 0: nobody knows when it will be pasted.
   * @throws HandfastError also `invalid-argument` for a packet that does not hold `tag`
   */
  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#mailboxes.checkPublish(tag, packet)
    if (!equalBytes(tagOf(packet), tag)) throw new HandfastError('invalid-argument')
    if (this.#events.listenerCount('outgoing') === 0) {
      throw new HandfastError('signaling-unavailable', 'nobody listens to `outgoing`')
    }
    this.#events.emit('outgoing', prefix + toBase64url(packet))
    return 0
  }

  /**
   * Takes a pasted text; white space is ignored. Returns whether somebody was subscribed to its tag.
   * @throws HandfastError `bad-packet` on malformed text, `closed`
   */
  receive(text: string): boolean {
    this.#mailboxes.checkOpen()
    const packet = parse(text)
    return this.#mailboxes.deliver(tagOf(packet), packet)
  }

  async close(): Promise<void> {
    this.#mailboxes.close()
    this.#events.clear()
  }
}

function parse(text: string): Uint8Array {
  // Twice the longest text leaves room for line breaks; beyond that it is not worth scanning.
  const compact = text.slice(0, maxPacketBytes * 3).replace(/\s+/g, '')
  const message = `a packet begins with ${prefix}`
  const packet = failAs('bad-packet', () => fromBase64url(compact.slice(prefix.length)), message)
  if (!compact.startsWith(prefix) || packet.length <= tagBytes || packet.length > maxPacketBytes) {
    throw new HandfastError('bad-packet', message)
  }
  return packet
}
