/**
 * Answering: what the responder does with a message 1. Everything wrong with it gets the same silence, and creates no peer
 * connection. What is right gets an answer, and an attempt that is unproven until the initiator's first frame
 * has opened; only then does anybody hear of it.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { formatPacket, packetKinds, parsePacket, type Packet } from '../signaling/packets.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import { Answered } from './answered.ts'
import { Exchange } from './exchange.ts'
import { writeSigned, type PactPart } from './handshake.ts'
import type { Opened } from './openings.ts'
import type { Session } from './session.ts'

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
  /** How to end each, by device key. */
  readonly #attempts = new Map<string, () => void>()
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
    for (const cancel of this.#attempts.values()) cancel()
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

    this.#attempts.get(device)?.()
    reception.onAttempt?.(true)
    try {
      const session = await this.#prove(key, device, opened, reception, admitted.pact)
      reception.onProven(session)
    } catch {
      reception.onAttempt?.(false)
    }
  }

  async #prove(
    key: string,
    deviceName: string,
    { handshake, payload }: Opened,
    { signaling }: Reception,
    pact: PactPart | null,
  ): Promise<Session> {
    const { identity, idleTimeoutMs, transport } = this.#options
    const { device, chain } = identity
    const { sender, replyTag: peerTag } = payload
    const attempt = transport.answer(payload.description)
    const timeoutMs = limits.unprovenTimeoutMs
    const options = { identity, signaling, attempt, role: 'responder', timeoutMs } as const
    return Exchange.run(options, async (exchange) => {
      const cancel = () => exchange.fail(new HandfastError('closed'))
      this.#attempts.set(deviceName, cancel)
      exchange.undo.push(() => {
        if (this.#attempts.get(deviceName) === cancel) this.#attempts.delete(deviceName)
      })
      const description = exchange.orFail(attempt.description)
      const own = { chain, description, replyTag: exchange.replyTag, pact }
      const message = await writeSigned(handshake, packetKinds.acknowledge, device, own)
      const answer = formatPacket(packetKinds.acknowledge, peerTag, message)
      this.#answered.keepAnswer(key, answer)
      exchange.publish(peerTag, answer)
      exchange.connect(handshake, peerTag)
      const session = await exchange.session(handshake, sender.deviceKey, idleTimeoutMs)
      await exchange.orFail(session.confirmed)
      return session
    })
  }
}
