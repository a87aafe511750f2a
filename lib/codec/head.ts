/**
 * Heads of CBOR items (RFC 8949, section 3), always the shortest, for structures that are put together from parts
 * already encoded.
 */

import { HandfastError } from '../base/errors.ts'

export const majorType = { unsigned: 0, bytes: 2, text: 3, array: 4 } as const

export type MajorType = (typeof majorType)[keyof typeof majorType]

/** Length in bytes of a head with that argument. */
export const headLength = (argument: number): number =>
  argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : 5

/**
 * Writes a head at `offset` and returns the offset after it. The argument (the integer itself, the length in bytes or
 * the number of items) is an integer below 2^32; an 8-byte integer would be read as a bigint.
 *
 * @throws HandfastError `invalid-argument`
 */
export function writeHead(
  target: Uint8Array,
  offset: number,
  major: MajorType,
  argument: number,
): number {
  if (argument >>> 0 !== argument) {
    throw new HandfastError('invalid-argument', 'CBOR argument is not an unsigned 32-bit integer')
  }
  const following = headLength(argument) - 1
  const info = following === 0 ? argument : following === 4 ? 26 : 23 + following
  target[offset] = (major << 5) | info
  for (let i = 0; i < following; i++) {
    target[offset + 1 + i] = argument >>> (8 * (following - 1 - i))
  }
  return offset + 1 + following
}

export function cborHead(major: MajorType, argument: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(headLength(argument))
  writeHead(head, 0, major, argument)
  return head
}
