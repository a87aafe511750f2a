/** The receiving end of a channel: keeps what arrives before there is a listener, up to `maxEarlyMessages`. */

import { maxEarlyMessages } from '../base/limits.ts'

export class Inbox {
  readonly #early: Uint8Array[] = []
  #listener: ((message: Uint8Array) => void) | undefined

  /** Returns false when there is no more room: the channel then has to close. */
  push(message: Uint8Array): boolean {
    if (this.#listener) this.#listener(message)
    else this.#early.push(message)
    return this.#early.length <= maxEarlyMessages
  }

  /** Hands over, before it returns, what has come already. */
  listen(listener: (message: Uint8Array) => void): void {
    this.#listener = listener
    for (const message of this.#early.splice(0)) listener(message)
  }
}
