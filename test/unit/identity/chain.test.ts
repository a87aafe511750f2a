/** Chains of certificates: every valid shape is accepted, and every other refused for a reason of its own. */

import { describe, expect, it, test } from 'vitest'
import { utf8 } from '../../../lib/base/bytes.ts'
import {
  certificateClockToleranceS as toleranceS,
  maxCertificateBytes,
  maxPathLength,
} from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { sign } from '../../../lib/crypto/ed25519.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { SignatureLabel } from '../../../lib/crypto/labels.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import {
  certifyDevice,
  certifyPeer,
  countersign,
  rootIssuer,
  verifyChain,
  verifyPeerChain,
  type CertificateChain,
  type CertificateFault,
  type CertifyOptions,
  type Issuer,
} from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { peerIdFromKey } from '../../../lib/identity/peer-id.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { contactTag } from '../../../lib/session/pact.ts'
import { openUnmet, readUnmet } from '../../../lib/session/unmet.ts'
import { parsePacket } from '../../../lib/signaling/packets.ts'
import { asKnown, Person, withChain } from '../../support/devices.ts'
import { newSigningKeys, signerOf } from '../../support/signer-of.ts'

await ready()
const nowS = 1_800_000_000
const day = 24 * 3600

const [rootPair, otherPair, bobPair] = [1, 2, 3].map(() => newSigningKeys())
const root = rootIssuer(signerOf(rootPair!))
const otherRoot = rootIssuer(signerOf(otherPair!))
const bobKey = bobPair!.publicKey
const [first, second, third, fourth] = [1, 2, 3, 4].map(() => Device.generate(systemRuntime)) as [
  Device,
  Device,
  Device,
  Device,
]

/** A device as an issuer, with whatever chain it claims. */
const by = (device: Device, chain: CertificateChain): Issuer => ({
  key: device.key,
  chain,
  sign: (label, message) => device.sign(label, message),
})

interface Forged {
  issuerKey: Uint8Array
  subject: Uint8Array
  device: Device | null
  pathLength: number
  notBeforeS: number
  notAfterS: number | null
  scopes: string[]
  label: SignatureLabel
  countersigner: Device
  countersignLabel: SignatureLabel
}

/** One certificate just as told, signed by the issuer all the same: what an issuer that breaks the rules would sign. */
async function forged(issuer: Issuer, changes: Partial<Forged> = {}): Promise<Uint8Array> {
  const { device = second } = changes
  const body = encode([
    1,
    changes.issuerKey ?? issuer.key,
    changes.subject ?? root.key,
    device && device.key,
    device && device.boxKey,
    changes.pathLength ?? 3,
    changes.notBeforeS ?? nowS,
    changes.notAfterS ?? null,
    changes.scopes ?? ['message'],
  ])
  const { label = signatureLabels.certificate } = changes
  const { countersignLabel = signatureLabels.device } = changes
  return encode([
    body,
    await issuer.sign(label, body),
    device && (await (changes.countersigner ?? device).sign(countersignLabel, body)),
  ])
}

const toFirst = await certifyDevice(root, first, { nowS })
const byFirst = by(first, toFirst)
const toSecond = await certifyDevice(byFirst, second, { nowS })
const bySecond = by(second, toSecond)
const toThird = await certifyDevice(bySecond, third, { nowS })
const byThird = by(third, toThird)

/** A first device with some restriction, and what it goes on to sign. */
async function below(
  options: Partial<CertifyOptions>,
  changes: Partial<Forged> = {},
): Promise<CertificateChain> {
  const chain = await certifyDevice(root, first, { nowS, ...options })
  return [...chain, await forged(by(first, chain), changes)]
}

describe('valid device chains', () => {
  test.each<[string, CertificateChain, Device, pathLength: number, deviceKeys: Device[]]>([
    ['of one', toFirst, first, 6, [first]],
    ['of two', toSecond, second, 5, [first, second]],
    ['of three', toThird, third, 4, [first, second, third]],
  ])('%s', (_, chain, { key: deviceKey, boxKey }, pathLength, devices) => {
    expect(verifyChain(chain, nowS)).toEqual({
      peer: peerIdFromKey(root.key),
      peerKey: root.key,
      deviceKey,
      boxKey,
      scopes: ['*'],
      pathLength,
      notAfterS: Infinity,
      deviceKeys: devices.map(({ key }) => key),
    })
  })

  test('scopes, path length and time shrink on the way down', async () => {
    const scopes = ['devices', 'message', 'request:balance']
    const above = await certifyDevice(root, first, { nowS, scopes, notAfterS: nowS + day })
    const narrower = { nowS, scopes: ['message:chat'], pathLength: 0, notAfterS: nowS + 2 * day }
    const chain = await certifyDevice(by(first, above), second, narrower)
    expect(verifyChain(chain, nowS)).toMatchObject({
      scopes: ['message:chat'],
      pathLength: 0,
      notAfterS: nowS + day,
    })
  })

  test('a device may renew another, and an issuer passes on its own scopes', async () => {
    const scopes = ['devices', 'message']
    const above = await certifyDevice(root, first, { nowS, scopes })
    const renewed = await certifyDevice(by(first, above), second, { nowS: nowS + day })
    expect(verifyChain(renewed, nowS + day)).toMatchObject({ scopes, deviceKey: second.key })
  })
})

describe('valid peer chains', () => {
  test.each<[string, Issuer, pathLength: number, deviceKeys: Device[]]>([
    ['from the root', root, 3, []],
    ['from a device', byFirst, 3, [first]],
    ['from a second device', bySecond, 3, [first, second]],
    ['from a third device', byThird, 3, [first, second, third]],
  ])('%s', async (_, issuer, pathLength, devices) => {
    const chain = await certifyPeer(issuer, bobKey, { nowS, scopes: ['message'] })
    expect(verifyPeerChain(chain, root.key, nowS)).toEqual({
      peer: peerIdFromKey(bobKey),
      peerKey: bobKey,
      scopes: ['message'],
      pathLength,
      notAfterS: Infinity,
      deviceKeys: devices.map(({ key }) => key),
    })
  })

  test('a device with the scope for it, and no other', async () => {
    const chain = await certifyDevice(root, first, { nowS, scopes: ['introduce', 'message'] })
    const granted = await certifyPeer(by(first, chain), bobKey, { nowS, scopes: ['message:a'] })
    expect(verifyPeerChain(granted, root.key, nowS).scopes).toEqual(['message:a'])
  })
})

/** What is wrong with it, and why it is refused. */
const deviceChains: [what: string, fault: CertificateFault, chain: () => Promise<unknown>][] = [
  ['renamed subject, below', 'wrong subject', () => below({}, { subject: bobKey })],
  [
    'renamed subject, by the root',
    'wrong issuer',
    async () => [await forged(root, { subject: bobKey, device: first })],
  ],
  ['longer path', 'path too long', () => below({ pathLength: 2 }, { pathLength: 3 })],
  ['path as long as the issuer’s', 'path too long', () => below({ pathLength: 3 })],
  ['path at its end', 'path too long', () => below({ pathLength: 0 }, { pathLength: 0 })],
  ['path beyond any', 'malformed', () => below({}, { pathLength: maxPathLength + 1 })],
  [
    'widened scope',
    'wider scopes',
    () => below({ scopes: ['devices', 'message:chat'] }, { scopes: ['message'] }),
  ],
  [
    'scopes widened to all',
    'wider scopes',
    () => below({ scopes: ['devices'] }, { scopes: ['*'] }),
  ],
  [
    'one scope too many',
    'wider scopes',
    () => below({ scopes: ['devices', 'message'] }, { scopes: ['message', 'request'] }),
  ],
  ['issuer without the scope', 'issuer lacks the scope', () => below({ scopes: ['message'] })],
  [
    'issuer with the scope for peers only',
    'issuer lacks the scope',
    () => below({ scopes: ['introduce', 'message'] }),
  ],
  [
    'wrong issuer: a device that is not on the chain',
    'wrong issuer',
    async () => [...toFirst, toThird[2]],
  ],
  ['wrong issuer: another root', 'wrong issuer', async () => [...toFirst, await forged(otherRoot)]],
  [
    'wrong issuer: the root itself, below a device',
    'wrong issuer',
    async () => [...toFirst, await forged(root)],
  ],
  [
    'wrong issuer: another root’s device',
    'wrong issuer',
    async () => [
      ...(await certifyDevice(otherRoot, first, { nowS })).map(() => toFirst[0]),
      (
        await certifyDevice(by(fourth, await certifyDevice(otherRoot, fourth, { nowS })), second, {
          nowS,
        })
      )[1],
    ],
  ],
  [
    'issuer named, another signed',
    'bad signature',
    async () => [...toFirst, await forged(otherRoot, { issuerKey: first.key })],
  ],
  [
    'the device of another countersigned',
    'bad countersignature',
    () => below({}, { countersigner: fourth }),
  ],
  ['other purpose of the issuer', 'bad signature', () => below({}, { label: 'handfast/1 ticket' })],
  [
    'other purpose of the device',
    'bad countersignature',
    () => below({}, { countersignLabel: 'handfast/1 certificate' }),
  ],
  ['expired, the last', 'expired', () => below({}, { notAfterS: nowS - toleranceS - 1 })],
  [
    'expired, the first',
    'expired',
    async () => [
      await forged(root, {
        device: first,
        pathLength: 6,
        scopes: ['*'],
        notAfterS: nowS - toleranceS - 1,
      }),
      toSecond[1],
    ],
  ],
  [
    'not yet valid, the last',
    'not yet valid',
    () => below({}, { notBeforeS: nowS + toleranceS + 1 }),
  ],
  [
    'not yet valid, the first',
    'not yet valid',
    async () => [
      await forged(root, {
        device: first,
        pathLength: 6,
        scopes: ['*'],
        notBeforeS: nowS + toleranceS + 1,
      }),
      toSecond[1],
    ],
  ],
  ['truncated: the first is missing', 'wrong issuer', async () => toSecond.slice(1)],
  ['truncated: one in the middle is missing', 'wrong issuer', async () => [toThird[0], toThird[2]]],
  ['truncated: bytes', 'malformed', async () => [toSecond[0], toSecond[1]!.slice(0, -1)]],
  [
    'truncated: no countersignature',
    'malformed',
    async () => {
      const [body, signature] = decode(toSecond[1]!) as CborValue[]
      return [...toFirst, encode([body!, signature!, null])]
    },
  ],
  ['none', 'malformed', async () => []],
  [
    'four',
    'malformed',
    async () => [...toThird, await forged(byThird, { device: fourth, pathLength: 1 })],
  ],
  ['in the wrong order', 'wrong issuer', async () => toSecond.toReversed()],
  ['twice the same', 'wrong issuer', async () => [...toFirst, ...toFirst]],
  ['too large', 'malformed', async () => [...toFirst, new Uint8Array(maxCertificateBytes + 1)]],
  ['other purpose: a peer chain', 'malformed', () => certifyPeer(byFirst, bobKey, { nowS })],
  [
    'a device below a peer',
    'malformed',
    async () => [await forged(root, { subject: bobKey, device: null }), toFirst[0]],
  ],
]

const peerChains: typeof deviceChains = [
  ['of another root', 'wrong issuer', () => certifyPeer(otherRoot, bobKey, { nowS })],
  [
    'of a device of another root',
    'wrong issuer',
    async () =>
      certifyPeer(by(fourth, await certifyDevice(otherRoot, fourth, { nowS })), bobKey, { nowS }),
  ],
  [
    'renamed subject of a device on it',
    'wrong issuer',
    async () => [
      ...(await certifyDevice(otherRoot, fourth, { nowS })),
      await forged(by(fourth, []), { subject: bobKey, device: null, scopes: ['*'] }),
    ],
  ],
  [
    'about oneself',
    'wrong subject',
    async () => [...toFirst, await forged(byFirst, { device: null, subject: root.key })],
  ],
  [
    'longer path',
    'path too long',
    () => below({ pathLength: 2 }, { device: null, subject: bobKey, pathLength: 3 }),
  ],
  [
    'no path at all',
    'malformed',
    () => below({}, { device: null, subject: bobKey, pathLength: 0 }),
  ],
  [
    'path beyond any device chain',
    'malformed',
    () => below({}, { device: null, subject: bobKey, pathLength: 4 }),
  ],
  [
    'widened scope',
    'wider scopes',
    () => below({ scopes: ['introduce', 'message:a'] }, { device: null, subject: bobKey }),
  ],
  [
    'issuer without the scope',
    'issuer lacks the scope',
    () => below({ scopes: ['devices', 'message'] }, { device: null, subject: bobKey }),
  ],
  [
    'issuer named, another signed',
    'bad signature',
    async () => [
      ...toFirst,
      await forged(bySecond, { issuerKey: first.key, device: null, subject: bobKey }),
    ],
  ],
  [
    'other purpose of the issuer',
    'bad signature',
    () => below({}, { device: null, subject: bobKey, label: 'handfast/1 pact' }),
  ],
  [
    'expired',
    'expired',
    () => below({}, { device: null, subject: bobKey, notAfterS: nowS - toleranceS - 1 }),
  ],
  [
    'not yet valid',
    'not yet valid',
    () => below({}, { device: null, subject: bobKey, notBeforeS: nowS + toleranceS + 1 }),
  ],
  [
    'truncated: a device is missing',
    'wrong issuer',
    async () => (await certifyPeer(byFirst, bobKey, { nowS })).slice(1),
  ],
  ['truncated: the peer is missing', 'malformed', async () => toFirst],
  [
    'other purpose: a device chain of the peer',
    'malformed',
    async () => certifyDevice(rootIssuer(signerOf(bobPair!)), fourth, { nowS }),
  ],
  [
    'twice the peer',
    'malformed',
    async () => {
      const chain = await certifyPeer(byFirst, bobKey, { nowS })
      return [...chain, chain[1]]
    },
  ],
  [
    'twice a root’s peer',
    'malformed',
    async () => {
      const [only] = await certifyPeer(root, bobKey, { nowS })
      return [only, only]
    },
  ],
  [
    'of four devices',
    'malformed',
    async () => [
      ...toThird,
      await forged(byThird, { device: fourth, pathLength: 3, scopes: ['*'] }),
      await forged(by(fourth, []), { device: null, subject: bobKey, pathLength: 1 }),
    ],
  ],
  [
    'half a device',
    'malformed',
    async () => {
      const body = encode([1, root.key, bobKey, first.key, null, 3, nowS, null, []])
      const signature = sign(signatureLabels.certificate, body, rootPair!.secretKey)
      return [encode([body, signature, null])]
    },
  ],
  [
    'with a countersignature',
    'malformed',
    async () => {
      const [body, signature] = decode(
        await forged(root, { device: null, subject: bobKey }),
      ) as CborValue[]
      return [encode([body!, signature!, new Uint8Array(64)])]
    },
  ],
]

const refusal = (verifying: () => unknown) => {
  try {
    verifying()
    return 'accepted'
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code}: ${message}`
  }
}

describe('a device chain is refused', () => {
  test.each(deviceChains)('%s: %s', async (_, fault, make) => {
    const chain = await make()
    // Not a mistake of the test's that refuses it: twice the same, also when the good half of it is known.
    for (let time = 1; time <= 2; time++) {
      expect(refusal(() => verifyChain(chain, nowS))).toBe(`bad-certificate: ${fault}`)
    }
  })
})

describe('a peer chain is refused', () => {
  test.each(peerChains)('%s: %s', async (_, fault, make) => {
    const chain = await make()
    for (let time = 1; time <= 2; time++) {
      expect(refusal(() => verifyPeerChain(chain, root.key, nowS))).toBe(
        `bad-certificate: ${fault}`,
      )
    }
  })

  test('of nobody’s root but its own', async () => {
    const chain = await certifyPeer(byFirst, bobKey, { nowS })
    expect(refusal(() => verifyPeerChain(chain, otherRoot.key, nowS))).toBe(
      'bad-certificate: wrong issuer',
    )
    expect(refusal(() => verifyPeerChain(chain, bobKey, nowS))).toBe(
      'bad-certificate: wrong issuer',
    )
  })
})

test('what the tests above forge is accepted where it breaks no rule', async () => {
  expect(refusal(() => verifyChain([], nowS))).not.toBe('accepted')
  const chain = await below({})
  expect(refusal(() => verifyChain(chain, nowS))).toBe('accepted')
  const peer = await below({}, { device: null, subject: bobKey })
  expect(refusal(() => verifyPeerChain(peer, root.key, nowS))).toBe('accepted')
})

describe('the clock may be off by two days', () => {
  it.each<[string, Partial<Forged>, boolean]>([
    ['begins within the tolerance', { notBeforeS: nowS + toleranceS }, true],
    ['begins beyond it', { notBeforeS: nowS + toleranceS + 1 }, false],
    ['ended within it', { notAfterS: nowS - toleranceS }, true],
    ['ended beyond it', { notAfterS: nowS - toleranceS - 1 }, false],
  ])('%s', async (_, changes, isValid) => {
    const chain = await below({}, changes)
    expect(refusal(() => verifyChain(chain, nowS)) === 'accepted').toBe(isValid)
  })
})

describe('an issuer that may not is told so', () => {
  const limited = (options: Partial<CertifyOptions>) =>
    certifyDevice(root, first, { nowS, ...options }).then((chain) => by(first, chain))

  test.each<[string, CertificateFault, () => Promise<unknown>]>([
    [
      'wider scopes',
      'wider scopes',
      async () =>
        certifyDevice(await limited({ scopes: ['devices'] }), second, { nowS, scopes: ['*'] }),
    ],
    [
      'no scope for devices',
      'issuer lacks the scope',
      async () => certifyDevice(await limited({ scopes: ['message'] }), second, { nowS }),
    ],
    [
      'no scope for peers',
      'issuer lacks the scope',
      async () => certifyPeer(await limited({ scopes: ['devices'] }), bobKey, { nowS }),
    ],
    ['the fourth device', 'malformed', () => certifyDevice(byThird, fourth, { nowS })],
    [
      'path at its end',
      'malformed',
      async () => certifyDevice(await limited({ pathLength: 0 }), second, { nowS }),
    ],
    [
      'a path too long',
      'path too long',
      async () => certifyDevice(await limited({ pathLength: 2 }), second, { nowS, pathLength: 2 }),
    ],
    [
      'an end that is past',
      'expired',
      () => certifyDevice(root, first, { nowS, notAfterS: nowS - toleranceS - 1 }),
    ],
    [
      'an issuer that has expired',
      'expired',
      async () =>
        certifyDevice(await limited({ notAfterS: nowS + day }), second, { nowS: nowS + 4 * day }),
    ],
    ['a key that is none', 'malformed', () => certifyPeer(root, new Uint8Array(32), { nowS })],
    ['oneself', 'wrong subject', () => certifyPeer(byFirst, root.key, { nowS })],
    [
      'scopes that do not fit',
      'malformed',
      () =>
        certifyPeer(root, bobKey, {
          nowS,
          scopes: Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(80, 'x')),
        }),
    ],
  ])('%s: %s', async (_, fault, certify) => {
    await expect(certify()).rejects.toMatchObject({ code: 'bad-certificate', message: fault })
  })
})

describe('a device countersigns elsewhere', () => {
  const bodyOf = async (certificate: Promise<Uint8Array> | Uint8Array) =>
    (decode(await certificate) as CborValue[])[0] as Uint8Array
  const peer = peerIdFromKey(root.key)

  test('the certificate that makes it one of that identity, and no other', async () => {
    const body = await bodyOf(toSecond[1]!)
    expect(await countersign(second, body, peer)).toEqual((decode(toSecond[1]!) as CborValue[])[2])
    const fault = (each: Uint8Array, whose = peer) =>
      countersign(second, each, whose).then(
        () => 'signed',
        ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
      )
    expect(await fault(body, peerIdFromKey(bobKey))).toBe('bad-certificate: wrong subject')
    expect(await fault(await bodyOf(toFirst[0]!))).toBe('bad-certificate: malformed')
    expect(await fault(body.slice(0, -1))).toBe('bad-certificate: malformed')
    expect(await fault(utf8('a message to be signed'))).toBe('bad-certificate: malformed')
    const aboutPeer = await forged(byFirst, { device: null })
    expect(await fault(await bodyOf(aboutPeer))).toBe('bad-certificate: malformed')
    const otherBox = { key: second.key, boxKey: first.boxKey, sign: second.sign.bind(second) }
    await expect(countersign(otherBox, body, peer)).rejects.toMatchObject({
      code: 'bad-certificate',
    })
  })
})

describe('a chain that is valid in itself is refused where it does not belong', () => {
  const runtime = { ...systemRuntime, now: () => nowS * 1000 }
  const own = withChain(second, toSecond, root.key, runtime)
  const bob = new Person(runtime)
  const secret = systemRuntime.randomBytes(32)
  const call = async (net: Uint8Array) => {
    const device = await bob.device()
    const { key } = device.device
    const tag = contactTag(secret, key, 0)
    const peerChain = await bob.vouchFor({ root })
    const to = asKnown(device, secret)
    const { packet } = await openUnmet(own, net, to, peerChain, tag, [], tag)
    const pact = { peerKey: root.key, pactSecret: secret }
    return (revoked: Uint8Array[]) =>
      readUnmet(
        device,
        networkId('main'),
        pact,
        { peers: { deviceKeys: revoked } },
        parsePacket(packet)!,
      )
  }

  test.each<[string, revoked: Device[], refusal: string]>([
    ['accepted, with another device revoked', [third], 'accepted'],
    ['revoked', [second], 'bad-certificate: revoked'],
    ['below one that was revoked', [first], 'bad-certificate: revoked'],
  ])('%s', async (_, revoked, expected) => {
    const read = await call(networkId('main'))
    expect(refusal(() => read(revoked.map(({ key }) => key)))).toBe(expected)
  })

  test('shown in another network', async () => {
    const read = await call(networkId('test'))
    expect(refusal(() => read([]))).toBe('decrypt-failed: decrypt-failed')
  })
})
