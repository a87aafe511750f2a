/**
 * Mailboxes that one listens at: a ticket's until it expires, a contact's under a tag that changes daily, heard yesterday's to
 * tomorrow's so that clocks may differ by a day. Each has its budget; beyond it packets are dropped unread.
 */

import { mailboxBurst, mailboxPacketsPerS } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { Signaling } from '../signaling/signaling.ts'

export interface Mailbox {
  close(): void
}

/** Listens at one tag. */
export function openMailbox(
  tag: Uint8Array,
  signaling: Signaling,
  runtime: Runtime,
  receive: (packet: Uint8Array) => void,
): Mailbox {
  const budget = new TokenBucket(mailboxBurst, mailboxPacketsPerS, runtime.monotonicNow())
  const close = signaling.subscribe(tag, (packet) => {
    if (budget.take(runtime.monotonicNow())) receive(packet)
  })
  return { close }
}

/** Listens at the tags of three days. `turn` is called when a day has passed. */
export class DailyMailbox implements Mailbox {
  readonly #open: (day: number) => Mailbox
  readonly #days = new Map<number, Mailbox>()

  constructor(today: number, open: (day: number) => Mailbox) {
    this.#open = open
    this.turn(today)
  }

  turn(today: number): void {
    for (const [day, mailbox] of this.#days) {
      if (Math.abs(day - today) <= 1) continue
      mailbox.close()
      this.#days.delete(day)
    }
    for (const day of [today - 1, today, today + 1]) {
      if (!this.#days.has(day)) this.#days.set(day, this.#open(day))
    }
  }

  close(): void {
    for (const mailbox of this.#days.values()) mailbox.close()
    this.#days.clear()
  }
}
