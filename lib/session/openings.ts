/**
 * The two ways to begin: first contact by a ticket (packet I, IKpsk1) and a call to a known contact (packet N‖K, N and then
 * KKpsk0). Each is one message and one reply, whichever way it is carried.
 */

import { concat, equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { verify } from '../crypto/ed25519.ts'
import { blake2b } from '../crypto/hash.ts'
import { signatureLabels } from '../crypto/labels.ts'
import { HandshakeState } from '../crypto/noise.ts'
import type { KeyPair } from '../crypto/x25519.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { formatPacket, knownContactK, packetKinds, type Packet } from '../signaling/packets.ts'
import type { Ticket } from '../ticket/ticket.ts'
import { prologue, readSigned, writeSigned, type VerifiedPayload } from './handshake.ts'
import { pactIdBytes, pactIdOf, pactRecord, pactSecretBytes, type KnownPeer } from './pact.ts'

/** What a finished handshake has proven and agreed. */
export interface Outcome {
  readonly peer: KnownPeer
  readonly chain: CertificateChain
  /** Both signatures of a pact just made; none for a known contact. */
  readonly pact: SignedPact | null
}

export interface SignedPact {
  readonly record: Uint8Array
  readonly ownSignature: Uint8Array
  readonly peerSignature: Uint8Array
}

/** Message 1, ready to publish, and how its reply is read. */
export interface Opening {
  readonly packet: Uint8Array
  readonly handshake: HandshakeState
  /** @throws HandfastError `decrypt-failed` (nothing changed); anything else ends the dial */
  finish(reply: Packet): { payload: VerifiedPayload; outcome: Outcome }
}

/** Message 1 as the responder has read and verified it. */
export interface Opened {
  readonly handshake: HandshakeState
  readonly payload: VerifiedPayload
}

/** Of what only ever meets silence, or ends the dial. */
const badPacket = () => new HandfastError('bad-packet')
const badSignature = () => new HandfastError('bad-signature')

// ── First contact ────────────────────────────────────────────────────────────────────────────────────

const ticketPrologue = (network: Uint8Array, ticket: Ticket) =>
  prologue(packetKinds.firstContact, network, ticket.hash)

export async function openFirstContact(
  identity: Identity,
  network: Uint8Array,
  ticket: Ticket,
  description: unknown,
  replyTag: Uint8Array,
): Promise<Opening> {
  const { device, chain, publicKey, runtime } = identity
  const createdS = Math.floor(runtime.now() / 1000)
  const record = pactRecord(ticket.issuerDevice.peerKey, publicKey, ticket.hash, createdS)
  const ownSignature = await device.sign(signatureLabels.pact, record)
  const handshake = device.handshake({
    pattern: 'IKpsk1',
    role: 'initiator',
    prologue: ticketPrologue(network, ticket),
    rs: ticket.ticketKey,
    psk: ticket.psk,
    randomBytes: runtime.randomBytes,
  })
  const message = await writeSigned(handshake, packetKinds.firstContact, device, {
    chain,
    description,
    replyTag,
    pact: { value: createdS, signature: ownSignature },
  })
  return {
    packet: formatPacket(packetKinds.firstContact, ticket.tag, message),
    handshake,
    finish(reply) {
      const payload = readSigned(handshake, reply.kind, reply.body, runtime.now() / 1000)
      const { sender, pact, chain: peerChain } = payload
      if (sender.peer !== ticket.issuer) throw badSignature()
      if (!(pact?.value instanceof Uint8Array) || pact.value.length !== pactSecretBytes) {
        throw badPacket()
      }
      if (!verify(signatureLabels.pact, record, pact.signature, sender.deviceKey)) {
        throw badSignature()
      }
      const peer = { ...sender, pactSecret: pact.value, pactId: pactIdOf(pact.value) }
      return {
        payload,
        outcome: {
          peer,
          chain: peerChain,
          pact: { record, ownSignature, peerSignature: pact.signature },
        },
      }
    },
  }
}

/** Message 1 of a first contact, with the pact record it proposes. */
export interface OpenedFirstContact extends Opened {
  readonly pactRecord: Uint8Array
}

/** @throws whatever is wrong with it; the caller answers all of it with silence */
export function readFirstContact(
  identity: Identity,
  network: Uint8Array,
  ticket: Ticket,
  ticketKey: KeyPair,
  packet: Packet,
): OpenedFirstContact {
  const nowS = identity.runtime.now() / 1000
  const handshake = new HandshakeState({
    pattern: 'IKpsk1',
    role: 'responder',
    prologue: ticketPrologue(network, ticket),
    s: ticketKey,
    psk: ticket.psk,
    randomBytes: identity.runtime.randomBytes,
  })
  const payload = readSigned(handshake, packet.kind, packet.body, nowS)
  const { sender, pact } = payload
  if (!equalBytes(sender.boxKey, handshake.remoteStatic!) || typeof pact?.value !== 'number') {
    throw badPacket()
  }
  const record = pactRecord(identity.publicKey, sender.peerKey, ticket.hash, pact.value)
  if (!verify(signatureLabels.pact, record, pact.signature, sender.deviceKey)) {
    throw badSignature()
  }
  if (sender.peer === identity.peer || (ticket.for !== null && ticket.for !== sender.peer)) {
    throw new HandfastError('ticket-wrong-party')
  }
  return { handshake, payload, pactRecord: record }
}

// ── A known contact ──────────────────────────────────────────────────────────────────────────────────

/** N: ephemeral, pact id and calling device key, AEAD tag. */
const nMessageBytes = 32 + pactIdBytes + 32 + 16

/** Bound to the mailbox too, so that a recorded packet dies with the day of its tag. */
const nPrologue = (network: Uint8Array, responderDeviceKey: Uint8Array, tag: Uint8Array) =>
  prologue(packetKinds.knownContact, network, concat(responderDeviceKey, tag))

const kPrologue = (
  network: Uint8Array,
  initiatorKey: Uint8Array,
  responderKey: Uint8Array,
  nMessage: Uint8Array,
) => prologue(knownContactK, network, concat(initiatorKey, responderKey, blake2b(nMessage, 32)))

export async function openKnownContact(
  identity: Identity,
  network: Uint8Array,
  peer: KnownPeer,
  tag: Uint8Array,
  description: unknown,
  replyTag: Uint8Array,
): Promise<Opening> {
  const { device, chain, publicKey, runtime } = identity
  const { randomBytes } = runtime
  const nMessage = new HandshakeState({
    pattern: 'N',
    role: 'initiator',
    prologue: nPrologue(network, peer.deviceKey, tag),
    rs: peer.boxKey,
    randomBytes,
  }).writeMessage(concat(peer.pactId, device.key))
  const handshake = device.handshake({
    pattern: 'KKpsk0',
    role: 'initiator',
    prologue: kPrologue(network, publicKey, peer.peerKey, nMessage),
    rs: peer.boxKey,
    psk: peer.pactSecret,
    randomBytes,
  })
  const message = await writeSigned(handshake, knownContactK, device, {
    chain,
    description,
    replyTag,
    pact: null,
  })
  const body = concat(nMessage, Uint8Array.of(knownContactK), message)
  return {
    packet: formatPacket(packetKinds.knownContact, tag, body),
    handshake,
    finish(reply) {
      const payload = readSigned(handshake, reply.kind, reply.body, runtime.now() / 1000)
      if (!isSameDevice(payload, peer)) throw badSignature()
      return { payload, outcome: { peer, chain: payload.chain, pact: null } }
    },
  }
}

/** @throws whatever is wrong with it; the caller answers all of it with silence */
export function readKnownContact(
  identity: Identity,
  network: Uint8Array,
  peer: KnownPeer,
  packet: Packet,
): Opened {
  const { device, publicKey, runtime } = identity
  const { randomBytes } = runtime
  const nMessage = packet.body.subarray(0, nMessageBytes)
  const caller = device
    .handshake({
      pattern: 'N',
      role: 'responder',
      prologue: nPrologue(network, device.key, packet.tag),
    })
    .readMessage(nMessage)
  if (
    packet.body[nMessageBytes] !== knownContactK ||
    !equalBytes(caller, concat(peer.pactId, peer.deviceKey))
  ) {
    throw badPacket()
  }
  const handshake = device.handshake({
    pattern: 'KKpsk0',
    role: 'responder',
    prologue: kPrologue(network, peer.peerKey, publicKey, nMessage),
    rs: peer.boxKey,
    psk: peer.pactSecret,
    randomBytes,
  })
  const message = packet.body.subarray(nMessageBytes + 1)
  const payload = readSigned(handshake, knownContactK, message, runtime.now() / 1000)
  if (!isSameDevice(payload, peer)) {
    throw badPacket()
  }
  return { handshake, payload }
}

const isSameDevice = ({ sender }: VerifiedPayload, peer: KnownPeer): boolean =>
  sender.peer === peer.peer &&
  equalBytes(sender.deviceKey, peer.deviceKey) &&
  equalBytes(sender.boxKey, peer.boxKey)
