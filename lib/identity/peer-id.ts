/** A peer's permanent name: its ed25519 public key, shown as base64url without padding (43 characters). */

import { fromBase64url, toBase64url } from '../base/bytes.ts'
import { failAs } from '../base/errors.ts'
import { validateIdentityKey } from '../crypto/ed25519.ts'

/** A peer's permanent name: its ed25519 public key as base64url, 43 characters. A text becomes one by `parsePeerId`. */
export type PeerId = string & {
  /** No value has it; it tells a PeerId from other text. */
  readonly __brand: 'PeerId'
}

/** @throws HandfastError `bad-key` when the key is not 32 bytes, of small or of mixed order */
export function peerIdFromKey(publicKey: Uint8Array): PeerId {
  validateIdentityKey(publicKey)
  return toBase64url(publicKey) as PeerId
}

export function keyFromPeerId(peer: PeerId): Uint8Array {
  return fromBase64url(peer)
}

/** Reads a PeerId from text. @throws HandfastError `bad-key` when it is none */
export const parsePeerId = (text: string): PeerId =>
  failAs('bad-key', () => peerIdFromKey(fromBase64url(text)), 'not a PeerId')
