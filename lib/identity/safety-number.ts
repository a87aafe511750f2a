/**
 * The number two people compare, in person or by phone, to be sure that nobody stands between them: twelve groups of
 * five digits, the same on both sides, fixed by the two identities alone.
 */

import { compareBytes, concat, utf8 } from '../base/bytes.ts'
import { blake2b } from '../crypto/hash.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'

const groups = 12
const bytesPerGroup = 5

export function safetyNumber(peerKey: Uint8Array, otherPeerKey: Uint8Array): string {
  const [low, high] =
    compareBytes(peerKey, otherPeerKey) < 0 ? [peerKey, otherPeerKey] : [otherPeerKey, peerKey]
  const digest = blake2b(concat(utf8(derivationLabels.safetyNumber), Uint8Array.of(0), low, high))
  return Array.from({ length: groups }, (_, group) => {
    const start = group * bytesPerGroup
    let value = 0
    for (const byte of digest.subarray(start, start + bytesPerGroup)) value = value * 256 + byte
    return String(value % 100_000).padStart(bytesPerGroup, '0')
  }).join(' ')
}
