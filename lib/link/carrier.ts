/**
 * What carries a link: the sessions with the peer, in the tab that leads, or the way to that tab in all others. A link has one carrier at a
 * time, and another when its tab comes to lead or ceases to; the application sees none of that.
 */

import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { RequestHandler } from './calls.ts'
import type { Delivery } from './delivery.ts'
import type { CarrierEvents } from './events.ts'
import type { MessageInfo } from './inbox.ts'
import type { LinkState } from './state.ts'
import type { LinkStream } from './streams.ts'

/** Says that a message was not handled, since its receiver is there no more. */
export const gone = Symbol('gone')

/** Who takes what the peer sends. */
export interface Receiver {
  readonly takesMessages: boolean
  readonly takesStreams: boolean
  /** Of requests. */
  readonly methods: readonly string[]
  /** Only while `takesMessages`. The message is handled when this has returned or resolved. */
  message(message: unknown, info: MessageInfo): void | Promise<void | typeof gone>
  handlerOf(method: string): RequestHandler | undefined
  /** Returns whether it is wanted. */
  stream(stream: LinkStream): boolean
}

export interface Reception {
  /** To be called when what the receiver takes has changed. */
  changed(): void
  remove(): void
}

/** Whatever it throws with `not-leading` has had no effect: the next carrier can be asked instead. */
export interface Carrier {
  readonly state: LinkState
  readonly queued: number
  on<K extends keyof CarrierEvents>(
    event: K,
    listener: (...args: CarrierEvents[K]) => void,
  ): Unsubscribe
  /** From now on what comes goes to the link of this tab first. */
  receive(receiver: Receiver): Reception
  /** @throws HandfastError `queue-full`; the reason of `signal` */
  send(encoded: Uint8Array, signal?: AbortSignal): Delivery
  /** @throws HandfastError as `Link.request` does */
  request(method: string, params: Uint8Array, signal: AbortSignal): Promise<unknown>
  /** @throws HandfastError as `Link.openStream` does */
  openStream(name: string, signal: AbortSignal): Promise<LinkStream>
  /** Resolves when there is a proven session. */
  connect(signal: AbortSignal): Promise<void>
}

export const takesNothing: Reception = { changed() {}, remove() {} }

export const linkClosed = () => new HandfastError('closed', 'The link is closed')
