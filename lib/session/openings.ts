/**
 * The two usual ways to begin: first contact by a ticket (packet I, IKpsk1) and a call to a known contact (packet N‖K, N and then
 * KKpsk0). Each is one message and one reply, whichever way it is carried. A third is in `unmet.ts`.
 */

import { concat, equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { verify } from '../crypto/ed25519.ts'
import { blake2b } from '../crypto/hash.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { HandshakeState } from '../crypto/noise.ts'
import type { KeyPair } from '../crypto/x25519.ts'
import {
  badCertificate,
  atAnyTime,
  certifyPeer,
  verifyChain,
  verifyPeerChain,
  type CertificateChain,
  type DeviceBinding,
} from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { shared, type Scopes } from '../identity/scopes.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { formatPacket, knownContactK, type Packet } from '../signaling/packets.ts'
import type { Ticket } from '../ticket/ticket.ts'
import {
  prologue,
  readSigned,
  writeSigned,
  type HandshakePayload,
  type PactPart,
  type VerifiedPayload,
} from './handshake.ts'
import { pactIdBytes, pactIdOf, pactRecord, pactSecretBytes, type KnownPeer } from './pact.ts'

/** What a finished handshake has proven and agreed. */
export interface Outcome {
  readonly peer: KnownPeer
  readonly chain: CertificateChain
  /** The answering device, as its chain has it now. */
  readonly sender: DeviceBinding
  /** Both signatures of a pact just made; none for a known contact. */
  readonly pact: SignedPact | null
  /** With a pact just made. */
  readonly grants: Grants | null
}

/** Who has certified whom at a first contact. */
export interface Grants {
  /** From one's own identity to the peer's. */
  readonly ownPeerChain: CertificateChain
  /** From the peer's to one's own: proof to show to devices that have not met this one. */
  readonly peerChain: CertificateChain
  /** What one may do there. */
  readonly grantedScopes: Scopes
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

/** What every message 1 has in common: `seal` makes a packet of it, and `outcomeOf` judges what the reply says. */
export async function opening(
  { device, chain, runtime }: Identity,
  handshake: HandshakeState,
  signedAs: number,
  payload: Omit<HandshakePayload, 'chain'>,
  seal: (message: Uint8Array) => Uint8Array,
  outcomeOf: (payload: VerifiedPayload) => Outcome,
): Promise<Opening> {
  const message = await writeSigned(handshake, signedAs, device, { ...payload, chain })
  return {
    packet: seal(message),
    handshake,
    finish(reply) {
      const answer = readSigned(handshake, reply.kind, reply.body, runtime.now() / 1000)
      return { payload: answer, outcome: outcomeOf(answer) }
    },
  }
}

/** Of what only ever meets silence, or ends the dial. */
export const badPacket = () => new HandfastError('bad-packet')
const badSignature = () => new HandfastError('bad-signature')

// ── First contact ────────────────────────────────────────────────────────────────────────────────────

/** What the other side has granted. @throws HandfastError `bad-packet`, `bad-certificate` */
function readGrant(
  { peer, runtime }: Identity,
  { sender, pact }: VerifiedPayload,
): PactPart & { grantedScopes: Scopes } {
  if (!pact || !('value' in pact)) throw badPacket()
  const granted = verifyPeerChain(pact.peerChain, sender.peerKey, runtime.now() / 1000)
  if (granted.peer !== peer) throw badCertificate('wrong subject')
  return { ...pact, grantedScopes: granted.scopes }
}

const ticketPrologue = (network: Uint8Array, ticket: Ticket) =>
  prologue(packetKinds.firstContact, network, ticket.hash)

/** @param grant the peer chain for the issuer of the ticket; default: one for all that this device may grant */
export async function openFirstContact(
  identity: Identity,
  network: Uint8Array,
  ticket: Ticket,
  description: unknown,
  replyTag: Uint8Array,
  grant = grantTo(identity, ticket.issuerDevice.peerKey),
): Promise<Opening> {
  const { device, publicKey, runtime } = identity
  const createdS = Math.floor(runtime.now() / 1000)
  const issuerKey = ticket.issuerDevice.peerKey
  const ownPeerChain = await grant
  const record = pactRecord(issuerKey, publicKey, ticket.hash, createdS)
  const ownSignature = await device.sign(signatureLabels.pact, record)
  const handshake = device.handshake({
    pattern: 'IKpsk1',
    role: 'initiator',
    prologue: ticketPrologue(network, ticket),
    rs: ticket.ticketKey,
    psk: ticket.psk,
    randomBytes: runtime.randomBytes,
  })
  return opening(
    identity,
    handshake,
    packetKinds.firstContact,
    {
      description,
      replyTag,
      pact: { value: createdS, signature: ownSignature, peerChain: ownPeerChain },
    },
    (message) => formatPacket(packetKinds.firstContact, ticket.tag, message),
    (payload) => {
      const { sender, chain } = payload
      if (sender.peer !== ticket.issuer) throw badSignature()
      const { value, signature, peerChain, grantedScopes } = readGrant(identity, payload)
      if (!(value instanceof Uint8Array) || value.length !== pactSecretBytes) throw badPacket()
      if (!verify(signatureLabels.pact, record, signature, sender.deviceKey)) throw badSignature()
      return {
        peer: { ...sender, pactSecret: value, pactId: pactIdOf(value) },
        chain,
        sender,
        pact: { record, ownSignature, peerSignature: signature },
        grants: { ownPeerChain, peerChain, grantedScopes },
      }
    },
  )
}

/**
 * The peer chain from one's own identity to another, for these scopes as far as this device may grant them.
 * @throws HandfastError `bad-certificate` where it may make no contacts
 */
export async function grantTo(
  { issuer, runtime }: Identity,
  peerKey: Uint8Array,
  scopes?: Scopes,
): Promise<CertificateChain> {
  const { chain } = issuer
  const within = scopes && { scopes: shared(scopes, verifyChain(chain, atAnyTime).scopes) }
  return certifyPeer(issuer, peerKey, { nowS: runtime.now() / 1000, ...within })
}

/** Message 1 of a first contact, with the pact record it proposes. */
export interface OpenedFirstContact extends Opened, Omit<Grants, 'ownPeerChain'> {
  readonly pactRecord: Uint8Array
  readonly peerSignature: Uint8Array
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
  const { sender } = payload
  if (!equalBytes(sender.boxKey, handshake.remoteStatic!)) throw badPacket()
  if (sender.peer === identity.peer || (ticket.for !== null && ticket.for !== sender.peer)) {
    throw new HandfastError('ticket-wrong-party')
  }
  const { value, signature: peerSignature, ...granted } = readGrant(identity, payload)
  if (typeof value !== 'number') throw badPacket()
  const record = pactRecord(identity.publicKey, sender.peerKey, ticket.hash, value)
  if (!verify(signatureLabels.pact, record, peerSignature, sender.deviceKey)) throw badSignature()
  return { handshake, payload, pactRecord: record, peerSignature, ...granted }
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
  const { device, publicKey, runtime } = identity
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
  return opening(
    identity,
    handshake,
    knownContactK,
    { description, replyTag, pact: null },
    (message) =>
      formatPacket(
        packetKinds.knownContact,
        tag,
        concat(nMessage, Uint8Array.of(knownContactK), message),
      ),
    (payload) => calledOutcome(payload, peer),
  )
}

/** What came of a call: the device that was called has answered. */
export function calledOutcome(payload: VerifiedPayload, peer: KnownPeer): Outcome {
  if (!isSameDevice(payload, peer)) throw badSignature()
  if (payload.pact) throw badPacket()
  return { peer, chain: payload.chain, sender: payload.sender, pact: null, grants: null }
}

/**
 * `known`: the device that has this key, if it is one of the contact whose mailbox it is.
 * @throws whatever is wrong with it; the caller answers all of it with silence
 */
export function readKnownContact(
  identity: Identity,
  network: Uint8Array,
  known: (callingDeviceKey: Uint8Array) => KnownPeer | undefined,
  packet: Packet,
): Opened {
  const { device, publicKey, runtime } = identity
  const { randomBytes } = runtime
  if (packet.body[nMessageBytes] !== knownContactK) throw badPacket()
  const nMessage = packet.body.subarray(0, nMessageBytes)
  const caller = device
    .handshake({
      pattern: 'N',
      role: 'responder',
      prologue: nPrologue(network, device.key, packet.tag),
    })
    .readMessage(nMessage)
  const peer = known(caller.subarray(pactIdBytes))
  if (!peer || !equalBytes(caller, concat(peer.pactId, peer.deviceKey))) throw badPacket()
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
  if (!isSameDevice(payload, peer) || payload.pact) throw badPacket()
  return { handshake, payload }
}

const isSameDevice = ({ sender }: VerifiedPayload, peer: KnownPeer): boolean =>
  sender.peer === peer.peer &&
  equalBytes(sender.deviceKey, peer.deviceKey) &&
  equalBytes(sender.boxKey, peer.boxKey)
