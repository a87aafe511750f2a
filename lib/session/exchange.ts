/**
 * What both sides of an attempt share while they signal: a reply tag to listen at, candidates as T packets each way, a time
 * limit, and one failure that ends whatever is being waited for.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { blake2b } from '../crypto/hash.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import type { HandshakeState, Role } from '../crypto/noise.ts'
import { tagKey } from '../signaling/mailboxes.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { parsePacket, type Packet } from '../signaling/packets.ts'
import type { PacketListener, Signaling } from '../signaling/signaling.ts'
import type { Attempt } from '../transport/transport.ts'
import type { Intake } from './intake.ts'
import { Session } from './session.ts'
import type { SessionName } from './session-stats.ts'
import { Trickle, type Trickled } from './trickle.ts'

export interface ExchangeOptions {
  readonly identity: Identity
  readonly signaling: Signaling
  readonly attempt: Attempt
  /** Where answers wait for their key agreement. */
  readonly intake: Intake
  readonly role: Role
  readonly timeoutMs: number
}

const nameBytes = 16

export class Exchange {
  readonly replyTag: Uint8Array
  /** Run at the end, whichever it is. */
  readonly undo: (() => void)[] = []
  onAcknowledge: ((packet: Packet) => void) | undefined
  readonly #options: ExchangeOptions
  readonly #failure = deferred<never>()
  readonly #early: Packet[] = []
  #trickle: Trickle | undefined
  #send: (trickled: Trickled) => void = () => {}

  private constructor(options: ExchangeOptions) {
    this.#options = options
    const { runtime } = options.identity
    this.#failure.promise.catch(() => {})
    this.replyTag = runtime.randomBytes(limits.tagBytes)
    this.undo.push(
      runtime.setTimer(options.timeoutMs, () =>
        this.fail(new HandfastError('timeout', 'The peer did not answer in time')),
      ),
    )
  }

  /** Runs `work`; unless it succeeds, the attempt is closed, and a dialler tells the other side. */
  static async run<T>(
    options: ExchangeOptions,
    work: (exchange: Exchange) => Promise<T>,
  ): Promise<T> {
    const exchange = new Exchange(options)
    try {
      exchange.#listen()
      return await work(exchange)
    } catch (error) {
      if (options.role === 'initiator') exchange.#send(null)
      options.attempt.close()
      throw error
    } finally {
      for (const undo of exchange.undo) undo()
    }
  }

  /** Ends all waiting. */
  fail(error: unknown): void {
    this.#failure.reject(error)
  }

  orFail<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failure.promise])
  }

  publish(tag: Uint8Array, packet: Uint8Array, onSent?: (receivers: number) => void): void {
    this.#options.signaling.publish(tag, packet).then(onSent, () => {})
  }

  /** The handshake is done: candidates flow. */
  connect(handshake: HandshakeState, peerTag: Uint8Array): void {
    const { attempt, role } = this.#options
    const trickle = new Trickle(handshake, role, peerTag)
    this.#trickle = trickle
    this.#send = (trickled) => this.publish(peerTag, trickle.seal(trickled))
    for (const packet of this.#early) this.#receiveCandidates(packet)
    this.undo.push(attempt.onCandidates((candidates) => this.#send({ candidates })))
  }

  /** The session on the channel, once it is open and `ready`. */
  async session(
    handshake: HandshakeState,
    peerDeviceKey: Uint8Array,
    idleTimeoutMs: number,
    ready?: Promise<void>,
  ): Promise<Session> {
    const { attempt, role, identity } = this.#options
    const [channel] = await this.orFail(Promise.all([attempt.channel, ready]))
    const { runtime, device } = identity
    return new Session({
      channel,
      role,
      name: nameOf(handshake),
      ciphers: handshake.split(),
      runtime,
      diallerKey: role === 'initiator' ? device.key : peerDeviceKey,
      peerDeviceKey,
      idleTimeoutMs,
    })
  }

  #listen(): void {
    const { signaling, intake } = this.#options
    const listener: PacketListener = (bytes, path) => {
      const packet = parsePacket(bytes)
      if (!packet || !equalBytes(packet.tag, this.replyTag)) return
      if (packet.kind === packetKinds.transport) this.#receiveCandidates(packet)
      if (packet.kind !== packetKinds.acknowledge || !this.onAcknowledge) return
      const origin = { from: 'reply', path, mailbox: tagKey(packet.tag) } as const
      intake.put(origin, () => this.onAcknowledge?.(packet))
    }
    const unsubscribe = signaling.subscribe(this.replyTag, listener)
    this.undo.push(unsubscribe, () => (this.onAcknowledge = undefined))
  }

  #receiveCandidates(packet: Packet): void {
    if (!this.#trickle) {
      if (this.#early.length < limits.maxEarlyPackets) this.#early.push(packet)
      return
    }
    const trickled = this.#trickle.open(packet)
    if (trickled === null) this.fail(new HandfastError('transport-failed', 'The peer gave up'))
    try {
      if (trickled) this.#options.attempt.addCandidates(trickled.candidates)
    } catch {
      // A bad list is no candidate; those that came before still count.
    }
  }
}

/** A hash of the session's id, so that no use of that id need fear who sees this. */
const nameOf = (handshake: HandshakeState): SessionName => ({
  id: toBase64url(blake2b(handshake.exportKey(derivationLabels.sessionId), nameBytes)),
  handshake: handshake.name,
})
