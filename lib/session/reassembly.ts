/** Puts records together that came in parts. Bounded in number and size; anything beyond breaks the protocol. */

import { concat } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxMessageBytes, maxTransfers, minPartBytes } from '../base/limits.ts'

interface Pieces {
  readonly parts: Uint8Array[]
  length: number
}

export class Reassembly {
  readonly #transfers = new Map<number, Pieces>()

  /**
   * Takes `[12, id, last, bytes]`; returns the whole record with its last part.
   * @throws HandfastError `protocol`
   */
  take(id: unknown, last: unknown, bytes: unknown): Uint8Array | undefined {
    if (typeof id !== 'number' || typeof last !== 'boolean' || !(bytes instanceof Uint8Array)) {
      throw new HandfastError('protocol')
    }
    const pieces = this.#transfers.get(id) ?? { parts: [], length: 0 }
    // A small part of a frame would keep the whole.
    pieces.parts.push(bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes)
    pieces.length += bytes.length
    this.#transfers.set(id, pieces)
    if (
      pieces.length > maxMessageBytes ||
      this.#transfers.size > maxTransfers ||
      bytes.length < (last ? 1 : minPartBytes)
    ) {
      throw new HandfastError('protocol')
    }
    if (!last) return undefined
    this.#transfers.delete(id)
    return concat(...pieces.parts)
  }
}
