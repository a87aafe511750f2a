/** Byte arrays: joining, comparing, counting, and the text forms that keys use. */

import { base64urlnopad } from '@scure/base'

const utf8Encoder = new TextEncoder()

export const utf8 = (text: string): Uint8Array => utf8Encoder.encode(text)

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Equality of public bytes. Not constant-time: secrets are compared by libsodium. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytewise order: negative when `a` comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function u32be(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export const toBase64url = (bytes: Uint8Array): string => base64urlnopad.encode(bytes)

/** Throws a plain `Error` on text that is not canonical base64url. */
export const fromBase64url = (text: string): Uint8Array => base64urlnopad.decode(text)
