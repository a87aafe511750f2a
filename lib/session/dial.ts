/**
 * Dialling: one attempt of the initiator, from the offer to an open session. Message 1 leaves at once with the candidates there are, and
 * is published again until the answer comes; what is not the called peer's answer changes nothing.
 */

import { equalBytes } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { packetKinds, parsePacket, type Packet } from '../signaling/packets.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Attempt, Transport } from '../transport/transport.ts'
import type { Opening, Outcome } from './openings.ts'
import { Session } from './session.ts'
import { Trickle } from './trickle.ts'
import { TokenBucket } from '../base/token-bucket.ts'

export interface DialOptions {
  readonly identity: Identity
  readonly signaling: Signaling
  readonly transport: Transport
  readonly idleTimeoutMs: number
  /** Writes message 1. Its cryptography has time until the description is known. */
  readonly open: (description: Promise<unknown>, replyTag: Uint8Array) => Promise<Opening>
  /** The mailbox message 1 goes to. */
  readonly tag: Uint8Array
  /** Stores what must outlive a crash; the session begins when it is done. */
  readonly onAcknowledged: (outcome: Outcome) => Promise<void>
  /** Default `dialTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Dialled {
  readonly session: Session
  readonly outcome: Outcome
}

/**
 * Resolves with an open session: the peer has proven who it is; it has not yet shown to be live on the channel
 * (`session.confirmed`).
 * @throws HandfastError `timeout`, `signaling-unavailable`, `transport-failed`, `bad-signature`, `bad-packet`,
 * `bad-description`; the reason of `signal`
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { identity, signaling, transport, signal, timeoutMs = limits.dialTimeoutMs } = options
  const { runtime } = identity
  signal?.throwIfAborted()
  const attempt = transport.offer()

  const failure = deferred<never>()
  failure.promise.catch(() => {})
  const orFail = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, failure.promise])
  const onAbort = () => failure.reject(signal!.reason)
  signal?.addEventListener('abort', onAbort)
  const cancelTimeout = runtime.setTimer(timeoutMs, () =>
    failure.reject(new HandfastError('timeout', 'The peer did not answer in time')),
  )

  const replyTag = runtime.randomBytes(limits.tagBytes)
  const call = new Call(options, attempt, replyTag, failure.reject)
  let unsubscribe = () => {}
  try {
    unsubscribe = signaling.subscribe(replyTag, (bytes) => call.receive(bytes))
    // The transport first: its platform then works beside our cryptography.
    await orFail(new Promise<void>((resolve) => runtime.setTimer(0, resolve)))
    const opening = await orFail(options.open(attempt.description, replyTag))
    call.begin(opening)
    const outcome = await orFail(call.acknowledged)
    const [channel] = await orFail(
      Promise.all([attempt.channel, options.onAcknowledged(outcome)] as const),
    )
    const session = new Session({
      channel,
      role: 'initiator',
      ciphers: opening.handshake.split(),
      runtime,
      diallerKey: identity.device.key,
      idleTimeoutMs: options.idleTimeoutMs,
    })
    return { session, outcome }
  } catch (error) {
    call.abort()
    attempt.close()
    throw error
  } finally {
    cancelTimeout()
    signal?.removeEventListener('abort', onAbort)
    call.end()
    unsubscribe()
  }
}

/** The signalling of one dial. */
class Call {
  readonly acknowledged: Promise<Outcome>
  readonly #options: DialOptions
  readonly #attempt: Attempt
  readonly #replyTag: Uint8Array
  readonly #fail: (error: unknown) => void
  readonly #acknowledge: (outcome: Outcome) => void
  readonly #budget: TokenBucket
  readonly #early: Packet[] = []
  #opening: Opening | undefined
  #trickle: Trickle | undefined
  #stopListening: () => void = () => {}
  #cancelRepublish: () => void = () => {}
  #peerTag: Uint8Array | undefined

  constructor(
    options: DialOptions,
    attempt: Attempt,
    replyTag: Uint8Array,
    fail: (error: unknown) => void,
  ) {
    this.#options = options
    this.#attempt = attempt
    this.#replyTag = replyTag
    this.#fail = fail
    const { promise, resolve } = deferred<Outcome>()
    this.acknowledged = promise
    this.#acknowledge = resolve
    const nowMs = options.identity.runtime.monotonicNow()
    this.#budget = new TokenBucket(limits.mailboxBurst, limits.mailboxPacketsPerS, nowMs)
  }

  begin(opening: Opening): void {
    this.#opening = opening
    this.#publishAgain(limits.republishMs)
  }

  /** A path that is down may come back within the time of the dial: only the time-out ends it. */
  #publishAgain(delayMs: number): void {
    const { signaling, tag, identity } = this.#options
    signaling.publish(tag, this.#opening!.packet).catch(() => {})
    this.#cancelRepublish = identity.runtime.setTimer(delayMs, () =>
      this.#publishAgain(delayMs * 2),
    )
  }

  receive(bytes: Uint8Array): void {
    const packet = parsePacket(bytes)
    if (!packet || !equalBytes(packet.tag, this.#replyTag)) return
    if (!this.#budget.take(this.#options.identity.runtime.monotonicNow())) return
    if (packet.kind === packetKinds.transport) this.#receiveCandidates(packet)
    else if (packet.kind === packetKinds.acknowledge) this.#receiveAcknowledge(packet)
  }

  #receiveAcknowledge(packet: Packet): void {
    if (!this.#opening || this.#trickle) return
    try {
      const { payload, outcome } = this.#opening.finish(packet)
      this.#attempt.accept(payload.description)
      this.#peerTag = payload.replyTag
      this.#trickle = new Trickle(this.#opening.handshake, 'initiator', payload.replyTag)
      this.#cancelRepublish()
      for (const early of this.#early.splice(0)) this.#receiveCandidates(early)
      this.#stopListening = this.#attempt.onCandidates((candidates) => this.#send({ candidates }))
      this.#acknowledge(outcome)
    } catch (error) {
      // Forged: the handshake is as it was, and the true answer may still come.
      const code = error instanceof HandfastError && error.code
      if (code !== 'decrypt-failed' && code !== 'bad-key') this.#fail(error)
    }
  }

  #receiveCandidates(packet: Packet): void {
    if (!this.#trickle) {
      if (this.#early.length < limits.maxEarlyPackets) this.#early.push(packet)
      return
    }
    const trickled = this.#trickle.open(packet)
    if (trickled === null) {
      this.#fail(new HandfastError('transport-failed', 'The peer has given up'))
    } else if (trickled) {
      try {
        this.#attempt.addCandidates(trickled.candidates)
      } catch {
        // A bad list is no candidate; those that came before still count.
      }
    }
  }

  #send(trickled: Parameters<Trickle['seal']>[0]): void {
    const packet = this.#trickle!.seal(trickled)
    this.#options.signaling.publish(this.#peerTag!, packet).catch(() => {})
  }

  /** Tells the other side that this attempt is over. */
  abort(): void {
    if (this.#trickle) this.#send(null)
  }

  end(): void {
    this.#cancelRepublish()
    this.#stopListening()
  }
}
