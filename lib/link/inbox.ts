/**
 * The inbox: messages of the peer in order, each handed to the application once, the next when the handlers of the one before have
 * returned; then it counts as handled. Without a handler they wait. What the sender may have on its way
 * bounds what waits here.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import {
  handlerRetryMaxMs,
  handlerRetryMinMs,
  maxMessageBytes,
  maxUnackedBytes,
  messageOverheadBytes,
} from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import { decode } from '../codec/cbor.ts'

export interface MessageInfo {
  /** The same whenever the same message comes again. */
  readonly id: string
  /** Whether a handler has been given it before. */
  readonly redelivered: boolean
}

export type MessageHandler = (message: unknown, info: MessageInfo) => void | Promise<void>

interface Waiting {
  readonly sequence: number
  readonly value: Uint8Array
}

const maxWaitingBytes = maxUnackedBytes + maxMessageBytes + messageOverheadBytes

export class Inbox {
  readonly #runtime: Runtime
  readonly #onHandled: () => void
  readonly #handlers = new Set<MessageHandler>()
  readonly #waiting = new Queue<Waiting>()
  #waitingBytes = 0
  #logId: Uint8Array | undefined
  #logName = ''
  #received = 0
  #handled = 0
  #isDelivering = false
  #failures = 0
  #isClosed = false
  /** Ends the wait after a failure. */
  #retry: (() => void) | undefined

  constructor(runtime: Runtime, onHandled: () => void) {
    this.#runtime = runtime
    this.#onHandled = onHandled
  }

  /** The peer's log of which `handled` speaks. */
  get logId(): Uint8Array | undefined {
    return this.#logId
  }

  /** All up to this sequence number were handled. */
  get handled(): number {
    return this.#handled
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** A new session: the peer names its log and the oldest message it holds. An unknown log begins there. */
  begin(logId: Uint8Array, firstHeld: number): void {
    if (this.#logId && equalBytes(this.#logId, logId)) return
    this.#logId = logId
    this.#logName = toBase64url(logId)
    this.#received = firstHeld - 1
    this.#handled = firstHeld - 1
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#failures = 0
    this.#retry?.()
  }

  /** @throws HandfastError `protocol` for a hole, or more than may be on its way */
  receive(sequence: number, value: Uint8Array): void {
    if (sequence <= this.#received) return
    const waitingBytes = this.#waitingBytes + value.length + messageOverheadBytes
    if (sequence !== this.#received + 1 || waitingBytes > maxWaitingBytes) {
      throw new HandfastError('protocol')
    }
    this.#received = sequence
    this.#waitingBytes = waitingBytes
    // What is handed over at once may be a view of its frame; what has to wait would keep the whole frame.
    const waits = this.#isDelivering || this.#handlers.size === 0
    this.#waiting.push({ sequence, value: waits ? value.slice() : value })
  }

  /** Several handlers: a message is handled when all have returned. */
  addHandler(handler: MessageHandler): Unsubscribe {
    this.#handlers.add(handler)
    this.deliver()
    return () => {
      this.#handlers.delete(handler)
    }
  }

  /** Hands over what waits, as far as it can. */
  deliver(): void {
    if (this.#isDelivering || this.#isClosed) return
    this.#isDelivering = true
    while (this.#handlers.size > 0) {
      const next = this.#waiting.at(0)
      if (!next) break
      const pending = this.#handOver(next)
      if (pending) {
        void pending.then(
          () => this.#continue(next),
          (error: unknown) => this.#retryLater(error),
        )
        return
      }
      this.#settle(next)
    }
    this.#isDelivering = false
  }

  /** Nothing when every handler has returned already, or when there is nothing to hand over: a value that nobody can ever read. */
  #handOver({ sequence, value }: Waiting): Promise<unknown> | undefined {
    const info = { id: `${this.#logName}.${sequence}`, redelivered: this.#failures > 0 }
    const pending: Promise<void>[] = []
    try {
      for (const handler of [...this.#handlers]) {
        const message = read(value)
        if (!message) return undefined
        const result = handler(message.value, info)
        if (result) pending.push(result)
      }
    } catch (error) {
      pending.push(Promise.reject(error))
    }
    return pending.length > 0 ? Promise.all(pending) : undefined
  }

  #continue(waiting: Waiting): void {
    this.#isDelivering = false
    this.#settle(waiting)
    this.deliver()
  }

  /** The first in the queue was handled. Another log may have begun meanwhile, and the queue be another. */
  #settle(waiting: Waiting): void {
    this.#failures = 0
    if (this.#waiting.at(0) !== waiting) return
    this.#waiting.shift()
    this.#waitingBytes -= waiting.value.length + messageOverheadBytes
    this.#handled = waiting.sequence
    this.#onHandled()
  }

  /** A handler that throws is shown the way uncaught errors are, and gets the message again. */
  #retryLater(error: unknown): void {
    reportError(error)
    const delayMs = Math.min(handlerRetryMinMs * 2 ** this.#failures++, handlerRetryMaxMs)
    const cancel = this.#runtime.setTimer(delayMs, () => this.#retry?.())
    this.#retry = () => {
      cancel()
      this.#retry = undefined
      this.#isDelivering = false
      this.deliver()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.()
    this.#waiting.clear()
  }
}

function read(encoded: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: decode(encoded) }
  } catch {
    return undefined
  }
}
