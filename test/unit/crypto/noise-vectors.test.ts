/** Noise against cacophony's public vectors: every one of our suite whose pattern the table holds. */

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type HandshakeOptions, HandshakeState, type Role } from '../../../lib/crypto/noise.ts'
import type { PatternName } from '../../../lib/crypto/patterns.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { keyPairFromSecret } from '../../../lib/crypto/x25519.ts'
import { hex, unhex } from './hex.ts'

interface Vector extends Partial<Record<string, unknown>> {
  protocol_name: string
  handshake_hash: string
  messages: { payload: string; ciphertext: string }[]
}

const url = new URL('../../vectors/noise/cacophony.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(url, 'utf8')) as { vectors: Vector[] }
const patternOf = (vector: Vector) => vector.protocol_name.split('_')[1]!

/** Deferred patterns (a digit after a letter) are not in the table. */
const isDeferred = (vector: Vector) => /^[A-Z0-9]*1/.test(patternOf(vector).replace(/psk\d/, ''))
const supported = vectors.filter((vector) => !isDeferred(vector))

beforeAll(ready)

function party(vector: Vector, role: Role): HandshakeState {
  const prefix = role === 'initiator' ? 'init' : 'resp'
  const field = (name: string) => vector[`${prefix}_${name}`] as string | undefined
  const bytes = (name: string) => (field(name) === undefined ? undefined : unhex(field(name)!))
  const secret = bytes('static')
  const ephemeral = bytes('ephemeral')
  const psks = vector[`${prefix}_psks`] as string[] | undefined
  const pattern = patternOf(vector) as PatternName
  const options: HandshakeOptions = {
    pattern,
    role,
    prologue: bytes('prologue'),
    s: secret && keyPairFromSecret(secret),
    rs: bytes('remote_static'),
    psk: psks && unhex(psks[0]!),
    ephemeralForTesting: ephemeral && keyPairFromSecret(ephemeral),
  }
  return new HandshakeState(options)
}

test('36 vectors are covered, and only deferred patterns are not', () => {
  expect(supported.map(patternOf)).toEqual(
    (
      'NN KN NK KK NX KX XN IN XK IK XX IX N K X NNpsk0 NNpsk2 NKpsk0 NKpsk2 NXpsk2 XNpsk3 XKpsk3 XXpsk3 ' +
      'KNpsk0 KNpsk2 KKpsk0 KKpsk2 KXpsk2 INpsk1 INpsk2 IKpsk1 IKpsk2 IXpsk2 Npsk0 Kpsk0 Xpsk1'
    ).split(' '),
  )
  for (const vector of vectors.filter(isDeferred)) {
    expect(() => party(vector, 'initiator')).toThrow('no such handshake pattern')
  }
})

describe.each(supported)('$protocol_name', (vector) => {
  const isOneWay = patternOf(vector).replace(/psk\d/, '').length === 1

  test('both sides reproduce every message, the hash and the transport', () => {
    const initiator = party(vector, 'initiator')
    const responder = party(vector, 'responder')
    let messages = vector.messages
    let initiatorSends = true
    while (!initiator.finished) {
      const [message, ...rest] = messages
      messages = rest
      const [writer, reader] = initiatorSends ? [initiator, responder] : [responder, initiator]
      const written = writer.writeMessage(unhex(message!.payload))
      expect(hex(written)).toBe(message!.ciphertext)
      expect(hex(reader.readMessage(written))).toBe(message!.payload)
      expect(reader.payloadHash).toEqual(writer.payloadHash)
      initiatorSends = !initiatorSends
    }
    for (const side of [initiator, responder]) {
      expect(side.finished).toBe(true)
      expect(hex(side.handshakeHash)).toBe(vector.handshake_hash)
    }
    const sending = initiator.split()
    const receiving = responder.split()
    expect(messages.length).toBeGreaterThan(1)
    for (const message of messages) {
      const way = initiatorSends || isOneWay ? 0 : 1
      const sealed = sending[way].encryptWithAd(null, unhex(message.payload))
      expect(hex(sealed)).toBe(message.ciphertext)
      expect(hex(receiving[way].decryptWithAd(null, sealed))).toBe(message.payload)
      initiatorSends = !initiatorSends
    }
  })

  test('preparing a message first changes no byte of it', () => {
    const writer = party(vector, 'initiator')
    const prepared = writer.prepareMessage()
    expect(writer.prepareMessage()).toEqual(prepared)
    const { payload, ciphertext } = vector.messages[0]!
    expect(hex(writer.writeMessage(unhex(payload)))).toBe(ciphertext)
    expect(writer.payloadHash).toEqual(prepared)
  })
})
