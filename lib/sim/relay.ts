/**
 * A simulated blind relay: it passes packets by tag to whoever is subscribed, and forgets all subscriptions when it restarts, or when
 * a subscriber falls asleep. Each packet may be lost, repeated, held up and changed on its way.
 */

import { HandfastError } from '../base/errors.ts'
import { publishTimeoutMs } from '../base/limits.ts'
import { Mailboxes, tagKey } from '../signaling/mailboxes.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Faults } from './faults.ts'
import { never, type Process } from './process.ts'
import type { Random } from './random.ts'
import type { TimeLine } from './time-line.ts'
import { fingerprint } from './trace.ts'

export interface NetworkParts {
  readonly line: TimeLine
  readonly random: Random
  readonly faults: Faults
  /** Whether nothing passes between two processes now. */
  readonly isCut: (one: Process, other: Process) => boolean
}

interface Client {
  readonly process: Process
  readonly boxes: Mailboxes
}

/** How long a client takes to notice that it has to connect again, and to do so. */
const reconnectMs = [300, 2_000] as const
const oneWayMs = [5, 60] as const
/** How much a packet that others overtake comes later. */
const overtakenMs = [100, 3_000] as const

export class SimRelay {
  readonly #parts: NetworkParts
  readonly #clients = new Set<Client>()
  readonly #subscribers = new Map<string, Set<Client>>()
  #isUp = true

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  /** Crashes now with all it knows, and is back later. */
  restart(downMs: number): void {
    const { line } = this.#parts
    this.#isUp = false
    this.#subscribers.clear()
    line.after(downMs, () => {
      this.#isUp = true
      for (const client of this.#clients) this.#reconnect(client)
    })
  }

  /** The path of one process to this relay. */
  connect(process: Process): Signaling {
    const boxes = new Mailboxes((tag, subscribed) => {
      if (!process.isAlive) return
      if (subscribed && this.#isUp && process.isUp) this.#subscribe(client, tag)
      else if (!subscribed) this.#unsubscribe(client, tag)
    })
    const client: Client = { process, boxes }
    this.#clients.add(client)
    process.onDown((why) => {
      this.#unsubscribeAll(client)
      if (why === 'crash') this.#clients.delete(client)
    })
    process.runtime.onWake(() => this.#reconnect(client))
    return {
      subscribe: (tag, listener) => boxes.subscribe(tag, listener),
      publish: (tag, packet) => this.#publish(client, tag, packet),
      close: async () => {
        boxes.close()
        this.#unsubscribeAll(client)
        this.#clients.delete(client)
      },
    }
  }

  async #publish(client: Client, tag: Uint8Array, packet: Uint8Array): Promise<number> {
    const { process, boxes } = client
    boxes.checkPublish(tag, packet)
    if (!process.effect('publish', fingerprint(packet))) return never()
    const { random } = this.#parts
    const copy = packet.slice()
    if (!this.#isUp) {
      await this.#wait(process, publishTimeoutMs)
      throw new HandfastError('signaling-unavailable', 'the relay is away')
    }
    const others = [...(this.#subscribers.get(tagKey(tag)) ?? [])].filter((to) => to !== client)
    for (const other of others) this.#carry(client, other, tag, copy)
    await this.#wait(process, 2 * random.between(...oneWayMs))
    return others.length
  }

  #carry(from: Client, to: Client, tag: Uint8Array, packet: Uint8Array): void {
    const { line, random, faults, isCut } = this.#parts
    const draw = () => random.next()
    const isLost = faults.strikes('loss', draw)
    const copies = faults.strikes('duplication', draw) ? 2 : 1
    const isCorrupt = faults.strikes('corruption', draw)
    const damage = [random.below(packet.length), random.below(8)] as const
    const isOvertaken = faults.strikes('reordering', draw)
    if (isLost) return from.process.trace('packet-lost')
    for (let i = 0; i < copies; i++) {
      const lateMs = isOvertaken || i > 0 ? random.between(...overtakenMs) : 0
      line.after(lateMs + random.between(...oneWayMs) + random.between(...oneWayMs), () => {
        if (!this.#isUp || !to.process.isUp || isCut(from.process, to.process)) return
        if (!this.#subscribers.get(tagKey(tag))?.has(to)) return
        const arriving = packet.slice()
        if (isCorrupt) arriving[damage[0]]! ^= 1 << damage[1]
        to.process.trace('packet', fingerprint(arriving))
        to.boxes.deliver(tag, arriving)
      })
    }
  }

  #wait(process: Process, delayMs: number): Promise<void> {
    return new Promise((resolve) => process.runtime.setTimer(delayMs, resolve))
  }

  #subscribe(client: Client, tag: Uint8Array): void {
    const key = tagKey(tag)
    const subscribers = this.#subscribers.get(key) ?? new Set()
    this.#subscribers.set(key, subscribers.add(client))
  }

  #unsubscribe(client: Client, tag: Uint8Array): void {
    const key = tagKey(tag)
    const subscribers = this.#subscribers.get(key)
    subscribers?.delete(client)
    if (subscribers?.size === 0) this.#subscribers.delete(key)
  }

  #unsubscribeAll(client: Client): void {
    for (const tag of client.boxes.tags()) this.#unsubscribe(client, tag)
  }

  #reconnect(client: Client): void {
    const { line, random } = this.#parts
    line.after(random.between(...reconnectMs), () => {
      if (!this.#isUp || !client.process.isUp || !this.#clients.has(client)) return
      for (const tag of client.boxes.tags()) this.#subscribe(client, tag)
    })
  }
}
