/**
 * What the two handshake messages carry, and what they are bound to. One layout for I, K and A: 64 signature bytes, then
 * CBOR `[chain, description, reply tag, pact]`. The device signs the packet byte, the handshake hash just before this payload
 * is encrypted (so the ephemeral and all before it), and the CBOR as sent. [protocol] `docs/protocol.md`, "Handshakes".
 */

import { concat, utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { tagBytes } from '../base/limits.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes, verify } from '../crypto/ed25519.ts'
import { blake2b } from '../crypto/hash.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import { protocolLabel } from '../crypto/labels.ts'
import type { HandshakeState } from '../crypto/noise.ts'
import { verifyChain, type CertificateChain, type DeviceBinding } from '../identity/certificate.ts'
import type { Device } from '../identity/device.ts'
import type { CborValue } from '../codec/cbor.ts'

/** 16 bytes that keep two networks apart. */
export function networkId(name: string): Uint8Array {
  return blake2b(concat(utf8(derivationLabels.network), Uint8Array.of(0), utf8(name)), 16)
}

/** `kind` is the byte of the packet, or of its K part. */
export function prologue(kind: number, network: Uint8Array, binding: Uint8Array): Uint8Array {
  return concat(utf8(protocolLabel), Uint8Array.of(kind), network, binding)
}

/** What a first contact says of the pact: in I when it was made and the initiator's signature, in A its secret and the responder's. */
export interface PactPart {
  /** I: Unix seconds. A: 32 bytes. */
  readonly value: number | Uint8Array
  readonly signature: Uint8Array
  /** From the sender to the other side. */
  readonly peerChain: CertificateChain
}

/** What a device not met yet says of a pact that exists: the peer chain from the called identity to its own. */
export interface PactProof {
  readonly peerChain: CertificateChain
}

export interface HandshakePayload {
  readonly chain: CertificateChain
  /** Offer or answer, in the transport's own form. */
  readonly description: unknown
  /** Where the other side's next packets for this attempt go. */
  readonly replyTag: Uint8Array
  /** I, and the A to one with a ticket. */
  readonly pact: PactPart | PactProof | null
}

export interface VerifiedPayload extends HandshakePayload {
  readonly sender: DeviceBinding
}

const signedPart = (kind: number, hash: Uint8Array, body: Uint8Array) =>
  concat(Uint8Array.of(kind), hash, body)

/**
 * Writes a handshake message with its signed payload. The description may be a promise: the cryptography that needs none of it is
 * done meanwhile.
 */
export async function writeSigned(
  handshake: HandshakeState,
  kind: number,
  device: Device,
  payload: HandshakePayload,
): Promise<Uint8Array> {
  const { chain, description, replyTag, pact } = payload
  const hash = handshake.prepareMessage()
  const body = encode([
    [...chain],
    (await description) as CborValue,
    replyTag,
    pact && encodePact(pact),
  ])
  const signature = await device.sign(signatureLabels.handshake, signedPart(kind, hash, body))
  return handshake.writeMessage(concat(signature, body))
}

/**
 * Reads a handshake message: decrypts it, then checks the chain and the signature of its payload.
 * @throws HandfastError `decrypt-failed` (the handshake is as before), `bad-packet`, `bad-certificate`, `bad-signature`
 */
export function readSigned(
  handshake: HandshakeState,
  kind: number,
  message: Uint8Array,
  nowS: number,
): VerifiedPayload {
  const payload = handshake.readMessage(message)
  const signature = payload.subarray(0, signatureBytes)
  const body = payload.subarray(signatureBytes)
  const fields = new Fields(decode(body), 4, 'bad-packet')
  const chain = fields.any() as CertificateChain
  const description = fields.any()
  const replyTag = fields.bytes(tagBytes)
  const pact = fields.nullable(() => parsePact(fields.any()))
  const sender = verifyChain(chain, nowS)
  const signed = signedPart(kind, handshake.payloadHash, body)
  if (!verify(signatureLabels.handshake, signed, signature, sender.deviceKey)) {
    throw new HandfastError('bad-signature')
  }
  return { chain, description, replyTag, pact, sender }
}

const encodePact = (pact: PactPart | PactProof): CborValue =>
  'value' in pact ? [pact.value, pact.signature, [...pact.peerChain]] : [...pact.peerChain]

/** The peer chain is as it came: it is verified by whoever knows whose it must be. */
function parsePact(value: unknown): PactPart | PactProof {
  if (!Array.isArray(value) || !Array.isArray(value[2])) {
    return { peerChain: value as CertificateChain }
  }
  const fields = new Fields(value, 3, 'bad-packet')
  const part = fields.any()
  const signature = fields.bytes(signatureBytes)
  const peerChain = fields.any() as CertificateChain
  return typeof part === 'number' || part instanceof Uint8Array
    ? { value: part, signature, peerChain }
    : fields.fail('pact')
}
