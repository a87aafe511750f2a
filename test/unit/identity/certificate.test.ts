/** One certificate: what each shape of it is worth. Chains of several are in `chain.test.ts`. */

import { beforeAll, describe, expect, it } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import {
  certificateClockToleranceS as toleranceS,
  maxCertificateBytes,
  maxPathLength,
  maxScopeBytes,
  maxScopes,
} from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { sign, type SigningKeyPair } from '../../../lib/crypto/ed25519.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { SignatureLabel } from '../../../lib/crypto/labels.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { certifyDevice, rootIssuer, verifyChain } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { peerIdFromKey } from '../../../lib/identity/peer-id.ts'
import { newSigningKeys, signerOf } from '../../support/signer-of.ts'

await ready()
const nowS = 1_800_000_000
const identity = newSigningKeys()
const stranger = newSigningKeys()
const device = Device.generate(systemRuntime)
const otherDevice = Device.generate(systemRuntime)
const smallOrderKey = new Uint8Array(32).fill(0, 1).with(0, 1)

type Body = CborValue[]

const body = (changes: Record<number, CborValue> = {}): Body => {
  const { publicKey } = identity
  const fields: Body = [1, publicKey, publicKey, device.key, device.boxKey, 6, nowS, null, ['*']]
  for (const [index, value] of Object.entries(changes)) fields[Number(index)] = value
  return fields
}

interface Signers {
  issuer?: SigningKeyPair
  countersigner?: Device
  issuerLabel?: SignatureLabel
  deviceLabel?: SignatureLabel
}

async function certificate(signedBody: Uint8Array, signers: Signers = {}): Promise<Uint8Array> {
  const {
    issuer = identity,
    countersigner = device,
    issuerLabel = signatureLabels.certificate,
    deviceLabel = signatureLabels.device,
  } = signers
  return encode([
    signedBody,
    sign(issuerLabel, signedBody, issuer.secretKey),
    await countersigner.sign(deviceLabel, signedBody),
  ])
}

const signed = (changes: Record<number, CborValue> = {}, signers?: Signers) =>
  certificate(encode(body(changes)), signers)

const outcome = (chain: unknown, atS = nowS): string => {
  try {
    return verifyChain(chain, atS).peer
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a certificate', () => {
  let valid: Uint8Array
  beforeAll(async () => {
    const [only] = await certifyDevice(rootIssuer(signerOf(identity)), device, { nowS })
    valid = only!
  })

  it('says whose device it is', () => {
    expect(verifyChain([valid], nowS)).toEqual({
      peer: peerIdFromKey(identity.publicKey),
      peerKey: identity.publicKey,
      deviceKey: device.key,
      boxKey: device.boxKey,
      scopes: ['*'],
      pathLength: 6,
      notAfterS: Infinity,
      deviceKeys: [device.key],
    })
  })

  it('is what the tests below start from', async () => {
    expect(await signed()).toEqual(valid)
  })

  it.each<[string, () => Promise<Uint8Array>]>([
    ['names another issuer', () => signed({ 1: stranger.publicKey })],
    [
      'names another issuer, who signed it',
      () => signed({ 1: stranger.publicKey }, { issuer: stranger }),
    ],
    ['names another subject', () => signed({ 2: stranger.publicKey })],
    ['is signed by a stranger', () => signed({}, { issuer: stranger })],
    ['is countersigned by another device', () => signed({}, { countersigner: otherDevice })],
    [
      'has an issuer who signed for another purpose',
      () => signed({}, { issuerLabel: 'handfast/1 ticket' }),
    ],
    [
      'has a device that signed for another purpose',
      () => signed({}, { deviceLabel: 'handfast/1 certificate' }),
    ],
    ['names a device that signed nothing', () => signed({ 3: otherDevice.key })],
    ['swaps device and box key', () => signed({ 3: device.boxKey, 4: device.key })],
    [
      'swaps identity and device key',
      () => signed({ 1: device.key, 2: device.key, 3: identity.publicKey }),
    ],
    ['has no device key', () => signed({ 3: null })],
    ['has no box key', () => signed({ 4: null })],
    ['has a short box key', () => signed({ 4: device.boxKey.slice(1) })],
    ['has a subject of small order', () => signed({ 1: smallOrderKey, 2: smallOrderKey })],
    ['has a device of small order', () => signed({ 3: smallOrderKey })],
    ['is a peer certificate', () => signed({ 3: null, 4: null })],
    ['has a negative path length', () => signed({ 5: -1 })],
    ['has a path length beyond any', () => signed({ 5: maxPathLength + 1 })],
    ['has no path length', () => signed({ 5: null })],
    ['has scopes that are no array', () => signed({ 8: null })],
    ['has a scope that is no text', () => signed({ 8: [1] })],
    ['has an empty scope', () => signed({ 8: [''] })],
    ['has too many scopes', () => signed({ 8: Array.from({ length: maxScopes + 1 }, String) })],
    ['has a scope that is too long', () => signed({ 8: ['x'.repeat(maxScopeBytes + 1)] })],
    ['is of another version', () => signed({ 0: 2 })],
    ['begins at a time that is no number', () => signed({ 6: 'now' })],
    ['begins at a negative time', () => signed({ 6: -1 })],
    ['ends at a time that is no number', () => signed({ 7: undefined })],
    ['misses a field', () => certificate(encode(body().slice(0, 8)))],
    ['has a field more', () => certificate(encode([...body(), null]))],
    ['is a map', () => certificate(encode({ ...body() } as CborValue))],
    ['is not CBOR', () => certificate(Uint8Array.of(0xff))],
    ['has bytes behind its body', () => certificate(concat(encode(body()), Uint8Array.of(0)))],
    ['has bytes behind it', async () => concat(valid, Uint8Array.of(0))],
    ['lacks its countersignature', async () => encode((decode(valid) as Body).slice(0, 2))],
    ['has a third signature', async () => encode([...(decode(valid) as Body), new Uint8Array(64)])],
    [
      'has its signatures swapped',
      async () => {
        const [signedBody, first, second] = decode(valid) as Body
        return encode([signedBody, second, first])
      },
    ],
    ['is longer than any', async () => new Uint8Array(maxCertificateBytes + 1)],
    ['is empty', async () => new Uint8Array()],
  ])('is worth nothing when it %s', async (_, make) => {
    expect(outcome([await make()])).toBe('bad-certificate')
  })

  it('is worth nothing with any byte cut off or any bit flipped', () => {
    const accepted: string[] = []
    for (let length = 0; length < valid.length; length++)
      accepted.push(outcome([valid.slice(0, length)]))
    for (let bit = 0; bit < valid.length * 8; bit++) {
      const flipped = valid.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      accepted.push(outcome([flipped]))
    }
    expect(new Set(accepted)).toEqual(new Set(['bad-certificate']))
    expect(accepted).toHaveLength(valid.length * 9)
  })

  it('is in the one form its encoding has', async () => {
    // The version, 1, as a 8-bit, a 16-bit and an indefinite-length form: [1, … becomes [0x18 0x01, …
    const plain = encode(body())
    const longHead = concat(plain.subarray(0, 1), Uint8Array.of(0x18, 1), plain.subarray(2))
    const longerHead = concat(plain.subarray(0, 1), Uint8Array.of(0x19, 0, 1), plain.subarray(2))
    const indefinite = concat(Uint8Array.of(0x9f), plain.subarray(1), Uint8Array.of(0xff))
    for (const odd of [longHead, longerHead, indefinite]) {
      expect(outcome([await certificate(odd)])).toBe('bad-certificate')
    }
    expect(outcome([await certificate(plain)])).toBe(peerIdFromKey(identity.publicKey))
  })
})

describe('the time of a certificate', () => {
  const limited = () => signed({ 6: nowS, 7: nowS + 1000 })
  it.each([
    ['long before', nowS - toleranceS - 1, false],
    ['before, within the tolerance', nowS - toleranceS, true],
    ['within', nowS + 500, true],
    ['after, within the tolerance', nowS + 1000 + toleranceS, true],
    ['long after', nowS + 1000 + toleranceS + 1, false],
  ])('%s', async (_, atS, valid) => {
    expect(outcome([await limited()], atS) !== 'bad-certificate').toBe(valid)
  })
})

describe('a chain', () => {
  it.each<[string, (certificate: Uint8Array) => unknown]>([
    ['of none', () => []],
    ['that is no array', (own) => own],
    ['that is nothing', () => undefined],
    ['of what is no certificate', () => ['certificate']],
    ['of a hole', () => Array.from({ length: 1 })],
  ])('%s is worth nothing', async (_, chain) => {
    expect(outcome(chain(await signed()))).toBe('bad-certificate')
  })
})
