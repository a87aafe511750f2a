import { base32nopad } from '@scure/base'
import { beforeAll, describe, expect, test } from 'vitest'
import { maxCardBytes } from '../../../lib/base/limits.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { SignatureLabel } from '../../../lib/crypto/labels.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { cardText, parseCard, readCard, signCard } from '../../../lib/mesh/card.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'

const nowS = Math.floor(Date.now() / 1000)
const relay = 'wss://relay.example/'
let alice: Identity
let mallory: Identity
beforeAll(async () => {
  alice = await Identity.open({ store: new MemoryStore() })
  mallory = await Identity.open({ store: new MemoryStore() })
})

const good = () => signCard(alice, { number: 7, relays: [relay], issuedS: nowS })
const bodyOf = (identity: Identity): CborValue[] => [1, identity.publicKey, 7, [relay], nowS]

async function signed(
  body: CborValue,
  by = alice,
  label: SignatureLabel = signatureLabels.card,
): Promise<Uint8Array> {
  const bytes = encode(body)
  return encode([bytes, [...by.chain], await by.device.sign(label, bytes)])
}

const refused = (bytes: Uint8Array) =>
  expect(() => readCard(bytes, nowS)).toThrow(expect.objectContaining({ code: 'bad-card' }))

describe('a card', () => {
  test('says what was signed, also as text, in any case', async () => {
    const card = readCard(await good(), nowS)
    expect(card).toMatchObject({ peer: alice.peer, number: 7, relays: [relay], issuedS: nowS })
    expect(card.deviceKey).toEqual(alice.device.key)
    expect(cardText(card)).toMatch(/^hfc1[a-z2-7]+$/)
    expect(parseCard(` ${cardText(card).toUpperCase()}\n`, nowS)).toEqual(card)
  })

  test('holds what fits: four relays of the greatest length, the greatest number, none at all', async () => {
    const long = (n: number) => `wss://${n}.example/`.padEnd(256, 'x')
    const relays = [1, 2, 3, 4].map(long)
    const number = Number.MAX_SAFE_INTEGER
    const bytes = await signCard(alice, { number, relays, issuedS: nowS })
    expect(readCard(bytes, nowS)).toMatchObject({ relays, number })
    expect(bytes.length).toBeLessThan(maxCardBytes)
    const empty = await signCard(alice, { number: 1, relays: [], issuedS: nowS })
    expect(readCard(empty, nowS).relays).toEqual([])
  })
})

describe('refused is', () => {
  test('every single bit that differs', async () => {
    const bytes = await good()
    for (let at = 0; at < bytes.length; at++) refused(bytes.with(at, bytes[at]! ^ (1 << (at % 8))))
  })

  test('every length but the right one', async () => {
    const bytes = await good()
    for (let length = 0; length < bytes.length; length += 3) refused(bytes.slice(0, length))
    refused(Uint8Array.of(...bytes, 0))
    refused(new Uint8Array(maxCardBytes + 1))
  })

  test("another's card under one's own signature, and one's own under another's", async () => {
    refused(await signed(bodyOf(alice), mallory))
    refused(await signed(bodyOf(mallory), alice))
    const [body, , signature] = decode(await good()) as [Uint8Array, unknown, Uint8Array]
    refused(encode([body, [...mallory.chain], signature]))
    refused(encode([body, [], signature]))
  })

  test('a signature for another purpose', async () => {
    refused(await signed(bodyOf(alice), alice, signatureLabels.ticket))
  })

  test('a certificate that is not valid yet', async () => {
    const bytes = await good()
    expect(() => readCard(bytes, nowS - 49 * 3600)).toThrow()
  })

  test.each([
    ['another version', 0, 2],
    ['the number 0', 2, 0],
    ['a negative number', 2, -1],
    ['a broken number', 2, 1.5],
    ['a number beyond all safe integers', 2, 2 ** 53],
    ['a big number beyond all safe integers', 2, 2n ** 63n],
    ['a number as text', 2, '7'],
    ['five relays', 3, [1, 2, 3, 4, 5].map((n) => `wss://${n}.example/`)],
    ['relays that are no list', 3, relay],
    ['a relay that is no text', 3, [7]],
    ['a relay without encryption', 3, ['ws://relay.example/']],
    ['a page for a relay', 3, ['https://relay.example/']],
    ['a relay with a password', 3, ['wss://a:b@relay.example/']],
    ['a relay of more than 256 bytes', 3, [`wss://relay.example/${'x'.repeat(240)}`]],
    ['no time', 4, null],
    ['a time beyond reason', 4, 2 ** 41],
  ])('%s', async (_, at, value) => {
    refused(await signed(bodyOf(alice).with(at, value as CborValue)))
  })

  test('a field too many or too few', async () => {
    refused(await signed([...bodyOf(alice), 0]))
    refused(await signed(bodyOf(alice).slice(0, -1)))
  })

  test.each(['', 'hfc1', 'hfc1!!', 'hft1aaaa', `hfc1${'a'.repeat(3 * maxCardBytes)}`])(
    'the text %.10s',
    (text) => {
      expect(() => parseCard(text, nowS)).toThrow(expect.objectContaining({ code: 'bad-card' }))
    },
  )

  test('a card under the prefix of a ticket', async () => {
    const text = `hft1${base32nopad.encode(await good()).toLowerCase()}`
    expect(() => parseCard(text, nowS)).toThrow(expect.objectContaining({ code: 'bad-card' }))
  })
})
