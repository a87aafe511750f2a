/**
 * Answering: what the responder does with a message 1. What costs least is checked first. Everything wrong with it gets the same
 * silence, and creates no peer connection. What is right gets an answer, and an attempt that is unproven until the initiator's first
 * frame has opened; only then does anybody hear of it.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Penalty } from '../base/penalties.ts'
import type { Identity } from '../identity/identity.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { formatPacket, parsePacket, type Packet, type PacketKind } from '../signaling/packets.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import { Answered } from './answered.ts'
import { Exchange } from './exchange.ts'
import { writeSigned, type PactPart } from './handshake.ts'
import type { Intake } from './intake.ts'
import type { Opened } from './openings.ts'
import { type Place, Places } from './places.ts'
import type { Session } from './session.ts'

export interface AnswererOptions {
  readonly identity: Identity
  readonly transport: Transport
  /** Where packets wait for their key agreement. */
  readonly intake: Intake
  readonly idleTimeoutMs: number
}

/** What a mailbox does with the packets that reach it. */
export interface Reception {
  /** Who is expected there. */
  readonly from: Place['from']
  /** Names the contact or the ticket. */
  readonly mailbox: string
  /** What is expected there. */
  readonly kinds: readonly PacketKind[]
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
  readonly #places = new Places()
  /** By device key. */
  readonly #attempts = new Map<string, Place>()
  /** How often each mailbox was called at of late, the latest last. At most `maxContacts`. */
  readonly #calls = new Map<string, Penalty>()
  #closed = false

  private constructor(options: AnswererOptions, answered: Answered) {
    this.#options = options
    this.#answered = answered
  }

  static async open(options: AnswererOptions): Promise<Answerer> {
    return new Answerer(options, await Answered.open(options.identity))
  }

  /** Takes a packet from the mailbox `tag`, which came by `path`. Never throws. */
  receive(tag: Uint8Array, bytes: Uint8Array, path: unknown, reception: Reception): void {
    const packet = parsePacket(bytes)
    const { from, mailbox, kinds } = reception
    if (!packet || !kinds.includes(packet.kind) || !equalBytes(packet.tag, tag)) return
    this.#options.intake.put(
      { from, path, mailbox },
      () => void this.#open(packet, bytes, reception),
    )
  }

  async #open(packet: Packet, bytes: Uint8Array, reception: Reception): Promise<void> {
    // Locked: silence, and nothing remembered; what is repeated after `unlock` is answered.
    if (this.#closed || this.#options.identity.isLocked) return
    const key = Answered.key(bytes)
    if (this.#answered.has(key)) return this.#repeat(key, reception)
    const { from, mailbox, expiresAtMs } = reception
    const calls = this.#callsOf(mailbox)
    const nowMs = this.#options.identity.runtime.monotonicNow()
    try {
      if (from === 'contact' && calls.at(nowMs) >= limits.maxCallsPerContact) return
      const opened = reception.read(packet)
      this.#options.transport.checkOffer(opened.payload.description)
      const device = toBase64url(opened.payload.sender.deviceKey)
      const isNewer = this.#attempts.has(device)
      const place = isNewer ? undefined : this.#places.take(from, mailbox)
      // Not remembered: there may be room when it is repeated.
      if (!isNewer && !place) return
      calls.add(nowMs)
      this.#answered.remember(key, expiresAtMs)
      await this.#respond(key, device, opened, reception, place)
    } catch {
      // Silence, whatever it was.
    }
  }

  /** Ends every unproven attempt. */
  close(): void {
    this.#closed = true
    this.#options.intake.close()
    for (const { onLost } of this.#attempts.values()) onLost()
  }

  #callsOf(mailbox: string): Penalty {
    const calls = this.#calls.get(mailbox) ?? new Penalty(limits.callHalfLifeMs)
    this.#calls.delete(mailbox)
    this.#calls.set(mailbox, calls)
    const [oldest] = this.#calls.keys()
    if (this.#calls.size > limits.maxContacts) this.#calls.delete(oldest!)
    return calls
  }

  #repeat(key: string, { signaling }: Reception): void {
    const answer = this.#answered.answer(key)
    const tag = answer && parsePacket(answer)?.tag
    if (tag) signaling.publish(tag, answer).catch(() => {})
  }

  /** Without a `place`, it is to have that of an older attempt of the same device. */
  async #respond(
    key: string,
    device: string,
    opened: Opened,
    reception: Reception,
    place: Place | undefined,
  ): Promise<void> {
    let own = place
    try {
      const admitted = await reception.admit(opened)
      if (!admitted || this.#closed) return
      this.#attempts.get(device)?.onLost()
      if (!own || !this.#places.has(own)) {
        own = this.#places.take(reception.from, reception.mailbox)
      }
      if (!own) return
      this.#attempts.set(device, own)
      reception.onAttempt?.(true)
      try {
        const session = await this.#prove(key, own, opened, reception, admitted.pact)
        this.#callsOf(reception.mailbox).add(
          this.#options.identity.runtime.monotonicNow(),
          limits.provenCallWeight - 1,
        )
        reception.onProven(session)
      } catch {
        reception.onAttempt?.(false)
      }
    } finally {
      if (own) this.#places.leave(own)
      if (this.#attempts.get(device) === own) this.#attempts.delete(device)
    }
  }

  async #prove(
    key: string,
    place: Place,
    { handshake, payload }: Opened,
    { signaling }: Reception,
    pact: PactPart | null,
  ): Promise<Session> {
    const { identity, idleTimeoutMs, transport, intake } = this.#options
    const { device, chain } = identity
    const { sender, replyTag: peerTag } = payload
    const attempt = transport.answer(payload.description)
    const timeoutMs = limits.unprovenTimeoutMs
    const options = { identity, signaling, attempt, intake, role: 'responder', timeoutMs } as const
    return Exchange.run(options, async (exchange) => {
      place.onLost = () => {
        this.#places.leave(place)
        exchange.fail(new HandfastError('closed'))
      }
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
