/** Revocations: signed by the root alone, never taken back. */

import { describe, expect, test } from 'vitest'
import { compareBytes, concat } from '../../../lib/base/bytes.ts'
import { maxRevocationsBytes, maxRevokedDevices } from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { sign } from '../../../lib/crypto/ed25519.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { certifyDevice, rootIssuer, verifyChain } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { peerIdFromKey } from '../../../lib/identity/peer-id.ts'
import {
  excludes,
  joinRevocations,
  revocationLists,
  readRevocations,
  refuseRevoked,
  signRevocations,
} from '../../../lib/identity/revocations.ts'
import { newSigningKeys, signerOf } from '../../support/signer-of.ts'

await ready()
const nowS = 1_800_000_000
const pair = newSigningKeys()
const stranger = newSigningKeys()
const root = rootIssuer(signerOf(pair))
const devices = [1, 2, 3, 4].map(() => Device.generate(systemRuntime))
const [first, second, third, fourth] = devices as [Device, Device, Device, Device]
const keys = Array.from({ length: maxRevokedDevices + 1 }, () => newSigningKeys().publicKey)

const listed = await signRevocations(root, null, [first.key], nowS)

const make = (
  changes: Record<number, CborValue> = {},
  signer = pair,
  label: (typeof signatureLabels)[keyof typeof signatureLabels] = signatureLabels.revocations,
): Uint8Array => {
  const fields: CborValue[] = [1, pair.publicKey, nowS, [first.key], nowS]
  for (const [index, value] of Object.entries(changes)) fields[Number(index)] = value
  const body = encode(fields)
  return encode([body, sign(label, body, signer.secretKey)])
}

describe('a list', () => {
  test('names whose it is, and devices', () => {
    expect(readRevocations(listed.bytes)).toEqual({
      peer: peerIdFromKey(root.key),
      epoch: nowS,
      deviceKeys: [first.key],
      bytes: listed.bytes,
      others: [],
    })
    expect(make()).toEqual(listed.bytes)
  })

  test('of all devices that can be', async () => {
    const most = await signRevocations(root, null, keys.slice(0, -1), nowS)
    expect(readRevocations(most.bytes).deviceKeys).toHaveLength(maxRevokedDevices)
    await expect(signRevocations(root, most, keys, nowS)).rejects.toMatchObject({
      code: 'exhausted',
    })
  })

  test.each<[what: string, bytes: () => Uint8Array]>([
    ['signed by a stranger', () => make({}, stranger)],
    ['of a stranger, in the root’s name', () => make({ 1: stranger.publicKey })],
    ['signed for another purpose', () => make({}, pair, signatureLabels.certificate)],
    ['of another version', () => make({ 0: 2 })],
    ['of epoch 0', () => make({ 2: 0 })],
    ['of a negative epoch', () => make({ 2: -1 })],
    ['of no keys', () => make({ 3: null })],
    ['of a short key', () => make({ 3: [first.key.slice(1)] })],
    ['of what is no key', () => make({ 3: [new Uint8Array(32)] })],
    ['of too many keys', () => make({ 3: keys })],
    ['without a time', () => make({ 4: null })],
    ['with a byte more', () => concat(listed.bytes, Uint8Array.of(0))],
    ['too long', () => new Uint8Array(maxRevocationsBytes + 1)],
    ['empty', () => new Uint8Array()],
    ['without its signature', () => encode([(decode(listed.bytes) as CborValue[])[0]!])],
    [
      'whose signature is of another list',
      () => {
        const [body] = decode(make({ 3: [second.key] })) as CborValue[]
        const [, signature] = decode(listed.bytes) as CborValue[]
        return encode([body!, signature!])
      },
    ],
  ])('%s is worth nothing', (_, bytes) => {
    expect(() => readRevocations(bytes())).toThrow(
      expect.objectContaining({ code: 'bad-certificate' }),
    )
  })

  test('is worth nothing with any byte cut off or any bit flipped', () => {
    const { bytes } = listed
    const altered = [...bytes.keys()].flatMap((at) => [
      bytes.slice(0, at),
      ...[0, 3, 7].map((bit) => bytes.with(at, bytes[at]! ^ (1 << bit))),
    ])
    for (const each of altered) expect(() => readRevocations(each)).toThrow()
  })
})

describe('of two lists', () => {
  test('keys only ever join, and the epoch rises whatever the clock says', async () => {
    const next = await signRevocations(root, listed, [second.key, first.key], nowS - 1000)
    expect(next).toMatchObject({ epoch: nowS + 1, deviceKeys: [first.key, second.key] })
    expect(joinRevocations(listed, next)).toEqual(next)
  })

  test('the older is no news, nor the same again, nor one of somebody else', async () => {
    const next = await signRevocations(root, listed, [second.key], nowS)
    expect(joinRevocations(next, listed)).toBeUndefined()
    expect(joinRevocations(next, next)).toBeUndefined()
    const foreign = await signRevocations(
      rootIssuer(signerOf(stranger)),
      null,
      [third.key],
      nowS + 5,
    )
    expect(joinRevocations(next, foreign)).toBeUndefined()
    expect(joinRevocations(null, listed)).toBe(listed)
  })

  test.each([
    ['newer', 10],
    ['as old', 0],
    ['older', -10],
  ])('a root that knew nothing of the other’s takes nothing back: %s', async (_, laterS) => {
    const other = await signRevocations(root, null, [second.key], nowS + laterS)
    const joined = joinRevocations(listed, other)!
    expect(excludes(joined, [first.key])).toBe(true)
    expect(excludes(joined, [second.key])).toBe(true)
    // Of two as old as each other, the same one everywhere.
    const isOther = laterS > 0 || (laterS === 0 && compareBytes(other.bytes, listed.bytes) > 0)
    const [newer, older] = isOther ? [other, listed] : [listed, other]
    expect(revocationLists(joined)).toEqual([newer.bytes, older.bytes])
    expect(joinRevocations(joined, other)).toBeUndefined()
    expect(joinRevocations(joined, listed)).toBeUndefined()
    const theirs = joinRevocations(other, listed) ?? other
    expect(revocationLists(theirs)).toEqual(revocationLists(joined))
  })

  test('no more keys are kept than fit, those of the newer list first', async () => {
    const many = await signRevocations(root, null, keys.slice(0, -1), nowS)
    const other = await signRevocations(root, null, [first.key], nowS + 1)
    const joined = joinRevocations(many, other)!
    expect(joined.deviceKeys).toHaveLength(maxRevokedDevices)
    expect(excludes(joined, [first.key])).toBe(true)
  })
})

describe('what a revoked device has certified', () => {
  test('goes with it, and nothing else does', async () => {
    const by = (device: Device, chain: readonly Uint8Array[]) => ({
      key: device.key,
      chain,
      sign: device.sign.bind(device),
    })
    const toFirst = await certifyDevice(root, first, { nowS })
    const toSecond = await certifyDevice(by(first, toFirst), second, { nowS })
    const toThird = await certifyDevice(by(second, toSecond), third, { nowS })
    const toFourth = await certifyDevice(root, fourth, { nowS })
    const bindings = [toFirst, toSecond, toThird, toFourth].map((chain) => verifyChain(chain, nowS))
    const excluded = (deviceKeys: Uint8Array[]) =>
      bindings.map((binding) => excludes({ deviceKeys }, binding.deviceKeys))
    expect(excluded([first.key])).toEqual([true, true, true, false])
    expect(excluded([second.key])).toEqual([false, true, true, false])
    expect(excluded([third.key])).toEqual([false, false, true, false])
    expect(excluded([])).toEqual([false, false, false, false])

    expect(() => refuseRevoked(listed, bindings[1]!)).toThrow(
      expect.objectContaining({ code: 'bad-certificate', message: 'revoked' }),
    )
    expect(() => refuseRevoked(listed, bindings[3]!)).not.toThrow()
    expect(() => refuseRevoked(null, bindings[0]!)).not.toThrow()
    expect(() => refuseRevoked(undefined, bindings[0]!)).not.toThrow()
  })
})
