/** At first contact each side vouches for the other: what is granted, and what a side that grants wrongly meets. */

import { beforeAll, describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import { verifyPeerChain, type CertificateChain } from '../../../lib/identity/certificate.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Scopes } from '../../../lib/identity/scopes.ts'
import {
  networkId,
  prologue,
  writeSigned,
  type HandshakePayload,
} from '../../../lib/session/handshake.ts'
import { grantTo, openFirstContact, readFirstContact } from '../../../lib/session/openings.ts'
import { pactRecord } from '../../../lib/session/pact.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { formatPacket, parsePacket } from '../../../lib/signaling/packets.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { Person } from '../../support/devices.ts'

const { randomBytes } = systemRuntime
const network = networkId('main')
const replyTag = randomBytes(16)
const description = [0, randomBytes(16), [randomBytes(16)], 65_535]
const nowS = Math.floor(systemRuntime.now() / 1000)

const [alice, bob, carol] = [new Person(), new Person(), new Person()]
const ticketKey = generateKeyPair(systemRuntime)
let alice1: Identity
let bob1: Identity
let ticket: Ticket

beforeAll(async () => {
  alice1 = await alice.device()
  bob1 = await bob.device()
  const body = {
    issuer: alice.peer,
    ticketKey: ticketKey.publicKey,
    secret: randomBytes(16),
    expiresS: nowS + 600,
    relays: [],
    uses: 1,
    for: null,
    purpose: 'contact',
    memo: '',
  }
  ticket = await Ticket.sign(body, alice1.device, alice1.chain, nowS)
})

const open = (from = bob1, scopes?: Scopes) =>
  openFirstContact(
    from,
    network,
    ticket,
    description,
    replyTag,
    grantTo(from, alice.root.key, scopes),
  )
const read = (packet: Uint8Array, at = alice1) =>
  readFirstContact(at, network, ticket, ticketKey, parsePacket(packet)!)

/** A as Alice writes it, with changes. */
async function answer(
  { handshake, pactRecord: record }: ReturnType<typeof read>,
  peerChain: unknown,
  value: unknown = randomBytes(32),
) {
  const signature = await alice1.device.sign(signatureLabels.pact, record)
  const pact = { value, signature, peerChain } as HandshakePayload['pact']
  const own = { chain: alice1.chain, description, replyTag: randomBytes(16), pact }
  const message = await writeSigned(handshake, packetKinds.acknowledge, alice1.device, own)
  return parsePacket(formatPacket(packetKinds.acknowledge, replyTag, message))!
}

/** I as Bob writes it, with another pact part. */
async function proposing(pact: unknown) {
  const { device, chain } = bob1
  const handshake = device.handshake({
    pattern: 'IKpsk1',
    role: 'initiator',
    prologue: prologue(packetKinds.firstContact, network, ticket.hash),
    rs: ticket.ticketKey,
    psk: ticket.psk,
    randomBytes,
  })
  const message = await writeSigned(handshake, packetKinds.firstContact, device, {
    chain,
    description,
    replyTag,
    pact: pact as HandshakePayload['pact'],
  })
  return formatPacket(packetKinds.firstContact, ticket.tag, message)
}

const proposal = async (peerChain: unknown, value: unknown = nowS) => {
  const record = pactRecord(alice.root.key, bob.root.key, ticket.hash, nowS)
  const signature = await bob1.device.sign(signatureLabels.pact, record)
  return proposing({ value, signature, peerChain })
}

const refusal = async (call: () => unknown): Promise<string> => {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return code === message ? code : `${code}: ${message}`
  }
}

test('each vouches for the other, and says what it may do', async () => {
  const opening = await open(bob1, ['message:chat'])
  const opened = read(opening.packet)
  expect(opened.grantedScopes).toEqual(['message:chat'])
  expect(verifyPeerChain(opened.peerChain, bob.root.key, nowS).peer).toBe(alice.peer)

  const ownChain = await grantTo(alice1, bob.root.key, ['request', 'stream'])
  const { outcome } = opening.finish(await answer(opened, ownChain))
  expect(outcome.grants).toEqual({
    ownPeerChain: opened.peerChain,
    peerChain: ownChain,
    grantedScopes: ['request', 'stream'],
  })
  expect(outcome.sender).toMatchObject({ peer: alice.peer, scopes: ['*'] })
  expect(verifyPeerChain(ownChain, alice.root.key, nowS).peer).toBe(bob.peer)
})

test('without a word, everything that the device itself may do is granted', async () => {
  expect(read((await open()).packet).grantedScopes).toEqual(['*'])
  const limited = await bob.device({ scopes: ['introduce', 'message'] })
  expect(read((await open(limited)).packet).grantedScopes).toEqual(['introduce', 'message'])
})

test('a device that may not make contacts makes none', async () => {
  const limited = await bob.device({ scopes: ['message', 'devices'] })
  expect(await refusal(() => open(limited))).toBe('bad-certificate: issuer lacks the scope')
  expect(await refusal(() => open(bob1, ['']))).toMatch(/^bad-certificate/)
})

describe('a redeemer that vouches', () => {
  test.each<[what: string, why: string, chain: () => Promise<CertificateChain>]>([
    ['in no chain', 'bad-certificate: malformed', async () => []],
    ['in a device chain', 'bad-certificate: malformed', async () => bob1.chain],
    [
      'in a chain of another identity',
      'bad-certificate: wrong issuer',
      () => carol.vouchFor(alice),
    ],
    ['for somebody else', 'bad-certificate: wrong subject', () => bob.vouchFor(carol)],
    [
      'for a time that is past',
      'bad-certificate: expired',
      () => bob.vouchFor(alice, { nowS: nowS - 10 * 86_400, notAfterS: nowS - 5 * 86_400 }),
    ],
  ])('%s', async (_, why, chain) => {
    const packet = await proposal(await chain())
    expect(await refusal(() => read(packet))).toBe(why)
  })

  test.each<[what: string, make: () => Promise<Uint8Array>]>([
    ['without a pact', () => proposing(null)],
    [
      'as if the pact were made already',
      async () => proposing({ peerChain: await bob.vouchFor(alice) }),
    ],
    [
      'with a secret in place of a time',
      async () => proposal(await bob.vouchFor(alice), randomBytes(32)),
    ],
  ])('%s is refused', async (_, make) => {
    const packet = await make()
    expect(await refusal(() => read(packet))).toBe('bad-packet')
  })
})

describe('an issuer that vouches', () => {
  test.each<[what: string, why: string, chain: () => Promise<CertificateChain>]>([
    ['in no chain', 'bad-certificate: malformed', async () => []],
    ['in a device chain', 'bad-certificate: malformed', async () => alice1.chain],
    ['in a chain of another identity', 'bad-certificate: wrong issuer', () => carol.vouchFor(bob)],
    ['for somebody else', 'bad-certificate: wrong subject', () => alice.vouchFor(carol)],
  ])('%s', async (_, why, chain) => {
    const opening = await open()
    const reply = await answer(read(opening.packet), await chain())
    expect(await refusal(() => opening.finish(reply))).toBe(why)
  })

  test.each<[what: string, value: unknown]>([
    ['a time', nowS],
    ['a short secret', randomBytes(31)],
    ['a long one', randomBytes(33)],
  ])('but sends %s in place of the secret is refused', async (_, value) => {
    const opening = await open()
    const reply = await answer(read(opening.packet), await alice.vouchFor(bob), value)
    expect(await refusal(() => opening.finish(reply))).toBe('bad-packet')
  })
})
