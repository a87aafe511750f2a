/**
 * What must hold of messages, whatever breaks: each is what was sent; they are handled in order, none twice but after its handler threw or
 * its receiver crashed, and then under the same id; `send` resolves only after a handler returned. Where messages are `durable`, none
 * that was accepted is missing, crashes or not; otherwise a crash of the sender may lose what still waited.
 */

export interface CheckerOptions {
  readonly durable: boolean
}

export interface Handed {
  readonly from: string
  readonly to: string
  /** Which run of the receiver, from 1. */
  readonly run: number
  readonly message: unknown
  readonly id: string
}

interface Flow {
  sent: number
  readonly accepted: Set<number>
  /** Message number → id it was first handed over under. */
  readonly ids: Map<number, string>
  readonly handled: Set<number>
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

export class Checker {
  readonly #durable: boolean
  readonly #flows = new Map<string, Flow>()
  readonly violations: string[] = []
  accepted = 0
  handled = 0
  redelivered = 0

  constructor({ durable }: CheckerOptions) {
    this.#durable = durable
  }

  /** A message to send next. `accepted` tells that the library has taken responsibility for it. */
  send(from: string, to: string): { message: string; number: number; accepted: () => void } {
    const flow = this.#flow(from, to)
    const number = flow.sent++
    return {
      message: messageOf(from, to, number),
      number,
      accepted: () => {
        flow.accepted.add(number)
        this.accepted++
      },
    }
  }

  /** The sender was told that a message was handled. */
  delivered(from: string, to: string, number: number): void {
    if (!this.#flow(from, to).handled.has(number)) {
      this.#fail(`${from}>${to}#${number} counts as delivered and no handler has returned`)
    }
  }

  /** A handler is called. Returns how to say that it returned. */
  hand({ from, to, run, message, id }: Handed): () => void {
    const flow = this.#flow(from, to)
    const number = Number(/#(\d+):/.exec(String(message))?.[1] ?? NaN)
    const name = `${from}>${to}#${number}`
    if (!(number < flow.sent) || message !== messageOf(from, to, number)) {
      this.#fail(`${to} was handed what ${from} never sent`)
      return () => {}
    }
    if (run !== flow.run) {
      flow.run = run
      flow.last = undefined
      flow.isSettled = true
    }
    const known = flow.ids.get(number)
    if (known !== undefined && known !== id) this.#fail(`${name} came again under another id`)
    if (known !== undefined) this.redelivered++
    flow.ids.set(number, id)
    this.#checkOrder(flow, number, name)
    flow.last = number
    flow.isSettled = false
    return () => {
      if (flow.run !== run || flow.last !== number) return
      flow.isSettled = true
      if (!flow.handled.has(number)) this.handled++
      flow.handled.add(number)
    }
  }

  #checkOrder(flow: Flow, number: number, name: string): void {
    const { last } = flow
    const highest = Math.max(-1, ...(last === undefined ? flow.handled : []))
    const expected = last === undefined ? highest + 1 : flow.isSettled ? last + 1 : last
    // A receiver that crashed may have handled more than it had noted down.
    const isAgain = last === undefined && number < expected && flow.run > 1
    if (number === expected || isAgain) return
    if (number > expected && !this.#durable && (last === undefined || flow.isSettled)) return
    this.#fail(`${name} was handed over when #${expected} was due`)
  }

  /** How many accepted messages have not been handled. */
  get waiting(): number {
    return this.accepted - this.handled
  }

  /** After everything had time to settle: nothing may wait any more. */
  finish(): void {
    if (!this.#durable) return
    for (const [name, { accepted, handled }] of this.#flows) {
      const missing = [...accepted].filter((number) => !handled.has(number))
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
      const [accepted, ids, handled] = [
        new Set<number>(),
        new Map<number, string>(),
        new Set<number>(),
      ]
      flow = { sent: 0, accepted, ids, handled, run: 1, last: undefined, isSettled: true }
      this.#flows.set(key, flow)
    }
    return flow
  }
}
