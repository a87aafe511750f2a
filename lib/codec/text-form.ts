/**
 * Bytes that people hand over: four characters that say what it is, then base32 (RFC 4648, section 6, without padding). Written in lower
 * case, read without regard to it, and from a link that has it in its fragment.
 */

import { base32nopad } from '@scure/base'
import { failAs, HandfastError, type ErrorCode } from '../base/errors.ts'

export interface TextForm {
  write(bytes: Uint8Array): string
  /** What `parse` makes of the bytes. Whatever is wrong with either has the code and the message of this form. */
  read<T>(text: string, parse: (bytes: Uint8Array) => T): T
}

export const textForm = (
  prefix: string,
  maxBytes: number,
  code: ErrorCode,
  message: string,
): TextForm => ({
  write: (bytes) => prefix + base32nopad.encode(bytes).toLowerCase(),
  read(text, parse) {
    const candidate = text.trim().split('#').at(-1)!.toLowerCase()
    const base32 = candidate.slice(prefix.length).toUpperCase()
    if (!candidate.startsWith(prefix) || base32.length > maxBytes * 2) {
      throw new HandfastError(code, message)
    }
    return failAs(code, () => parse(base32nopad.decode(base32)), message)
  },
})
