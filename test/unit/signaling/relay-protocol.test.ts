import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  maxPacketBytes,
  maxRelayMessageBytes,
  maxTagsPerRelayMessage,
} from '../../../lib/base/limits.ts'
import { type CborValue, encode } from '../../../lib/codec/cbor.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import {
  type ClientMessage,
  encodeRelayMessage,
  parseClientMessage,
  parseRelayMessage,
  readDelivery,
  type RelayMessage,
} from '../../../lib/signaling/relay-protocol.ts'

const tag = new Uint8Array(16).fill(5)
const coded = (code: string) => expect.objectContaining({ name: 'HandfastError', code })

const clientMessages: ClientMessage[] = [
  [verb.subscribe, []],
  [verb.subscribe, Array.from({ length: maxTagsPerRelayMessage }, () => tag)],
  [verb.unsubscribe, [tag, tag]],
  [verb.publish, 0, tag, new Uint8Array(0)],
  [verb.publish, 0xffff_ffff, tag, new Uint8Array(maxPacketBytes)],
]

const relayMessages: RelayMessage[] = [
  [verb.welcome, 1, 1_700_000_000],
  [verb.published, 7, 0],
  [verb.deliver, tag, Uint8Array.of(1, 2, 3)],
]

describe('relay protocol', () => {
  test('messages come back as they were', () => {
    for (const message of clientMessages) {
      expect(parseClientMessage(encodeRelayMessage(message))).toEqual(message)
    }
    for (const message of relayMessages) {
      expect(parseRelayMessage(encodeRelayMessage(message))).toEqual(message)
    }
  })

  test('the bytes are those of the specification', () => {
    const hex = Buffer.from(encodeRelayMessage([verb.publish, 1, tag, Uint8Array.of(0xaa)]))
    expect(hex.toString('hex')).toBe(`84030150${'05'.repeat(16)}41aa`)
  })

  test('neither side takes the messages of the other', () => {
    for (const message of clientMessages) {
      expect(() => parseRelayMessage(encodeRelayMessage(message))).toThrow(coded('bad-encoding'))
    }
    for (const message of relayMessages) {
      expect(() => parseClientMessage(encodeRelayMessage(message))).toThrow(coded('bad-encoding'))
    }
  })

  const malformed: [string, CborValue][] = [
    ['no array', 1],
    ['a map', { 0: 1, 1: [] }],
    ['null', null],
    ['an empty array', []],
    ['an unknown verb', [9, []]],
    ['a verb as text', ['subscribe', []]],
    ['a verb as bigint', [1n, []]],
    ['a missing field', [verb.publish, 1, tag]],
    ['a field too many', [verb.subscribe, [], 1]],
    ['tags that are no array', [verb.subscribe, tag]],
    ['a short tag', [verb.subscribe, [tag.subarray(1)]]],
    ['a long tag', [verb.publish, 1, new Uint8Array(17), tag]],
    ['a tag as text', [verb.subscribe, ['0123456789abcdef']]],
    ['a negative id', [verb.publish, -1, tag, tag]],
    ['a fractional id', [verb.publish, 0.5, tag, tag]],
    ['an id beyond 32 bits', [verb.publish, 2 ** 32, tag, tag]],
    ['a packet as text', [verb.publish, 1, tag, 'packet']],
    ['a packet as null', [verb.publish, 1, tag, null]],
  ]
  test.each(malformed)('refuses %s', (_name, value) => {
    expect(() => parseClientMessage(encode(value))).toThrow(coded('bad-encoding'))
  })

  test('refuses what is too large', () => {
    const tags = Array.from({ length: maxTagsPerRelayMessage + 1 }, () => tag)
    const packet = new Uint8Array(maxPacketBytes + 1)
    for (const value of [
      [verb.subscribe, tags],
      [verb.unsubscribe, tags],
      [verb.publish, 1, tag, packet],
    ]) {
      expect(() => parseClientMessage(encode(value))).toThrow(coded('too-large'))
    }
    expect(() => parseRelayMessage(encode([verb.deliver, tag, packet]))).toThrow(coded('too-large'))
    const oversized = new Uint8Array(maxRelayMessageBytes + 1)
    expect(() => parseClientMessage(oversized)).toThrow(coded('too-large'))
  })

  test('refuses every truncation and anything appended', () => {
    const bytes = encodeRelayMessage([verb.publish, 1, tag, Uint8Array.of(1, 2)])
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseClientMessage(bytes.subarray(0, length))).toThrow(coded('bad-encoding'))
    }
    expect(() => parseClientMessage(Uint8Array.of(...bytes, 0))).toThrow(coded('bad-encoding'))
  })

  test('any bytes give a value or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const parse of [parseClientMessage, parseRelayMessage]) {
          try {
            parse(bytes)
          } catch (error) {
            expect(error).toMatchObject({ name: 'HandfastError' })
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a delivery read where it lies', () => {
  /** The same as the decoder makes of it, or nothing. */
  const parsed = (bytes: Uint8Array): unknown => {
    try {
      const message = parseRelayMessage(bytes)
      return message[0] === verb.deliver ? message.slice(1) : undefined
    } catch {
      return undefined
    }
  }
  const sizes = [0, 1, 23, 24, 255, 256, 257, 700, maxPacketBytes - 1, maxPacketBytes]
  const deliveries = sizes.map((size) =>
    encodeRelayMessage([verb.deliver, tag, new Uint8Array(size).fill(7)]),
  )

  test('is what the decoder makes of it, in every size', () => {
    deliveries.forEach((bytes, n) => {
      expect(readDelivery(bytes)).toEqual([tag, new Uint8Array(sizes[n]!).fill(7)])
    })
    for (const message of relayMessages.slice(0, 2)) {
      expect(readDelivery(encodeRelayMessage(message))).toBeUndefined()
    }
  })

  test('is nothing where the decoder refuses it: cut off, with more behind it, altered', () => {
    const large = encode([verb.deliver, tag, new Uint8Array(maxPacketBytes + 1)])
    expect(readDelivery(large)).toBeUndefined()
    for (const bytes of deliveries.slice(0, 6)) {
      for (let length = 0; length < bytes.length; length++) {
        expect(readDelivery(bytes.subarray(0, length))).toBeUndefined()
      }
      expect(readDelivery(Uint8Array.of(...bytes, 0))).toBeUndefined()
      for (let bit = 0; bit < 24 * 8; bit++) {
        const altered = bytes.slice()
        altered[bit >> 3]! ^= 1 << (bit & 7)
        expect(readDelivery(altered)).toEqual(parsed(altered))
      }
    }
  })

  test('heads longer than they need be are refused by both', () => {
    const head = (...bytes: number[]) => Uint8Array.of(0x83, 5, 0x50, ...tag, ...bytes)
    for (const bytes of [
      head(0x58, 1, 7),
      head(0x59, 0, 1, 7),
      head(0x5a, 0, 0, 0, 1, 7),
      head(0x5b, 0, 0, 0, 0, 0, 0, 0, 1, 7),
      head(0x5f, 0x41, 7, 0xff),
    ]) {
      expect([readDelivery(bytes), parsed(bytes)]).toEqual([undefined, undefined])
    }
  })

  test('whatever the bytes, it never says other than the decoder', () => {
    const start = fc.constant(Uint8Array.of(0x83, 5, 0x50, ...tag))
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 40 }), (first, rest) => {
        const bytes = Uint8Array.of(...first, ...rest)
        expect(readDelivery(bytes)).toEqual(parsed(bytes))
      }),
    )
  })
})
