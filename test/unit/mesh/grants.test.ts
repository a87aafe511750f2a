/** What a peer is granted: by the record and by its own device's chain, told by certificates that nobody else can make. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { maxPeerChainBytes } from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { Fields } from '../../../lib/codec/fields.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import {
  certifyPeer,
  verifyPeerChain,
  type CertifyOptions,
} from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { readRevocations, signRevocations } from '../../../lib/identity/revocations.ts'
import { rootIssuer } from '../../../lib/identity/certificate.ts'
import { parseScopes, shared } from '../../../lib/identity/scopes.ts'
import { Grants } from '../../../lib/mesh/grants.ts'
import { withDevice, type PeerRecord } from '../../../lib/mesh/peer-record.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { secondDevice } from '../../support/second-device.ts'

beforeAll(ready)

const runtime = systemRuntime
const nowS = Math.floor(runtime.now() / 1000)
const open = () => Identity.open({ store: new MemoryStore(), runtime })

/** Bob's side, who knows Alice. */
let alice: Identity
let bob: Identity
let peers: Peers
let grants: Grants
beforeEach(async () => {
  ;[alice, bob] = await Promise.all([open(), open()])
  peers = await Peers.open(bob)
  grants = new Grants(bob, peers)
})

const know = (device: Identity): Promise<PeerRecord> =>
  peers.change(device.peer, (record) =>
    withDevice(record, {
      deviceKey: device.device.key,
      boxKey: device.device.boxKey,
      chain: device.chain,
      relays: [],
      cardNumber: 0,
      card: null,
      lastMetMs: 1,
    }),
  )

describe('rights', () => {
  test('are those of the record, as it is now', async () => {
    await know(alice)
    const rights = grants.rights(alice.peer, alice.device.key)
    expect(rights.allows('message')).toBe(true)
    await peers.say(alice.peer, { scopes: ['message:pay'] })
    expect(rights.allows('message')).toBe(false)
    expect(rights.allows('message:pay')).toBe(true)
    await peers.say(alice.peer, { scopes: [] })
    expect(rights.allows('message:pay')).toBe(false)
  })

  test('are no more than those of the device', async () => {
    const limited = await secondDevice(alice, { scopes: ['message', 'request:balance'] })
    await know(alice)
    await know(limited)
    const rights = grants.rights(alice.peer, limited.device.key)
    const asked = ['message', 'message:pay', 'request:balance', 'request:pay', 'stream:x', 'signal']
    const allowed = () => asked.filter((scope) => rights.allows(scope))
    expect(allowed()).toEqual(['message', 'message:pay', 'request:balance'])
    expect(grants.rights(alice.peer, alice.device.key).allows('request:pay')).toBe(true)
    await peers.say(alice.peer, { scopes: ['request', 'message:pay'] })
    expect(allowed()).toEqual(['message:pay', 'request:balance'])
    // Not listed any more, it is still what it was.
    await peers.change(alice.peer, (record) => ({ ...record, devices: [] }))
    expect(allowed()).toEqual(['message:pay', 'request:balance'])
  })

  test('of a device of which nothing is known are none', async () => {
    await know(alice)
    const stranger = await secondDevice(alice)
    const rights = grants.rights(alice.peer, stranger.device.key)
    expect(rights.allows('message')).toBe(false)
    await know(stranger)
    expect(rights.allows('message')).toBe(true)
  })
})

describe('what is told', () => {
  const chainTold = () => {
    const [[kind, encoded] = []] = grants.own(alice.peer)
    expect(kind).toBe(recordKinds.grant)
    expect((encoded as Uint8Array).length).toBeLessThanOrEqual(maxPeerChainBytes)
    return verifyPeerChain([...peers.get(alice.peer).ownPeerChain!], bob.publicKey, nowS)
  }

  test('is what is granted, certified once for each change', async () => {
    expect(grants.own(alice.peer)).toEqual([])
    await grants.refresh(alice.peer)
    expect(chainTold()).toMatchObject({ peer: alice.peer, scopes: ['*'] })
    const before = peers.get(alice.peer).ownPeerChain
    await grants.refresh(alice.peer)
    expect(peers.get(alice.peer).ownPeerChain).toBe(before)
    await peers.say(alice.peer, { scopes: ['message'] })
    await grants.refresh(alice.peer)
    expect(chainTold().scopes).toEqual(['message'])
  })

  test('is no more than the device that tells may grant', async () => {
    const phone = await secondDevice(bob, { scopes: ['message', 'stream:file', 'introduce'] })
    peers = await Peers.open(phone)
    grants = new Grants(phone, peers)
    await peers.say(alice.peer, { scopes: ['message:pay', 'stream', 'request'] })
    await grants.refresh(alice.peer)
    expect(chainTold().scopes).toEqual(['message:pay', 'stream:file'])
  })

  test('fits a certificate, however much it is', async () => {
    const scopes = Array.from({ length: 8 }, (_, n) => `stream:${n}${'x'.repeat(72)}`)
    // The longest chain of devices, each with as many.
    const second = await secondDevice(bob, {
      scopes: [...scopes.slice(0, 7), 'introduce', 'devices'],
    })
    const third = await secondDevice(second)
    peers = await Peers.open(third)
    grants = new Grants(third, peers)
    await grants.refresh(alice.peer)
    expect(chainTold().scopes).toHaveLength(9)
    await peers.say(alice.peer, { scopes })
    await grants.refresh(alice.peer)
    expect(chainTold().scopes).toEqual(scopes.slice(0, 7))
  })

  test('is nothing, where a device may not introduce', async () => {
    const phone = await secondDevice(bob, { scopes: ['message'] })
    peers = await Peers.open(phone)
    grants = new Grants(phone, peers)
    await grants.refresh(alice.peer)
    expect(grants.own(alice.peer)).toEqual([])
  })

  test('is nothing between one’s own devices', async () => {
    await grants.refresh(bob.peer)
    expect(grants.own(bob.peer)).toEqual([])
  })
})

describe('what a peer tells', () => {
  const certify = async (by: Identity, to: Identity, options: Partial<CertifyOptions> = {}) =>
    certifyPeer(by.issuer, to.publicKey, { nowS, ...options })
  const take = async (chain: CborValue, ...more: CborValue[]) =>
    grants.take(alice.peer, fieldsOf([recordKinds.grant, encode(chain), ...more]))
  const fieldsOf = (record: CborValue[]) => {
    const fields = new Fields(record, 2, 'protocol')
    fields.any()
    return fields
  }
  const granted = () => peers.get(alice.peer).grantedScopes

  test('is taken, and the last counts', async () => {
    const chain = await certify(alice, bob, { scopes: ['message'] })
    await take([...chain])
    expect(granted()).toEqual(['message'])
    const record = peers.get(alice.peer)
    await take([...chain])
    expect(peers.get(alice.peer)).toBe(record)
    await take([...(await certify(await secondDevice(alice), bob, { scopes: ['stream'] }))])
    expect(granted()).toEqual(['stream'])
    // Theirs to grant, not ours: nothing of ours has changed.
    expect(peers.get(alice.peer).scopes).toEqual(['*'])
  })

  test.each<[string, () => Promise<CborValue>]>([
    ['one for somebody else', async () => [...(await certify(alice, await open()))]],
    ['one of somebody else', async () => [...(await certify(await open(), bob))]],
    ['one of one’s own', async () => [...(await certify(bob, alice))]],
    ['a chain of devices', async () => [...alice.chain]],
    ['none', async () => []],
    ['no chain', async () => 'message'],
    [
      'one that was tampered with',
      async () => {
        const chain = (await certify(alice, bob)).map((each) => each.slice())
        chain.at(-1)![40]! ^= 1
        return chain
      },
    ],
    [
      'one that is cut short',
      async () => (await certify(alice, bob)).map((each) => each.slice(0, -1)),
    ],
  ])('not %s', async (_, make) => {
    const chain = await make()
    await expect(take(chain)).rejects.toThrow()
    expect(granted()).toEqual(['*'])
  })

  test('not one by a device that was revoked', async () => {
    const stolen = await secondDevice(alice)
    const chain = await certify(stolen, bob, { scopes: ['message'] })
    const list = await alice.withRoot(undefined, async (root) =>
      signRevocations(rootIssuer(root), null, [stolen.device.key], nowS),
    )
    await peers.revoke(readRevocations(list.bytes))
    await expect(take([...chain])).rejects.toThrow()
    expect(granted()).toEqual(['*'])
  })

  test('not more than there may be of it', async () => {
    const bytes = new Uint8Array(maxPeerChainBytes + 1)
    expect(() => grants.take(alice.peer, fieldsOf([recordKinds.grant, bytes]))).toThrow()
    expect(() => new Fields([recordKinds.grant], 2, 'protocol')).toThrow()
  })

  test('also by a clock that is far off: it says what counts now', async () => {
    await take([...(await certify(alice, bob, { nowS: nowS + 1e7, scopes: ['message'] }))])
    expect(granted()).toEqual(['message'])
  })
})

test('what two lists of scopes share', () => {
  expect(shared(['*'], ['message', 'stream:a'])).toEqual(['message', 'stream:a'])
  expect(shared(['message:pay', 'request'], ['message', 'request:a', 'signal'])).toEqual([
    'message:pay',
    'request:a',
  ])
  expect(shared(['message'], ['message'])).toEqual(['message'])
  expect(shared(['message'], ['stream'])).toEqual([])
  expect(shared([], ['*'])).toEqual([])
  // As many as a certificate holds.
  const ofOne = Array.from({ length: 15 }, (_, n) => `message:${n}`)
  const ofOther = Array.from({ length: 15 }, (_, n) => `request:${n}`)
  const both = shared([...ofOne, 'request'], ['message', ...ofOther])
  expect(both).toEqual([...ofOne, 'request:0'])
  const long = Array.from({ length: 8 }, (_, n) => `stream:${n}${'x'.repeat(72)}`)
  expect(parseScopes(long)).toEqual(long)
  expect(shared([...long, 'message'], ['*'])).toEqual(long)
  expect(() => parseScopes([...long, 'm'])).toThrow()
})
