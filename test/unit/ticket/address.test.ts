/** Addresses as text and bytes: what is not as signed is no address. */

import { base32nopad } from '@scure/base'
import { describe, expect, it } from 'vitest'
import { maxAddressBytes } from '../../../lib/base/limits.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { Address } from '../../../lib/ticket/address.ts'
import { alterations, openIdentity } from '../attack/adversary.ts'

const nowS = Date.now() / 1000
const expiresS = Math.ceil(nowS) + 3600
const tag = new Uint8Array(16).fill(7)
const relays = ['wss://relay.example/']
const alice = await openIdentity()
const mallory = await openIdentity()
const address = await Address.sign(alice, { tag, relays, expiresS })

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

type Body = [1, Uint8Array, Uint8Array, Uint8Array, CborValue, CborValue]
const body: Body = [1, alice.publicKey, alice.device.boxKey, tag, relays, expiresS]

/** As `signer` would sign it, with whichever chain. */
async function signed(
  { device }: Identity,
  { chain }: Identity,
  changes: (body: Body) => CborValue,
): Promise<Uint8Array> {
  const bytes = encode(changes([...body]))
  return encode([bytes, [...chain], await device.sign(signatureLabels.address, bytes)])
}

it('says who answers, where, and until when', () => {
  const read = Address.read(` https://wallet.example/#${address}\n`, nowS)
  expect([read.peer, read.relays, read.expiresAt.getTime()]).toEqual([
    alice.peer,
    relays,
    expiresS * 1000,
  ])
  expect(Address.read(address.toQRText(), nowS).bytes).toEqual(address.bytes)
  expect(JSON.stringify({ address })).toBe(`{"address":"${address}"}`)
  expect(String(address)).toMatch(/^hfa1[a-z2-7]+$/)
})

describe('an altered address', { timeout: 60_000 }, () => {
  it('is refused with any bit of its bytes flipped, any of them cut off, or one more', () => {
    const codes = [...alterations(address.bytes)].map((altered) =>
      codeOf(() => Address.fromBytes(altered, nowS)),
    )
    expect(new Set(codes)).toEqual(new Set(['bad-address']))
    expect(codes).toHaveLength(address.bytes.length * 9 + 1)
  })

  it('is refused as text that is too long, of another kind, or incomplete', () => {
    const long = base32nopad.encode(new Uint8Array(maxAddressBytes + 1))
    const others = [
      `hfa1${long}`,
      'hfa1'.repeat(100_000),
      `hft1${address.toString().slice(4)}`,
      address.toString().slice(0, -1),
      '',
    ]
    expect(others.map((text) => codeOf(() => Address.read(text, nowS)))).toEqual(
      others.map(() => 'bad-address'),
    )
  })
})

describe('an address in the name of another', () => {
  it('is refused when somebody else signs it, with whichever chain', async () => {
    const forgeries = [
      await signed(mallory, alice, (own) => own),
      await signed(mallory, mallory, (own) => own),
      // Only the name is his.
      await signed(mallory, mallory, (own) => own.with(1, mallory.publicKey)),
      await signed(alice, mallory, (own) => own),
    ]
    for (const bytes of forgeries) {
      expect(codeOf(() => Address.fromBytes(bytes, nowS))).toBe('bad-address')
    }
    const honest = await signed(alice, alice, (own) => own)
    expect(honest).toEqual(address.bytes)
  })

  it('is refused when it is signed for another purpose', async () => {
    const [bodyBytes, chain] = decode(address.bytes) as CborValue[]
    for (const label of Object.values(signatureLabels)) {
      const signature = await alice.device.sign(label, bodyBytes as Uint8Array)
      const bytes = encode([bodyBytes!, chain!, signature])
      const expected = label === signatureLabels.address ? 'accepted' : 'bad-address'
      expect(
        codeOf(() => Address.fromBytes(bytes, nowS)),
        label,
      ).toBe(expected)
    }
  })

  it.each<[string, (body: Body) => CborValue]>([
    ['another version', (own) => own.with(0, 2)],
    ['a box key that is not the certified one', (own) => own.with(2, mallory.device.boxKey)],
    ['a short tag', (own) => own.with(3, tag.slice(1))],
    ['too many relays', (own) => own.with(4, Array(5).fill(relays[0]))],
    ['a relay in the clear', (own) => own.with(4, ['ws://relay.example/'])],
    ['no end', (own) => own.with(5, null)],
    ['an end before all time', (own) => own.with(5, 0)],
    ['a position more', (own) => [...own, 0]],
    ['a position less', (own) => own.slice(0, 5)],
  ])('is refused with %s', async (_, changes) => {
    const bytes = await signed(alice, alice, changes)
    expect(codeOf(() => Address.fromBytes(bytes, nowS))).toBe('bad-address')
  })
})
