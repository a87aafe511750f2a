/** Puts records together that came in parts. Bounded in number and size; anything beyond breaks the protocol. */

import { concat } from '../base/bytes.ts'
import { maxMessageBytes, maxTransfers, minPartBytes } from '../base/limits.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed } from '../codec/records.ts'

interface Pieces {
  readonly parts: Uint8Array[]
  length: number
  readonly isMessage: boolean
}

/** How a message record begins, in CBOR; its kind follows. */
const arrayOfThree = 0x83

export class Reassembly {
  readonly #transfers = new Map<number, Pieces>()

  /**
   * Takes `[12, id, last, bytes]`; returns the whole record with its last part.
   * @throws HandfastError `protocol`
   */
  take(id: unknown, last: unknown, bytes: unknown): Uint8Array | undefined {
    if (typeof id !== 'number' || typeof last !== 'boolean' || !(bytes instanceof Uint8Array)) {
      throw malformed()
    }
    const pieces = this.#transfers.get(id) ?? this.#begin(bytes)
    // A small part of a frame would keep the whole.
    pieces.parts.push(bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes)
    pieces.length += bytes.length
    this.#transfers.set(id, pieces)
    if (
      pieces.length > maxMessageBytes ||
      this.#transfers.size > maxTransfers ||
      bytes.length < (last ? 1 : minPartBytes)
    ) {
      throw malformed()
    }
    if (!last) return undefined
    this.#transfers.delete(id)
    return concat(...pieces.parts)
  }

  /** Messages come one after the other: one that begins says that the one before was handled over another session, and ends here. */
  #begin(bytes: Uint8Array): Pieces {
    const isMessage = bytes[0] === arrayOfThree && bytes[1] === recordKinds.message
    if (isMessage) {
      for (const [id, pieces] of this.#transfers) if (pieces.isMessage) this.#transfers.delete(id)
    }
    return { parts: [], length: 0, isMessage }
  }
}
