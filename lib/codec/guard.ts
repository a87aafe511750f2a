/**
 * The guard in front of the CBOR decoder: one pass over the bytes, no recursion, nothing allocated from a declared
 * length, time linear in the input. What it accepts is the subset of RFC 8949 that Handfast speaks:
 *
 * - definite lengths; the shortest head for every length, tag and integer. An 8-byte integer is a bigint of any
 *   value, so `5` and `5n` stay apart
 * - maps with text keys only, none twice, none `__proto__` (assigning it reaches an object's prototype)
 * - text in valid UTF-8 (RFC 3629) that doesn't begin with U+FEFF, which the decoder would strip as a byte order mark
 * - bignums of 8 to 32 bytes without a leading zero; no other tag (`tags.ts`)
 * - false, true, null, undefined and floats of any width; no other simple value
 */

import { HandfastError } from '../base/errors.ts'
import {
  maxBigintBytes,
  maxCborDepth,
  maxCborItems,
  maxCborKeyBytes,
  maxMessageBytes,
} from '../base/limits.ts'
import { negativeBignumTag, unsignedBignumTag } from './tags.ts'

/** A `Uint8Array` costs engines 200 bytes, several times another item. */
const itemsPerByteString = 4

/**
 * Engines keep properties that are array indices in a flat array and reserve half as much again beyond the index, unless
 * it lies some 1,000 past the array's end: `{1000: 0}` takes 12 KB. Four reserved places count as one item.
 */
const maxIndexGap = 1_024
const slotsPerItem = 4

/** A map that is being read. */
interface OpenMap {
  readonly keys: Set<string>
  reservedSlots: number
}

export const bad = (what: string) => new HandfastError('bad-encoding', `CBOR: ${what}`)
export const tooLarge = (what: string) => new HandfastError('too-large', `CBOR: ${what}`)

function checkUtf8(bytes: Uint8Array, start: number, end: number): void {
  let position = start
  while (position < end) {
    const first = bytes[position++]!
    if (first < 0x80) continue
    const following = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
    const next = position + following
    let codePoint = first & (0x3f >> following)
    let valid = first >= 0xc2 && first < 0xf8 && next <= end
    while (position < next) {
      const byte = bytes[position++]!
      valid &&= byte >> 6 === 2
      codePoint = (codePoint << 6) | (byte & 0x3f)
    }
    const isSurrogate = codePoint >> 11 === 0x1b
    const isByteOrderMark = codePoint === 0xfeff && position === start + 3
    const lowest = following === 1 ? 0x80 : following === 2 ? 0x800 : 0x10000
    if (!valid || codePoint < lowest || codePoint > 0x10ffff || isSurrogate || isByteOrderMark) {
      throw bad('invalid text')
    }
  }
}

/** Returns the items that the key counts for besides its own. */
function checkKey(map: OpenMap, bytes: Uint8Array): number {
  if (bytes.length > maxCborKeyBytes) throw tooLarge('map key too long')
  const key = String.fromCharCode.apply(null, bytes as never)
  if (key === '__proto__' || map.keys.has(key)) throw bad('map key duplicate or not allowed')
  map.keys.add(key)
  const index = bytes[0]! >= 0x30 && bytes[0]! <= 0x39 ? Number(key) : -1
  const reserved = map.reservedSlots
  if (!(index >= reserved && index <= reserved + maxIndexGap)) return 0
  map.reservedSlots = Math.ceil(index * 1.5) + 16
  return (map.reservedSlots - reserved) / slotsPerItem
}

/**
 * Returns normally if `bytes` are one item that `cbor-x` may see, or, with `sequence`, a CBOR sequence (RFC 8742) of
 * none or more. Throws `HandfastError`: `too-large` beyond a limit of `limits.ts`, `bad-encoding` for all else.
 */
export function guardCbor(bytes: Uint8Array, sequence = false): void {
  const end = bytes.length
  if (end > maxMessageBytes) throw tooLarge('too many bytes')
  let position = 0
  let items = 0
  // The container being read: how many items it still misses and whether it is a map. The outer ones are stacked.
  let missing = sequence ? end : 1
  let map: OpenMap | undefined
  const outer: { missing: number; map: OpenMap | undefined }[] = []

  for (;;) {
    if (items > maxCborItems) throw tooLarge('too many items')
    while (missing === 0 && outer.length > 0) ({ missing, map } = outer.pop()!)
    if (outer.length === 0 && (missing === 0 || (sequence && position === end))) break
    if (position >= end) throw bad('truncated')
    items++

    const isKey = map !== undefined && missing % 2 === 0
    missing--
    const initial = bytes[position++]!
    const major = initial >> 5
    let argument = initial & 31
    if (isKey && major !== 3) throw bad('map key is not text')

    const size = argument < 24 ? 0 : argument < 28 ? 1 << (argument - 24) : Infinity
    if (size > end - position) throw bad(argument > 27 ? 'indefinite or reserved' : 'truncated')
    if (major === 7 && (size === 1 || argument < 20)) throw bad('simple value not allowed')
    if (major === 7 || (size === 8 && major < 2)) {
      position += size
      continue
    }
    if (size > 0) {
      argument = 0
      for (let i = 0; i < size; i++) argument = argument * 256 + bytes[position++]!
      if (size === 8 || argument < (size === 1 ? 24 : 256 ** (size / 2))) {
        throw bad('not in its shortest form')
      }
    }

    if (major < 2) continue
    if (major === 6) {
      if (argument !== unsignedBignumTag && argument !== negativeBignumTag) {
        throw bad('tag not allowed')
      }
      // A byte string's head: one byte, or 0x58 and the length from 24 on. 8 bytes would fit a plain integer, but
      // cbor-x writes -(2^64) like this.
      const head = bytes[position++]!
      const isLong = head === 0x58
      const length = isLong ? bytes[position++]! : head - 0x40
      const isValid = length >= 8 && length <= maxBigintBytes && length > 23 === isLong
      if (!isValid || bytes[position] === 0) throw bad('bignum malformed')
      position += length
      if (position > end) throw bad('truncated')
      continue
    }
    if (argument > (end - position) / (major === 5 ? 2 : 1)) throw bad('truncated')
    if (major > 3) {
      if (outer.push({ missing, map }) > maxCborDepth) throw tooLarge('nested too deeply')
      missing = major === 5 ? argument * 2 : argument
      map = major === 5 ? { keys: new Set(), reservedSlots: 0 } : undefined
      continue
    }
    const start = position
    position += argument
    if (major === 2) items += itemsPerByteString - 1
    else checkUtf8(bytes, start, position)
    if (isKey) items += checkKey(map!, bytes.subarray(start, position))
  }
  if (position !== end) throw bad('bytes left over')
}
