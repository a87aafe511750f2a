/**
 * Who takes what a peer sends, where several may: the link of the tab that leads before all others, then those of other tabs, the
 * longest-standing first. Each message, request and stream goes to one. Where that one is gone before it has handled a message,
 * the message goes to the next, marked as redelivered.
 */

import { deferred } from '../base/deferred.ts'
import type { RequestHandler, RequestHandlers } from './calls.ts'
import { gone, type Receiver, type Reception } from './carrier.ts'
import { refused, type Recipient } from './inbox.ts'
import type { Inboxes } from './inboxes.ts'
import type { LinkStream } from './streams.ts'

export class Receivers implements RequestHandlers {
  readonly #inboxes: Inboxes
  readonly #leads: () => true | Promise<boolean>
  readonly #all: Receiver[] = []
  #isTaking = false
  /** For a message whose receiver is gone, when there was no other. */
  #next = deferred<void>()

  /** `leads`: whether this tab leads still; one that has slept must not hand over what another has been given since. */
  constructor(inboxes: Inboxes, leads: () => true | Promise<boolean> = () => true) {
    this.#inboxes = inboxes
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
    const isTaking = this.#first !== undefined
    if (isTaking) {
      this.#next.resolve()
      this.#next = deferred()
    }
    if (isTaking === this.#isTaking) return
    this.#isTaking = isTaking
    this.#inboxes.handTo(isTaking ? (...given) => this.#message(...given) : undefined)
  }

  #message(...given: Given): void | Promise<void | typeof refused> {
    const leads = this.#leads()
    if (leads !== true) return this.#whenLeading(leads, given)
    const receiver = this.#first
    if (!receiver) return this.#later(given)
    const [message, info, inbox] = given
    return receiver
      .message(message, info)
      ?.then((outcome) =>
        outcome === gone
          ? this.#again([message, { ...info, redelivered: true }, inbox])
          : undefined,
      )
  }

  /** Time has passed, in which the peer may have lost the right to it. */
  #again(given: Given): void | Promise<void | typeof refused> {
    const [, { topic }, inbox] = given
    return inbox.mayHandOver(topic) ? this.#message(...given) : Promise.resolve(refused)
  }

  /** A tab that leads no more hands over nothing: its inbox is about to be closed. */
  async #whenLeading(leads: Promise<boolean>, given: Given): Promise<void | typeof refused> {
    if (!(await leads)) await new Promise(() => {})
    return this.#again(given)
  }

  async #later(given: Given): Promise<void | typeof refused> {
    await this.#next.promise
    return this.#again(given)
  }
}

type Given = Parameters<Recipient>
