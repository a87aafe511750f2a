/** The trace: a BLAKE2b chain over every event of a run. Two runs with one trace hash did the same in the same order. */

import { concat, toBase64url, utf8 } from '../base/bytes.ts'
import { blake2b } from '../crypto/hash.ts'

const chunkEvents = 1024

/** All that happens in a world, as a hash: two runs with one hash did the same in the same order. */
export class Trace {
  #chain: Uint8Array = new Uint8Array(32)
  #events: string[] = []
  /** Events so far, by kind. */
  readonly counts = new Map<string, number>()

  /** Notes an event. */
  add(atMs: number, who: string, kind: string, detail: string | number = ''): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    this.#events.push(`${atMs} ${who} ${kind} ${detail}\n`)
    if (this.#events.length >= chunkEvents) this.#fold()
  }

  /** BLAKE2b over all events so far, as base64url. */
  get hash(): string {
    this.#fold()
    return toBase64url(this.#chain)
  }

  #fold(): void {
    this.#chain = blake2b(concat(this.#chain, utf8(this.#events.join(''))), 32)
    this.#events = []
  }
}

/** Length and end of a packet or frame: its end is an authentication tag, which tells it from any other. */
export const fingerprint = (bytes: Uint8Array): string =>
  `${bytes.length}:${toBase64url(bytes.subarray(-8))}`
