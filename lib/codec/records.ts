/** Records as they are decoded, and the heads of CBOR items (RFC 8949) for those that are written by hand. */

import { HandfastError } from '../base/errors.ts'

/** A record as decoded: an array whose first item is its kind. */
export type Record = readonly [kind: number, ...fields: unknown[]]

/** Says that the other side of a session broke the protocol: the session ends. */
export const malformed = () => new HandfastError('protocol')

/** Bytes of the CBOR head for the argument `n`. */
export function headBytes(n: number): number {
  return n < 24 ? 1 : n < 0x100 ? 2 : n < 0x1_0000 ? 3 : n < 0x1_0000_0000 ? 5 : 9
}

/** Writes a CBOR head at `offset` and returns the offset behind it. */
export function putHead(into: Uint8Array, offset: number, majorType: number, n: number): number {
  const following = headBytes(n) - 1
  into[offset] = (majorType << 5) | (following ? 24 + Math.log2(following) : n)
  // What is stored is rounded down and taken modulo 256.
  for (let i = following, rest = n; i > 0; i--, rest /= 256) into[offset + i] = rest
  return offset + following + 1
}
