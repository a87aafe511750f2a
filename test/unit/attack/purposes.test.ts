/** One list of signature labels, no two purposes with one label: what was signed for one is worth nothing for any other. */

import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import * as derivationLabels from '../../../lib/crypto/derivation-labels.ts'
import { protocolLabel, type SignatureLabel } from '../../../lib/crypto/labels.ts'
import { generateKeyPair } from '../../../lib/crypto/x25519.ts'
import { certifyDevice, verifyChain } from '../../../lib/identity/certificate.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { readRevocations, signRevocations } from '../../../lib/identity/revocations.ts'
import { signMessage, verifySigned } from '../../../lib/identity/signed-message.ts'
import { readCard, signCard } from '../../../lib/mesh/card.ts'
import { openFirstContact, readFirstContact } from '../../../lib/session/openings.ts'
import { openQuery, readQuery } from '../../../lib/session/query.ts'
import { parsePacket } from '../../../lib/signaling/packets.ts'
import { Address } from '../../../lib/ticket/address.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { Person } from '../../support/devices.ts'
import { network } from './adversary.ts'

const { randomBytes } = systemRuntime
const nowS = Math.floor(systemRuntime.now() / 1000)
const labels = Object.values(signatureLabels)

const [alice, bob] = [new Person(), new Person()]
const ticketKey = generateKeyPair(systemRuntime)
let alice1: Identity
let bob1: Identity
let ticket: Ticket

const ticketBody = () => ({
  issuer: alice.peer,
  ticketKey: ticketKey.publicKey,
  secret: randomBytes(16),
  expiresS: nowS + 600,
  relays: [],
  uses: 1,
  for: null,
  purpose: 'contact',
  memo: '',
})
const addressBody = () => ({ tag: randomBytes(16), relays: [], expiresS: nowS + 600 })

beforeAll(async () => {
  alice1 = await alice.device()
  bob1 = await bob.device()
  ticket = await Ticket.sign(ticketBody(), alice1.device, alice1.chain, nowS)
})

interface Signing {
  sign(label: SignatureLabel, message: Uint8Array): Promise<Uint8Array>
}

/** What signs for `as` whatever it is to sign for `asked`. */
function confused<T extends Signing>(signer: T, asked: SignatureLabel, as: SignatureLabel): T {
  const sign: Signing['sign'] = (label, message) =>
    signer.sign(label === asked ? as : label, message)
  return new Proxy(signer, {
    get(target, property) {
      if (property === 'sign') return sign
      const value = Reflect.get(target, property, target) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

const confusedDevice = (identity: Identity, asked: SignatureLabel, as: SignatureLabel): Identity =>
  ({ ...identity, device: confused(identity.device, asked, as) }) as Identity

/** For each purpose: something signed for it with the label `as`, and what reads it. Throws where that is refused. */
const purposes: Record<keyof typeof signatureLabels, (as: SignatureLabel) => Promise<unknown>> = {
  async certificate(as) {
    const issuer = confused(alice.root, 'handfast/1 certificate', as)
    return verifyChain(await certifyDevice(issuer, bob1.device, { nowS }), nowS)
  },
  async device(as) {
    const device = confused(bob1.device, 'handfast/1 device', as)
    return verifyChain(await certifyDevice(alice.root, device, { nowS }), nowS)
  },
  async revocations(as) {
    const root = confused(alice.root, 'handfast/1 revocations', as)
    return readRevocations((await signRevocations(root, null, [bob1.device.key], nowS)).bytes)
  },
  async ticket(as) {
    const device = confused(alice1.device, 'handfast/1 ticket', as)
    return Ticket.parse(`${await Ticket.sign(ticketBody(), device, alice1.chain, nowS)}`)
  },
  async card(as) {
    const body = { number: nowS, relays: [], issuedS: nowS }
    return readCard(await signCard(confusedDevice(alice1, 'handfast/1 card', as), body), nowS)
  },
  async address(as) {
    const signer = confusedDevice(alice1, 'handfast/1 address', as)
    return Address.parse(`${await Address.sign(signer, addressBody())}`)
  },
  async answer(as) {
    const address = await Address.sign(alice1, addressBody())
    const method = 'method'
    const parts = { address, network, method, params: null, answerBytes: 100, randomBytes }
    const query = openQuery(parts)
    const referee = confusedDevice(alice1, 'handfast/1 answer', as)
    const asked = readQuery(referee, network, parsePacket(query.packet)!)
    return query.read(parsePacket(await asked.answer({ result: 1 }))!)
  },
  async application(as) {
    const { device, chain, publicKey } = confusedDevice(alice1, 'handfast/1 application', as)
    const signed = await signMessage('vote', randomBytes(9), { device, chain, publicKey })
    return verifySigned('vote', signed)
  },
  handshake: (as) => redeemed('handfast/1 handshake', as),
  pact: (as) => redeemed('handfast/1 pact', as),
}

async function redeemed(asked: SignatureLabel, as: SignatureLabel) {
  const signer = confusedDevice(bob1, asked, as)
  const offer = [0, randomBytes(16), [], 65_535]
  const { packet } = await openFirstContact(signer, network, ticket, offer, randomBytes(16))
  return readFirstContact(alice1, network, ticket, ticketKey, parsePacket(packet)!)
}

describe.each(Object.entries(purposes))('a %s', (purpose, make) => {
  const own = signatureLabels[purpose as keyof typeof signatureLabels]

  test('with its own label is accepted', async () => {
    expect(await make(own)).toBeDefined()
  })

  test.each(labels.filter((label) => label !== own))('signed as %s is refused', async (label) => {
    const error: unknown = await make(label).then(
      () => 'accepted',
      (cause: unknown) => cause,
    )
    expect(error).toMatchObject({ code: expect.stringMatching(/^bad-/) as string })
  })
})

describe('labels', () => {
  test('are all different, and none can pass for another with something behind it', () => {
    const all: string[] = [protocolLabel, ...labels, ...Object.values(derivationLabels)]
    expect(new Set(all).size).toBe(all.length)
    expect(all.filter((label) => !/^handfast\/1( [a-z ]+)?$/.test(label))).toEqual([])
  })

  test('are in one place: no other file of the library spells one', () => {
    const root = new URL('../../../lib/', import.meta.url)
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    const spelling = files
      .filter((name) => name.endsWith('.ts') && !/^crypto\/(.*-)?labels\.ts$/.test(name))
      .filter((name) => /['"`]handfast\/1/.test(readFileSync(new URL(name, root), 'utf8')))
    expect(files.length).toBeGreaterThan(50)
    expect(spelling).toEqual([])
  })
})
