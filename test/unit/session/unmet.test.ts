/** A device calls a contact's device that it has never met: who is let in, and everything that shuts one out. */

import { beforeAll, describe, expect, test } from 'vitest'
import { concat, equalBytes, utf8 } from '../../../lib/base/bytes.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import type { CertificateChain } from '../../../lib/identity/certificate.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { signRevocations } from '../../../lib/identity/revocations.ts'
import { networkId, writeSigned } from '../../../lib/session/handshake.ts'
import { openKnownContact, readKnownContact } from '../../../lib/session/openings.ts'
import { contactTag, utcDay, type KnownPeer } from '../../../lib/session/pact.ts'
import { openUnmet, readUnmet } from '../../../lib/session/unmet.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { formatPacket, parsePacket } from '../../../lib/signaling/packets.ts'
import { asKnown, Person, withChain } from '../../support/devices.ts'

const { randomBytes } = systemRuntime
const network = networkId('main')
const replyTag = randomBytes(16)
const description = [0, randomBytes(16), [randomBytes(16)], 65_535]
const nowS = Math.floor(systemRuntime.now() / 1000)

const [alice, bob, carol] = [new Person(), new Person(), new Person()]
/** Of Alice and Bob; of Alice and Carol; of Bob's own devices. */
const [pactSecret, carolsSecret, ownSecret] = [randomBytes(32), randomBytes(32), randomBytes(32)]
let alice1: Identity
let alice2: Identity
let bob1: Identity
let bob2: Identity
let carol1: Identity
/** From Alice to Bob, issued by her first device: what Bob shows at her second. */
let aboutBob: CertificateChain
let aboutCarol: CertificateChain
let aboutAlice: CertificateChain

beforeAll(async () => {
  alice1 = await alice.device()
  alice2 = await alice.device({}, alice1.issuer)
  bob1 = await bob.device()
  bob2 = await bob.device({}, bob1.issuer)
  carol1 = await carol.device()
  aboutBob = await alice.vouchFor(bob, {}, alice1.issuer)
  aboutCarol = await alice.vouchFor(carol)
  aboutAlice = await bob.vouchFor(alice)
})

const tagOf = ({ device }: Identity, secret = pactSecret) =>
  contactTag(secret, device.key, utcDay(systemRuntime.now()))

interface Call {
  from?: Identity
  to?: Identity
  known?: Partial<KnownPeer>
  secret?: Uint8Array
  chain?: CertificateChain | null
  tag?: Uint8Array
  net?: Uint8Array
}

const open = ({
  from = bob2,
  to = alice2,
  known = {},
  secret = pactSecret,
  chain = aboutBob,
  tag,
  net = network,
}: Call = {}) =>
  openUnmet(
    from,
    net,
    { ...asKnown(to, secret), ...known },
    chain,
    tag ?? tagOf(to, secret),
    description,
    replyTag,
  )

interface Reading {
  at?: Identity
  peerKey?: Uint8Array
  secret?: Uint8Array
  revoked?: Parameters<typeof readUnmet>[3]
  net?: Uint8Array
}

const read = (
  packet: Uint8Array,
  {
    at = alice2,
    peerKey = bob.root.key,
    secret = pactSecret,
    revoked = {},
    net = network,
  }: Reading = {},
) => readUnmet(at, net, { peerKey, pactSecret: secret }, revoked, parsePacket(packet)!)

const refusal = async (call: () => unknown): Promise<string> => {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return code === message ? code : `${code}: ${message}`
  }
}

async function answered(at: Identity, opened: ReturnType<typeof read>) {
  const own = { chain: at.chain, description, replyTag: randomBytes(16), pact: null }
  const message = await writeSigned(opened.handshake, packetKinds.acknowledge, at.device, own)
  return parsePacket(formatPacket(packetKinds.acknowledge, replyTag, message))!
}

describe('a device that nobody has met', () => {
  test('is let in by any device of the contact, and both know whom they have', async () => {
    for (const from of [bob1, bob2]) {
      for (const to of [alice1, alice2]) {
        const opening = await open({ from, to })
        const opened = read(opening.packet, { at: to })
        expect(opened.payload.sender).toMatchObject({
          peer: bob.peer,
          deviceKey: from.device.key,
          boxKey: from.device.boxKey,
          scopes: ['*'],
        })
        const { outcome } = opening.finish(await answered(to, opened))
        expect(outcome).toMatchObject({ peer: asKnown(to, pactSecret), pact: null, grants: null })
        expect(outcome.sender.deviceKeys.at(-1)).toEqual(to.device.key)
        const [first, second] = [opening.handshake.split(), opened.handshake.split()]
        expect(first).toHaveLength(second.length)
        expect(opening.handshake.handshakeHash).toEqual(opened.handshake.handshakeHash)
      }
    }
  })

  test('comes in after either has renewed its certificate', async () => {
    const renewed = withChain(
      alice2.device,
      (await alice.device({}, alice1.issuer)).chain.slice(0, 1),
      alice.root.key,
    )
    const opening = await open()
    // What is called is a device by its key, whatever chain it shows now.
    expect(read(opening.packet, { at: renewed }).payload.sender.peer).toBe(bob.peer)
  })

  test('of one’s own identity needs no peer chain', async () => {
    const opening = await open({ from: bob2, to: bob1, secret: ownSecret, chain: null })
    const reading = { at: bob1, secret: ownSecret }
    const opened = read(opening.packet, reading)
    expect(opened.payload.sender.deviceKey).toEqual(bob2.device.key)
    expect(opening.finish(await answered(bob1, opened)).outcome.peer.peer).toBe(bob.peer)
    const withOne = await open({ from: bob2, to: bob1, secret: ownSecret, chain: aboutBob })
    expect(await refusal(() => read(withOne.packet, reading))).toBe('bad-packet')
    const itself = await open({ from: bob1, to: bob1, secret: ownSecret, chain: null })
    expect(await refusal(() => read(itself.packet, reading))).toBe('bad-packet')
  })
})

describe('refused', () => {
  test.each<[what: string, why: string, attempt: () => Promise<unknown>]>([
    [
      'wrong party: another contact, by the pact of this one',
      'bad-packet',
      async () =>
        read(
          (
            await open({
              from: withChain(carol1.device, carol1.chain, bob.root.key),
              chain: aboutBob,
            })
          ).packet,
        ),
    ],
    [
      'wrong party: another contact, who says so',
      'decrypt-failed',
      async () => read((await open({ from: carol1, chain: aboutCarol })).packet),
    ],
    [
      'wrong party: a contact shows the chain of another',
      'bad-certificate: wrong subject',
      async () => read((await open({ chain: aboutCarol })).packet),
    ],
    [
      'wrong party: vouched for by somebody else',
      'bad-certificate: wrong issuer',
      async () => read((await open({ chain: await carol.vouchFor(bob) })).packet),
    ],
    [
      'wrong party: vouched for by itself',
      'bad-certificate: wrong issuer',
      async () => read((await open({ chain: aboutAlice })).packet),
    ],
    [
      'wrong party: a device chain in place of a peer chain',
      'bad-certificate: wrong issuer',
      async () => read((await open({ chain: bob2.chain })).packet),
    ],
    ['no peer chain', 'bad-packet', async () => read((await open({ chain: null })).packet)],
    [
      'an empty peer chain',
      'bad-certificate: malformed',
      async () => read((await open({ chain: [] })).packet),
    ],
    [
      'vouched for by a device of somebody else',
      'bad-certificate: wrong issuer',
      async () => {
        const [, byCarols] = await carol.vouchFor(bob, {}, carol1.issuer)
        return read((await open({ chain: [alice1.chain[0]!, byCarols!] })).packet)
      },
    ],
    [
      'more devices than it was granted',
      'bad-certificate: path too long',
      async () =>
        read((await open({ chain: await alice.vouchFor(bob, { pathLength: 1 }) })).packet),
    ],
    [
      'an expired peer chain',
      'bad-certificate: expired',
      async () => {
        const past = { nowS: nowS - 10 * 86_400, notAfterS: nowS - 5 * 86_400 }
        return read((await open({ chain: await alice.vouchFor(bob, past) })).packet)
      },
    ],
    [
      'wrong device: it was for another of the same identity',
      'decrypt-failed',
      async () => read((await open({ to: alice1, tag: tagOf(alice2) })).packet),
    ],
    [
      'wrong device: another key under the same box key',
      'decrypt-failed',
      async () => read((await open({ known: { deviceKey: alice1.device.key } })).packet),
    ],
    [
      'wrong device: another identity under the same keys',
      'decrypt-failed',
      async () => read((await open({ known: { peerKey: carol.root.key } })).packet),
    ],
    [
      'a stolen box key under another device’s chain',
      'bad-packet',
      async () => {
        const thief = withChain(bob2.device, bob1.chain, bob.root.key)
        const device = {
          key: bob1.device.key,
          boxKey: bob1.device.boxKey,
          sign: bob1.device.sign.bind(bob1.device),
          handshake: bob2.device.handshake.bind(bob2.device),
        }
        return read((await open({ from: { ...thief, device } as unknown as Identity })).packet)
      },
    ],
    [
      'a certificate of another device, without its key',
      'bad-signature',
      async () => {
        const device = {
          key: bob1.device.key,
          boxKey: bob1.device.boxKey,
          sign: carol1.device.sign.bind(carol1.device),
          handshake: bob1.device.handshake.bind(bob1.device),
        }
        return read((await open({ from: { ...bob1, device } as unknown as Identity })).packet)
      },
    ],
    [
      'revoked: the device itself',
      'bad-certificate: revoked',
      async () =>
        read((await open()).packet, {
          revoked: { peers: await signRevocations(bob.root, null, [bob2.device.key], nowS) },
        }),
    ],
    [
      'revoked: the device that has certified it',
      'bad-certificate: revoked',
      async () =>
        read((await open()).packet, { revoked: { peers: { deviceKeys: [bob1.device.key] } } }),
    ],
    [
      'revoked: one’s own device that vouched for it',
      'bad-certificate: revoked',
      async () =>
        read((await open()).packet, { revoked: { own: { deviceKeys: [alice1.device.key] } } }),
    ],
    [
      'other pact: of another contact',
      'decrypt-failed',
      async () => read((await open({ secret: carolsSecret, tag: tagOf(alice2) })).packet),
    ],
    [
      'other pact: an outsider who knows every key but the secret',
      'decrypt-failed',
      async () => read((await open({ known: { pactSecret: randomBytes(32) } })).packet),
    ],
    [
      'replayed to another device of the identity, its tag rewritten',
      'decrypt-failed',
      async () => {
        const { packet } = await open()
        packet.set(tagOf(alice1), 1)
        return read(packet, { at: alice1 })
      },
    ],
    [
      'replayed on another day, its tag rewritten',
      'decrypt-failed',
      async () => {
        const { packet } = await open()
        packet.set(contactTag(pactSecret, alice2.device.key, utcDay(systemRuntime.now()) + 1), 1)
        return read(packet)
      },
    ],
    [
      'replayed in the other role: back to the caller',
      'decrypt-failed',
      async () => {
        const { packet } = await open()
        packet.set(tagOf(bob2), 1)
        return read(packet, { at: bob2, peerKey: alice.root.key })
      },
    ],
    [
      'replayed as a call of a known device',
      'bad-packet',
      async () => {
        const { packet } = await open()
        const known = () => asKnown(bob2, pactSecret)
        return readKnownContact(alice2, network, known, parsePacket(packet)!)
      },
    ],
    [
      'a call of a known device, replayed as this',
      'decrypt-failed',
      async () => {
        const to = asKnown(alice2, pactSecret)
        const tag = tagOf(alice2)
        const { packet } = await openKnownContact(bob2, network, to, tag, description, replyTag)
        return read(packet)
      },
    ],
    [
      'other network',
      'decrypt-failed',
      async () => read((await open({ net: networkId('test') })).packet),
    ],
    [
      'a pact of its own making in the payload',
      'bad-packet',
      async () => {
        const { device, chain, publicKey } = bob2
        const tag = tagOf(alice2)
        const signature = await device.sign(signatureLabels.pact, randomBytes(32))
        const handshake = device.handshake({
          pattern: 'IKpsk1',
          role: 'initiator',
          prologue: concat(
            utf8('handfast/1'),
            Uint8Array.of(packetKinds.firstContact),
            network,
            publicKey,
            alice.root.key,
            alice2.device.key,
            tag,
          ),
          rs: alice2.device.boxKey,
          psk: pactSecret,
          randomBytes,
        })
        const message = await writeSigned(handshake, packetKinds.firstContact, device, {
          chain,
          description,
          replyTag,
          pact: { value: nowS, signature, peerChain: aboutBob },
        })
        return read(formatPacket(packetKinds.firstContact, tag, message))
      },
    ],
  ])('%s: %s', async (_, why, attempt) => {
    expect(await refusal(attempt)).toBe(why)
  })

  test('any other answerer than the device that was called', async () => {
    const opening = await open()
    const opened = read(opening.packet)
    // It knows everything of the called device but the key that it signs with.
    const impostor = withChain(alice1.device, alice1.chain, alice.root.key)
    const forged = await answered(impostor, opened)
    expect(await refusal(() => opening.finish(forged))).toBe('bad-signature')

    const again = await open()
    const signedByOther = { ...alice2, device: alice1.device } as unknown as Identity
    const other = await answered(signedByOther, read(again.packet))
    expect(await refusal(() => again.finish(other))).toBe('bad-signature')
  })

  test('every altered packet, and the true one works afterwards', async () => {
    const { packet } = await open()
    let tried = 0
    for (let at = 17; at < packet.length; at++) {
      for (const altered of [packet.with(at, packet[at]! ^ (1 << (at % 8))), packet.slice(0, at)]) {
        const parsed = parsePacket(altered)
        if (!parsed || !equalBytes(parsed.tag, packet.subarray(1, 17))) continue
        expect(await refusal(() => read(altered))).not.toBe('accepted')
        tried++
      }
    }
    expect(tried).toBeGreaterThan(packet.length)
    expect(read(packet).payload.sender.peer).toBe(bob.peer)
  })
})
