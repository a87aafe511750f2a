/** Wycheproof: ed25519, X25519 and ChaCha20-Poly1305, case by case. */

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { HandfastError } from '../../../lib/base/errors.ts'
import { validateIdentityKey } from '../../../lib/crypto/ed25519.ts'
import { ready, sodium } from '../../../lib/crypto/sodium.ts'
import { dh } from '../../../lib/crypto/x25519.ts'
import { hex, unhex } from './hex.ts'

interface Case extends Record<string, unknown> {
  tcId: number
  result: 'valid' | 'invalid' | 'acceptable'
}

interface Group<C> {
  publicKey: { pk: string }
  tests: (C & Case)[]
}

function load<C>(name: string): Group<C>[] {
  const url = new URL(`../../vectors/wycheproof/${name}_test.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { testGroups: Group<C>[] }).testGroups
}

/** Runs every case and lists those that came out otherwise, by tcId. */
function failing<C extends Case>(cases: C[], holds: (each: C) => boolean): number[] {
  return cases.filter((each) => !holds(each)).map(({ tcId }) => tcId)
}

beforeAll(ready)

describe('ed25519', () => {
  const groups = load<{ msg: string; sig: string }>('ed25519')

  test('151 signatures: the valid ones verify, the others do not', () => {
    let count = 0
    for (const { publicKey, tests } of groups) {
      const key = unhex(publicKey.pk)
      count += tests.length
      const wrong = failing(tests, ({ msg, sig, result }) => {
        const verify = () => sodium().crypto_sign_verify_detached(unhex(sig), unhex(msg), key)
        if (unhex(sig).length === 64) return verify() === (result === 'valid')
        expect(verify).toThrow()
        return result === 'invalid'
      })
      expect(wrong).toEqual([])
    }
    expect(count).toBe(151)
  })

  test('every public key of a valid signature is an identity key', () => {
    for (const { publicKey, tests } of groups) {
      if (tests.some(({ result }) => result === 'valid')) validateIdentityKey(unhex(publicKey.pk))
    }
  })
})

describe('X25519', () => {
  const cases = load<{ public: string; private: string; shared: string; flags: string[] }>(
    'x25519',
  ).flatMap(({ tests }) => tests)

  const refused = ({ private: secret, public: key }: (typeof cases)[number]) => {
    try {
      dh(unhex(secret), unhex(key))
      return false
    } catch (error) {
      expect((error as HandfastError).code).toBe('bad-key')
      return true
    }
  }

  test('518 cases: whatever is not refused gives the expected secret', () => {
    const computed = cases.filter((each) => !refused(each))
    expect(
      failing(computed, (each) => {
        return hex(dh(unhex(each.private), unhex(each.public))) === each.shared
      }),
    ).toEqual([])
    expect(cases.length).toBe(518)
  })

  const refusedIds =
    '32 33 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 117 118 154 165 166'

  test(`refused are the acceptable cases whose secret is zero: ${refusedIds}`, () => {
    const zero = cases.filter(({ shared }) => /^0*$/.test(shared))
    expect(cases.filter(refused)).toEqual(zero)
    expect(zero.map(({ tcId }) => tcId).join(' ')).toBe(refusedIds)
    expect(zero.every(({ result }) => result === 'acceptable')).toBe(true)
  })
})

describe('ChaCha20-Poly1305', () => {
  const cases = load<{
    key: string
    iv: string
    aad: string
    msg: string
    ct: string
    tag: string
  }>('chacha20_poly1305').flatMap(({ tests }) => tests)

  // Their nonces are no Noise counters, so they go to libsodium itself; cipher-state.test.ts ties sealAt to it.
  test('325 cases: valid ones encrypt and decrypt, the others do not decrypt', () => {
    expect(cases.length).toBe(325)
    expect(
      failing(cases, (each) => {
        const [key, iv, aad, msg] = [each.key, each.iv, each.aad, each.msg].map(unhex)
        const sealed = unhex(each.ct + each.tag)
        const {
          crypto_aead_chacha20poly1305_ietf_encrypt: encrypt,
          crypto_aead_chacha20poly1305_ietf_decrypt: decrypt,
        } = sodium()
        if (each.result === 'invalid') {
          expect(() => decrypt(null, sealed, aad!, iv!, key!)).toThrow()
          return true
        }
        return (
          hex(encrypt(msg!, aad!, null, iv!, key!)) === hex(sealed) &&
          hex(decrypt(null, sealed, aad!, iv!, key!)) === each.msg
        )
      }),
    ).toEqual([])
  })
})
