/**
 * A contact as a signaling path: over one session with it, packets reach those of its other contacts that are connected to it and listen
 * there. Each side does so for the other. Nothing is stored, and what was handed on is not handed on again: one hop, no loop.
 * [protocol] `docs/protocol.md`, "Introductions".
 */

import type { Unsubscribe } from '../base/emitter.ts'
import {
  maxPacketBytes,
  maxSubscribedTags,
  maxTagsPerRelayMessage,
  maxWaitingSignalBytes,
  tagBytes,
} from '../base/limits.ts'
import type { CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import type { Record } from '../codec/records.ts'
import { Mailboxes, tagKey } from '../signaling/mailboxes.ts'
import type { PacketListener, Signaling } from '../signaling/signaling.ts'

export const signalVerbs = {
  /** `[17, 0, tags]`: what comes to these is for the sender, from now on. */
  subscribe: 0,
  /** `[17, 1, tags]` */
  unsubscribe: 1,
  /** `[17, 2, tag, packet]`: to be handed on. */
  publish: 2,
  /** `[17, 3, tag, packet]`: handed on. */
  deliver: 3,
} as const

export interface IntroducerOptions {
  /** Sends a record on the session; not if more than so many bytes wait already. */
  readonly send: (record: CborValue[], maxWaitingBytes?: number) => void
  /** Takes what the contact wants handed on. */
  readonly handOn: (tag: Uint8Array, packet: Uint8Array) => void
  /** Whether a packet that the contact hands on to us is within its budget. */
  readonly takes: () => boolean
}

export class Introducer implements Signaling {
  /** What the contact listens at. */
  readonly tags = new Set<string>()
  readonly #options: IntroducerOptions
  readonly #mailboxes = new Mailboxes((tag, isSubscribed) => this.#change(tag, isSubscribed))
  /** What the contact has not been told yet. */
  #changes = new Map<string, { readonly tag: Uint8Array; readonly isSubscribed: boolean }>()

  constructor(options: IntroducerOptions) {
    this.#options = options
  }

  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    return this.#mailboxes.subscribe(tag, listener)
  }

  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#mailboxes.checkPublish(tag, packet)
    this.#tell()
    this.#send(signalVerbs.publish, tag, packet)
    return 0
  }

  /** Hands a packet of another contact on to this one. */
  deliver(tag: Uint8Array, packet: Uint8Array): void {
    this.#send(signalVerbs.deliver, tag, packet)
  }

  #send(verb: number, tag: Uint8Array, packet: Uint8Array): void {
    this.#options.send([recordKinds.signal, verb, tag, packet], maxWaitingSignalBytes)
  }

  /** The session is over. */
  async close(): Promise<void> {
    this.#mailboxes.close()
    this.#changes.clear()
  }

  /** Takes a record of the contact. @throws HandfastError `protocol` */
  take(record: Record): void {
    const [, verb] = record
    const isPacket = verb === signalVerbs.publish || verb === signalVerbs.deliver
    const fields = new Fields(record, isPacket ? 4 : 3, 'protocol')
    fields.any()
    fields.any()
    if (isPacket) {
      const [tag, packet] = [fields.bytes(tagBytes), fields.bytes(0, maxPacketBytes)]
      if (verb === signalVerbs.publish) this.#options.handOn(tag, packet)
      // What nobody listens at any more may still have been under way.
      else if (this.#options.takes()) this.#mailboxes.deliver(tag, packet.slice())
      return
    }
    const isSubscribed = verb === signalVerbs.subscribe
    if (!isSubscribed && verb !== signalVerbs.unsubscribe) fields.fail('verb')
    for (const key of fields.array(maxTagsPerRelayMessage, (tag) => tagKey(tag.bytes(tagBytes)))) {
      if (isSubscribed) this.tags.add(key)
      else this.tags.delete(key)
    }
    if (this.tags.size > maxSubscribedTags) fields.fail('tags')
  }

  /** Changes of one moment share a record. */
  #change(tag: Uint8Array, isSubscribed: boolean): void {
    if (this.#changes.size === 0) queueMicrotask(() => this.#tell())
    this.#changes.set(tagKey(tag), { tag, isSubscribed })
  }

  /** Those that leave first: the number of tags is bounded at every moment. */
  #tell(): void {
    const changes = [...this.#changes.values()]
    this.#changes.clear()
    for (const verb of [signalVerbs.unsubscribe, signalVerbs.subscribe]) {
      const tags = changes
        .filter(({ isSubscribed }) => isSubscribed === (verb === signalVerbs.subscribe))
        .map(({ tag }) => tag)
      while (tags.length > 0) {
        this.#options.send([recordKinds.signal, verb, tags.splice(0, maxTagsPerRelayMessage)])
      }
    }
  }
}
