import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { HandshakeState } from '../../../lib/crypto/noise.ts'
import { blake2b } from '../../../lib/crypto/hash.ts'
import { utf8 } from '../../../lib/base/bytes.ts'
import { Trickle } from '../../../lib/session/trickle.ts'
import { parsePacket } from '../../../lib/signaling/packets.ts'

beforeAll(ready)

const handshake = {
  exportKey: (label: string) => blake2b(utf8(label), 32),
} as unknown as HandshakeState
const tag = new Uint8Array(16).fill(9)

const pair = () =>
  [new Trickle(handshake, 'initiator', tag), new Trickle(handshake, 'responder', tag)] as const

const open = (trickle: Trickle, bytes: Uint8Array) => trickle.open(parsePacket(bytes)!)

describe('trickle', () => {
  test('any order, loss and repetition: each is taken once while within the window', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 300 }), (arrivals) => {
        const [sender, receiver] = pair()
        const packets = Array.from({ length: 201 }, (_, n) => sender.seal({ candidates: [n] }))
        const seen = new Set<number>()
        let highest = -1
        for (const n of arrivals) {
          const isFresh = n > highest || (highest - n < 64 && !seen.has(n))
          expect(open(receiver, packets[n]!)).toEqual(isFresh ? { candidates: [n] } : undefined)
          if (isFresh) seen.add(n)
          highest = Math.max(highest, n)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('an abort is null, both ways', () => {
    const [initiator, responder] = pair()
    expect(open(responder, initiator.seal(null))).toBeNull()
    expect(open(initiator, responder.seal(null))).toBeNull()
  })

  test('one byte changed anywhere: nothing, and the true one still counts', () => {
    const [sender, receiver] = pair()
    const packet = sender.seal({ candidates: ['a', 'b'] })
    for (let i = 1; i < packet.length; i++) {
      const forged = packet.slice()
      forged[i]! ^= 1
      expect(open(receiver, forged)).toBeUndefined()
    }
    for (let length = 18; length < packet.length; length++) {
      expect(open(receiver, packet.slice(0, length))).toBeUndefined()
    }
    expect(open(receiver, packet)).toEqual({ candidates: ['a', 'b'] })
    expect(open(receiver, packet)).toBeUndefined()
  })

  test('its own packets come to nothing', () => {
    const [sender] = pair()
    expect(open(sender, sender.seal({ candidates: [] }))).toBeUndefined()
  })

  test('a counter beyond what numbers hold is refused', () => {
    const [sender, receiver] = pair()
    const packet = sender.seal({ candidates: [] })
    packet.fill(0xff, 17, 25)
    expect(open(receiver, packet)).toBeUndefined()
  })
})
