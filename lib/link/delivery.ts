/** What `send` returns: a promise that the peer has handled the message, and when asked, one that it is on disk here. */

import { deferred, type Deferred } from '../base/deferred.ts'
import { onAbort } from '../base/on-abort.ts'

/** What has become of messages, by id. */
export interface Fates {
  readonly handled: readonly string[]
  readonly refused: readonly string[]
}

/**
 * Resolves when a handler of the peer has returned. Rejects when the peer has refused the message (`forbidden`), or when the message is withdrawn, can't be stored, or the link is closed; a message
 * that was stored is sent all the same after the next start.
 */
export class Delivery extends Promise<void> {
  static {
    // What `then` returns is a plain promise, and `await` takes this for one: it then needs no other, and no detour.
    Object.defineProperty(this.prototype, 'constructor', { value: Promise })
  }

  /** @internal */
  resolve!: () => void
  #reject!: (error: unknown) => void
  #id: string | undefined
  #error: { readonly of: unknown } | undefined
  #stored: Deferred<string> | undefined
  #signal: AbortSignal | undefined
  #withdraw: (reason: unknown) => void = () => {}

  /** @internal */
  constructor() {
    let resolve!: () => void
    let reject!: (error: unknown) => void
    super((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    this.resolve = resolve
    this.#reject = reject
  }

  /** Resolves with the message's id, which the peer's handler gets too, when it is on disk: from then on it outlives this page. */
  get stored(): Promise<string> {
    if (!this.#stored) {
      this.#stored = deferred()
      this.#stored.promise.catch(() => {})
      if (this.#id !== undefined) this.#stored.resolve(this.#id)
      else if (this.#error) this.#stored.reject(this.#error.of)
    }
    return this.#stored.promise
  }

  /** @internal Withdraws when the signal is aborted. */
  listen(signal: AbortSignal): void {
    this.#signal = signal
    const forget = onAbort(signal, () => this.#withdraw(signal.reason))
    this.then(forget, forget)
  }

  /** @internal Who has it now, and is to withdraw it: at once, if the signal has been aborted, or the message refused. */
  withdrawBy(withdraw: (reason: unknown) => void): void {
    this.#withdraw = withdraw
    if (this.#signal?.aborted) withdraw(this.#signal.reason)
    else if (this.#error) withdraw(this.#error.of)
  }

  /** @internal Of what is stored. */
  get id(): string | undefined {
    return this.#id
  }

  /** @internal */
  noteStored(id: string): void {
    this.#id = id
    this.#stored?.resolve(id)
  }

  /** @internal */
  reject(error: unknown): void {
    this.#error = { of: error }
    this.#reject(error)
    this.#stored?.reject(error)
  }
}
