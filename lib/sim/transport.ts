/**
 * Simulated channels: ordered and reliable as the contract of `Transport` says, until they are cut (both sides notice), go silent
 * (nobody notices for a while), are held up, or a frame is changed on its way.
 *
 *     description = [role (0 offer, 1 answer), id (16 bytes)]
 */

import { toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { maxFrameBytes } from '../base/limits.ts'
import { bad } from '../transport/description.ts'
import { Inbox } from '../transport/inbox.ts'
import { Outgoing } from '../transport/outgoing.ts'
import type { Attempt, Channel, Transport } from '../transport/transport.ts'
import type { Process } from './process.ts'
import type { NetworkParts } from './relay.ts'
import { fingerprint } from './trace.ts'

type Role = 0 | 1

const idBytes = 16
const oneWayMs = [5, 60] as const
const heldUpMs = [200, 2_000] as const
/** What a platform needs to see that the other side has gone without a word. */
const goneNoticedMs = 15_000

export class SimNetwork {
  readonly parts: NetworkParts
  readonly attempts = new Map<string, SimAttempt>()

  constructor(parts: NetworkParts) {
    this.parts = parts
  }

  transport(process: Process): Transport {
    process.onDown((why) => {
      for (const end of this.#ends(process)) {
        end.goSilent()
        if (why === 'crash') this.attempts.delete(end.key)
      }
    })
    return {
      offer: () => new SimAttempt(this, process, 0),
      checkOffer: (offer) => void decode(0, offer),
      answer: (offer) => new SimAttempt(this, process, 1, decode(0, offer)),
    }
  }

  /** Open channels of one process, those that have gone silent too. */
  channelsOf(process: Process): SimAttempt[] {
    return this.#ends(process).filter((end) => end.peer !== undefined)
  }

  /** One end of every open channel. */
  get channels(): SimAttempt[] {
    return [...this.attempts.values()].filter((end) => end.isOffering && end.peer !== undefined)
  }

  #ends(process: Process): SimAttempt[] {
    return [...this.attempts.values()].filter((end) => end.process === process)
  }
}

export class SimAttempt implements Attempt {
  readonly process: Process
  readonly isOffering: boolean
  readonly key: string
  readonly description: Promise<unknown>
  readonly network: SimNetwork
  readonly inbox = new Inbox()
  readonly closed = deferred<void>()
  readonly #channel = deferred<Channel>()
  readonly channel = this.#channel.promise
  #remote: string | undefined
  /** The other end, once the channel is open. */
  peer: SimAttempt | undefined
  isSilent = false
  /** When the last frame on its way from here arrives: the next may not overtake it. */
  arrivesMs = 0

  constructor(network: SimNetwork, process: Process, role: Role, remote?: string) {
    const id = process.runtime.randomBytes(idBytes)
    this.network = network
    this.process = process
    this.isOffering = role === 0
    this.key = toBase64url(id)
    this.description = Promise.resolve([role, id])
    this.channel.catch(() => {})
    if (process.isAlive) network.attempts.set(this.key, this)
    if (remote !== undefined) this.#remote = remote
  }

  get isEnded(): boolean {
    return !this.network.attempts.has(this.key)
  }

  onCandidates(): Unsubscribe {
    return () => {}
  }

  addCandidates(): void {}

  accept(answer: unknown): void {
    const remote = decode(1, answer)
    if (this.isEnded) return
    if (this.#remote !== undefined) throw new HandfastError('wrong-phase', 'No answer is expected')
    this.#remote = remote
    const other = this.network.attempts.get(remote)
    if (!other || other.#remote !== this.key || other.peer) return
    this.later(() => {
      if (this.isEnded || other.isEnded || !this.isJoined(other)) return
      this.process.trace('channel', other.process.name)
      this.peer = other
      other.peer = this
      this.#channel.resolve(new SimChannel(this, other))
      other.#channel.resolve(new SimChannel(other, this))
    })
  }

  close(): void {
    if (this.process.isAlive) this.end('closed')
  }

  end(code: 'closed' | 'transport-failed'): void {
    if (!this.network.attempts.delete(this.key)) return
    this.#channel.reject(new HandfastError(code, 'The attempt ended'))
    this.closed.resolve()
    const { peer } = this
    if (!peer || this.isSilent) return
    this.later(() => (this.isJoined(peer) ? peer.noticeEnd() : peer.goSilent()))
  }

  /** Nothing passes any more either way. Each side notices in time, or when it wakes. */
  goSilent(): void {
    const { line } = this.network.parts
    for (const end of [this, this.peer]) {
      if (!end || end.isSilent) continue
      end.isSilent = true
      line.after(goneNoticedMs, () => end.noticeEnd())
    }
  }

  /** The platform reports the channel closed: to a sleeper when it wakes. */
  noticeEnd(): void {
    this.process.runtime.setTimer(0, () => this.end('transport-failed'))
  }

  /** Whether anything passes between the two now. */
  isJoined(other: SimAttempt): boolean {
    const { isCut } = this.network.parts
    return this.process.isUp && other.process.isUp && !isCut(this.process, other.process)
  }

  /** Runs `callback` when what leaves now arrives. */
  later(callback: () => void): void {
    const { line, random, faults } = this.network.parts
    const isHeldUp = faults.strikes('frame-delay', () => random.next())
    const delayMs = random.between(...oneWayMs) + (isHeldUp ? random.between(...heldUpMs) : 0)
    this.arrivesMs = Math.max(this.arrivesMs, line.nowMs + delayMs)
    line.after(this.arrivesMs - line.nowMs, callback)
  }
}

class SimChannel implements Channel {
  readonly maxMessageBytes = maxFrameBytes
  readonly #near: SimAttempt
  readonly #far: SimAttempt
  readonly #outgoing = new Outgoing()

  constructor(near: SimAttempt, far: SimAttempt) {
    this.#near = near
    this.#far = far
  }

  get bufferedBytes(): number {
    return this.#outgoing.bytes
  }

  get closed(): Promise<void> {
    return this.#near.closed.promise
  }

  send(message: Uint8Array): void {
    const near = this.#near
    this.#outgoing.enter(message, this.maxMessageBytes, near.isEnded)
    if (!near.process.effect('frame', fingerprint(message))) return
    const { random, faults } = near.network.parts
    const frame = message.slice()
    const isCorrupt = frame.length > 0 && faults.strikes('frame-corruption', () => random.next())
    if (isCorrupt) frame[random.below(frame.length)]! ^= 1 << random.below(8)
    near.later(() => this.#deliver(frame))
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

  #deliver(frame: Uint8Array): void {
    const [near, far] = [this.#near, this.#far]
    if (near.isEnded || far.isEnded || near.isSilent) return
    // What is lost on a reliable channel is lost with all that follows.
    if (!near.isJoined(far)) return near.goSilent()
    far.process.trace('arrival', fingerprint(frame))
    if (!far.inbox.push(frame)) far.close()
    this.#outgoing.leave(frame.length)
  }
}

function decode(role: Role, value: unknown): string {
  if (!Array.isArray(value) || value.length !== 2 || value[0] !== role) bad()
  const id: unknown = value[1]
  if (!(id instanceof Uint8Array) || id.length !== idBytes) bad()
  return toBase64url(id)
}
