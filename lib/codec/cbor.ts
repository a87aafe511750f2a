/**
 * CBOR (RFC 8949): values to bytes and back. `cbor-x` does the work; it never sees bytes that the guard has not
 * passed, nor a value that would not come back the same. What is accepted both ways:
 *
 * | JavaScript | CBOR |
 * |---|---|
 * | number | integer up to 32 bits, else float64; `-0` becomes `0` |
 * | bigint, at most 256 bits and a sign | 8-byte integer, else bignum |
 * | string without lone surrogates or a leading U+FEFF | text |
 * | `Uint8Array` | byte string; comes back as a copy of its own |
 * | array; a hole becomes `undefined` | array |
 * | plain object, own enumerable string keys except `__proto__`; `undefined` values are kept | map with text keys |
 * | `true`, `false`, `null`, `undefined` | the same |
 *
 * All else (dates, `Map`, `Set`, class instances, other typed arrays, functions, symbols, cycles) is refused, as are
 * maps with keys that are not text.
 */

import { Encoder } from 'cbor-x/index-no-eval'
import { HandfastError, type ErrorCode } from '../base/errors.ts'
import { maxBigintBytes, maxCborDepth, maxCborItems, maxMessageBytes } from '../base/limits.ts'
import { bad, guardCbor, tooLarge } from './guard.ts'

/** What a message can be. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue }

const options = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
}

const coder = /* @__PURE__ */ new Encoder({ ...options, copyBuffers: true })

/** Leaves byte strings where they are. */
const viewer = /* @__PURE__ */ new Encoder(options)

/** `encode` option of cbor-x: write at the same place of its buffer every time. */
const resetBufferMode = 1024

const encodeInPool = coder.encode as (value: unknown, options: number) => Uint8Array

const bigintBits = BigInt(8 * maxBigintBytes)

/**
 * One walk over a value to be encoded: refuses the kinds that have no CBOR here, and whatever would keep cbor-x busy
 * without end. Functions and symbols it refuses itself; the rest shows in the bytes, and the guard finds it there.
 */
function inspect(value: unknown, depth: number, spent: { items: number; bytes: number }): void {
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) throw bad('lone surrogate')
  if (typeof value === 'bigint' && (value < 0n ? ~value : value) >> bigintBits) {
    throw bad('bigint beyond 256 bits')
  }
  const isBytes = value instanceof Uint8Array
  if (isBytes || typeof value === 'string') spent.bytes += value.length
  if (++spent.items > maxCborItems || spent.bytes > maxMessageBytes) throw tooLarge('too much')
  if (typeof value !== 'object' || value === null || isBytes) return

  if (depth === maxCborDepth) throw bad('cyclic or nested too deeply')
  let items = value as unknown[]
  if (!Array.isArray(value) || value.constructor !== Array) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype && prototype !== Object.prototype) throw bad('not a plain object or array')
    items = Object.entries(value).flat()
  }
  for (const item of items) inspect(item, depth + 1, spent)
}

/** Gives every error of `run` the code that its caller promises, unless it is `too-large`. */
function withCode<T>(code: ErrorCode, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    const { code: given, message } = cause as HandfastError
    throw given === 'too-large' || given === code
      ? cause
      : new HandfastError(code, message, { cause })
  }
}

/**
 * Encodes one value into a buffer of its own, exactly as long as it is, or where `keep` puts it. The same value with its keys
 * in the same order gives the same bytes.
 *
 * @throws HandfastError `invalid-argument` for what can't be encoded, `too-large` beyond a limit of `limits.ts`.
 */
export const encode = (
  value: CborValue,
  keep: (bytes: Uint8Array) => Uint8Array<ArrayBuffer> = (bytes) => new Uint8Array(bytes),
): Uint8Array<ArrayBuffer> =>
  withCode('invalid-argument', () => {
    inspect(value, 0, { items: 0, bytes: 0 })
    const encoded = keep(encodeInPool(value, resetBufferMode))
    guardCbor(encoded)
    return encoded
  })

/** cbor-x leaves a property on what it decodes, and copies byte strings as the class it is given. */
const view = (bytes: Uint8Array) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

/**
 * Decodes exactly one item.
 *
 * @throws HandfastError `bad-encoding`, or `too-large` beyond a limit of `limits.ts`.
 */
export const decode = (bytes: Uint8Array): CborValue =>
  withCode('bad-encoding', () => {
    guardCbor(bytes)
    return coder.decode(view(bytes)) as CborValue
  })

/**
 * Decodes a CBOR sequence (RFC 8742): none or more items, one after the other. Its byte strings are views of `bytes`, unless they are to be
 * copied: a frame is full of them, and most are decoded once more.
 *
 * @throws HandfastError `bad-encoding`, or `too-large` beyond a limit of `limits.ts`, which count for the whole.
 */
export const decodeSequence = (bytes: Uint8Array, { copy = false } = {}): CborValue[] =>
  withCode('bad-encoding', () => {
    guardCbor(bytes, true)
    const decoder = copy ? coder : viewer
    return bytes.length === 0 ? [] : (decoder.decodeMultiple(view(bytes)) as CborValue[])
  })
