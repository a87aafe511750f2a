/** CipherState and the AEAD below it: failures change nothing, counters end, keys move on. */

import { inspect } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { utf8 } from '../../../lib/base/bytes.ts'
import { maxNonce } from '../../../lib/base/limits.ts'
import { openAt, rekeyed, sealAt } from '../../../lib/crypto/aead.ts'
import { CipherState } from '../../../lib/crypto/cipher-state.ts'
import { ready, sodium } from '../../../lib/crypto/sodium.ts'
import { expectCode } from './expect-code.ts'

const key = new Uint8Array(32).map((_, i) => i + 1)
const ad = utf8('ad')
const text = utf8('twenty-six bytes of text..')

beforeAll(ready)

test('a cipher state without a key, or with one of the wrong size, cannot be made', () => {
  expectCode('invalid-argument', () => new CipherState(undefined as never))
  expectCode('invalid-argument', () => new CipherState(new Uint8Array(31)))
  expectCode('invalid-argument', () => new CipherState(new Uint8Array(33)))
})

test('every truncation and every flipped bit fails and changes nothing; the original then opens', () => {
  const sealed = new CipherState(key).encryptWithAd(ad, text)
  expect(sealed.length).toBe(text.length + 16)
  const receiver = new CipherState(key)
  for (let length = 0; length < sealed.length; length++) {
    expectCode('decrypt-failed', () => receiver.decryptWithAd(ad, sealed.subarray(0, length)))
  }
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = sealed.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    expectCode('decrypt-failed', () => receiver.decryptWithAd(ad, flipped))
  }
  expectCode('decrypt-failed', () => receiver.decryptWithAd(utf8('da'), sealed))
  expectCode('decrypt-failed', () => receiver.decryptWithAd(null, sealed))
  expect(receiver.nonce).toBe(0)
  expect(receiver.decryptWithAd(ad, sealed)).toEqual(text)
  expect(receiver.nonce).toBe(1)
})

test('a replay, a skipped message and a reflected one fail', () => {
  const sender = new CipherState(key)
  const receiver = new CipherState(key)
  const first = sender.encryptWithAd(null, text)
  const second = sender.encryptWithAd(null, text)
  expect(first).not.toEqual(second)
  expectCode('decrypt-failed', () => receiver.decryptWithAd(null, second))
  receiver.decryptWithAd(null, first)
  expectCode('decrypt-failed', () => receiver.decryptWithAd(null, first))
  expect(receiver.decryptWithAd(null, second)).toEqual(text)
})

test('an empty plaintext is a tag alone', () => {
  const sealed = sealAt(key, 0, null, new Uint8Array())
  expect(sealed.length).toBe(16)
  expect(openAt(key, 0, null, sealed).length).toBe(0)
})

test('empty additional data equals none', () => {
  expect(sealAt(key, 5, new Uint8Array(), text)).toEqual(sealAt(key, 5, null, text))
})

test('the nonce is four zero bytes and the counter, 64 bits little-endian', () => {
  for (const counter of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, maxNonce]) {
    const nonce = Buffer.alloc(12)
    nonce.writeBigUInt64LE(BigInt(counter), 4)
    expect(sealAt(key, counter, ad, text)).toEqual(
      sodium().crypto_aead_chacha20poly1305_ietf_encrypt(text, ad, null, nonce, key),
    )
  }
})

test('the last counter serves once, then the cipher is exhausted', () => {
  const sender = new CipherState(key, maxNonce)
  const receiver = new CipherState(key, maxNonce)
  const sealed = sender.encryptWithAd(null, text)
  expect(receiver.decryptWithAd(null, sealed)).toEqual(text)
  for (let i = 0; i < 2; i++) {
    expectCode('exhausted', () => sender.encryptWithAd(null, text))
    expectCode('exhausted', () => receiver.decryptWithAd(null, sealed))
  }
})

test('a counter that is no whole number from 0 is refused', () => {
  for (const counter of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expectCode('invalid-argument', () => sealAt(key, counter, null, text))
    expectCode('invalid-argument', () => openAt(key, counter, null, text))
  }
})

test('rekey takes the first 32 bytes of ENCRYPT(k, 2^64-1, empty, zeros), and the counter goes on', () => {
  const nonce = Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)
  const expected = sodium()
    .crypto_aead_chacha20poly1305_ietf_encrypt(new Uint8Array(32), null, null, nonce, key)
    .slice(0, 32)
  expect(rekeyed(key)).toEqual(expected)

  const sender = new CipherState(key)
  const receiver = new CipherState(key)
  receiver.decryptWithAd(null, sender.encryptWithAd(null, text))
  sender.rekey()
  const sealed = sender.encryptWithAd(null, text)
  expect(sealed).toEqual(sealAt(expected, 1, null, text))
  expectCode('decrypt-failed', () => receiver.decryptWithAd(null, sealed))
  receiver.rekey()
  expect(receiver.decryptWithAd(null, sealed)).toEqual(text)
})

test('a rekey leaves no trace in the next nonce', () => {
  const before = sealAt(key, 0, null, text)
  rekeyed(key)
  expect(sealAt(key, 0, null, text)).toEqual(before)
})

test('a clone goes its own way', () => {
  const original = new CipherState(key)
  const copy = original.clone()
  copy.encryptWithAd(null, text)
  copy.rekey()
  expect(original.nonce).toBe(0)
  expect(original.encryptWithAd(null, text)).toEqual(sealAt(key, 0, null, text))
})

test('the key does not print', () => {
  const state = new CipherState(key)
  expect(JSON.stringify(state)).toBe('{}')
  expect(inspect(state)).toBe('CipherState {}')
  expect(inspect(state, { showHidden: true, depth: 9 })).not.toMatch(/\d/)
  expect(Object.getOwnPropertyNames(state)).toEqual([])
})
