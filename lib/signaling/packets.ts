/**
 * A packet: what one publish carries. One byte for its kind, the 16 bytes of the mailbox tag it was published to, then a
 * sealed body. [protocol] `docs/protocol.md`, "Packets".
 */

import { concat } from '../base/bytes.ts'
import { maxPacketBytes, tagBytes } from '../base/limits.ts'
import * as packetKinds from './packet-kinds.ts'

/** Opens the K part of a knownContact packet, and its prologue. */
export const knownContactK = 0x4b

export type PacketKind = (typeof packetKinds)[keyof typeof packetKinds]

export interface Packet {
  readonly kind: PacketKind
  readonly tag: Uint8Array
  readonly body: Uint8Array
}

const headerBytes = 1 + tagBytes
const kinds: readonly (number | undefined)[] = [
  packetKinds.firstContact,
  packetKinds.knownContact,
  packetKinds.query,
  packetKinds.acknowledge,
  packetKinds.transport,
]

export function formatPacket(kind: PacketKind, tag: Uint8Array, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(kind), tag, body)
}

/** The parts of a packet, or nothing when it is none: it comes from strangers, so there is nobody to tell. */
export function parsePacket(bytes: Uint8Array): Packet | undefined {
  const kind = bytes[0]
  if (bytes.length <= headerBytes || bytes.length > maxPacketBytes || !kinds.includes(kind))
    return undefined
  return {
    kind: kind as PacketKind,
    tag: bytes.subarray(1, headerBytes),
    body: bytes.subarray(headerBytes),
  }
}
