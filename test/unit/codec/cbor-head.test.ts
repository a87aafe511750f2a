/** Heads agree with the encoder, at every bound. */

import { expect, test } from 'vitest'
import { decode, encode } from '../../../lib/codec/cbor.ts'
import { cborHead, headLength, majorType, writeHead } from '../../../lib/codec/head.ts'

const bounds = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1]

test('integers', () => {
  for (const value of bounds) {
    expect(cborHead(majorType.unsigned, value)).toEqual(encode(value))
    expect(headLength(value)).toBe(encode(value).length)
    expect(decode(cborHead(majorType.unsigned, value))).toBe(value)
  }
})

test('lengths of bytes, text and arrays', () => {
  for (const length of bounds.filter((each) => each <= 65_536)) {
    const start = headLength(length)
    expect(cborHead(majorType.bytes, length)).toEqual(
      encode(new Uint8Array(length)).subarray(0, start),
    )
    expect(cborHead(majorType.text, length)).toEqual(encode('x'.repeat(length)).subarray(0, start))
    expect(cborHead(majorType.array, length)).toEqual(
      encode(Array.from({ length }, () => 0)).subarray(0, start),
    )
  }
})

test('writing in place touches nothing else', () => {
  const target = new Uint8Array(5).fill(0xee)
  expect(writeHead(target, 1, majorType.array, 500)).toBe(4)
  expect([...target]).toEqual([0xee, 0x99, 1, 0xf4, 0xee])
})

test('refuses what is no unsigned 32-bit integer', () => {
  for (const value of [-1, 1.5, 2 ** 32, NaN, Infinity]) {
    expect(() => cborHead(majorType.bytes, value)).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  }
})
