/** A relay that does what it likes with packets, seeded, for a while; afterwards an honest one. Works on any path that shows it packets. */

import { concat } from '../../../lib/base/bytes.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { flipBit, seeded } from './adversary.ts'

export interface Parcel {
  readonly tag: Uint8Array
  readonly packet: Uint8Array
}

export const deeds = [
  'pass',
  'drop',
  'delay',
  'repeat',
  'swap',
  'replay',
  'redirect',
  'retag',
  'mix',
  'alter',
  'forge',
  'rename',
] as const
export type Deed = (typeof deeds)[number]

const headerBytes = 17
const kindOf = ({ packet }: Parcel) => packet[0]!
const withHeader = (kind: number, tag: Uint8Array, body: Uint8Array): Parcel => ({
  tag,
  packet: concat(Uint8Array.of(kind), tag, body),
})
const bodyOf = ({ packet }: Parcel) => packet.subarray(headerBytes)

export class HostileRelay {
  /** How often it did what. */
  readonly done: Record<Deed, number> = Object.fromEntries(
    deeds.map((deed) => [deed, 0]),
  ) as Record<Deed, number>
  readonly #random: ReturnType<typeof seeded>
  readonly #deliverLater: (parcel: Parcel, afterMs: number) => void
  /** Well-formed packets of the attacker's own making, by kind. */
  readonly #forgeries: ReadonlyMap<number, Parcel>
  readonly #seen: Parcel[] = []
  #held: Parcel | undefined
  #mischief = 0

  constructor(
    seed: number,
    deliverLater: (parcel: Parcel, afterMs: number) => void,
    forgeries: readonly Parcel[] = [],
  ) {
    this.#random = seeded(seed)
    this.#deliverLater = deliverLater
    this.#forgeries = new Map(forgeries.map((parcel) => [kindOf(parcel), parcel]))
  }

  /** It does as it likes with so many packets more. */
  misbehave(packets: number): void {
    this.#mischief = packets
  }

  /** What becomes of a packet: what to deliver now. */
  handle(parcel: Parcel): Parcel[] {
    this.#seen.push(parcel)
    if (this.#seen.length > 200) this.#seen.shift()
    if (this.#mischief === 0) return [parcel]
    this.#mischief--
    const deed = deeds[this.#random.below(deeds.length)]!
    this.done[deed]++
    return this.#do(deed, parcel)
  }

  #do(deed: Deed, parcel: Parcel): Parcel[] {
    const kind = kindOf(parcel)
    switch (deed) {
      case 'pass':
        return [parcel]
      case 'drop':
        return []
      case 'delay':
        this.#deliverLater(parcel, this.#random.below(40))
        return []
      case 'repeat':
        this.#deliverLater(parcel, this.#random.below(20))
        return [parcel, parcel]
      case 'swap': {
        const held = this.#held
        this.#held = parcel
        return held ? [held] : []
      }
      case 'replay':
        return [this.#any(), parcel]
      case 'redirect':
        return [{ tag: this.#any().tag, packet: parcel.packet }]
      case 'retag':
        return [withHeader(kind, this.#any().tag, bodyOf(parcel))]
      case 'mix': {
        const others = this.#seen.filter((other) => kindOf(other) === kind)
        return [withHeader(kind, parcel.tag, bodyOf(this.#pick(others))), parcel]
      }
      case 'alter': {
        const bit = this.#random.below(parcel.packet.length * 8)
        return [{ tag: parcel.tag, packet: flipBit(parcel.packet, bit) }]
      }
      case 'forge': {
        const forgery = this.#forgeries.get(kind)
        return forgery ? [withHeader(kind, parcel.tag, bodyOf(forgery)), parcel] : [parcel]
      }
      case 'rename': {
        const kinds = Object.values(packetKinds)
        return [withHeader(this.#pick(kinds), parcel.tag, bodyOf(parcel))]
      }
    }
  }

  #any(): Parcel {
    return this.#pick(this.#seen)
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)]!
  }
}
