/**
 * Keeps small byte arrays side by side in one buffer, because browsers take long to make a buffer for each. A buffer lives as long as
 * anything in it.
 */

const slabBytes = 65_536
const maxKeptBytes = 4_096

export class Slab {
  #buffer = new Uint8Array(0)
  #used = 0

  /** A copy of `bytes`. */
  readonly keep = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
    if (bytes.length > maxKeptBytes) return new Uint8Array(bytes)
    if (this.#used + bytes.length > this.#buffer.length) {
      this.#buffer = new Uint8Array(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += bytes.length
    this.#buffer.set(bytes, start)
    return this.#buffer.subarray(start, this.#used)
  }
}
