/**
 * What waits for a key agreement: packets that nothing has proven yet. They are metered, and worked off a little at a time, so that no flood
 * holds up the page. Who takes turns: replies to one's own dials, contacts, strangers and askers; of each, the paths; of a path, the mailboxes.
 * So a flood of one kind, by one path, or at one mailbox leaves the others their share.
 */

import { FairQueue } from '../base/fair-queue.ts'
import {
  keyAgreementBurst,
  keyAgreementsPerPacket,
  keyAgreementsPerS,
  maxWaitingPackets,
  maxWaitingPerContact,
  maxWaitingStrangers,
  packetWorkMs,
} from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { TokenBucket } from '../base/token-bucket.ts'

export interface Origin {
  readonly from: 'reply' | 'contact' | 'stranger' | 'asker'
  /** By which it came. */
  readonly path: unknown
  /** Whose mailbox it is. */
  readonly mailbox: string
}

export class Intake {
  readonly #runtime: Runtime
  readonly #meter: TokenBucket
  readonly #waiting = new FairQueue<() => void>()
  #cancelPause: (() => void) | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#meter = new TokenBucket(keyAgreementBurst, keyAgreementsPerS, runtime.monotonicNow())
  }

  /** Does `work` at once or in its turn. Beyond the bounds of its path or its mailbox it is dropped. */
  put({ from, path, mailbox }: Origin, work: () => void): void {
    const keys = [from, path, mailbox]
    const isOfOne = from === 'contact' || from === 'reply'
    const most = isOfOne ? maxWaitingPerContact : maxWaitingStrangers
    const isFull =
      this.#waiting.lengthOf(keys) >= most ||
      this.#waiting.lengthOf([from, path]) >= maxWaitingPackets
    if (!isFull) this.#waiting.push(keys, work)
    // Also during a pause: timers of hidden pages come late.
    this.#work()
  }

  /** Drops all that waits. */
  close(): void {
    this.#cancelPause?.()
    while (this.#waiting.shift());
  }

  #work(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    const endMs = this.#runtime.monotonicNow() + packetWorkMs
    while (this.#waiting.length > 0) {
      const nowMs = this.#runtime.monotonicNow()
      if (nowMs > endMs) return this.#pause(0)
      const missing = this.#meter.missing(nowMs, keyAgreementsPerPacket)
      if (missing > 0) return this.#pause(Math.ceil((missing * 1000) / keyAgreementsPerS))
      this.#meter.take(nowMs, keyAgreementsPerPacket)
      this.#waiting.shift()!()
    }
  }

  #pause(delayMs: number): void {
    this.#cancelPause = this.#runtime.setTimer(delayMs, () => this.#work())
  }
}
