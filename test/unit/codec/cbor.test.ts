/** CBOR both ways: what comes back is what went in, and what can't be is refused with the right code. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../../lib/base/errors.ts'
import {
  maxCborDepth,
  maxCborItems,
  maxCborKeyBytes,
  maxMessageBytes,
} from '../../../lib/base/limits.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { quickest } from '../../support/fastest.ts'
import { unhex } from './cbor-inputs.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function expectCode(code: ErrorCode, action: () => unknown): void {
  expect(action).toThrow(expect.objectContaining({ name: 'HandfastError', code }))
}

const refuses = (value: unknown, code: ErrorCode = 'invalid-argument') =>
  expectCode(code, () => encode(value as CborValue))

const allowedText = fc.string({ unit: 'binary' }).filter((text) => !text.startsWith('\uFEFF'))

const anyValue = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double().map((number) => number + 0),
    fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n - 1n }),
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
    allowedText,
    fc.string({ minLength: 60, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.array(tie('value')),
    fc.dictionary(
      allowedText.filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value

describe('round trip', () => {
  test('any allowed value comes back the same', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decode(encode(value))).toStrictEqual(value)
      }),
      { seed: 8949, numRuns: 3_000 },
    )
  })

  test('any values, one after the other, come back as a sequence', () => {
    fc.assert(
      fc.property(fc.array(anyValue), (values) => {
        const bytes = Buffer.concat(values.map((value) => encode(value)))
        expect(decodeSequence(bytes)).toStrictEqual(values)
      }),
      { seed: 8742, numRuns: 500 },
    )
  })

  test.each<[string, CborValue, string]>([
    ['a number', 5, '05'],
    ['a bigint of the same value', 5n, '1b0000000000000005'],
    ['a negative number', -5, '24'],
    ['a negative bigint', -5n, '3b0000000000000004'],
    ['2^32 - 1', 2 ** 32 - 1, '1affffffff'],
    ['2^32', 2 ** 32, 'fb41f0000000000000'],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, 'fb433fffffffffffff'],
    ['2^53 as bigint', 2n ** 53n, '1b0020000000000000'],
    ['2^64 - 1', 2n ** 64n - 1n, '1bffffffffffffffff'],
    ['2^64', 2n ** 64n, 'c249010000000000000000'],
    ['-(2^64)', -(2n ** 64n), 'c348ffffffffffffffff'],
    ['-(2^64) - 1', -(2n ** 64n) - 1n, 'c349010000000000000000'],
    ['the largest uint256', 2n ** 256n - 1n, `c25820${'ff'.repeat(32)}`],
    ['-(2^256)', -(2n ** 256n), `c35820${'ff'.repeat(32)}`],
    ['NaN', NaN, 'fb7ff8000000000000'],
    ['infinity', -Infinity, 'fbfff0000000000000'],
    ['bytes', Uint8Array.of(1, 2), '420102'],
    ['a property that is undefined', { a: undefined }, 'a16161f7'],
    ['keys that look like indices', { 1: 'x', '01': 'y' }, 'a2613161786230316179'],
    [
      'names of Object.prototype',
      { constructor: 1, toString: null },
      'a26b636f6e7374727563746f720168746f537472696e67f6',
    ],
    ['emoji', '😀', '64f09f9880'],
    ['U+FEFF inside', 'a\uFEFF', '6461efbbbf'],
  ])('%s', (_, value, expected) => {
    const bytes = encode(value)
    expect(hex(bytes)).toBe(expected)
    expect(decode(bytes)).toStrictEqual(value)
  })

  test('-0 becomes 0, a hole becomes undefined', () => {
    expect(Object.is(decode(encode(-0)), 0)).toBe(true)
    const holed: CborValue[] = [1]
    holed[2] = 2
    expect(decode(encode(holed))).toStrictEqual([1, undefined, 2])
  })

  test('long text of every width, whole messages and the same value twice', () => {
    const shared = { a: [1] }
    for (const value of [
      'é'.repeat(5_000),
      '€'.repeat(70_000),
      '😀'.repeat(100),
      'x'.repeat(maxMessageBytes - 5),
      [shared, shared],
    ]) {
      expect(decode(encode(value))).toStrictEqual(value)
    }
  })

  test('objects without a prototype come back as plain ones', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 }) as CborValue
    expect(decode(encode(bare))).toStrictEqual({ a: 1 })
  })

  test('the same value gives the same bytes', () => {
    expect(encode({ b: 1, a: [2n, 'x'] })).toEqual(encode({ b: 1, a: [2n, 'x'] }))
  })
})

describe('buffers', () => {
  test('encoded bytes have a buffer of their own, exactly as long', () => {
    for (const value of [1, 'text', new Uint8Array(100_000), { a: 1 }]) {
      const bytes = encode(value)
      expect(bytes.constructor).toBe(Uint8Array)
      expect(bytes.buffer.byteLength).toBe(bytes.length)
    }
    const first = encode('first')
    encode('other')
    expect(decode(first)).toBe('first')
  })

  test('byte strings are copies, of class Uint8Array, whatever class the input has', () => {
    const bytes = encode({ key: Uint8Array.of(1, 2, 3) })
    for (const source of [Buffer.from(bytes), Uint8Array.from(bytes)]) {
      const decoded = decode(source) as { key: Uint8Array }
      source.fill(0xff)
      expect(decoded.key).toStrictEqual(Uint8Array.of(1, 2, 3))
      expect(decoded.key.buffer.byteLength).toBe(3)
    }
  })

  test('byte strings of a sequence are views of it, of class Uint8Array', () => {
    const bytes = [...encode({ key: Uint8Array.of(1, 2, 3) }), ...encode(Uint8Array.of(9))]
    for (const source of [Buffer.from(bytes), Uint8Array.from(bytes)]) {
      const [first, second] = decodeSequence(source) as [{ key: Uint8Array }, Uint8Array]
      expect(first.key).toStrictEqual(Uint8Array.of(1, 2, 3))
      expect(second).toStrictEqual(Uint8Array.of(9))
      expect([first.key.buffer, second.buffer]).toEqual([source.buffer, source.buffer])
    }
  })

  test('a view into a larger buffer, which stays as it was', () => {
    const bytes = Uint8Array.from([0xff, 0x82, 1, 2, 0xff]).subarray(1, 4)
    expect(decode(bytes)).toEqual([1, 2])
    expect(Reflect.ownKeys(bytes)).toEqual(['0', '1', '2'])
  })

  test('a Buffer is encoded as bytes', () => {
    expect(decode(encode(Buffer.from('ab')))).toStrictEqual(Uint8Array.of(0x61, 0x62))
  })
})

describe('encode refuses', () => {
  class Point {
    x = 1
  }
  const cyclicArray: unknown[] = []
  cyclicArray.push(cyclicArray, cyclicArray)
  const cyclicObject: Record<string, unknown> = {}
  cyclicObject['self'] = { cyclicObject }

  test.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a method', { a() {} }],
    ['a Date', new Date(0)],
    ['a Map', new Map([['a', 1]])],
    ['a Set', new Set([1])],
    ['a RegExp', /a/],
    ['an Error', new Error('e')],
    ['a class instance', new Point()],
    ['an array of a subclass', new (class extends Array {})()],
    ['an array with another constructor', Object.assign([1], { constructor: Object })],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['other typed arrays', new Uint16Array(1)],
    ['clamped bytes', new Uint8ClampedArray(1)],
    ['a Promise', Promise.resolve(1)],
    ['a boxed number', Object(1)],
    ['an iterable object', { constructor: 1, [Symbol.iterator]: () => [][Symbol.iterator]() }],
    ['a bigint of 257 bits', 2n ** 256n],
    ['a negative bigint of 257 bits', -(2n ** 256n) - 1n],
    ['a bigint of a million bits', 2n ** 1_000_000n],
    ['a lone surrogate', 'a\uD800'],
    ['a lone surrogate in long text', 'x'.repeat(100) + '\uDC00'],
    ['a lone surrogate in a key', { '\uDFFF': 1 }],
    ['a byte order mark', '\uFEFFa'],
    ['a byte order mark in long text', `\uFEFF${'a'.repeat(100)}`],
    ['__proto__', JSON.parse('{"__proto__": 1}')],
    ['an array that contains itself', cyclicArray],
    ['an object that contains itself', cyclicObject],
  ])('%s', (_, value) => {
    refuses(value)
    refuses([{ nested: value }])
  })

  test('a huge bigint at once', () => {
    const huge = 2n ** 10_000_000n
    expect(quickest(100, () => refuses(huge))).toBeLessThan(100)
  })

  test('too deep, at the depth that decode refuses', () => {
    let value: CborValue = 1
    for (let i = 0; i < maxCborDepth; i++) value = i % 2 ? [value] : { a: value }
    expect(decode(encode(value))).toStrictEqual(value)
    refuses([value])
  })

  test('too large', () => {
    refuses('x'.repeat(maxMessageBytes), 'too-large')
    refuses('€'.repeat(maxMessageBytes / 2), 'too-large')
    refuses(new Uint8Array(maxMessageBytes), 'too-large')
    const many = (length: number, item: unknown) => Array.from({ length }, () => item)
    refuses(many(maxCborItems, 0), 'too-large')
    refuses(Object.assign([], { length: 2 ** 32 - 1 }), 'too-large')
    refuses(many(maxCborItems / 4, new Uint8Array(0)), 'too-large')
    refuses(many(1_000, 'x'.repeat(1_000_000)), 'too-large')
    refuses(many(5_000, { 1000: 1 }), 'too-large')
    refuses({ ['k'.repeat(maxCborKeyBytes + 1)]: 1 }, 'too-large')
    refuses({ ['€'.repeat(maxCborKeyBytes / 2)]: 1 }, 'too-large')
  })

  test('an object that changes while it is read', () => {
    let reads = 0
    refuses({
      get a() {
        return reads++ === 0 ? 1 : new Date(0)
      },
    })
    refuses({
      get a() {
        throw new Error('no')
      },
    })
    expect(decode(encode('still works'))).toBe('still works')
  })
})

describe('prototypes', () => {
  test('no input reaches one', () => {
    const before = [Object.prototype, Array.prototype, Function.prototype].map(Reflect.ownKeys)
    for (const bytes of [
      'a1695f5f70726f746f5f5fa168706f6c6c7574656401',
      'a16b636f6e7374727563746f72a16970726f746f74797065a168706f6c6c7574656401',
      'd9dfff83190100816168a0',
      'd81b826552656745787860',
    ]) {
      try {
        decode(unhex(bytes))
      } catch (error) {
        expect(error).toMatchObject({ name: 'HandfastError', code: 'bad-encoding' })
      }
      expect('polluted' in {}).toBe(false)
    }
    expect([Object.prototype, Array.prototype, Function.prototype].map(Reflect.ownKeys)).toEqual(
      before,
    )
  })

  test('keys named like members of Object.prototype are plain properties', () => {
    const decoded = decode(
      unhex('a26b636f6e7374727563746f72016e6861734f776e50726f706572747902'),
    ) as object
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(Object.entries(decoded)).toEqual([
      ['constructor', 1],
      ['hasOwnProperty', 2],
    ])
    expect(hex(encode(decoded as CborValue))).toBe(
      'a26b636f6e7374727563746f72016e6861734f776e50726f706572747902',
    )
  })
})

test('decode and decodeSequence give the guard’s codes', () => {
  expectCode('bad-encoding', () => decode(unhex('')))
  expectCode('bad-encoding', () => decode(unhex('0000')))
  expectCode('bad-encoding', () => decodeSequence(unhex('00c100')))
  expectCode('too-large', () => decode(new Uint8Array(maxMessageBytes + 1)))
  expectCode('too-large', () => decodeSequence(new Uint8Array(100_000).fill(0x81)))
  expect(decodeSequence(unhex(''))).toEqual([])
  expect(decodeSequence(unhex('01'))).toEqual([1])
})
