/**
 * What a tab that comes to lead, or ceases to, keeps of a link's outgoing messages: the deliveries that its application waits for. Both
 * the outbox of the one role and the drafts of the other begin with it and end by giving it on.
 */

import type { Delivery } from './delivery.ts'

export interface Unstored {
  readonly value: Uint8Array
  readonly delivery: Delivery
}

export interface Drafted {
  readonly delivery: Delivery
  /** Where a write failed that may have reached the disk. None: it is there. */
  readonly value: Uint8Array | undefined
}

export interface Handover {
  /** Not on disk, in order. */
  readonly unstored: Unstored[]
  /** Drafts of this tab by their key, oldest first; markers may have taken their places. All are older than what is unstored. */
  readonly drafted: Map<string, Drafted>
  /** In the log, by number. */
  readonly pending: Map<number, Delivery>
  /** Number of this tab's next draft. */
  readonly nextDraft: number
}

export const nothing = (): Handover => ({
  unstored: [],
  drafted: new Map(),
  pending: new Map(),
  nextDraft: 1,
})

/** There is nobody to take it. */
export async function abandon(handover: Promise<Handover>, error: Error): Promise<void> {
  const { unstored, drafted, pending } = await handover
  for (const { delivery } of [...unstored, ...drafted.values()]) delivery.reject(error)
  for (const delivery of pending.values()) delivery.reject(error)
}
