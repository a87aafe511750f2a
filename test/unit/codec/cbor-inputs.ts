/** CBOR inputs made by hand, and seeded randomness. */

import type { HandfastError } from '../../../lib/base/errors.ts'

export const unhex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** A head in its shortest form, written apart from the library's own. */
export function head(major: number, argument: number): number[] {
  if (argument < 24) return [(major << 5) | argument]
  if (argument < 0x100) return [(major << 5) | 24, argument]
  if (argument < 0x10000) return [(major << 5) | 25, argument >> 8, argument & 255]
  return [
    (major << 5) | 26,
    argument >>> 24,
    (argument >> 16) & 255,
    (argument >> 8) & 255,
    argument & 255,
  ]
}

export const text = (value: string): number[] => {
  const utf8 = new TextEncoder().encode(value)
  return [...head(3, utf8.length), ...utf8]
}

/** An array (or a map: then `item` gives pairs) with as many items as fit `size` bytes. */
export function fill(size: number, major: 4 | 5, item: (index: number) => number[]): Uint8Array {
  const content: number[] = []
  let count = 0
  for (;;) {
    const next = item(count)
    if (5 + content.length + next.length > size) break
    for (const byte of next) content.push(byte)
    count++
  }
  return Uint8Array.from([...head(major, count), ...content])
}

export const repeat = (count: number, ...bytes: number[]): number[] =>
  Array.from({ length: count }, () => bytes).flat()

/** mulberry32: uniform in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** `ok` or the code of the HandfastError; any other error goes on. An error of the decoder behind the guard counts as such. */
export function outcome(action: () => unknown): string {
  try {
    action()
    return 'ok'
  } catch (error) {
    const { name, code, cause } = error as HandfastError
    if (name !== 'HandfastError') throw error
    if (code === 'bad-encoding' && cause !== undefined) throw cause
    return code
  }
}
