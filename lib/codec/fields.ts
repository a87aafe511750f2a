/**
 * Checks on decoded values: signed and sealed structures are CBOR arrays with fixed positions, and each position is parsed
 * once, here, into what the inside can trust.
 */

import { HandfastError, type ErrorCode } from '../base/errors.ts'

/** Reads the positions of one array; anything unexpected throws the error code given. */
export class Fields {
  readonly #values: unknown
  readonly #code: ErrorCode
  #position = 0

  constructor(value: unknown, length: number, code: ErrorCode) {
    this.#values = value
    this.#code = code
    if (!Array.isArray(value) || value.length !== length) this.fail('array length')
  }

  /** For a structure whose parts are consistent in form but not in meaning. */
  fail(what: string): never {
    throw new HandfastError(this.#code, `Malformed structure: ${what}`)
  }

  any(): unknown {
    return (this.#values as unknown[])[this.#position++]
  }

  bytes(minLength: number, maxLength = minLength): Uint8Array {
    const value = this.any()
    if (!(value instanceof Uint8Array) || value.length < minLength || value.length > maxLength)
      this.fail('bytes')
    return value
  }

  text(maxBytes: number): string {
    const value = this.any()
    if (typeof value !== 'string' || new TextEncoder().encode(value).length > maxBytes)
      this.fail('text')
    return value
  }

  /** A safe non-negative integer. */
  integer(min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const raw = this.any()
    const value = typeof raw === 'bigint' && raw <= BigInt(max) ? Number(raw) : raw
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      this.fail('integer')
    return value
  }

  /** The constant this position must hold, such as a version. */
  constant(expected: number): void {
    if (this.any() !== expected) this.fail('version')
  }

  array<T>(maxLength: number, item: (value: unknown) => T): T[] {
    const value = this.any()
    if (!Array.isArray(value) || value.length > maxLength) this.fail('array')
    return value.map(item)
  }

  /** `null`, or what `read` makes of the same position. */
  nullable<T>(read: () => T): T | null {
    if ((this.#values as unknown[])[this.#position] === null) {
      this.#position++
      return null
    }
    return read()
  }
}
