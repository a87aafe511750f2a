/** Questions and answers as packets: what is forged, altered, meant for others or played again is worth nothing. */

import { describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { maxNameBytes, maxQueryValueBytes, queryPacketBytes } from '../../../lib/base/limits.ts'
import { concat } from '../../../lib/base/bytes.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { SignatureLabel } from '../../../lib/crypto/labels.ts'
import { HandshakeState } from '../../../lib/crypto/noise.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { networkId, prologue } from '../../../lib/session/handshake.ts'
import { openQuery, readQuery, type Query, type QueryParts } from '../../../lib/session/query.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { formatPacket, parsePacket } from '../../../lib/signaling/packets.ts'
import { Address } from '../../../lib/ticket/address.ts'
import { network, openIdentity, sampledAlterations } from '../attack/adversary.ts'

const { randomBytes } = systemRuntime
const expiresS = Math.ceil(Date.now() / 1000) + 3600
const addressOf = (identity: Identity) =>
  Address.sign(identity, { tag: randomBytes(16), relays: [], expiresS })
const alice = await openIdentity()
const mallory = await openIdentity()
const address = await addressOf(alice)

const question = (changes: Partial<QueryParts> = {}): Query =>
  openQuery({
    address,
    network,
    method: 'verify',
    params: { text: 'is this so?' },
    answerBytes: 100,
    randomBytes,
    ...changes,
  })

const boundToAddress = prologue(packetKinds.query, network, concat(alice.publicKey, address.tag))

const packetOf = (bytes: Uint8Array) => parsePacket(bytes)!
const readAtAlice = (bytes: Uint8Array) => readQuery(alice, network, packetOf(bytes))
const answerTo = async (bytes: Uint8Array, result: unknown = 'it is') =>
  readAtAlice(bytes).answer({ result })

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

test('a question and its answer', async () => {
  const query = question()
  const opened = readAtAlice(query.packet)
  expect([opened.method, opened.params]).toEqual(['verify', { text: 'is this so?' }])
  expect(opened.replyTag).toEqual(query.replyTag)
  const reply = await opened.answer({ result: { is: true } })
  expect(query.read(packetOf(reply))).toEqual({ is: true })
})

describe('a question', () => {
  test('is not read with any of it altered', { timeout: 60_000 }, () => {
    const { packet } = question()
    const codes = new Set<string>()
    for (const altered of sampledAlterations(packet.subarray(17))) {
      codes.add(codeOf(() => readQuery(alice, network, { ...packetOf(packet), body: altered })))
    }
    expect([...codes].filter((code) => code !== 'bad-key')).toEqual(['decrypt-failed'])
  })

  test('is read by whom it is for alone: not in another network, at another address or by another peer', async () => {
    const elsewhere = question({ network: networkId('elsewhere') })
    expect(codeOf(() => readAtAlice(elsewhere.packet))).toBe('decrypt-failed')

    const { packet } = question()
    const other = await addressOf(alice)
    const moved = formatPacket(packetKinds.query, other.tag, packet.slice(17))
    expect(codeOf(() => readAtAlice(moved))).toBe('decrypt-failed')
    expect(codeOf(() => readQuery(mallory, network, packetOf(packet)))).toBe('decrypt-failed')
    expect(codeOf(() => readAtAlice(packet))).toBe('accepted')
  })

  test('is not answered in the name of another who has had her box key certified as his', async () => {
    // What Mallory publishes leads to Alice's mailbox, under his name.
    const claim = { ...address.device, peer: mallory.peer, peerKey: mallory.publicKey }
    const misled = Object.create(address, {
      device: { value: claim },
      tag: { value: address.tag },
    }) as Address
    expect(codeOf(() => readAtAlice(question({ address: misled }).packet))).toBe('decrypt-failed')
  })

  test.each<[string, (nonce: Uint8Array, tag: Uint8Array) => CborValue]>([
    ['no array', () => 'what?'],
    ['a position less', (nonce, tag) => [nonce, tag, 'm']],
    ['a position more', (nonce, tag) => [nonce, tag, 'm', encode(1), 1]],
    ['a short nonce', (nonce, tag) => [nonce.slice(1), tag, 'm', encode(1)]],
    ['a short tag', (nonce, tag) => [nonce, tag.slice(1), 'm', encode(1)]],
    ['no method', (nonce, tag) => [nonce, tag, '', encode(1)]],
    ['too long a method', (nonce, tag) => [nonce, tag, 'm'.repeat(maxNameBytes + 1), encode(1)]],
    ['params that are no CBOR', (nonce, tag) => [nonce, tag, 'm', Uint8Array.of(0xff)]],
    [
      'params beyond the limit',
      (nonce, tag) => [nonce, tag, 'm', encode(new Uint8Array(maxQueryValueBytes))],
    ],
  ])('is refused with %s', (_, body) => {
    const encoded = encode(body(randomBytes(16), randomBytes(16)))
    const payload = concat(Uint8Array.of(encoded.length >> 8, encoded.length & 255), encoded)
    expect(codeOf(() => readAtAlice(sealed(payload)))).toMatch(/^bad-(?:packet|encoding)$/)
  })

  test.each([
    [Uint8Array.of()],
    [Uint8Array.of(0)],
    [Uint8Array.of(0, 1)],
    [Uint8Array.of(255, 255, 0)],
  ])('is refused with a payload shorter than it says: %s', (payload) =>
    expect(codeOf(() => readAtAlice(sealed(payload)))).toBe('bad-packet'),
  )
})

/** A question as nobody would ask it, sealed as it should be. */
function sealed(payload: Uint8Array): Uint8Array {
  const handshake = new HandshakeState({
    pattern: 'NK',
    role: 'initiator',
    prologue: boundToAddress,
    rs: address.device.boxKey,
  })
  return formatPacket(packetKinds.query, address.tag, handshake.writeMessage(payload))
}

describe('an answer', () => {
  test(
    'is not read with any of it altered, and the true one still is',
    { timeout: 60_000 },
    async () => {
      const query = question()
      const reply = await answerTo(query.packet)
      const codes = new Set<string>()
      for (const altered of sampledAlterations(reply.subarray(17))) {
        codes.add(codeOf(() => query.read({ ...packetOf(reply), body: altered })))
      }
      expect([...codes].filter((code) => code !== 'bad-key')).toEqual(['decrypt-failed'])
      expect(query.read(packetOf(reply))).toBe('it is')
    },
  )

  test('is worth nothing to another question, or twice', async () => {
    const [first, second] = [question(), question()]
    const reply = await answerTo(first.packet)
    expect(codeOf(() => second.read(packetOf(reply)))).toBe('decrypt-failed')
    expect(first.read(packetOf(reply))).toBe('it is')
    expect(codeOf(() => first.read(packetOf(reply)))).toBe('wrong-phase')
  })

  test('and a question are worth nothing in each other’s place, though they have the same size', async () => {
    const query = question()
    const reflected = formatPacket(packetKinds.acknowledge, query.replyTag, query.packet.slice(17))
    expect(codeOf(() => query.read(packetOf(reflected)))).toBe('decrypt-failed')
    const reply = await answerTo(query.packet)
    const asked = formatPacket(packetKinds.query, address.tag, reply.slice(17))
    expect(codeOf(() => readAtAlice(asked))).toBe('decrypt-failed')
    expect(query.read(packetOf(reply))).toBe('it is')
  })

  test('of another address of the same peer is worth nothing', async () => {
    const other = await addressOf(alice)
    const query = question()
    const reply = await answerTo(question({ address: other }).packet)
    expect(codeOf(() => query.read(packetOf(reply)))).toBe('decrypt-failed')
  })

  /** By whoever has stolen the box key, and signs and says what `changes` says. */
  function forged(query: Query, changes: Partial<Forgery> = {}): Promise<Uint8Array> {
    return forge(query, { signer: alice, label: signatureLabels.answer, ...changes })
  }

  test.each<[string, string, Partial<Forgery>]>([
    ['another signer', 'bad-signature', { signer: mallory }],
    ['a signature over another message', 'bad-signature', { signed: (part) => part.slice(1) }],
    ['another nonce', 'bad-packet', { body: ([, ...rest]) => [randomBytes(16), ...rest] }],
    [
      'a short nonce',
      'bad-packet',
      { body: ([nonce, ...rest]) => [(nonce as Uint8Array).slice(1), ...rest] },
    ],
    ['an unknown code', 'bad-packet', { body: (own) => own.with(1, 4) }],
    [
      'a result that is no CBOR',
      'bad-encoding',
      { body: (own) => own.with(2, Uint8Array.of(0xff)) },
    ],
    ['no result', 'bad-encoding', { body: (own) => own.with(2, new Uint8Array()) }],
    ['a position less', 'bad-packet', { body: (own) => own.slice(0, 2) }],
    ['a position more', 'bad-packet', { body: (own) => [...own, 0] }],
  ])('is refused with %s', async (_, code, changes) => {
    const query = question()
    const reply = packetOf(await forged(query, changes))
    expect(codeOf(() => query.read(reply))).toBe(code)
  })

  test('is refused when it is signed for another purpose', async () => {
    for (const label of Object.values(signatureLabels)) {
      const query = question()
      const reply = packetOf(await forged(query, { label }))
      const expected = label === signatureLabels.answer ? 'accepted' : 'bad-signature'
      expect(
        codeOf(() => query.read(reply)),
        label,
      ).toBe(expected)
    }
  })

  test.each([['no-handler'], ['request-failed'], ['too-large']] as const)(
    'can be %s',
    async (code) => {
      const query = question()
      const reply = await readAtAlice(query.packet).answer(code)
      expect(codeOf(() => query.read(packetOf(reply)))).toBe(code)
    },
  )
})

interface Forgery {
  readonly signer: Identity
  readonly label: SignatureLabel
  readonly signed?: (part: Uint8Array) => Uint8Array
  readonly body?: (body: CborValue[]) => CborValue[]
}

async function forge(query: Query, forgery: Forgery): Promise<Uint8Array> {
  const { signer, label, signed = (part) => part, body = (own) => own } = forgery
  const handshake = alice.device.handshake({
    pattern: 'NK',
    role: 'responder',
    prologue: boundToAddress,
  })
  const payload = handshake.readMessage(packetOf(query.packet).body)
  const length = (payload[0]! << 8) | payload[1]!
  const [nonce] = decode(payload.slice(2, 2 + length)) as CborValue[]
  const answer = encode(body([nonce!, 0, encode('it is')]))
  const part = concat(Uint8Array.of(packetKinds.acknowledge), handshake.prepareMessage(), answer)
  const signature = await signer.device.sign(label, signed(part))
  const padded = new Uint8Array(payload.length)
  padded.set(concat(signature, Uint8Array.of(0, answer.length), answer))
  return formatPacket(packetKinds.acknowledge, query.replyTag, handshake.writeMessage(padded))
}

describe('a device that may not speak for its identity in everything', () => {
  const under = (scopes: readonly string[], method: string) => {
    const device = { value: { ...address.device, scopes } }
    const restricted = Object.create(address, { device, tag: { value: address.tag } }) as Address
    return codeOf(() => question({ address: restricted, method }))
  }

  test.each<[string, readonly string[], string]>([
    ['accepted', ['*'], 'verify'],
    ['accepted', ['message', 'answer'], 'verify'],
    ['accepted', ['answer:verify'], 'verify'],
    ['bad-address', ['answer:verify'], 'pay'],
    ['bad-address', ['answer:verify'], 'verifying'],
    ['bad-address', ['message', 'request'], 'verify'],
    ['bad-address', [], 'verify'],
  ])('is %s with %j when asked to %s', (expected, scopes, method) => {
    expect(under(scopes, method)).toBe(expected)
  })
})

describe('sizes', () => {
  test('question and answer have the same, one of three, whatever is in them', async () => {
    const seen = new Set<number>()
    for (let bytes = 1; bytes < maxQueryValueBytes; bytes += 97) {
      const query = question({ params: 'p'.repeat(bytes - 3 > 0 ? bytes - 3 : 0), answerBytes: 0 })
      const reply = await answerTo(query.packet, null)
      expect(reply).toHaveLength(query.packet.length)
      seen.add(query.packet.length)
    }
    expect([...seen]).toEqual([...queryPacketBytes])
  })

  test('there is room for the answer that was asked for, to the byte', async () => {
    const text = (bytes: number) => 'a'.repeat(bytes - (bytes < 259 ? 2 : 3))
    for (const answerBytes of [100, 870, 871, 872, 2048, 2919, 2920, maxQueryValueBytes]) {
      const query = question({ answerBytes })
      const reply = await answerTo(query.packet, text(answerBytes))
      expect(query.read(packetOf(reply))).toHaveLength(text(answerBytes).length)
    }
  })

  test('an answer without room is told so', async () => {
    const query = question({ answerBytes: 100 })
    const reply = await answerTo(query.packet, 'a'.repeat(2000))
    expect(codeOf(() => query.read(packetOf(reply)))).toBe('too-large')
    const largest = question({ answerBytes: maxQueryValueBytes })
    const tooMuch = await answerTo(largest.packet, 'a'.repeat(maxQueryValueBytes - 2))
    expect(codeOf(() => largest.read(packetOf(tooMuch)))).toBe('too-large')
  })

  test('the largest question fits: params and method of the largest size, and the largest answer', () => {
    const params = 'a'.repeat(maxQueryValueBytes - 3)
    const method = 'm'.repeat(maxNameBytes)
    const query = question({ params, method, answerBytes: maxQueryValueBytes })
    expect(query.packet).toHaveLength(queryPacketBytes.at(-1)!)
    const opened = readAtAlice(query.packet)
    expect([opened.params, opened.method]).toEqual([params, method])
  })

  test.each<[string, Partial<QueryParts>, string]>([
    ['params that are too large', { params: 'a'.repeat(maxQueryValueBytes - 2) }, 'too-large'],
    ['params that are no CBOR', { params: () => {} }, 'invalid-argument'],
    ['no method', { method: '' }, 'invalid-argument'],
    ['a method that is too long', { method: 'm'.repeat(maxNameBytes + 1) }, 'invalid-argument'],
    ['room for too much', { answerBytes: maxQueryValueBytes * 2 }, 'invalid-argument'],
    ['room for nobody knows what', { answerBytes: NaN }, 'invalid-argument'],
  ])('there is no question with %s', (_, changes, code) => {
    expect(codeOf(() => question(changes))).toBe(code)
  })
})
