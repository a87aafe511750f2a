/** Handshakes that go wrong: forged, cut off, out of turn, with the wrong keys; and what a finished one gives. */

import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { concat, utf8 } from '../../../lib/base/bytes.ts'
import * as derivationLabels from '../../../lib/crypto/derivation-labels.ts'
import { type HandshakeOptions, HandshakeState } from '../../../lib/crypto/noise.ts'
import { type PatternName, parsePattern } from '../../../lib/crypto/patterns.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { type KeyPair, dh, keyPairFromSecret } from '../../../lib/crypto/x25519.ts'
import { expectCode } from './expect-code.ts'
import { hex } from './hex.ts'

const filled = (byte: number) => new Uint8Array(32).fill(byte)
const payload = utf8('payload')
const prologue = utf8('prologue')
const psk = filled(9)
let alice: KeyPair
let bob: KeyPair
let mallory: KeyPair

beforeAll(async () => {
  await ready()
  alice = keyPairFromSecret(filled(1))
  bob = keyPairFromSecret(filled(2))
  mallory = keyPairFromSecret(filled(3))
})

/** The patterns of the protocol, and one that sends a static in the clear and in the second message. */
const names = ['N', 'NK', 'IK', 'IKpsk1', 'KK', 'KKpsk0', 'IX'] as const

function optionsOf(pattern: PatternName): [HandshakeOptions, HandshakeOptions] {
  const initiator: HandshakeOptions = { pattern, role: 'initiator', prologue }
  const responder: HandshakeOptions = { pattern, role: 'responder', prologue }
  const { preMessages, hasPsk } = parsePattern(pattern)
  if (/^[KXI]/.test(pattern)) initiator.s = alice
  if (!/^.N/.test(pattern)) responder.s = bob
  if (preMessages[0]) responder.rs = alice.publicKey
  if (preMessages[1]) initiator.rs = bob.publicKey
  if (hasPsk) initiator.psk = responder.psk = psk
  return [initiator, responder]
}

function pair(
  pattern: PatternName,
  ours: Partial<HandshakeOptions> = {},
  theirs: Partial<HandshakeOptions> = {},
): [HandshakeState, HandshakeState] {
  const [initiator, responder] = optionsOf(pattern)
  return [
    new HandshakeState({ ...initiator, ...ours }),
    new HandshakeState({ ...responder, ...theirs }),
  ]
}

function finish(initiator: HandshakeState, responder: HandshakeState): void {
  for (let writer = initiator; !initiator.finished;) {
    const reader = writer === initiator ? responder : initiator
    reader.readMessage(writer.writeMessage(payload))
    writer = reader
  }
}

function finishedPair(pattern: PatternName): [HandshakeState, HandshakeState] {
  const states = pair(pattern)
  finish(...states)
  return states
}

describe.each(names)('%s', (name) => {
  test('every truncation of every message fails, changes nothing, and the original is then read', () => {
    const [initiator, responder] = pair(name)
    for (let writer = initiator; !initiator.finished;) {
      const reader = writer === initiator ? responder : initiator
      const message = writer.writeMessage(payload)
      const isClear = name === 'IX' && writer === initiator
      // A message wholly in the clear may lose payload unnoticed; the transcript hash finds out in the next one.
      const shortest = isClear ? 64 : message.length
      const before = [reader.remoteStatic, reader.remoteEphemeral]
      for (let length = 0; length < shortest; length++) {
        expectCode('decrypt-failed', () => reader.readMessage(message.subarray(0, length)))
      }
      expect([reader.remoteStatic, reader.remoteEphemeral]).toEqual(before)
      expect(reader.readMessage(message)).toEqual(payload)
      writer = reader
    }
    expect(initiator.handshakeHash).toEqual(responder.handshakeHash)
  })

  test('every flipped bit makes the handshake fail; the original is then read', () => {
    const [initiator, responder] = pair(name)
    for (let writer = initiator; !initiator.finished;) {
      const reader = writer === initiator ? responder : initiator
      const message = writer.writeMessage(payload)
      const isClear = name === 'IX' && writer === initiator
      const bits = isClear ? 0 : message.length * 8
      // X25519 ignores the top bit of a public key, but the transcript does not.
      for (let bit = 0; bit < bits; bit++) {
        const flipped = message.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        expectCode('decrypt-failed', () => reader.readMessage(flipped))
      }
      expect(reader.readMessage(message)).toEqual(payload)
      writer = reader
    }
    expect(initiator.handshakeHash).toEqual(responder.handshakeHash)
  })

  test('out of turn, twice and after the end is wrong-phase, and changes nothing', () => {
    const [initiator, responder] = pair(name)
    expectCode('wrong-phase', () => responder.writeMessage(payload))
    expectCode('wrong-phase', () => responder.prepareMessage())
    expectCode('wrong-phase', () => initiator.readMessage(new Uint8Array(200)))
    for (const state of [initiator, responder]) {
      expectCode('wrong-phase', () => state.split())
      expectCode('wrong-phase', () => state.exportKey(derivationLabels.sessionId))
      expectCode('wrong-phase', () => state.handshakeHash)
      expectCode('wrong-phase', () => state.payloadHash)
    }
    const first = initiator.writeMessage(payload)
    expectCode('wrong-phase', () => initiator.writeMessage(payload))
    responder.readMessage(first)
    expectCode('wrong-phase', () => responder.readMessage(first))
    if (!responder.finished) {
      const second = responder.writeMessage(payload)
      initiator.readMessage(second)
      expectCode('wrong-phase', () => initiator.readMessage(second))
    }
    for (const state of [initiator, responder]) {
      expect(state.finished).toBe(true)
      expectCode('wrong-phase', () => state.writeMessage(payload))
      expectCode('wrong-phase', () => state.prepareMessage())
      expectCode('wrong-phase', () => state.readMessage(first))
      state.split()
      expectCode('wrong-phase', () => state.split())
      state.exportKey(derivationLabels.sessionId)
    }
  })

  test('a different prologue, static, or psk fails', () => {
    const differences: Partial<HandshakeOptions>[] = [{ prologue: utf8('other') }]
    const { preMessages, hasPsk } = parsePattern(name)
    if (preMessages[0]) differences.push({ rs: mallory.publicKey })
    if (preMessages[1]) differences.push({ s: mallory })
    if (hasPsk) differences.push({ psk: filled(8) })
    for (const difference of differences) {
      const [initiator, responder] = pair(name, {}, difference)
      expectCode('decrypt-failed', () => finish(initiator, responder))
    }
  })

  test('a key that is missing, of another size, or of no use is refused', () => {
    for (const options of optionsOf(name)) {
      for (const field of ['s', 'rs', 'psk'] as const) {
        const wrongs =
          field === 's'
            ? [
                { publicKey: new Uint8Array(31), secretKey: filled(1) },
                { publicKey: filled(1), secretKey: new Uint8Array(64) },
              ]
            : [new Uint8Array(31), new Uint8Array(33), new Uint8Array()]
        for (const wrong of [...wrongs, options[field] ? undefined : field === 's' ? alice : psk]) {
          const changed = { ...options, [field]: wrong } as HandshakeOptions
          expectCode('invalid-argument', () => new HandshakeState(changed))
        }
      }
    }
  })

  test('both sides agree: transport each way, exporter, hash', () => {
    const [initiator, responder] = finishedPair(name)
    expect(initiator.handshakeHash).toEqual(responder.handshakeHash)
    const [sendA, receiveA] = initiator.split()
    const [receiveB, sendB] = responder.split()
    const there = sendA.encryptWithAd(null, payload)
    const back = sendB.encryptWithAd(null, payload)
    expect(there).not.toEqual(back)
    expect(receiveB.decryptWithAd(null, there)).toEqual(payload)
    expect(receiveA.decryptWithAd(null, back)).toEqual(payload)
    expectCode('decrypt-failed', () => receiveA.decryptWithAd(null, there))
    const keys = Object.values(derivationLabels).map((label) => hex(initiator.exportKey(label)))
    expect(new Set(keys).size).toBe(keys.length)
    expect(Object.values(derivationLabels).map((label) => hex(responder.exportKey(label)))).toEqual(
      keys,
    )
  })

  test('no secret prints', () => {
    const [initiator] = pair(name)
    initiator.prepareMessage()
    for (const state of [initiator, ...finishedPair(name)]) {
      expect(JSON.stringify(state)).toBe('{}')
      expect(inspect(state)).toBe('HandshakeState {}')
      expect(inspect(state, { showHidden: true, depth: 9 })).not.toMatch(/\d/)
      expect(Object.getOwnPropertyNames(state)).toEqual([])
    }
  })

  test('ephemerals are fresh each time and come from the given randomness', () => {
    const [one] = pair(name)
    const [other] = pair(name)
    expect(one.writeMessage(payload)).not.toEqual(other.writeMessage(payload))
    const [seeded] = pair(name, { randomBytes: () => filled(5) })
    const message = seeded.writeMessage(payload)
    expect(message.slice(0, 32)).toEqual(keyPairFromSecret(filled(5)).publicKey)
    expect(seeded.localEphemeral).toEqual(message.slice(0, 32))
  })
})

describe('preparing a message', () => {
  test('both sides see the same hash before the payload, message by message', () => {
    const [initiator, responder] = pair('IKpsk1')
    const first = initiator.prepareMessage()
    expect(first.length).toBe(64)
    expect(initiator.payloadHash).toEqual(first)
    responder.readMessage(initiator.writeMessage(payload))
    expect(responder.payloadHash).toEqual(first)
    const second = responder.prepareMessage()
    expect(second).not.toEqual(first)
    initiator.readMessage(responder.writeMessage(payload))
    expect(initiator.payloadHash).toEqual(second)
    expect(initiator.handshakeHash).not.toEqual(second)
  })

  test('a prepared message keeps its ephemeral, which is known before it is written', () => {
    const [initiator] = pair('IK')
    expect(initiator.localEphemeral).toBeUndefined()
    const hash = initiator.prepareMessage()
    const ephemeral = initiator.localEphemeral
    expect(initiator.prepareMessage()).toEqual(hash)
    expect(initiator.writeMessage(payload).slice(0, 32)).toEqual(ephemeral)
  })

  test('what is returned is a copy', () => {
    const [initiator, responder] = pair('IK')
    initiator.prepareMessage().fill(0)
    initiator.payloadHash.fill(0)
    expect(responder.readMessage(initiator.writeMessage(payload))).toEqual(payload)
  })

  test('it is not the reader’s turn while a message is prepared', () => {
    const [initiator] = pair('IK')
    initiator.prepareMessage()
    expectCode('wrong-phase', () => initiator.readMessage(new Uint8Array(100)))
  })
})

describe('sizes', () => {
  const overhead = 32 + 48 + 16

  test('a message of 65,535 bytes passes', () => {
    const [initiator, responder] = pair('IK')
    const message = initiator.writeMessage(new Uint8Array(65_535 - overhead))
    expect(message.length).toBe(65_535)
    expect(responder.readMessage(message).length).toBe(65_535 - overhead)
  })

  test('one byte more is too large to write, and the state stays as it was', () => {
    const [initiator, responder] = pair('IK')
    expectCode('too-large', () => initiator.writeMessage(new Uint8Array(65_536 - overhead)))
    expect(initiator.localEphemeral).toBeUndefined()
    expectCode('wrong-phase', () => initiator.payloadHash)
    const hash = initiator.prepareMessage()
    expectCode('too-large', () => initiator.writeMessage(new Uint8Array(65_536 - overhead)))
    expect(initiator.payloadHash).toEqual(hash)
    expect(responder.readMessage(initiator.writeMessage(payload))).toEqual(payload)
    expect(responder.payloadHash).toEqual(hash)
  })

  test('one byte more is too large to read', () => {
    const [initiator, responder] = pair('IK')
    expectCode('too-large', () => responder.readMessage(new Uint8Array(65_536)))
    expect(responder.readMessage(initiator.writeMessage(payload))).toEqual(payload)
  })

  test('an empty payload passes', () => {
    const [initiator, responder] = pair('KKpsk0')
    expect(responder.readMessage(initiator.writeMessage(new Uint8Array())).length).toBe(0)
  })
})

test('an ephemeral of small order is bad-key, and the original is then read', () => {
  const [initiator, responder] = pair('NK')
  const message = initiator.writeMessage(payload)
  const forged = concat(new Uint8Array(32), message.subarray(32))
  expectCode('bad-key', () => responder.readMessage(forged))
  expect(responder.remoteEphemeral).toBeUndefined()
  expect(responder.readMessage(message)).toEqual(payload)
})

test('a remote static of small order is bad-key for the writer too', () => {
  const [initiator] = pair('NK', { rs: new Uint8Array(32) })
  expectCode('bad-key', () => initiator.prepareMessage())
  expectCode('bad-key', () => initiator.writeMessage(payload))
})

test('the remote keys become known when they were read', () => {
  const [initiator, responder] = pair('IK')
  expect(initiator.remoteStatic).toEqual(bob.publicKey)
  expect(responder.remoteStatic).toBeUndefined()
  const message = initiator.writeMessage(payload)
  responder.readMessage(message)
  expect(responder.remoteStatic).toEqual(alice.publicKey)
  expect(responder.remoteEphemeral).toEqual(message.slice(0, 32))
  expect(responder.remoteEphemeral).toEqual(initiator.localEphemeral)
})

test('a message in the clear that was changed makes the next one fail', () => {
  const [initiator, responder] = pair('IX')
  const message = initiator.writeMessage(payload)
  message[message.length - 1]! ^= 1
  responder.readMessage(message)
  expectCode('decrypt-failed', () => initiator.readMessage(responder.writeMessage(payload)))
})

test('the payload of a message in the clear is a copy', () => {
  const [initiator, responder] = pair('IX')
  const message = initiator.writeMessage(payload)
  const read = responder.readMessage(message)
  message.fill(0)
  expect(read).toEqual(payload)
})

test('whoever lacks the initiator’s static cannot speak in its name', () => {
  const [, responder] = pair('KK')
  const forger = new HandshakeState({ ...optionsOf('KK')[0], s: mallory })
  expectCode('decrypt-failed', () => responder.readMessage(forger.writeMessage(payload)))
})

test('the exporter is HMAC-BLAKE2b under the final chaining key', () => {
  // The chaining key of NN is worked out here with the platform’s own HMAC.
  const options = { pattern: 'NN', prologue } as const
  const initiator = new HandshakeState({
    ...options,
    role: 'initiator',
    randomBytes: () => alice.secretKey,
  })
  const responder = new HandshakeState({
    ...options,
    role: 'responder',
    randomBytes: () => bob.secretKey,
  })
  finish(initiator, responder)
  const hmac = (key: Uint8Array, ...data: (Uint8Array | string)[]) => {
    const mac = createHmac('blake2b512', key)
    for (const part of data) mac.update(part)
    return mac.digest()
  }
  const chainingKey = Buffer.alloc(64)
  chainingKey.write('Noise_NN_25519_ChaChaPoly_BLAKE2b')
  const finalKey = hmac(hmac(chainingKey, dh(alice.secretKey, bob.publicKey)), Uint8Array.of(1))
  const { sessionId } = derivationLabels
  const expected = hmac(finalKey, sessionId, '\0', initiator.handshakeHash).subarray(0, 32)
  expect(hex(initiator.exportKey(sessionId))).toBe(hex(expected))
})

test('unknown patterns and roles are refused', () => {
  for (const pattern of ['', 'ZZ', 'NKpsk3', 'Npsk2', 'IK1', 'IKpsk', 'toString', 'IKpsk1+psk2']) {
    expectCode('invalid-argument', () => parsePattern(pattern as PatternName))
  }
  expectCode('invalid-argument', () => {
    return new HandshakeState({ pattern: 'NN', role: 'referee' as never })
  })
})
