/**
 * A call to a contact whose device has not met the calling one, since that is new, or restored from a backup: packet I to the called
 * device's box key (IKpsk1), under the secret of their identities' pact, with the peer chain by which the called identity
 * itself has vouched for the caller's. One message and one reply, as the other two ways to begin.
 */

import { concat, equalBytes } from '../base/bytes.ts'
import { badCertificate, verifyPeerChain, type CertificateChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { refuseRevoked, type Revoked } from '../identity/revocations.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { formatPacket, type Packet } from '../signaling/packets.ts'
import { prologue, readSigned } from './handshake.ts'
import { badPacket, calledOutcome, opening, type Opened, type Opening } from './openings.ts'
import type { KnownPeer, Pact } from './pact.ts'

/** Bound to the mailbox, as N is, and to the device by its key, so that a renewed certificate of it shuts nobody out. */
const unmetPrologue = (
  network: Uint8Array,
  initiatorKey: Uint8Array,
  responderKey: Uint8Array,
  responderDeviceKey: Uint8Array,
  tag: Uint8Array,
) =>
  prologue(
    packetKinds.firstContact,
    network,
    concat(initiatorKey, responderKey, responderDeviceKey, tag),
  )

/**
 * @param peerChain from the peer's identity to one's own; null to a device of one's own identity, which needs none
 */
export async function openUnmet(
  identity: Identity,
  network: Uint8Array,
  peer: KnownPeer,
  peerChain: CertificateChain | null,
  tag: Uint8Array,
  description: unknown,
  replyTag: Uint8Array,
): Promise<Opening> {
  const { device, publicKey, runtime } = identity
  const handshake = device.handshake({
    pattern: 'IKpsk1',
    role: 'initiator',
    prologue: unmetPrologue(network, publicKey, peer.peerKey, peer.deviceKey, tag),
    rs: peer.boxKey,
    psk: peer.pactSecret,
    randomBytes: runtime.randomBytes,
  })
  return opening(
    identity,
    handshake,
    packetKinds.firstContact,
    { description, replyTag, pact: peerChain && { peerChain } },
    (message) => formatPacket(packetKinds.firstContact, tag, message),
    (payload) => calledOutcome(payload, peer),
  )
}

/**
 * Reads the call of a contact's device that is not known here: one that the peer's root vouches for, of a peer that one's own vouches for.
 * @param pact whose mailbox it came to
 * @param revoked devices that are no more: one's own, whose peer certificates are void, and the peer's
 * @throws whatever is wrong with it; the caller answers all of it with silence
 */
export function readUnmet(
  identity: Identity,
  network: Uint8Array,
  pact: Pact,
  revoked: { readonly own?: Revoked; readonly peers?: Revoked },
  packet: Packet,
): Opened {
  const { device, publicKey, runtime } = identity
  const nowS = runtime.now() / 1000
  const handshake = device.handshake({
    pattern: 'IKpsk1',
    role: 'responder',
    prologue: unmetPrologue(network, pact.peerKey, publicKey, device.key, packet.tag),
    psk: pact.pactSecret,
    randomBytes: runtime.randomBytes,
  })
  const payload = readSigned(handshake, packet.kind, packet.body, nowS)
  const { sender, chain } = payload
  if (
    !equalBytes(sender.boxKey, handshake.remoteStatic!) ||
    !equalBytes(sender.peerKey, pact.peerKey)
  ) {
    throw badPacket()
  }
  refuseRevoked(revoked.peers, sender)
  if (sender.peer === identity.peer) {
    if (payload.pact || equalBytes(sender.deviceKey, device.key)) throw badPacket()
    return { handshake, payload }
  }
  if (!payload.pact || 'value' in payload.pact) throw badPacket()
  const proven = verifyPeerChain(payload.pact.peerChain, publicKey, nowS)
  if (proven.peer !== sender.peer) throw badCertificate('wrong subject')
  if (proven.pathLength < chain.length) throw badCertificate('path too long')
  refuseRevoked(revoked.own, proven)
  return { handshake, payload }
}
