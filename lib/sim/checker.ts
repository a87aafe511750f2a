/**
 * What must hold of messages, whatever breaks. Each is what was sent. They are handled in order. One that was accepted (`stored` has
 * resolved) is never left out, crashes or not. None comes again but after its handler threw or its receiver crashed: then under the same
 * id, marked, in order, and only while its sender has not been told that it was handled; where each position is stored before the next
 * message, one message at most. `send` resolves only after a handler returned.
 */

import type { MessageInfo } from '../link/inbox.ts'

export interface Handed extends MessageInfo {
  readonly from: string
  readonly to: string
  /** Which run of the receiver, from 1. */
  readonly run: number
  /** How the receiver stores its position. */
  readonly commit?: 'batch' | 'each'
  readonly message: unknown
}

interface Message {
  id: string | undefined
  isAccepted: boolean
  isHanded: boolean
}

interface Flow {
  sent: number
  /** Those that may still come, by number. */
  readonly messages: Map<number, Message>
  readonly numbers: Map<string, number>
  /** The highest that was handed over, and that was handled. */
  handed: number
  handled: number
  /** As the ids of the sender's log count, which is one throughout. */
  toldSequence: number
  run: number
  /** The last that was handed over in the receiver's present run, and whether its handler returned. */
  last: number | undefined
  isSettled: boolean
}

const paddings = [0, 10, 200, 3_000]

/** A message tells where it belongs, and its content follows from that. */
function messageOf(from: string, to: string, number: number): string {
  return `${from}>${to}#${number}:${'x'.repeat(paddings[number % paddings.length]!)}`
}

/** Watches every message of a world. What does not hold is noted in `violations`. */
export class Checker {
  readonly #flows = new Map<string, Flow>()
  /** What did not hold, as lines to read. Empty: all held. */
  readonly violations: string[] = []
  /** On disk at their sender. */
  accepted = 0
  /** Different messages. */
  handled = 0
  /** Handed over once more. */
  redelivered = 0
  /** Accepted and not handled yet. */
  waiting = 0

  /** @internal A message to send next. `accepted` tells that the library has taken responsibility for it, under that id. */
  send(from: string, to: string): Sent {
    const flow = this.#flow(from, to)
    const number = flow.sent++
    const name = `${from}>${to}#${number}`
    flow.messages.set(number, { id: undefined, isAccepted: false, isHanded: false })
    return {
      message: messageOf(from, to, number),
      accepted: (id) => {
        const message = flow.messages.get(number)
        this.accepted++
        if (!message) return this.#fail(`${name} was accepted when its turn was over`)
        this.#name(flow, message, number, id, name)
        message.isAccepted = true
        if (number > flow.handled) this.waiting++
      },
      delivered: () => {
        if (number > flow.handled) this.#fail(`${name} counts as delivered and none has handled it`)
      },
    }
  }

  /** @internal The sender was told that a message was handled, which one of its earlier runs may have sent. */
  delivered(from: string, to: string, id: string): void {
    const flow = this.#flow(from, to)
    const sequence = Number(id.slice(id.indexOf('.') + 1))
    // After a crash of the sender it may be told again.
    if (sequence <= flow.toldSequence) return
    flow.toldSequence = sequence
    const number = flow.numbers.get(id)
    if (number === undefined || number > flow.handled) {
      return this.#fail(`${from}>${to} ${id} counts as delivered and none has handled it`)
    }
    for (const [known, message] of flow.messages) {
      if (known > number) break
      flow.messages.delete(known)
      if (message.id !== undefined) flow.numbers.delete(message.id)
    }
  }

  /** @internal A handler is called. Returns how to say that it returned. */
  hand(handed: Handed): () => void {
    const { from, to, run, commit = 'batch', message: content, id } = handed
    const flow = this.#flow(from, to)
    const number = Number(/#(\d+):/.exec(String(content))?.[1] ?? NaN)
    const name = `${from}>${to}#${number}`
    if (!(number < flow.sent) || content !== messageOf(from, to, number)) {
      this.#fail(`${to} was handed what ${from} never sent`)
      return () => {}
    }
    if (run !== flow.run) Object.assign(flow, { run, last: undefined, isSettled: true })
    const message = flow.messages.get(number)
    if (!message) {
      this.#fail(`${name} came when its turn was over`)
      return () => {}
    }
    this.#name(flow, message, number, id, name)
    if (message.isHanded) {
      this.redelivered++
      if (!handed.redelivered) this.#fail(`${name} came again and was not marked`)
    }
    if (commit === 'each' && number < flow.handed) this.#fail(`${name} came again after the next`)
    this.#checkOrder(flow, number, name)
    message.isHanded = true
    flow.handed = Math.max(flow.handed, number)
    flow.last = number
    flow.isSettled = false
    return () => {
      if (flow.run !== run || flow.last !== number) return
      flow.isSettled = true
      if (number <= flow.handled) return
      flow.handled = number
      this.handled++
      if (message.isAccepted) this.waiting--
    }
  }

  #checkOrder(flow: Flow, number: number, name: string): void {
    const { last, isSettled, handled } = flow
    if (last !== undefined && !isSettled) {
      if (number !== last) this.#fail(`${name} was handed over when #${last} was being handled`)
      return
    }
    // A receiver that crashed may have handled more than it had noted down.
    if (last === undefined && number <= handled) return
    const after = last ?? handled
    if (number <= after) return this.#fail(`${name} was handed over after #${after}`)
    for (let between = after + 1; between < number; between++) {
      const message = flow.messages.get(between)
      if (message?.isAccepted || message?.isHanded) {
        this.#fail(`${name} was handed over when #${between} was due`)
      }
      // What its sender never knew to be stored, and was not, may not come later.
      flow.messages.delete(between)
    }
  }

  /** A message has one id, and an id one message. */
  #name(flow: Flow, message: Message, number: number, id: string, name: string): void {
    if ((message.id ?? id) !== id) this.#fail(`${name} has another id than before`)
    if ((flow.numbers.get(id) ?? number) !== number) this.#fail(`${name} has the id of another`)
    message.id = id
    flow.numbers.set(id, number)
  }

  /** After everything had time to settle: nothing may wait any more. */
  finish(): void {
    for (const [name, { messages, handled }] of this.#flows) {
      const isMissing = ([number, { isAccepted }]: [number, Message]) =>
        isAccepted && number > handled
      const missing = [...messages].filter(isMissing).map(([number]) => number)
      if (missing.length > 0) this.#fail(`${name}#${missing.join(',')} never came`)
    }
  }

  #fail(text: string): void {
    this.violations.push(text)
  }

  #flow(from: string, to: string): Flow {
    const key = `${from}>${to}`
    let flow = this.#flows.get(key)
    if (!flow) {
      const none = { handed: -1, handled: -1, toldSequence: -1, last: undefined }
      flow = { sent: 0, messages: new Map(), numbers: new Map(), run: 1, isSettled: true, ...none }
      this.#flows.set(key, flow)
    }
    return flow
  }
}

export interface Sent {
  readonly message: string
  readonly accepted: (id: string) => void
  /** `send` has resolved. */
  readonly delivered: () => void
}
