/**
 * Assembles one frame's plaintext: whole records while there is room, then a piece of what is too large. The buffer is reused,
 * since sealing copies it.
 */

import * as recordKinds from '../codec/record-kinds.ts'
import { headBytes, putHead } from '../codec/records.ts'
import { minPartBytes } from '../base/limits.ts'

const unsignedInteger = 0
const byteString = 2
const array = 4
const falseByte = 0xf4
const trueByte = 0xf5

/** A record that goes out in pieces. */
export interface Transfer {
  readonly id: number
  readonly record: Uint8Array
  offset: number
}

export class FrameWriter {
  readonly #buffer: Uint8Array
  #length = 0
  #limit: number

  constructor(capacityBytes: number) {
    this.#buffer = new Uint8Array(capacityBytes)
    this.#limit = capacityBytes
  }

  /** Begins a new frame. */
  reset(): void {
    this.#length = 0
    this.#limit = this.#buffer.length
  }

  /** Until the next call, records may fill only this share of the frame. */
  limitTo(share: number): void {
    this.#limit = Math.floor(this.#buffer.length * share)
  }

  get room(): number {
    return this.#limit - this.#length
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** The plaintext so far; valid until the next `reset`. */
  get plaintext(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Writes an encoded record, if it fits. */
  record(encoded: Uint8Array): boolean {
    if (encoded.length > this.room) return false
    this.#append(encoded)
    return true
  }

  /** Writes `[kind, id, bytes]`, if it fits. */
  bytesRecord(kind: number, id: number, bytes: Uint8Array): boolean {
    const { length } = bytes
    if (2 + headBytes(id) + headBytes(length) + length > this.room) return false
    this.#bytesHead(kind, id, length)
    this.#append(bytes)
    return true
  }

  /** Writes as much of `bytes` as fits as `[kind, id, bytes]`; returns how much that was. */
  someBytes(kind: number, id: number, bytes: Uint8Array): number {
    const overhead = 2 + headBytes(id) + headBytes(bytes.length)
    const length = Math.min(bytes.length, this.room - overhead)
    if (length < Math.min(bytes.length, minPartBytes)) return 0
    this.bytesRecord(kind, id, bytes.subarray(0, length))
    return length
  }

  /** Writes the next piece of a transfer, if a worthwhile one fits; returns whether it was the last. */
  part(transfer: Transfer): boolean {
    const rest = transfer.record.length - transfer.offset
    const overhead = 3 + headBytes(transfer.id) + headBytes(rest)
    const length = Math.min(rest, this.room - overhead)
    if (length < Math.min(rest, minPartBytes)) return false
    const isLast = length === rest
    const buffer = this.#buffer
    buffer[this.#length++] = (array << 5) | 4
    buffer[this.#length++] = recordKinds.part
    this.#length = putHead(buffer, this.#length, unsignedInteger, transfer.id)
    buffer[this.#length++] = isLast ? trueByte : falseByte
    this.#length = putHead(buffer, this.#length, byteString, length)
    this.#append(transfer.record.subarray(transfer.offset, transfer.offset + length))
    transfer.offset += length
    return isLast
  }

  #bytesHead(kind: number, id: number, length: number): void {
    const buffer = this.#buffer
    buffer[this.#length++] = (array << 5) | 3
    buffer[this.#length++] = kind
    const offset = putHead(buffer, this.#length, unsignedInteger, id)
    this.#length = putHead(buffer, offset, byteString, length)
  }

  #append(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }
}

/** A record `[kind, id, bytes]` on its own, for a transfer. */
export function encodeBytesRecord(kind: number, id: number, bytes: Uint8Array): Uint8Array {
  const writer = new FrameWriter(2 + headBytes(id) + headBytes(bytes.length) + bytes.length)
  writer.bytesRecord(kind, id, bytes)
  return writer.plaintext
}
