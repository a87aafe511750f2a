/** Hashes, X25519 and ed25519 as the library uses them. */

import { createHash, createHmac } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { concat, utf8 } from '../../../lib/base/bytes.ts'
import {
  sign,
  signingKeyPairFromSeed,
  validateIdentityKey,
  verify,
} from '../../../lib/crypto/ed25519.ts'
import { blake2b, hkdf, hkdf3, hmacBlake2b } from '../../../lib/crypto/hash.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import * as derivationLabels from '../../../lib/crypto/derivation-labels.ts'
import { ready, sodium } from '../../../lib/crypto/sodium.ts'
import { dh, generateKeyPair, keyPairFromSecret } from '../../../lib/crypto/x25519.ts'
import { expectCode } from './expect-code.ts'
import { hex, unhex } from './hex.ts'

const counting = (length: number) => new Uint8Array(length).map((_, i) => i * 7 + 1)
const runtime = { randomBytes: counting }
const text = utf8('message')

beforeAll(ready)

describe('hash', () => {
  test('BLAKE2b-512 equals the platform’s', () => {
    for (const length of [0, 1, 127, 128, 129, 1000]) {
      const expected = createHash('blake2b512').update(counting(length)).digest('hex')
      expect(hex(blake2b(counting(length)))).toBe(expected)
    }
  })

  test('BLAKE2b of 16 and 32 bytes, keyed and not, are different functions', () => {
    const key = counting(16)
    expect(blake2b(text, 16).length).toBe(16)
    expect(blake2b(text, 16)).not.toEqual(blake2b(text, 32).slice(0, 16))
    expect(blake2b(text, 16, key)).not.toEqual(blake2b(text, 16))
    expect(blake2b(text, 16, key)).not.toEqual(blake2b(text, 16, counting(17)))
  })

  test('HMAC-BLAKE2b equals the platform’s, keys below, at and above the block', () => {
    for (const length of [0, 1, 32, 64, 127, 128, 129, 300]) {
      const expected = createHmac('blake2b512', counting(length)).update(text).digest('hex')
      expect(hex(hmacBlake2b(counting(length), text))).toBe(expected)
    }
  })

  test('HKDF chains as Noise says', () => {
    const [first, second, third] = hkdf3(counting(64), text)
    expect(hkdf(counting(64), text)).toEqual([first, second])
    const tempKey = hmacBlake2b(counting(64), text)
    expect(first).toEqual(hmacBlake2b(tempKey, Uint8Array.of(1)))
    expect(second).toEqual(hmacBlake2b(tempKey, concat(first, Uint8Array.of(2))))
    expect(third).toEqual(hmacBlake2b(tempKey, concat(second, Uint8Array.of(3))))
  })
})

describe('X25519', () => {
  test('two pairs agree, and a pair comes from the given randomness alone', () => {
    const a = generateKeyPair(runtime)
    const b = keyPairFromSecret(counting(32).toReversed())
    expect(a.secretKey).toEqual(counting(32))
    expect(dh(a.secretKey, b.publicKey)).toEqual(dh(b.secretKey, a.publicKey))
  })

  test('keys of a wrong size', () => {
    expectCode('invalid-argument', () => keyPairFromSecret(counting(31)))
    expectCode('invalid-argument', () => keyPairFromSecret(counting(64)))
    expectCode('bad-key', () => dh(counting(32), counting(31)))
    expectCode('bad-key', () => dh(counting(32), counting(33)))
    expectCode('bad-key', () => dh(counting(32), new Uint8Array()))
  })

  test('a public key of small order is refused', () => {
    expectCode('bad-key', () => dh(counting(32), new Uint8Array(32)))
  })
})

describe('ed25519', () => {
  test('a signature holds for its label, message and key alone', () => {
    const { publicKey, secretKey } = signingKeyPairFromSeed(runtime.randomBytes(32))
    const signature = sign(signatureLabels.ticket, text, secretKey)
    expect(verify(signatureLabels.ticket, text, signature, publicKey)).toBe(true)
    expect(verify(signatureLabels.pact, text, signature, publicKey)).toBe(false)
    expect(verify(signatureLabels.ticket, utf8('massage'), signature, publicKey)).toBe(false)
    const other = signingKeyPairFromSeed(counting(32).toReversed())
    expect(verify(signatureLabels.ticket, text, signature, other.publicKey)).toBe(false)
    for (let bit = 0; bit < 512; bit++) {
      const flipped = signature.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(verify(signatureLabels.ticket, text, flipped, publicKey)).toBe(false)
    }
  })

  test('it covers label, a zero byte and the message', () => {
    const { publicKey, secretKey } = signingKeyPairFromSeed(runtime.randomBytes(32))
    const signature = sign(signatureLabels.device, text, secretKey)
    const bytes = utf8('handfast/1 device\0message')
    expect(sodium().crypto_sign_verify_detached(signature, bytes, publicKey)).toBe(true)
  })

  test('a label that starts like another cannot pass for it', () => {
    const { publicKey, secretKey } = signingKeyPairFromSeed(runtime.randomBytes(32))
    const signature = sign(signatureLabels.device, utf8('x'), secretKey)
    expect(verify(signatureLabels.revocations, utf8('x'), signature, publicKey)).toBe(false)
    const all = [...Object.values(signatureLabels), ...Object.values(derivationLabels)]
    expect(new Set(all).size).toBe(all.length)
    expect(all.filter((label) => label.includes('\0'))).toEqual([])
  })

  test('signatures and keys of a wrong size do not verify', () => {
    const { publicKey, secretKey } = signingKeyPairFromSeed(runtime.randomBytes(32))
    const signature = sign(signatureLabels.ticket, text, secretKey)
    for (const wrong of [new Uint8Array(), signature.slice(0, 63), concat(signature, text)]) {
      expect(verify(signatureLabels.ticket, text, wrong, publicKey)).toBe(false)
    }
    for (const wrong of [new Uint8Array(), publicKey.slice(0, 31), concat(publicKey, text)]) {
      expect(verify(signatureLabels.ticket, text, signature, wrong)).toBe(false)
    }
  })

  test('seeds of a wrong size', () => {
    expectCode('invalid-argument', () => signingKeyPairFromSeed(counting(31)))
    expectCode('invalid-argument', () => signingKeyPairFromSeed(counting(64)))
  })

  test('a generated key and the base point are identity keys', () => {
    validateIdentityKey(signingKeyPairFromSeed(runtime.randomBytes(32)).publicKey)
    validateIdentityKey(unhex('58' + '66'.repeat(31)))
  })

  test('identity keys of a wrong size, or off the curve', () => {
    for (const length of [0, 31, 33, 64]) {
      expectCode('bad-key', () => validateIdentityKey(counting(length)))
    }
    expectCode('bad-key', () => validateIdentityKey(unhex('02' + '00'.repeat(31))))
  })

  test.each([
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  ])('identity key of small order %s is refused', (key) => {
    expectCode('bad-key', () => validateIdentityKey(unhex(key)))
  })

  /** The base point plus each point of order 2, 4 or 8. */
  test.each([
    '98519eadf35b995233b51b5cd23e9cc5a28b639b5a4af0ec903cb960d81b7819',
    '9bad33f580df7ecc49df5342bac8145d5bedc40f573d1b067f3c4ce449689a15',
    'da99e28ba529cdde35a25fba9059e78ecaee239f99755b9b1aa4f65df00803e2',
    '9599999999999999999999999999999999999999999999999999999999999999',
    '55ae61520ca466adcc4ae4a32dc1633a5d749c64a5b50f136fc3469f27e487e6',
    '5252cc0a7f208133b620acbd4537eba2a4123bf0a8c2e4f980c3b31bb69765ea',
    '13661d745ad63221ca5da0456fa618713511dc60668aa464e55b09a20ff7fc1d',
  ])('identity key of mixed order %s is refused', (key) => {
    expectCode('bad-key', () => validateIdentityKey(unhex(key)))
  })

  test('encodings that are not reduced are refused', () => {
    for (let low = 0xed; low <= 0xff; low++) {
      for (const high of [0x7f, 0xff]) {
        const key = new Uint8Array(32).fill(0xff)
        key[0] = low
        key[31] = high
        expectCode('bad-key', () => validateIdentityKey(key))
      }
    }
  })
})
