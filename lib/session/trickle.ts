/**
 * T packets: candidates that were found after the offer or answer had left, or an abort. Each carries the whole list so far, under keys
 * of the finished handshake, with a counter that is the nonce and a 64-wide replay window; so loss, repetition and reordering
 * are harmless.
 */

import { concat } from '../base/bytes.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import { openAt, sealAt } from '../crypto/aead.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import type { HandshakeState, Role } from '../crypto/noise.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { formatPacket, type Packet } from '../signaling/packets.ts'

const counterBytes = 8
const windowSize = 64n

/** `null`: the other side has given up. */
export type Trickled = { readonly candidates: unknown } | null

export class Trickle {
  readonly #sealKey: Uint8Array
  readonly #openKey: Uint8Array
  readonly #peerTag: Uint8Array
  #sent = 0
  #highest = -1
  /** Bit n: counter `#highest - n` was seen. */
  #seen = 0n

  constructor(handshake: HandshakeState, role: Role, peerTag: Uint8Array) {
    const initiator = handshake.exportKey(derivationLabels.signalInitiator)
    const responder = handshake.exportKey(derivationLabels.signalResponder)
    ;[this.#sealKey, this.#openKey] =
      role === 'initiator' ? [initiator, responder] : [responder, initiator]
    this.#peerTag = peerTag
  }

  seal(trickled: Trickled): Uint8Array {
    const counter = new Uint8Array(counterBytes)
    new DataView(counter.buffer).setBigUint64(0, BigInt(this.#sent))
    const ad = formatPacket(packetKinds.transport, this.#peerTag, counter)
    const plaintext = encode(trickled && [trickled.candidates as CborValue])
    return concat(ad, sealAt(this.#sealKey, this.#sent++, ad, plaintext))
  }

  /** What a T packet says, or nothing when it is forged, repeated or malformed. */
  open({ kind, tag, body }: Packet): Trickled | undefined {
    if (body.length <= counterBytes) return undefined
    const counterPart = body.subarray(0, counterBytes)
    const counter = new DataView(counterPart.buffer, counterPart.byteOffset).getBigUint64(0)
    if (counter > Number.MAX_SAFE_INTEGER || !this.#isFresh(Number(counter))) return undefined
    try {
      const ad = formatPacket(kind, tag, counterPart)
      const plaintext = openAt(this.#openKey, Number(counter), ad, body.subarray(counterBytes))
      this.#remember(Number(counter))
      const value = decode(plaintext)
      if (value === null) return null
      return Array.isArray(value) && value.length === 1 ? { candidates: value[0] } : undefined
    } catch {
      return undefined
    }
  }

  #isFresh(counter: number): boolean {
    const age = BigInt(this.#highest - counter)
    return age < 0n || (age < windowSize && ((this.#seen >> age) & 1n) === 0n)
  }

  #remember(counter: number): void {
    if (counter > this.#highest) {
      const shift = BigInt(counter - this.#highest)
      this.#seen = shift >= windowSize ? 0n : BigInt.asUintN(64, this.#seen << shift)
      this.#highest = counter
    }
    this.#seen |= 1n << BigInt(this.#highest - counter)
  }
}
