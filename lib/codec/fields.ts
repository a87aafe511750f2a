/**
 * Checks on decoded values: signed and sealed structures are CBOR arrays with fixed positions, and each position is parsed
 * once, here, into what the inside can trust.
 */

import { utf8 } from '../base/bytes.ts'
import { HandfastError, type ErrorCode } from '../base/errors.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'

/** Reads the positions of one array; anything unexpected throws the error code given. */
export class Fields {
  readonly #values: unknown[]
  readonly #code: ErrorCode
  #position = 0

  constructor(value: unknown, length: number, code: ErrorCode) {
    this.#code = code
    this.#values = Array.isArray(value) && value.length === length ? value : this.fail()
  }

  /** For a structure whose parts are consistent in form but not in meaning. */
  fail(what = 'form'): never {
    throw new HandfastError(this.#code, `Malformed: ${what}`)
  }

  any(): unknown {
    return this.#values[this.#position++]
  }

  bytes(minLength: number, maxLength = minLength): Uint8Array {
    const value = this.any()
    const isValid =
      value instanceof Uint8Array && value.length >= minLength && value.length <= maxLength
    return isValid ? value : this.fail()
  }

  text(maxBytes: number): string {
    const value = this.match(/^/) // any text
    return utf8(value).length <= maxBytes ? value : this.fail()
  }

  /** Text that `pattern` finds right. */
  match(pattern: RegExp): string {
    const value = this.any()
    return typeof value === 'string' && pattern.test(value) ? value : this.fail()
  }

  /** A safe non-negative integer. Only one beyond 32 bits may be a bigint, which is an integer of eight bytes. */
  integer(min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const raw = this.any()
    const value = typeof raw === 'bigint' && raw >> 32n ? Number(raw) : (raw as number)
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : this.fail()
  }

  /** The constant this position must hold, such as a version. */
  constant(expected: number): void {
    if (this.any() !== expected) this.fail()
  }

  /** An array of any length up to that; `read` gets each item as the one position of its own fields. */
  array<T>(maxLength: number, read: (item: Fields) => T): T[] {
    const value = this.any()
    if (!Array.isArray(value) || value.length > maxLength) this.fail()
    return Array.from(value as unknown[], (item) => read(new Fields([item], 1, this.#code)))
  }

  /** URLs that may be connected to. */
  relays(maxRelays: number): string[] {
    return this.array(maxRelays, (item) => {
      const url = item.match(/^/)
      return isAllowedRelayUrl(url) ? url : this.fail('relay')
    })
  }

  /** `null`, or what `read` makes of the same position. */
  nullable<T>(read: () => T): T | null {
    return this.#values[this.#position] === null ? (this.any() as null) : read()
  }
}
