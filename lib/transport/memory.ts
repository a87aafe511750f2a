/**
 * Channels within one process, for tests and simulations: the contract of `Transport` without a network. Time and
 * randomness are the runtime's alone, so that a run repeats exactly under a simulated clock.
 *
 *     description = [role (0 offer, 1 answer), id (16 bytes), candidates, max message bytes]
 *     candidate   = the id again
 */

import { toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxCandidates, maxFrameBytes } from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { bad } from './description.ts'
import { Inbox } from './inbox.ts'
import { Outgoing } from './outgoing.ts'
import type { Attempt, Channel, Transport } from './transport.ts'

export interface MemoryNetworkOptions {
  readonly runtime: Runtime
  /** One way. Default: 0, which takes no timer but a microtask. */
  readonly latencyMs?: number
  /**
   * When set, descriptions carry no candidate: it is known this much later, and no channel opens before
   * one side has the other's.
   */
  readonly candidateDelayMs?: number
  /** What each side takes. Default: `maxFrameBytes`. */
  readonly maxMessageBytes?: number
}

/** What the transports of several peers have in common. */
export class MemoryNetwork {
  readonly #hub: Hub

  constructor(options: MemoryNetworkOptions) {
    this.#hub = { ...options, attempts: new Map() }
  }

  transport(): Transport {
    return {
      offer: () => new MemoryAttempt(this.#hub, 0),
      checkOffer: (offer) => void decode(0, offer),
      answer: (offer) => new MemoryAttempt(this.#hub, 1, decode(0, offer)),
    }
  }

  /** Attempts and channels that have not ended; a channel has two ends. */
  get size(): number {
    return this.#hub.attempts.size
  }

  /** Every attempt and channel fails now, and both sides notice. What comes later works. */
  cut(): void {
    for (const attempt of this.#hub.attempts.values()) attempt.fail('transport-failed')
  }

  /** Nothing arrives any more on what exists now, and nobody notices: not even when one side closes. */
  silence(): void {
    for (const attempt of this.#hub.attempts.values()) attempt.silent = true
  }
}

const idBytes = 16

interface Hub extends MemoryNetworkOptions {
  readonly attempts: Map<string, MemoryAttempt>
}

interface MemoryDescription {
  readonly key: string
  readonly candidates: readonly string[]
  readonly maxMessageBytes: number
}

type Role = 0 | 1

class MemoryAttempt implements Attempt {
  readonly description: Promise<unknown>
  readonly #channel = deferred<Channel>()
  readonly channel = this.#channel.promise
  readonly closed = deferred<void>()
  readonly #hub: Hub
  readonly #id: Uint8Array
  readonly #key: string
  readonly #maxMessageBytes: number
  readonly #events = new Emitter<{ candidates: [unknown] }>()
  #cancelCandidate = () => {}
  #remote: MemoryDescription | undefined
  readonly #remoteCandidates = new Set<string>()
  #connected = false
  readonly inbox = new Inbox()
  silent = false

  constructor(hub: Hub, role: Role, remote?: MemoryDescription) {
    const { runtime, candidateDelayMs, maxMessageBytes = maxFrameBytes } = hub
    this.#hub = hub
    this.#id = runtime.randomBytes(idBytes)
    this.#key = toBase64url(this.#id)
    this.#maxMessageBytes = maxMessageBytes
    hub.attempts.set(this.#key, this)
    this.channel.catch(() => {})
    const candidates = [this.#id]
    const early = candidateDelayMs === undefined ? candidates : []
    this.description = Promise.resolve([role, this.#id, early, maxMessageBytes])
    if (candidateDelayMs !== undefined) {
      const tell = () => this.#events.emit('candidates', candidates)
      this.#cancelCandidate = runtime.setTimer(candidateDelayMs, tell)
    }
    if (remote) this.#takeRemote(remote)
  }

  get ended(): boolean {
    return !this.#hub.attempts.has(this.#key)
  }

  onCandidates(listener: (candidates: unknown) => void): Unsubscribe {
    return this.#events.on('candidates', listener)
  }

  accept(answer: unknown): void {
    const remote = decode(1, answer)
    if (this.ended) return
    if (this.#remote) throw new HandfastError('wrong-phase', 'No answer is expected')
    this.#takeRemote(remote)
  }

  addCandidates(candidates: unknown): void {
    const keys = decodeCandidates(candidates)
    const known = new Set([...this.#remoteCandidates, ...keys])
    if (known.size > maxCandidates) bad()
    this.#takeCandidates(keys)
  }

  close(): void {
    this.fail('closed')
  }

  fail(code: 'closed' | 'transport-failed'): void {
    const other = this.#other
    if (!this.#hub.attempts.delete(this.#key)) return
    this.#cancelCandidate()
    this.#events.clear()
    this.#channel.reject(new HandfastError(code, 'The attempt ended'))
    this.closed.resolve()
    if (this.#connected && !this.silent) this.later(() => other?.close())
  }

  /** Runs `callback` after the network's latency. */
  later(callback: () => void): void {
    const { runtime, latencyMs = 0 } = this.#hub
    if (latencyMs === 0) queueMicrotask(callback)
    else runtime.setTimer(latencyMs, callback)
  }

  get #other(): MemoryAttempt | undefined {
    return this.#hub.attempts.get(this.#remote?.key ?? '')
  }

  #takeRemote(remote: MemoryDescription): void {
    this.#remote = remote
    this.#takeCandidates(remote.candidates)
  }

  #takeCandidates(keys: readonly string[]): void {
    for (const key of keys) this.#remoteCandidates.add(key)
    const other = this.#other
    if (!other || this.ended || this.#connected || other.#other !== this) return
    const reachable =
      this.#remoteCandidates.has(other.#key) || other.#remoteCandidates.has(this.#key)
    if (!reachable) return
    this.#connected = other.#connected = true
    this.later(() => {
      if (this.ended || other.ended) return
      this.#channel.resolve(new MemoryChannel(this, other, other.#maxMessageBytes))
      other.#channel.resolve(new MemoryChannel(other, this, this.#maxMessageBytes))
    })
  }
}

class MemoryChannel implements Channel {
  readonly maxMessageBytes: number
  readonly #near: MemoryAttempt
  readonly #far: MemoryAttempt
  readonly #queue: Uint8Array[] = []
  readonly #outgoing = new Outgoing()

  constructor(near: MemoryAttempt, far: MemoryAttempt, maxMessageBytes: number) {
    this.#near = near
    this.#far = far
    this.maxMessageBytes = maxMessageBytes
  }

  get bufferedBytes(): number {
    return this.#outgoing.bytes
  }

  get closed(): Promise<void> {
    return this.#near.closed.promise
  }

  send(message: Uint8Array): void {
    this.#outgoing.enter(message, this.maxMessageBytes, this.#near.ended)
    this.#queue.push(message.slice())
    this.#near.later(() => this.#deliver())
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#near.inbox.listen(listener)
  }

  onDrain(listener: () => void): void {
    this.#outgoing.onDrain(listener)
  }

  close(): void {
    this.#near.close()
  }

  /** The oldest message arrives. */
  #deliver(): void {
    if (this.#near.ended || this.#far.ended || this.#near.silent) return
    const message = this.#queue.shift()!
    if (!this.#far.inbox.push(message)) this.#far.close()
    this.#outgoing.leave(message.length)
  }
}

function decode(role: Role, value: unknown): MemoryDescription {
  if (!Array.isArray(value) || value.length !== 4 || value[0] !== role) bad()
  const [, id, candidates, maxMessageBytes] = value as unknown[]
  if (!Number.isSafeInteger(maxMessageBytes) || Number(maxMessageBytes) < 1) bad()
  return {
    key: decodeId(id),
    candidates: decodeCandidates(candidates),
    maxMessageBytes: Number(maxMessageBytes),
  }
}

function decodeCandidates(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > maxCandidates) bad()
  return Array.from(value, decodeId)
}

function decodeId(value: unknown): string {
  if (!(value instanceof Uint8Array) || value.length !== idBytes) bad()
  return toBase64url(value)
}
