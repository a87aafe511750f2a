/** Signed messages of the application: what is refused first, then what holds. */

import { beforeAll, describe, expect, test } from 'vitest'
import {
  maxSignedBytes,
  maxSignedMessageBytes,
  maxSigningPurposeBytes,
} from '../../../lib/base/limits.ts'
import { utf8 } from '../../../lib/base/bytes.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { SignatureLabel } from '../../../lib/crypto/labels.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { signMessage, verifySigned } from '../../../lib/identity/signed-message.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { signCard } from '../../../lib/mesh/card.ts'
import { Person } from '../../support/devices.ts'

const yes = utf8('yes')
const dayS = 86_400
let alice: Identity
let mallory: Identity
beforeAll(async () => {
  alice = await Identity.open({ store: new MemoryStore() })
  mallory = await Identity.open({ store: new MemoryStore() })
})

const good = () => alice.sign('vote', yes)
const bodyOf = (identity: Identity): CborValue[] => [1, identity.publicKey, 'vote', yes]
async function signed(
  body: CborValue,
  by = alice,
  label: SignatureLabel = signatureLabels.application,
): Promise<Uint8Array> {
  const bytes = encode(body)
  return encode([bytes, [...by.chain], await by.device.sign(label, bytes)])
}
const refused = (bytes: Uint8Array, purpose = 'vote') =>
  expect(verifySigned(purpose, bytes)).rejects.toMatchObject({ code: 'bad-signature' })

describe('refused is', () => {
  test('every byte that differs, and every length but the right one', async () => {
    const bytes = await good()
    for (let at = 0; at < bytes.length; at++) {
      await refused(bytes.with(at, bytes[at]! ^ (1 << (at % 8))))
    }
    for (let length = 0; length < bytes.length; length += 3) await refused(bytes.slice(0, length))
    await refused(Uint8Array.of(...bytes, 0))
    await refused(new Uint8Array(maxSignedBytes + 1))
  })

  test('what was signed for another purpose, whichever of the two is longer', async () => {
    for (const purpose of ['', 'vot', 'votes', 'VOTE', 'vote:1', '*']) {
      await refused(await good(), purpose)
    }
    await refused(await alice.sign('vote:1', yes))
  })

  test("another's statement under one's own signature, and one's own under another's", async () => {
    await refused(await signed(bodyOf(alice), mallory))
    await refused(await signed(bodyOf(mallory), alice))
    const [body, , signature] = decode(await good()) as [Uint8Array, unknown, Uint8Array]
    await refused(encode([body, [...mallory.chain], signature]))
    await refused(encode([body, [], signature]))
  })

  test('what was signed for something else than the application', async () => {
    await refused(await signed(bodyOf(alice), alice, signatureLabels.card))
    await refused(await signCard(alice, { number: 1, relays: [], issuedS: 1 }))
  })

  test('a message of another form, or one that is too long', async () => {
    const { publicKey } = alice
    const tooLong = new Uint8Array(maxSignedMessageBytes + 1)
    for (const body of [
      [2, publicKey, 'vote', yes],
      [1, publicKey, 'vote', 'yes'],
      [1, publicKey, utf8('vote'), yes],
      [1, publicKey, 'vote', yes, 0],
      [1, publicKey, 'vote', tooLong],
    ]) {
      await refused(await signed(body))
    }
    await refused('not bytes' as never)
  })

  test('what a device signs that may not sign for this purpose', async () => {
    const owner = new Person()
    const [chat, voter, any] = [
      await owner.device({ scopes: ['message'] }),
      await owner.device({ scopes: ['sign:vote'] }),
      await owner.device({ scopes: ['sign'] }),
    ]
    for (const device of [voter, any]) {
      const { peer } = await verifySigned('vote', await signMessage('vote', yes, device))
      expect(peer).toBe(owner.peer)
    }
    for (const [device, purpose] of [
      [chat, 'vote'],
      [voter, 'order'],
      [voter, 'votes'],
    ] as const) {
      await expect(signMessage(purpose, yes, device)).rejects.toMatchObject({ code: 'forbidden' })
      const body = [1, device.publicKey, purpose, yes]
      await refused(await signed(body, device), purpose)
    }
  })

  test('a device whose certificate had ended; unless the time does not matter', async () => {
    const owner = new Person()
    const nowS = Math.floor(systemRuntime.now() / 1000)
    const device = await owner.device({ nowS: nowS - 60 * dayS, notAfterS: nowS - 30 * dayS })
    const bytes = await signMessage('vote', yes, device)
    await refused(bytes)
    const at = (days: number) => ({ atMs: (nowS + days * dayS) * 1000 })
    await expect(verifySigned('vote', bytes, at(-63))).rejects.toThrow()
    expect(await verifySigned('vote', bytes, at(-40))).toMatchObject({ peer: owner.peer })
    expect(await verifySigned('vote', bytes, { atMs: null })).toMatchObject({ peer: owner.peer })
  })
})

test('a time that is none is not any time', async () => {
  const bytes = await good()
  for (const atMs of [NaN, Infinity, -Infinity, '2026-01-01', new Date(), {}]) {
    await expect(verifySigned('vote', bytes, { atMs: atMs as never })).rejects.toMatchObject({
      code: 'invalid-argument',
    })
  }
})

describe('not signed is', () => {
  test('what is too long, or for no purpose', async () => {
    const invalid = { code: 'invalid-argument' }
    const longest = 'p'.repeat(maxSigningPurposeBytes)
    for (const purpose of ['', `${longest}p`, 'é'.repeat(33), 7 as never]) {
      await expect(alice.sign(purpose, yes)).rejects.toMatchObject(invalid)
    }
    await expect(alice.sign('vote', 'yes' as never)).rejects.toMatchObject(invalid)
    const tooLong = new Uint8Array(maxSignedMessageBytes + 1)
    await expect(alice.sign('vote', tooLong)).rejects.toMatchObject({ code: 'too-large' })
    const largest = await alice.sign(longest, tooLong.subarray(1))
    expect((await verifySigned(longest, largest)).message).toEqual(tooLong.subarray(1))
  })

  test('anything while the keys are locked', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    identity.lock()
    await expect(identity.sign('vote', yes)).rejects.toMatchObject({ code: 'locked' })
    await identity.unlock()
    expect(await identity.sign('vote', yes)).toBeInstanceOf(Uint8Array)
  })
})

describe('a signed message', () => {
  test('says who signed what, with which device', async () => {
    const { peer, device } = alice
    const said = { peer, deviceKey: device.key, deviceKeys: [device.key], message: yes }
    expect(await verifySigned('vote', await good())).toEqual(said)
    expect(
      (await verifySigned('vote', await alice.sign('vote', new Uint8Array()))).message,
    ).toEqual(new Uint8Array())
  })

  test('is a copy: what the caller changes later changes nothing', async () => {
    const bytes = await good()
    const { message } = await verifySigned('vote', bytes)
    bytes.fill(0)
    expect(message).toEqual(yes)
  })
})
