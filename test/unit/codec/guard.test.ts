/** The guard: what it refuses, with which code and why, where its limits are, and that it stays fast on hostile bytes. */

import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../../lib/base/errors.ts'
import {
  maxCborDepth,
  maxCborItems,
  maxCborKeyBytes,
  maxMessageBytes,
} from '../../../lib/base/limits.ts'
import { guardCbor } from '../../../lib/codec/guard.ts'
import { quickest } from '../../support/fastest.ts'
import { fill, head, outcome, repeat, seeded, text, unhex } from './cbor-inputs.ts'

const guard = (...bytes: number[]) => guardAll(bytes)
const guardAll = (bytes: number[]) => outcome(() => guardCbor(Uint8Array.from(bytes)))

function expectRefused(bytes: Uint8Array, code: ErrorCode, reason: RegExp): void {
  expect(() => guardCbor(bytes)).toThrow(
    expect.objectContaining({
      name: 'HandfastError',
      code,
      message: expect.stringMatching(reason),
    }),
  )
}

describe('accepts', () => {
  test.each([
    '00',
    '17',
    '1818',
    '18ff',
    '190100',
    '19ffff',
    '1a00010000',
    '1affffffff',
    '1b0000000000000000',
    '1bffffffffffffffff',
    '3bffffffffffffffff',
    '20',
    '3818',
    '40',
    '4100',
    '60',
    '6161',
    '80',
    'a0',
    '820102',
    'a1616100',
    'a2616100616201',
    'f4',
    'f5',
    'f6',
    'f7',
    'f97e00',
    'fa7f800000',
    'fb7ff8000000000000',
    'c248 ffffffffffffffff',
    'c349 010000000000000000',
    `c257 ${'01'.repeat(23)}`,
    `c25818 ${'01'.repeat(24)}`,
    `c35820 ${'ff'.repeat(32)}`,
    'a2 6161 a1616100 6162 a1616100',
    '82 a1616100 a1616100',
    'a16b 636f6e7374727563746f72 00',
    '64 61efbbbf',
  ])('%s', (hex) => {
    expect(() => guardCbor(unhex(hex))).not.toThrow()
  })
})

describe('refuses', () => {
  test.each<[string, string, RegExp]>([
    ['nothing', '', /truncated/],
    ['bytes left over', '0000', /left over/],
    ['a break', 'ff', /indefinite/],
    ['indefinite byte string', '5f4100ff', /indefinite/],
    ['indefinite text', '7f6161ff', /indefinite/],
    ['indefinite array', '9fff', /indefinite/],
    ['indefinite map', 'bfff', /indefinite/],
    ['reserved heads', '1c', /reserved/],
    ['truncated integer', '1a000100', /truncated/],
    ['truncated double', 'fb00000000000000', /truncated/],
    ['truncated bytes', '4200', /truncated/],
    ['truncated array', '8200', /truncated/],
    ['truncated map', 'a16161', /truncated/],
    ['integer in two bytes that fits one', '1817', /shortest/],
    ['integer in three bytes that fits two', '1900ff', /shortest/],
    ['integer in five bytes that fits three', '1a0000ffff', /shortest/],
    ['negative integer likewise', '3817', /shortest/],
    ['length of bytes', '580100', /shortest/],
    ['length of text', '780161', /shortest/],
    ['length of array', '980100', /shortest/],
    ['length of map', 'b801616100', /shortest/],
    ['length in eight bytes', '5b000000000000000100', /shortest/],
    ['array length in eight bytes', '9b0000000100000000', /shortest/],
    ['tag in two bytes', `d80249${'01'.repeat(9)}`, /shortest/],
    ['simple value 16', 'f0', /simple/],
    ['simple value 19', 'f3', /simple/],
    ['simple value 24', 'f818', /simple/],
    ['false in two bytes', 'f814', /simple/],
    ['date tag', 'c100', /tag/],
    ['bytes tag', 'd84040', /tag/],
    ['shared reference tag', 'd81c80', /tag/],
    ['record tag', 'd9dfff80', /tag/],
    ['self-described tag', 'd9d9f700', /tag/],
    ['8-byte tag', 'db0000000000000002', /shortest/],
    ['empty bignum', 'c240', /bignum/],
    ['bignum of seven bytes', `c247${'01'.repeat(7)}`, /bignum/],
    ['bignum with leading zero', `c249${'00'.repeat(9)}`, /bignum/],
    ['bignum of 33 bytes', `c25821${'01'.repeat(33)}`, /bignum/],
    ['bignum length not shortest', `c25817${'01'.repeat(23)}`, /bignum/],
    ['bignum length in three bytes', `c2590020${'01'.repeat(32)}`, /bignum/],
    ['bignum whose head is of three bytes', `c259${'01'.repeat(25)}`, /bignum/],
    ['bignum of text', `c269${'61'.repeat(9)}`, /bignum/],
    ['bignum of indefinite bytes', `c25f49${'01'.repeat(9)}ff`, /bignum/],
    ['bignum of a bignum', `c2c249${'01'.repeat(9)}`, /bignum/],
    ['bignum of nothing', 'c2', /bignum/],
    ['truncated bignum', `c249${'01'.repeat(8)}`, /truncated/],
    ['truncated long bignum', 'c258', /bignum/],
    ['integer key', 'a10000', /not text/],
    ['byte string key', 'a1416100', /not text/],
    ['tagged key', `a1c249${'01'.repeat(9)}00`, /not text/],
    ['null key', 'a1f600', /not text/],
    ['array key', 'a18000', /not text/],
    ['second key not text', 'a261610000', /not text/],
    ['duplicate key', 'a2616100616101', /duplicate/],
    ['duplicate empty key', 'a260006001', /duplicate/],
    ['duplicate key after a nested map', 'a26161a1616100616101', /duplicate/],
    ['__proto__', 'a1695f5f70726f746f5f5f00', /not allowed/],
    ['__proto__ nested', '81a16161a1695f5f70726f746f5f5fa0', /not allowed/],
    ['byte order mark', '63efbbbf', /text/],
    ['byte order mark and more', '64efbbbf61', /text/],
    ['byte order mark in a key', 'a163efbbbf00', /text/],
  ])('%s', (_, hex, reason) => {
    expectRefused(unhex(hex), 'bad-encoding', reason)
  })

  test('a duplicate among many keys, wherever it is', () => {
    for (const size of [2, 8, 9, 30, 1000]) {
      const keys = Array.from({ length: size }, (_, i) => `key ${i}`)
      const map = (names: string[]) => [
        ...head(5, names.length),
        ...names.flatMap((n) => [...text(n), 0]),
      ]
      expect(guard(...map(keys))).toBe('ok')
      expectRefused(
        Uint8Array.from(map([...keys.slice(1), keys.at(-1)!])),
        'bad-encoding',
        /duplicate/,
      )
      expectRefused(Uint8Array.from(map([...keys.slice(1), keys[1]!])), 'bad-encoding', /duplicate/)
    }
  })

  test('declared lengths far beyond the input, at once and without allocating', () => {
    const before = process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers
    for (const start of [
      '9affffffff',
      'baffffffff',
      '5affffffff',
      '7affffffff',
      '9a7fffffff00',
      'ba7fffffff6000',
    ]) {
      const bytes = unhex(start)
      const elapsedMs = quickest(200, () => {
        for (let i = 0; i < 2_000; i++) expectOutcome(bytes)
      })
      expect(elapsedMs).toBeLessThan(200)
    }
    const after = process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers
    expect(after - before).toBeLessThan(64 * 1024 * 1024)

    function expectOutcome(bytes: Uint8Array): void {
      if (outcome(() => guardCbor(bytes)) !== 'bad-encoding') throw new Error('accepted')
    }
  })

  test('nested declared lengths that add up to more than the input', () => {
    const bytes = new Uint8Array(65_536)
    for (let i = 0; i < 60; i++) bytes.set([0x99, 0xff, 0x00], 3 * i)
    expectRefused(bytes, 'bad-encoding', /truncated/)
  })
})

describe('UTF-8 agrees with TextDecoder', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  function expectAgreement(bytes: number[]): void {
    let valid = true
    try {
      valid = !decoder.decode(Uint8Array.from(bytes)).startsWith('\uFEFF')
    } catch {
      valid = false
    }
    const found = guard(...head(3, bytes.length), ...bytes)
    if (found !== (valid ? 'ok' : 'bad-encoding')) expect.fail(`${bytes.join(' ')}: ${found}`)
  }

  test('all of one and two bytes', () => {
    for (let a = 0; a < 256; a++) {
      expectAgreement([a])
      for (let b = 0x70; b < 256; b++) expectAgreement([a, b])
    }
  })

  test('lead bytes with continuations around their bounds', () => {
    const bounds = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbe, 0xbf, 0xc0, 0xff]
    for (let a = 0xc0; a < 256; a++) {
      for (const b of bounds) {
        for (const c of bounds) {
          expectAgreement([a, b, c])
          for (const d of bounds) expectAgreement([a, b, c, d])
          expectAgreement([0x61, a, b, c, 0x61])
        }
      }
    }
  })

  test('20,000 random sequences', () => {
    const random = seeded(1)
    const pieces = ['a', 'é', '€', '😀', '\uFEFF', '\uFFFF', '\u{10FFFF}', '\uD7FF', '\uE000']
    for (let i = 0; i < 20_000; i++) {
      const some = Array.from(
        { length: 4 },
        () => pieces[Math.floor(random() * pieces.length)],
      ).join('')
      const bytes = [...new TextEncoder().encode(some)]
      if (random() < 0.7) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      expectAgreement(bytes)
    }
  })
})

describe('sequences', () => {
  test('none, one and several items', () => {
    for (const hex of ['', '00', '000102', '8200010180', '1b0000000000000001 6161']) {
      expect(() => guardCbor(unhex(hex), true)).not.toThrow()
    }
  })

  test('every item must be complete and allowed', () => {
    for (const hex of ['0018', '0082', '00c100', '8101ff', '00a2616100616100']) {
      expect(outcome(() => guardCbor(unhex(hex), true))).toBe('bad-encoding')
    }
  })
})

describe('limits', () => {
  test('depth', () => {
    expect(guard(...repeat(maxCborDepth, 0x81), 0)).toBe('ok')
    expect(guard(...repeat(maxCborDepth + 1, 0x81), 0)).toBe('too-large')
    expect(guard(...repeat(maxCborDepth, 0xa1, 0x60), 0)).toBe('ok')
    expect(guard(...repeat(maxCborDepth + 1, 0xa1, 0x60), 0)).toBe('too-large')
    expect(guard(0x98, 100, ...repeat(100, 0x81, 0x80))).toBe('ok')
  })

  test('items: a frame never reaches it, 4 MiB of single bytes do', () => {
    const array = (length: number) => guardAll([...head(4, length), ...repeat(length, 0)])
    expect(array(maxCborItems - 1)).toBe('ok')
    expect(array(maxCborItems)).toBe('too-large')
    const frame = Uint8Array.from(repeat(65_519, 0x40))
    expect(outcome(() => guardCbor(frame, true))).toBe('ok')
    expect(outcome(() => guardCbor(new Uint8Array(maxCborItems), true))).toBe('ok')
    expect(outcome(() => guardCbor(new Uint8Array(maxCborItems + 1), true))).toBe('too-large')
  })

  test('byte strings count for four', () => {
    const array = (length: number) => guardAll([...head(4, length), ...repeat(length, 0x40)])
    expect(array(maxCborItems / 4 - 1)).toBe('ok')
    expect(array(maxCborItems / 4)).toBe('too-large')
  })

  test('keys that are array indices count for the places that engines reserve', () => {
    const maps = (count: number, key: string) =>
      guardAll([...head(4, count), ...repeat(count, 0xa1, ...text(key), 0)])
    expect(maps(500, '1000')).toBe('ok')
    expect(maps(5_000, '1000')).toBe('too-large')
    expect(maps(5_000, '42161')).toBe('ok')
    const dense = Array.from({ length: 10_000 }, (_, i) => [...text(String(i)), 0]).flat()
    expect(guardAll([...head(5, 10_000), ...dense])).toBe('ok')
  })

  test('key length', () => {
    expect(guard(0xa1, ...text('k'.repeat(maxCborKeyBytes)), 0)).toBe('ok')
    expect(guard(0xa1, ...text('k'.repeat(maxCborKeyBytes + 1)), 0)).toBe('too-large')
  })

  test('bytes', () => {
    const bytes = new Uint8Array(maxMessageBytes + 1)
    bytes.set(head(2, maxMessageBytes - 5))
    expect(outcome(() => guardCbor(bytes.subarray(0, maxMessageBytes)))).toBe('ok')
    bytes.set(head(2, maxMessageBytes - 4))
    expect(outcome(() => guardCbor(bytes))).toBe('too-large')
  })
})

describe('hostile shapes are refused or passed within 10 ms per 64 KiB', () => {
  const size = 65_536
  test.each<[string, string, Uint8Array]>([
    ['100,000 arrays inside each other', 'too-large', new Uint8Array(100_000).fill(0x81)],
    ['100,000 maps inside each other', 'too-large', Uint8Array.from(repeat(100_000, 0xa1, 0x60))],
    ['100,000 maps as keys', 'bad-encoding', new Uint8Array(100_000).fill(0xa1)],
    ['100,000 tags', 'bad-encoding', new Uint8Array(100_000).fill(0xc2)],
    ['100,000 indefinite arrays', 'bad-encoding', new Uint8Array(100_000).fill(0x9f)],
    [
      'a bignum of 256 KiB',
      'bad-encoding',
      Uint8Array.from([0xc2, 0x5a, 0, 4, 0, 0, ...repeat(262_144, 255)]),
    ],
    ['many different keys', 'ok', fill(size, 5, (i) => [...text(i.toString(36)), 0])],
    ['one key over and over', 'bad-encoding', fill(size, 5, () => [0x61, 0x61, 0])],
    ['keys that differ at the end', 'ok', fill(size, 5, (i) => [...text('k'.repeat(200) + i), 0])],
    [
      'keys that differ at the start',
      'ok',
      fill(size, 5, (i) => [...text(i + 'k'.repeat(200)), 0]),
    ],
    [
      'keys that are multiples of 2^16',
      'ok',
      fill(size, 5, (i) => [...text(String(i * 65_536)), 0]),
    ],
    [
      'keys that are multiples of 2^12',
      'ok',
      fill(size, 5, (i) => [...text(String(i * 4_096)), 0]),
    ],
    [
      'one duplicate at the end',
      'bad-encoding',
      fill(size, 5, (i) => [...text(String(i % 5_000) + 'k'), 0]),
    ],
    ['empty maps', 'ok', fill(size, 4, () => [0xa0])],
    ['keys that reserve memory', 'too-large', fill(size, 4, () => [0xa1, ...text('1000'), 0])],
    [
      'maps of eight keys',
      'ok',
      fill(size, 4, (i) => [0xa8, ...repeat(8, 0).flatMap((_, k) => [...text(`${i}.${k}`), 0])]),
    ],
  ])('%s', (_, expected, bytes) => {
    const allowedMs = Math.max(10, (10 * bytes.length) / size)
    expect(outcome(() => guardCbor(bytes))).toBe(expected)
    expect(quickest(allowedMs, () => outcome(() => guardCbor(bytes)))).toBeLessThan(allowedMs)
  })
})
