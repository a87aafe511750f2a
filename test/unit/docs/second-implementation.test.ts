/** An implementation made from `docs/protocol.md` alone comes to the same bytes as the library. */

import { readFileSync } from 'node:fs'
import { base32nopad, base64urlnopad } from '@scure/base'
import sodium from 'libsodium-wrappers'
import { beforeAll, expect, test } from 'vitest'
import { decode } from '../../../lib/codec/cbor.ts'
import { Cddl } from './cddl.ts'
import * as own from './second-implementation.ts'
import {
  blake2b,
  byte,
  bytes,
  cbor,
  Handshake,
  join,
  publicOf,
  sign,
  text,
} from './second-implementation.ts'

interface Person {
  [name: string]: string
}
const file = new URL('../../../docs/protocol-vectors.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  now: number
  safetyNumber: string
  network: { name: string; id: string }
} & { [part: string]: { [name: string]: string } }
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const part = (name: string) => vectors[name]!
const at = (name: string, field: string) => bytes(part(name)[field]!)
const { now } = vectors
const { expires } = vectors['ticket'] as unknown as { expires: number }
const { day } = vectors['pact'] as unknown as { day: number }

beforeAll(() => sodium.ready)

function certificateOf(person: Person): Uint8Array {
  const [identity, device] = [bytes(person['identitySeed']!), bytes(person['deviceSeed']!)]
  const peer = publicOf('ed25519', identity)
  const box = publicOf('x25519', bytes(person['boxSecret']!))
  const body = cbor([1, peer, peer, publicOf('ed25519', device), box, 6, now, null, ['*']])
  return cbor([
    body,
    sign('handfast/1 certificate', body, identity),
    sign('handfast/1 device', body, device),
  ])
}

/** What a device signs for another, or, without one, for another identity. */
function issuedBy(name: string, subject: Uint8Array, device: string | null): Uint8Array {
  const keys = device ? [deviceOf(device), boxOf(device)] : [null, null]
  const pathLength = device ? 5 : 3
  const body = cbor([1, deviceOf(name), subject, ...keys, pathLength, now, null, ['*']])
  return cbor([
    body,
    sign('handfast/1 certificate', body, at(name, 'deviceSeed')),
    device && sign('handfast/1 device', body, at(device, 'deviceSeed')),
  ])
}
const peerChain = (from: string, to: string) => [
  certificateOf(part(from)),
  issuedBy(from, identityOf(to), null),
]
const chainOf = (name: string) =>
  name === 'unmetDevice'
    ? [certificateOf(part('bob')), issuedBy('bob', identityOf('bob'), 'unmetDevice')]
    : [certificateOf(part(name))]

const identityOf = (name: string) => publicOf('ed25519', at(name, 'identitySeed'))
const deviceOf = (name: string) => publicOf('ed25519', at(name, 'deviceSeed'))
const boxOf = (name: string) => publicOf('x25519', at(name, 'boxSecret'))

function ticketBytes(): Uint8Array {
  const body = cbor([
    1,
    identityOf('alice'),
    publicOf('x25519', at('ticket', 'keySecret')),
    at('ticket', 'secret'),
    expires,
    [part('ticket')['relay']!],
    1,
    null,
    part('ticket')['purpose']!,
    part('ticket')['memo']!,
  ])
  const signature = sign('handfast/1 ticket', body, at('alice', 'deviceSeed'))
  return cbor([body, [certificateOf(part('alice'))], signature])
}

const networkId = () => blake2b(16, join(text('handfast/1 network'), byte(0), text('main')))
const prologue = (kind: number, ...binding: Uint8Array[]) =>
  join(text('handfast/1'), byte(kind), networkId(), ...binding)

/** All that were made, for the grammar to look at. */
const bodies: Uint8Array[] = []

/** Payload of I, K and A; `parts` is the CBOR of description, reply tag and pact. */
const payload =
  (kind: number, name: string, ...parts: Uint8Array[]) =>
  (h: Uint8Array) => {
    const body = join(byte(0x84), cbor(chainOf(name)), ...parts)
    bodies.push(body)
    const message = join(byte(kind), h, body)
    return join(sign('handfast/1 handshake', message, at(name, 'deviceSeed')), body)
  }

const pactRecord = () =>
  cbor([1, identityOf('alice'), identityOf('bob'), blake2b(32, ticketBytes()), now])
const pactSignature = (name: string) =>
  sign('handfast/1 pact', pactRecord(), at(name, 'deviceSeed'))

function firstContact() {
  const [i, a] = [
    at('firstContact', 'ephemeralSecretOfI'),
    at('firstContact', 'ephemeralSecretOfA'),
  ]
  const ticket = ticketBytes()
  const ticketSecret = at('ticket', 'keySecret')
  const handshake = new Handshake(
    'IKpsk1',
    prologue(0x49, blake2b(32, ticket)),
    [publicOf('x25519', ticketSecret)],
    { ie: i, is: at('bob', 'boxSecret'), re: a, rs: ticketSecret },
    blake2b(32, text('handfast/1 ticket psk'), at('ticket', 'secret')),
  )
  const [bobTag, aliceTag] = [
    at('firstContact', 'replyTagOfBob'),
    at('firstContact', 'replyTagOfAlice'),
  ]
  const packetI = join(
    byte(0x49),
    blake2b(16, text('handfast/1 ticket tag'), at('ticket', 'secret')),
    handshake.message(
      'e es s ss psk',
      payload(
        0x49,
        'bob',
        at('firstContact', 'offer'),
        cbor(bobTag),
        cbor([now, pactSignature('bob'), peerChain('bob', 'alice')]),
      ),
    ),
  )
  const packetA = join(
    byte(0x41),
    bobTag,
    handshake.message(
      'e ee se',
      payload(
        0x41,
        'alice',
        at('firstContact', 'answer'),
        cbor(aliceTag),
        cbor([at('pact', 'secret'), pactSignature('alice'), peerChain('alice', 'bob')]),
      ),
    ),
  )
  return { handshake, packetI, packetA, bobTag, aliceTag }
}

test('names, certificates and the ticket', () => {
  for (const name of ['alice', 'bob']) {
    expect(base64urlnopad.encode(identityOf(name))).toBe(part(name)['peerId'])
    expect(hex(certificateOf(part(name)))).toBe(part(name)['certificate'])
  }
  expect(hex(networkId())).toBe(vectors.network.id)
  expect(hex(ticketBytes())).toBe(part('ticket')['bytes'])
  expect(`hft1${base32nopad.encode(ticketBytes()).toLowerCase()}`).toBe(part('ticket')['text'])
})

test('a signed message', () => {
  const body = cbor([1, identityOf('alice'), part('signedMessage')['purpose']!, text('yes')])
  const signature = sign('handfast/1 application', body, at('alice', 'deviceSeed'))
  const signed = cbor([body, [certificateOf(part('alice'))], signature])
  expect(hex(text('yes'))).toBe(part('signedMessage')['message'])
  expect(hex(signed)).toBe(part('signedMessage')['bytes'])
})

test('a card', () => {
  const body = cbor([1, identityOf('alice'), now, [part('card')['relay']!], now])
  const signature = sign('handfast/1 card', body, at('alice', 'deviceSeed'))
  const card = cbor([body, [certificateOf(part('alice'))], signature])
  expect(hex(card)).toBe(part('card')['bytes'])
  expect(`hfc1${base32nopad.encode(card).toLowerCase()}`).toBe(part('card')['text'])
  expect(hex(cbor([16, card]))).toBe(part('card')['record'])
})

test('the pact, its tags and the safety number', () => {
  expect(hex(pactRecord())).toBe(part('pact')['record'])
  const secret = at('pact', 'secret')
  expect(hex(blake2b(16, text('handfast/1 pact id'), secret))).toBe(part('pact')['id'])
  const tag = (name: string) =>
    hex(blake2b(16, join(text('handfast/1 tag'), deviceOf(name), own.u32be(day)), secret))
  expect(tag('alice')).toBe(part('pact')['tagOfAlice'])
  expect(tag('bob')).toBe(part('pact')['tagOfBob'])

  const keys = ['alice', 'bob'].map(identityOf).toSorted(Buffer.compare)
  const digest = hex(blake2b(64, join(text('handfast/1 safety number'), byte(0), ...keys)))
  const groups = digest.slice(0, 120).match(/.{10}/g)!
  const digits = groups.map((group) => String(parseInt(group, 16) % 100_000).padStart(5, '0'))
  expect(digits.join(' ')).toBe(vectors.safetyNumber)
})

test('first contact: I, A and T', () => {
  const { handshake, packetI, packetA, bobTag, aliceTag } = firstContact()
  expect(hex(packetI)).toBe(part('firstContact')['packetI'])
  expect(hex(packetA)).toBe(part('firstContact')['packetA'])
  expect(hex(handshake.h)).toBe(part('firstContact')['handshakeHash'])

  const packetT = (label: string, tag: Uint8Array, counter: number, plaintext: Uint8Array) => {
    const ad = join(byte(0x54), tag, own.u64be(counter))
    return hex(join(ad, own.seal(handshake.export(label), counter, ad, plaintext)))
  }
  const abort = packetT('handfast/1 signal initiator', aliceTag, 1, byte(0xf6))
  expect(abort).toBe(part('firstContact')['packetTOfBobAborting'])
  // The candidates are the fourth of the five parts of a description; what follows them is the size, 3 bytes.
  const candidatesOf = (description: Uint8Array) => description.slice(1 + 5 + 27 + 34, -3)
  const fromBob = candidatesOf(at('firstContact', 'offer'))
  const fromAlice = candidatesOf(at('firstContact', 'answer'))
  expect(packetT('handfast/1 signal initiator', aliceTag, 0, join(byte(0x81), fromBob))).toBe(
    part('firstContact')['packetTOfBob'],
  )
  expect(packetT('handfast/1 signal responder', bobTag, 0, join(byte(0x81), fromAlice))).toBe(
    part('firstContact')['packetTOfAlice'],
  )
})

test('frames, before and after a rekey', () => {
  const keys = firstContact().handshake.split()
  for (const [index, name] of ['sessionOfBob', 'sessionOfAlice'].entries()) {
    const key = keys[index]!
    const frame = (k: Uint8Array, counter: number, field: string) =>
      hex(own.seal(k, counter, new Uint8Array(), at(name, field)))
    const hello = hex(cbor([0, 1, at(name, 'logId'), at(name, 'run'), 1, 0, null, 0, null]))
    expect(hello).toBe(part(name)['hello'])
    expect(frame(key, 0, 'hello')).toBe(part(name)['frame0'])
    expect(frame(key, 1, 'message')).toBe(part(name)['frame1'])
    expect(frame(key, 65_535, 'pong')).toBe(part(name)['frame65535'])
    expect(frame(own.rekey(key), 65_536, 'pong')).toBe(part(name)['frame65536'])
  }
})

test('a known contact: N, K and A', () => {
  const from = (field: string) => at('knownContact', field)
  const [bobBox, aliceBox] = [at('bob', 'boxSecret'), at('alice', 'boxSecret')]
  const tag = at('pact', 'tagOfBob')
  const n = new Handshake('N', prologue(0x4e, deviceOf('bob'), tag), [boxOf('bob')], {
    ie: from('ephemeralSecretOfN'),
    rs: bobBox,
  }).message('e es', () => join(at('pact', 'id'), deviceOf('alice')))
  const handshake = new Handshake(
    'KKpsk0',
    prologue(0x4b, identityOf('alice'), identityOf('bob'), blake2b(32, n)),
    [boxOf('alice'), boxOf('bob')],
    { ie: from('ephemeralSecretOfK'), is: aliceBox, re: from('ephemeralSecretOfA'), rs: bobBox },
    at('pact', 'secret'),
  )
  const k = handshake.message(
    'psk e es ss',
    payload(0x4b, 'alice', at('firstContact', 'offer'), cbor(from('replyTagOfAlice')), cbor(null)),
  )
  expect(hex(join(byte(0x4e), tag, n, byte(0x4b), k))).toBe(part('knownContact')['packetNK'])
  const a = handshake.message(
    'e ee se',
    payload(0x41, 'bob', at('firstContact', 'answer'), cbor(from('replyTagOfBob')), cbor(null)),
  )
  expect(hex(join(byte(0x41), from('replyTagOfAlice'), a))).toBe(part('knownContact')['packetA'])
  expect(hex(handshake.h)).toBe(part('knownContact')['handshakeHash'])
})

function unmetDevice() {
  const from = (field: string) => at('unmetDevice', field)
  const tag = at('pact', 'tagOfAlice')
  const handshake = new Handshake(
    'IKpsk1',
    prologue(0x49, identityOf('bob'), identityOf('alice'), deviceOf('alice'), tag),
    [boxOf('alice')],
    {
      ie: from('ephemeralSecretOfI'),
      is: from('boxSecret'),
      re: from('ephemeralSecretOfA'),
      rs: at('alice', 'boxSecret'),
    },
    at('pact', 'secret'),
  )
  const [bobTag, aliceTag] = [from('replyTagOfBob'), from('replyTagOfAlice')]
  const offer = at('firstContact', 'offer')
  const proof = cbor(peerChain('alice', 'bob'))
  const i = handshake.message(
    'e es s ss psk',
    payload(0x49, 'unmetDevice', offer, cbor(bobTag), proof),
  )
  const answer = at('firstContact', 'answer')
  const a = handshake.message('e ee se', payload(0x41, 'alice', answer, cbor(aliceTag), cbor(null)))
  return { packetI: join(byte(0x49), tag, i), packetA: join(byte(0x41), bobTag, a), handshake }
}

test('a device not met yet: I and A', () => {
  const { packetI, packetA, handshake } = unmetDevice()
  expect(hex(packetI)).toBe(part('unmetDevice')['packetI'])
  expect(hex(packetA)).toBe(part('unmetDevice')['packetA'])
  expect(hex(handshake.h)).toBe(part('unmetDevice')['handshakeHash'])
})

test('a list of revocations', () => {
  const body = cbor([1, identityOf('bob'), now, [deviceOf('unmetDevice')], now])
  const list = cbor([body, sign('handfast/1 revocations', body, at('bob', 'identitySeed'))])
  expect(hex(list)).toBe(part('unmetDevice')['revocations'])
})

test('a query: Q and A', () => {
  const from = (field: string) => at('query', field)
  const { notAfter } = part('query') as unknown as { notAfter: number }
  const [tag, box] = [from('tag'), at('alice', 'boxSecret')]
  const body = cbor([
    1,
    identityOf('alice'),
    boxOf('alice'),
    tag,
    [part('query')['relay']!],
    notAfter,
  ])
  const signature = sign('handfast/1 address', body, at('alice', 'deviceSeed'))
  const address = cbor([body, [certificateOf(part('alice'))], signature])
  expect(hex(address)).toBe(part('query')['addressBytes'])
  expect(`hfa1${base32nopad.encode(address).toLowerCase()}`).toBe(part('query')['addressText'])

  const [nonce, replyTag] = [from('nonce'), from('replyTag')]
  const handshake = new Handshake(
    'NK',
    prologue(0x51, identityOf('alice'), tag),
    [boxOf('alice')],
    {
      ie: from('ephemeralSecretOfQ'),
      re: from('ephemeralSecretOfA'),
      rs: box,
    },
  )
  /** Packets of 1,024 bytes: 17 in front, 32 of the ephemeral, 16 of the tag. */
  const padded = (signed: Uint8Array, data: Uint8Array) => {
    const head = join(signed, own.u32be(data.length).slice(2), data)
    return join(head, new Uint8Array(1024 - 17 - 32 - 16 - head.length))
  }
  const question = cbor([nonce, replyTag, part('query')['method']!, cbor(21)])
  expect(hex(question)).toBe(part('query')['question'])
  const q = handshake.message('e es', () => padded(new Uint8Array(), question))
  expect(hex(join(byte(0x51), tag, q))).toBe(part('query')['packetQ'])

  const answer = cbor([nonce, 0, cbor(42)])
  expect(hex(answer)).toBe(part('query')['answer'])
  const a = handshake.message('e ee', (h) => {
    const message = join(byte(0x41), h, answer)
    return padded(sign('handfast/1 answer', message, at('alice', 'deviceSeed')), answer)
  })
  expect(hex(join(byte(0x41), replyTag, a))).toBe(part('query')['packetA'])
})

test('payloads are as the grammar says', () => {
  const markdown = readFileSync(new URL('protocol.md', file), 'utf8')
  const blocks = [...markdown.matchAll(/^```cddl\n(.*?)^```$/gms)].map(([, block]) => block)
  const grammar = new Cddl(blocks.join('\n'))
  bodies.length = 0
  firstContact()
  unmetDevice()
  expect(bodies).toHaveLength(4)
  for (const body of bodies) {
    const values = decode(body) as unknown[]
    expect(grammar.matches('payload-body', values)).toBe(true)
    values.forEach((_, index) => {
      expect(grammar.matches('payload-body', values.with(index, 0))).toBe(false)
    })
  }
})
