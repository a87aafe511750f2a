/**
 * Who takes what a peer sends, where several may: the link of the tab that leads before all others, then those of other tabs, the
 * longest-standing first. Each message, request and stream goes to one. Where that one is gone before it has handled a message,
 * the message goes to the next, marked as redelivered.
 */

import { deferred } from '../base/deferred.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import type { RequestHandler, RequestHandlers } from './calls.ts'
import { gone, type Receiver, type Reception } from './carrier.ts'
import type { Inbox, MessageInfo } from './inbox.ts'
import type { LinkStream } from './streams.ts'

export class Receivers implements RequestHandlers {
  readonly #inbox: Inbox
  readonly #leads: () => true | Promise<boolean>
  readonly #all: Receiver[] = []
  #stop: Unsubscribe | undefined
  /** For a message whose receiver is gone, when there was no other. */
  #next = deferred<void>()

  /** `leads`: whether this tab leads still; one that has slept must not hand over what another has been given since. */
  constructor(inbox: Inbox, leads: () => true | Promise<boolean> = () => true) {
    this.#inbox = inbox
    this.#leads = leads
  }

  add(receiver: Receiver, place: 'first' | 'last'): Reception {
    if (place === 'first') this.#all.unshift(receiver)
    else this.#all.push(receiver)
    this.#change()
    return {
      changed: () => this.#change(),
      remove: () => {
        const at = this.#all.indexOf(receiver)
        if (at >= 0) this.#all.splice(at, 1)
        this.#change()
      },
    }
  }

  get(method: string): RequestHandler | undefined {
    for (const receiver of this.#all) {
      const handler = receiver.handlerOf(method)
      if (handler) return handler
    }
    return undefined
  }

  /** Returns whether anybody wants it. */
  stream(stream: LinkStream): boolean {
    return this.#all.some((receiver) => receiver.stream(stream))
  }

  get #first(): Receiver | undefined {
    return this.#all.find(({ takesMessages }) => takesMessages)
  }

  #change(): void {
    const isWanted = this.#first !== undefined
    if (isWanted) {
      this.#next.resolve()
      this.#next = deferred()
      this.#stop ??= this.#inbox.addHandler((message, info) => this.#message(message, info))
    } else {
      this.#stop?.()
      this.#stop = undefined
    }
  }

  #message(message: unknown, info: MessageInfo): void | Promise<void> {
    const leads = this.#leads()
    if (leads !== true) return this.#whenLeading(leads, message, info)
    const receiver = this.#first
    if (!receiver) return this.#later(message, info)
    return receiver
      .message(message, info)
      ?.then((outcome) =>
        outcome === gone ? this.#message(message, { ...info, redelivered: true }) : undefined,
      )
  }

  /** A tab that leads no more hands over nothing: its inbox is about to be closed. */
  async #whenLeading(leads: Promise<boolean>, message: unknown, info: MessageInfo): Promise<void> {
    if (!(await leads)) await new Promise(() => {})
    return this.#message(message, info)
  }

  async #later(message: unknown, info: MessageInfo): Promise<void> {
    await this.#next.promise
    return this.#message(message, info)
  }
}
