/**
 * Answering: what the responder does with a message 1. Everything wrong with it gets the same silence, and creates no peer
 * connection. What is right gets an answer, and an attempt that is unproven until the initiator's first frame
 * has opened; only then does anybody hear of it.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { formatPacket, packetKinds, parsePacket, type Packet } from '../signaling/packets.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Attempt, Transport } from '../transport/transport.ts'
import { Answered } from './answered.ts'
import { writeSigned, type PactPart } from './handshake.ts'
import type { Opened } from './openings.ts'
import { Session } from './session.ts'
import { Trickle } from './trickle.ts'

export interface AnswererOptions {
  readonly identity: Identity
  readonly transport: Transport
  readonly idleTimeoutMs: number
}

/** What a mailbox does with the packets that reach it. */
export interface Reception {
  readonly signaling: Signaling
  /** When the mailbox is gone, and with it the danger of a replay. */
  readonly expiresAtMs: number
  /** Reads and verifies message 1. Whatever it throws is answered with silence. */
  read(packet: Packet): Opened
  /** What is left to do before answering, and what the answer says of a pact. Nothing: silence. */
  admit(opened: Opened): Promise<{ pact: PactPart | null } | undefined>
  /** The attempt has begun (with `true`), or has ended unproven. */
  onAttempt?(underWay: boolean): void
  /** The initiator is live. */
  onProven(session: Session): void
}

export class Answerer {
  readonly #options: AnswererOptions
  readonly #answered: Answered
  /** By device key. */
  readonly #attempts = new Map<string, (error: Error) => void>()
  /** Verified, and not answered yet. */
  #admitting = 0
  #closed = false

  private constructor(options: AnswererOptions, answered: Answered) {
    this.#options = options
    this.#answered = answered
  }

  static async open(options: AnswererOptions): Promise<Answerer> {
    return new Answerer(options, await Answered.open(options.identity))
  }

  /** Attempts not proven yet. */
  get size(): number {
    return this.#attempts.size
  }

  /** Takes a packet from the mailbox `tag`. Never throws. */
  async receive(tag: Uint8Array, bytes: Uint8Array, reception: Reception): Promise<void> {
    const packet = parsePacket(bytes)
    if (this.#closed || !packet || !equalBytes(packet.tag, tag)) return
    const key = Answered.key(bytes)
    if (this.#answered.has(key)) return this.#repeat(key, reception)
    try {
      const opened = reception.read(packet)
      this.#options.transport.checkOffer(opened.payload.description)
      const device = toBase64url(opened.payload.sender.deviceKey)
      // Not remembered: there may be room when it is repeated.
      if (!this.#hasRoomFor(device)) return
      this.#answered.remember(key, reception.expiresAtMs)
      await this.#respond(key, device, opened, reception)
    } catch {
      // Silence, whatever it was.
    }
  }

  /** Ends every unproven attempt. */
  close(): void {
    this.#closed = true
    for (const fail of this.#attempts.values()) fail(new HandfastError('closed', 'Closed'))
  }

  #repeat(key: string, { signaling }: Reception): void {
    const answer = this.#answered.answer(key)
    const tag = answer && parsePacket(answer)?.tag
    if (tag) signaling.publish(tag, answer).catch(() => {})
  }

  #hasRoomFor(device: string): boolean {
    const begun = this.#attempts.size + this.#admitting
    return this.#attempts.has(device) || begun < limits.maxUnprovenAttempts
  }

  async #respond(key: string, device: string, opened: Opened, reception: Reception): Promise<void> {
    this.#admitting++
    const admitted = await reception.admit(opened).finally(() => this.#admitting--)
    if (!admitted || this.#closed) return

    this.#attempts.get(device)?.(new HandfastError('closed', 'Replaced by a newer attempt'))
    const failure = deferred<never>()
    failure.promise.catch(() => {})
    this.#attempts.set(device, failure.reject)
    let attempt: Attempt | undefined
    try {
      reception.onAttempt?.(true)
      attempt = this.#options.transport.answer(opened.payload.description)
      const session = await this.#prove(key, opened, reception, admitted.pact, attempt, failure)
      this.#release(device, failure.reject)
      reception.onProven(session)
    } catch (error) {
      this.#release(device, failure.reject)
      attempt?.close()
      reception.onAttempt?.(false)
      throw error
    }
  }

  #release(device: string, fail: (error: Error) => void): void {
    if (this.#attempts.get(device) === fail) this.#attempts.delete(device)
  }

  async #prove(
    key: string,
    { handshake, payload }: Opened,
    { signaling }: Reception,
    pact: PactPart | null,
    attempt: Attempt,
    failure: { promise: Promise<never>; reject: (error: Error) => void },
  ): Promise<Session> {
    const { identity, idleTimeoutMs } = this.#options
    const { device, chain, runtime } = identity
    const orFail = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, failure.promise])
    const cancelTimeout = runtime.setTimer(limits.unprovenTimeoutMs, () =>
      failure.reject(new HandfastError('timeout', 'The initiator has not shown to be live')),
    )
    const replyTag = runtime.randomBytes(limits.tagBytes)
    const peerTag = payload.replyTag
    const send = (packet: Uint8Array) => void signaling.publish(peerTag, packet).catch(() => {})
    const undo = [cancelTimeout]
    try {
      handshake.prepareMessage()
      const description = await orFail(attempt.description)
      const own = { chain, description, replyTag, pact }
      const message = await writeSigned(handshake, packetKinds.acknowledge, device, own)
      const trickle = new Trickle(handshake, 'responder', peerTag)
      undo.push(
        signaling.subscribe(replyTag, (bytes) => {
          const packet = parsePacket(bytes)
          if (packet?.kind !== packetKinds.transport || !equalBytes(packet.tag, replyTag)) return
          const trickled = trickle.open(packet)
          if (trickled === null) failure.reject(new HandfastError('closed', 'The peer gave up'))
          else if (trickled) takeCandidates(attempt, trickled.candidates)
        }),
      )
      const answer = formatPacket(packetKinds.acknowledge, peerTag, message)
      this.#answered.keepAnswer(key, answer)
      send(answer)
      undo.push(attempt.onCandidates((candidates) => send(trickle.seal({ candidates }))))
      const session = new Session({
        channel: await orFail(attempt.channel),
        role: 'responder',
        ciphers: handshake.split(),
        runtime,
        diallerKey: payload.sender.deviceKey,
        idleTimeoutMs,
      })
      await orFail(session.confirmed)
      return session
    } finally {
      for (const cancel of undo) cancel()
    }
  }
}

/** A bad list is no candidate; those that came before still count. */
function takeCandidates(attempt: Attempt, candidates: unknown): void {
  try {
    attempt.addCandidates(candidates)
  } catch {
    return
  }
}
