/**
 * A query: one question to a published address and one signed answer, in one Noise handshake of two messages (NK: whoever asks has no key
 * but an ephemeral one). The answer echoes the question's nonce, and both packets have the same size, one of three. [protocol]
 * `docs/protocol.md`, "Queries".
 */

import { concat, equalBytes, utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes, verify } from '../crypto/ed25519.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { HandshakeState } from '../crypto/noise.ts'
import type { Identity } from '../identity/identity.ts'
import { covers, deviceScopes } from '../identity/scopes.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { formatPacket, type Packet } from '../signaling/packets.ts'
import type { Address } from '../ticket/address.ts'
import { prologue } from './handshake.ts'

const nonceBytes = 16
/** Around the body of a query: packet byte, tag, ephemeral, AEAD tag, length. An answer has a signature, too. */
const queryOverheadBytes = 1 + limits.tagBytes + 32 + limits.aeadTagBytes + 2
const answerOverheadBytes = queryOverheadBytes + signatureBytes
/** Of an answer's body around its result: array, nonce, code, byte string. */
const answerBodyBytes = 1 + (1 + nonceBytes) + 1 + 3

/** What an answer is, by its code. */
const outcomes = [null, 'no-handler', 'request-failed', 'too-large'] as const
export type QueryFailure = Exclude<(typeof outcomes)[number], null>

/** Bound to the mailbox too: what is recorded at one address is worth nothing at another of the same peer. */
const queryPrologue = (network: Uint8Array, peerKey: Uint8Array, tag: Uint8Array) =>
  prologue(packetKinds.query, network, concat(peerKey, tag))

const signedPart = (hash: Uint8Array, body: Uint8Array) =>
  concat(Uint8Array.of(packetKinds.acknowledge), hash, body)

/** Length, body, and zeros up to `bytes`. */
function pad(body: Uint8Array, bytes: number): Uint8Array {
  const padded = new Uint8Array(bytes)
  new DataView(padded.buffer).setUint16(0, body.length)
  padded.set(body, 2)
  return padded
}

/** @throws HandfastError `bad-packet` */
function unpad(padded: Uint8Array): Uint8Array {
  const length = (padded[0]! << 8) | padded[1]!
  if (!(length <= padded.length - 2)) throw new HandfastError('bad-packet')
  return padded.subarray(2, 2 + length)
}

/** Whether a packet is of a query's size; else it is none. */
export const isQuerySize = (bytes: number): boolean =>
  (limits.queryPacketBytes as readonly number[]).includes(bytes)

function encodeValue(value: unknown): Uint8Array {
  const encoded = encode(value as CborValue)
  if (encoded.length <= limits.maxQueryValueBytes) return encoded
  const most = `${limits.maxQueryValueBytes} bytes`
  throw new HandfastError(
    'too-large',
    `The params of a query, and its answer, have at most ${most}`,
  )
}

// ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────

export interface QueryParts {
  readonly address: Address
  readonly network: Uint8Array
  readonly method: string
  readonly params: unknown
  /** What there is to be room for. */
  readonly answerBytes: number
  readonly randomBytes: Runtime['randomBytes']
}

export interface Query {
  readonly packet: Uint8Array
  readonly replyTag: Uint8Array
  /**
   * The answer.
   * @throws HandfastError `decrypt-failed` (nothing changed: it is somebody else's); else the outcome of the query: `bad-signature`,
   * `bad-packet`, `bad-encoding`, `no-handler`, `request-failed`, `too-large`
   */
  read(reply: Packet): unknown
}

/** @throws HandfastError `invalid-argument`, `too-large`, `bad-address` for a device that may not answer this */
export function openQuery(parts: QueryParts): Query {
  const { address, network, method, params, answerBytes, randomBytes } = parts
  const { peerKey, boxKey, deviceKey, scopes } = address.device
  if (method === '' || utf8(method).length > limits.maxNameBytes) {
    throw new HandfastError('invalid-argument', `A method has 1 to ${limits.maxNameBytes} bytes`)
  }
  if (!covers(scopes, `${deviceScopes.answer}:${method}`)) {
    throw new HandfastError('bad-address', 'That device may not answer this for its identity')
  }
  const nonce = randomBytes(nonceBytes)
  const replyTag = randomBytes(limits.tagBytes)
  const body = encode([nonce, replyTag, method, encodeValue(params)])
  const neededBytes = Math.max(
    queryOverheadBytes + body.length,
    answerOverheadBytes + answerBodyBytes + answerBytes,
  )
  const packetBytes = limits.queryPacketBytes.find((bytes) => bytes >= neededBytes)
  if (packetBytes === undefined) {
    throw new HandfastError('invalid-argument', `At most ${limits.maxQueryValueBytes} bytes`)
  }
  const handshake = new HandshakeState({
    pattern: 'NK',
    role: 'initiator',
    prologue: queryPrologue(network, peerKey, address.tag),
    rs: boxKey,
    randomBytes,
  })
  const message = handshake.writeMessage(pad(body, packetBytes - queryOverheadBytes + 2))
  return {
    packet: formatPacket(packetKinds.query, address.tag, message),
    replyTag,
    read(reply) {
      if (reply.body.length !== message.length) throw new HandfastError('decrypt-failed')
      const payload = handshake.readMessage(reply.body)
      const signature = payload.subarray(0, signatureBytes)
      const answer = unpad(payload.subarray(signatureBytes))
      const signed = signedPart(handshake.payloadHash, answer)
      if (!verify(signatureLabels.answer, signed, signature, deviceKey)) {
        throw new HandfastError('bad-signature', 'The answer is not signed by whom was asked')
      }
      const fields = new Fields(decode(answer), 3, 'bad-packet')
      if (!equalBytes(fields.bytes(nonceBytes), nonce)) {
        throw new HandfastError('bad-packet', 'The answer is to another question')
      }
      const failure = outcomes[fields.integer(0, outcomes.length - 1)]
      const result = fields.bytes(0, limits.maxQueryValueBytes)
      if (failure) throw new HandfastError(failure)
      return decode(result)
    },
  }
}

// ── Who answers ──────────────────────────────────────────────────────────────────────────────────────

/** A question as it was asked, by nobody knows whom. */
export interface OpenedQuery {
  readonly method: string
  readonly params: unknown
  readonly replyTag: Uint8Array
  /**
   * The packet that answers it: with `result`, unless that has no room, or with what went wrong.
   * @throws HandfastError `invalid-argument` for a result that is no CBOR
   */
  answer(outcome: { readonly result: unknown } | QueryFailure): Promise<Uint8Array>
}

/**
 * Opens a question: one key agreement, one decryption.
 * @throws whatever is wrong with it; the caller answers all of it with silence
 */
export function readQuery(identity: Identity, network: Uint8Array, packet: Packet): OpenedQuery {
  const { device, publicKey, runtime } = identity
  const handshake = device.handshake({
    pattern: 'NK',
    role: 'responder',
    prologue: queryPrologue(network, publicKey, packet.tag),
    randomBytes: runtime.randomBytes,
  })
  const payload = handshake.readMessage(packet.body)
  const fields = new Fields(decode(unpad(payload)), 4, 'bad-packet')
  const nonce = fields.bytes(nonceBytes)
  const replyTag = fields.bytes(limits.tagBytes)
  const method = fields.text(limits.maxNameBytes)
  const params = decode(fields.bytes(1, limits.maxQueryValueBytes))
  if (method === '') throw new HandfastError('bad-packet')
  const room = payload.length - signatureBytes - 2 - answerBodyBytes

  return {
    method,
    params,
    replyTag,
    async answer(outcome) {
      const [code, result] = encodeOutcome(outcome, room)
      const hash = handshake.prepareMessage()
      const body = encode([nonce, outcomes.indexOf(code), result])
      const signature = await device.sign(signatureLabels.answer, signedPart(hash, body))
      const padded = pad(body, payload.length - signatureBytes)
      const message = handshake.writeMessage(concat(signature, padded))
      return formatPacket(packetKinds.acknowledge, replyTag, message)
    },
  }
}

type Outcome = Parameters<OpenedQuery['answer']>[0]

function encodeOutcome(outcome: Outcome, room: number): [QueryFailure | null, Uint8Array] {
  if (typeof outcome === 'string') return [outcome, nothing]
  try {
    const encoded = encodeValue(outcome.result)
    if (encoded.length <= room) return [null, encoded]
  } catch (error) {
    if ((error as HandfastError).code !== 'too-large') throw error
  }
  return ['too-large', nothing]
}

const nothing = new Uint8Array()
