/**
 * What a client and a relay say to each other: binary WebSocket messages, each one CBOR array that begins with a small
 * integer verb. Parsed strictly, once, into the very tuples they are; both sides use this file.
 *
 * A relay speaks first: `[welcome, version, now]`, its clock for comparison. Then a client sends `[subscribe, tags]`,
 * `[unsubscribe, tags]` and `[publish, id, tag, packet]`; the relay answers each publish with `[published, id, receivers]`,
 * in order, and sends `[deliver, tag, packet]` to the other subscribers of the tag. A publish of an empty packet to a
 * random tag asks whether the relay is there.
 */

import { HandfastError } from '../base/errors.ts'
import {
  maxPacketBytes,
  maxRelayMessageBytes,
  maxTagsPerRelayMessage,
  tagBytes,
} from '../base/limits.ts'
import { decode, encode } from '../codec/cbor.ts'
import * as verb from './relay-verbs.ts'

export const relayProtocolVersion = 1

export type ClientMessage =
  | readonly [verb: typeof verb.subscribe, tags: readonly Uint8Array[]]
  | readonly [verb: typeof verb.unsubscribe, tags: readonly Uint8Array[]]
  | readonly [verb: typeof verb.publish, id: number, tag: Uint8Array, packet: Uint8Array]

export type RelayMessage =
  | readonly [verb: typeof verb.welcome, version: number, nowUnixSeconds: number]
  | readonly [verb: typeof verb.published, id: number, receivers: number]
  | readonly [verb: typeof verb.deliver, tag: Uint8Array, packet: Uint8Array]

/** What a relay says with the code of its WebSocket close. */
export const closeCode = {
  /** The relay shuts down (the standard's "going away"): connect again after a while. */
  shutdown: 1001,
  /** A message was not one of the above. */
  malformed: 4400,
  /** Nothing was heard for too long, pings included. */
  idle: 4408,
  /** More was on its way to this client than the relay buffers. */
  slow: 4409,
  /** A packet, a list of tags, the number of tags or a nesting is over its limit. Messages over 64 KiB may get the standard's 1009. */
  tooLarge: 4413,
  /** Too many messages or bytes a second. */
  rate: 4429,
  /** No place for another connection, for another of this address, or for another tag. */
  full: 4503,
} as const

export const encodeRelayMessage = (message: ClientMessage | RelayMessage): Uint8Array =>
  encode(message)

/** @throws HandfastError `bad-encoding`, `too-large` */
export const parseClientMessage = (bytes: Uint8Array): ClientMessage =>
  parse(bytes, clientShapes) as unknown as ClientMessage

/** @throws HandfastError `bad-encoding`, `too-large` */
export const parseRelayMessage = (bytes: Uint8Array): RelayMessage =>
  parse(bytes, relayShapes) as unknown as RelayMessage

/**
 * The tag and the packet of a `[deliver, tag, packet]`, where they lie: most of what a relay says, and what a flood is made of. Nothing for any
 * other message, well made or not.
 */
export function readDelivery(
  bytes: Uint8Array,
): readonly [tag: Uint8Array, packet: Uint8Array] | undefined {
  if (bytes[0] !== 0x83 || bytes[1] !== verb.deliver || bytes[2] !== 0x40 + tagBytes)
    return undefined
  const tagEnd = 3 + tagBytes
  const head = bytes[tagEnd]! - 0x40
  // The one head that CBOR's shortest form has for each length.
  const size = head < 24 ? 0 : head - 23
  let length = size > 0 ? 0 : head
  for (let n = 1; n <= size; n++) length = length * 256 + bytes[tagEnd + n]!
  const start = tagEnd + 1 + size
  const isShortest = size === 0 ? head >= 0 : size === 1 ? length > 23 : size === 2 && length > 255
  if (!isShortest || length > maxPacketBytes || start + length !== bytes.length) return undefined
  return [bytes.subarray(3, tagEnd), bytes.subarray(start)]
}

type Check = (value: unknown) => boolean

const isUint32: Check = (value) => typeof value === 'number' && value >>> 0 === value
const isTag: Check = (value) => value instanceof Uint8Array && value.length === tagBytes
const isPacket: Check = (value) =>
  value instanceof Uint8Array && within(value.length, maxPacketBytes)
const isTags: Check = (value) =>
  Array.isArray(value) && within(value.length, maxTagsPerRelayMessage) && value.every(isTag)

type Shapes = ReadonlyMap<unknown, readonly Check[]>

const clientShapes: Shapes = /* @__PURE__ */ new Map([
  [verb.subscribe as number, [isTags]],
  [verb.unsubscribe, [isTags]],
  [verb.publish, [isUint32, isTag, isPacket]],
])

const relayShapes: Shapes = /* @__PURE__ */ new Map([
  [verb.welcome as number, [isUint32, isUint32]],
  [verb.published, [isUint32, isUint32]],
  [verb.deliver, [isTag, isPacket]],
])

function parse(bytes: Uint8Array, shapes: Shapes): unknown[] {
  within(bytes.length, maxRelayMessageBytes)
  const message = decode(bytes)
  if (Array.isArray(message)) {
    const checks = shapes.get(message[0])
    if (
      checks?.length === message.length - 1 &&
      checks.every((check, i) => check(message[i + 1]))
    ) {
      return message
    }
  }
  throw new HandfastError('bad-encoding')
}

function within(size: number, limit: number): true {
  if (size > limit) throw new HandfastError('too-large')
  return true
}
