/**
 * The places of attempts that are not proven yet: each holds a peer connection. Strangers and contacts have half of them each for sure, and
 * may use what the others do not; among either, whoever comes with fewer takes the place of the oldest of whoever has most.
 */

import { maxUnprovenAttempts } from '../base/limits.ts'

export interface Place {
  readonly from: 'contact' | 'stranger'
  /** Whose mailbox it came to. */
  readonly mailbox: string
  /** The attempt ends: its place is another's. */
  onLost: () => void
}

export class Places {
  /** The oldest first. */
  readonly #taken = new Set<Place>()

  get size(): number {
    return this.#taken.size
  }

  /** Whether it has not been lost. */
  has(place: Place): boolean {
    return this.#taken.has(place)
  }

  /** None if there is no room for one more of these. */
  take(from: Place['from'], mailbox: string): Place | undefined {
    if (this.#taken.size >= maxUnprovenAttempts) {
      const leaving = this.#leaving(from, mailbox)
      if (!leaving) return undefined
      this.leave(leaving)
      leaving.onLost()
    }
    const place: Place = { from, mailbox, onLost: () => {} }
    this.#taken.add(place)
    return place
  }

  leave(place: Place): void {
    this.#taken.delete(place)
  }

  /** Who makes room for a newcomer. */
  #leaving(from: Place['from'], mailbox: string): Place | undefined {
    const taken = [...this.#taken]
    const others = taken.filter((place) => place.from !== from)
    const isOwed = others.length > maxUnprovenAttempts / 2
    const rivals = isOwed ? others : taken.filter((place) => place.from === from)
    const countOf = (name: string) => rivals.filter((place) => place.mailbox === name).length
    const most = Math.max(0, ...rivals.map((place) => countOf(place.mailbox)))
    if (!isOwed && most <= countOf(mailbox) + 1) return undefined
    return rivals.find((place) => countOf(place.mailbox) === most)
  }
}
