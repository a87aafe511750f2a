/**
 * The worked example of `docs/protocol.md`: Alice invites Bob, Bob redeems, both speak; later Alice calls Bob; then a second device of
 * Bob's calls Alice. Made by the
 * library itself from fixed keys, times and randomness.
 */

import { Introducer } from '../../../lib/mesh/introducer.ts'
import { cardText, readCard, signCard } from '../../../lib/mesh/card.ts'
import { utf8 } from '../../../lib/base/bytes.ts'
import type { Runtime } from '../../../lib/base/runtime.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { defaultIdleTimeoutMs, framesPerRekey } from '../../../lib/base/limits.ts'
import { encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import * as derivationLabels from '../../../lib/crypto/derivation-labels.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { keyPairFromSecret } from '../../../lib/crypto/x25519.ts'
import { certifyDevice, rootIssuer, verifyChain } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { Keystore } from '../../../lib/identity/keystore.ts'
import { signRevocations } from '../../../lib/identity/revocations.ts'
import { seedSigner } from '../../../lib/identity/signer.ts'
import { writeHeld } from '../../../lib/identity/vault.ts'
import { safetyNumber } from '../../../lib/identity/safety-number.ts'
import { anything } from '../../../lib/link/rights.ts'
import { Sessions } from '../../../lib/link/sessions.ts'
import { networkId, writeSigned } from '../../../lib/session/handshake.ts'
import {
  grantTo,
  openFirstContact,
  openKnownContact,
  readFirstContact,
  readKnownContact,
} from '../../../lib/session/openings.ts'
import { openUnmet, readUnmet } from '../../../lib/session/unmet.ts'
import { contactTag, pactIdOf, utcDay } from '../../../lib/session/pact.ts'
import { openQuery, readQuery } from '../../../lib/session/query.ts'
import { encodeMessage } from '../../../lib/link/calls.ts'
import { GroupCommit } from '../../../lib/storage/group-commit.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { Session } from '../../../lib/session/session.ts'
import { Trickle } from '../../../lib/session/trickle.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { formatPacket, parsePacket } from '../../../lib/signaling/packets.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { encodeRelayMessage } from '../../../lib/signaling/relay-protocol.ts'
import { Address } from '../../../lib/ticket/address.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { encodeDescription } from '../../../lib/transport/description.ts'

type Vectors = { [name: string]: string | number | Vectors }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** `length` bytes that count up from `first`. */
const ramp = (first: number, length = 32) =>
  Uint8Array.from({ length }, (_, index) => (first + index) % 256)

const nowS = 1_700_000_000
const networkName = 'main'

/** A runtime whose clock stands still, whose timers never fire and whose randomness is the list given, in that order. */
const scripted = (random: Uint8Array[]): Runtime => ({
  ...systemRuntime,
  now: () => nowS * 1000,
  setTimer: () => () => {},
  randomBytes(length) {
    const next = random.shift()
    if (next?.length !== length) throw new Error(`no ${length} bytes are next`)
    return next
  },
})

interface Person {
  readonly identity: Identity
  /** What the person draws next. */
  readonly random: Uint8Array[]
  readonly vectors: Vectors
}

async function person(first: number): Promise<Person> {
  const [identitySeed, deviceSeed, boxSecret] = [ramp(first), ramp(first + 32), ramp(first + 64)]
  const device = Device.fromSecrets({ signing: deviceSeed, box: boxSecret })
  const root = rootIssuer(seedSigner(identitySeed))
  const chain = await certifyDevice(root, device, { nowS })
  const certificate = chain[0]!
  const store = new MemoryStore()
  const keystore = await Keystore.open(store)
  await writeHeld(keystore, { device, chain }, { identity: identitySeed })
  const random: Uint8Array[] = []
  const identity = await Identity.open({ store, runtime: scripted(random) })
  const vectors = {
    identitySeed: hex(identitySeed),
    identityKey: hex(identity.publicKey),
    peerId: identity.peer,
    deviceSeed: hex(deviceSeed),
    deviceKey: hex(device.key),
    boxSecret: hex(boxSecret),
    boxKey: hex(device.boxKey),
    notBefore: nowS,
    certificate: hex(certificate),
  }
  return { identity, random, vectors }
}

const offer = encodeDescription({
  ufrag: 'ofUf',
  password: 'offerPasswordOfIce1234567',
  fingerprint: ramp(0x60),
  candidates: [
    { type: 'host', address: '192.0.2.1', port: 50_000, priority: 2_122_260_223 },
    { type: 'srflx', address: '2001:db8:0:0:0:0:0:1', port: 50_001, priority: 1_686_052_607 },
  ],
  maxMessageBytes: 65_535,
})
const answer = encodeDescription({
  ufrag: 'anUf',
  password: 'answerPasswordOfIce123456',
  fingerprint: ramp(0x80),
  candidates: [
    { type: 'host', address: 'f00d.local', port: 50_002, priority: 2_122_260_223 },
    { type: 'relay', address: '198.51.100.7', port: 50_003, priority: 41_885_439 },
  ],
  maxMessageBytes: 65_535,
})

/** The frames a link sends on a fresh session, and one sent after a rekey. */
async function frames(options: {
  role: 'initiator' | 'responder'
  ciphers: ConstructorParameters<typeof Session>[0]['ciphers']
  logId: Uint8Array
  run: Uint8Array
}): Promise<Vectors> {
  const { role, ciphers, logId, run } = options
  const store = new MemoryStore()
  const runtime = scripted([logId])
  const sent: Uint8Array[] = []
  let onSent = () => {}
  const nextFrame = () => new Promise<void>((resolve) => (onSent = resolve))
  const session = new Session({
    role,
    ciphers,
    runtime,
    diallerKey: ramp(0),
    peerDeviceKey: ramp(0),
    idleTimeoutMs: defaultIdleTimeoutMs,
    channel: {
      maxMessageBytes: 65_535,
      bufferedBytes: 0,
      send(frame) {
        sent.push(frame)
        onSent()
      },
      onMessage() {},
      onDrain() {},
      closed: new Promise(() => {}),
      close() {},
    },
  })
  const sessions = new Sessions({
    peer: '' as never,
    runtime,
    log: { store, commits: new GroupCommit(store, ['outbox', 'inbox']), run, commit: 'batch' },
    rights: () => anything,
    onRefused: () => {},
    dial: () => new Promise(() => {}),
  })
  sessions.attach(session)
  await nextFrame()
  sessions.send(encode({ pay: 5n }))
  await nextFrame()
  while (sent.length <= framesPerRekey) {
    session.control([recordKinds.pong, 0])
    await nextFrame()
  }
  const pong = hex(encode([recordKinds.pong, 0]))
  return {
    logId: hex(logId),
    run: hex(run),
    hello: hex(encode([recordKinds.hello, 1, logId, run, 1, 0, null, 0, null])),
    frame0: hex(sent[0]!),
    message: hex(encode([recordKinds.message, 1, encode({ pay: 5n })])),
    frame1: hex(sent[1]!),
    pong,
    frame65535: hex(sent[framesPerRekey - 1]!),
    frame65536: hex(sent[framesPerRekey]!),
  }
}

export async function makeVectors(): Promise<Vectors> {
  await ready()
  const [alice, bob] = [await person(0x00), await person(0x01)]
  const network = networkId(networkName)
  const chainOf = ({ identity }: Person) => identity.chain

  // ── The ticket ─────────────────────────────────────────────────────────────────────────────────────
  const ticketKey = keyPairFromSecret(ramp(0xa0))
  const ticketSecret = ramp(0xb0, 16)
  const ticket = await Ticket.sign(
    {
      issuer: alice.identity.peer,
      ticketKey: ticketKey.publicKey,
      secret: ticketSecret,
      expiresS: nowS + 600,
      relays: ['wss://relay.example/'],
      uses: 1,
      for: null,
      purpose: 'contact',
      memo: 'From Alice',
    },
    alice.identity.device,
    chainOf(alice),
    nowS,
  )

  const card = await signCard(alice.identity, {
    number: nowS,
    relays: ['wss://relay.example/'],
    issuedS: nowS,
  })

  // ── First contact: Bob redeems ─────────────────────────────────────────────────────────────────────
  const [bobReplyTag, aliceReplyTag] = [ramp(0x10, 16), ramp(0x20, 16)]
  const pactSecret = ramp(0xc0)
  const secrets = { i: ramp(0x30), a: ramp(0x50) }
  bob.random.push(secrets.i)
  alice.random.push(secrets.a)
  const opening = await openFirstContact(bob.identity, network, ticket, offer, bobReplyTag)
  const i = parsePacket(opening.packet)!
  const iHash = opening.handshake.payloadHash
  const opened = readFirstContact(alice.identity, network, ticket, ticketKey, i)
  const ownPeerChain = await grantTo(alice.identity, bob.identity.publicKey)
  const aMessage = await writeSigned(
    opened.handshake,
    packetKinds.acknowledge,
    alice.identity.device,
    {
      chain: chainOf(alice),
      description: answer,
      replyTag: aliceReplyTag,
      pact: {
        value: pactSecret,
        signature: await alice.identity.device.sign(signatureLabels.pact, opened.pactRecord),
        peerChain: ownPeerChain,
      },
    },
  )
  const a = formatPacket(packetKinds.acknowledge, bobReplyTag, aMessage)
  const { grants } = opening.finish(parsePacket(a)!).outcome
  const { handshake } = opening
  const bobTrickle = new Trickle(handshake, 'initiator', aliceReplyTag)
  const aliceTrickle = new Trickle(opened.handshake, 'responder', bobReplyTag)

  // ── A known contact: Alice calls Bob ───────────────────────────────────────────────────────────────
  const day = utcDay(nowS * 1000)
  const known = (who: Person) => ({
    ...verifyChain(chainOf(who), nowS),
    pactId: pactIdOf(pactSecret),
    pactSecret,
  })
  const tag = contactTag(pactSecret, bob.identity.device.key, day)
  const again = { n: ramp(0x38), k: ramp(0x58), a: ramp(0x78) }
  alice.random.push(again.n, again.k)
  bob.random.push(again.a)
  const call = await openKnownContact(
    alice.identity,
    network,
    known(bob),
    tag,
    offer,
    aliceReplyTag,
  )
  const kHash = call.handshake.payloadHash
  const called = readKnownContact(
    bob.identity,
    network,
    () => known(alice),
    parsePacket(call.packet)!,
  )
  const reply = formatPacket(
    packetKinds.acknowledge,
    aliceReplyTag,
    await writeSigned(called.handshake, packetKinds.acknowledge, bob.identity.device, {
      chain: chainOf(bob),
      description: answer,
      replyTag: bobReplyTag,
      pact: null,
    }),
  )
  call.finish(parsePacket(reply)!)

  // ── Bob has a second device, which calls Alice; then it is stolen ─────────────────────────────────
  const second = { deviceSeed: ramp(0xf0), boxSecret: ramp(0xf8), e: ramp(0x68), a: ramp(0x88) }
  const device = Device.fromSecrets({ signing: second.deviceSeed, box: second.boxSecret })
  const { identity: first } = bob
  const chain = await certifyDevice(first.issuer, device, { nowS })
  const { peer, publicKey } = first
  const bob2 = {
    device,
    chain,
    peer,
    publicKey,
    runtime: scripted([second.e]),
  } as unknown as Identity
  alice.random.push(second.a)
  const tagOfAlice = contactTag(pactSecret, alice.identity.device.key, day)
  const visit = await openUnmet(
    bob2,
    network,
    known(alice),
    grants!.peerChain,
    tagOfAlice,
    offer,
    bobReplyTag,
  )
  const visitHash = visit.handshake.payloadHash
  const visited = readUnmet(alice.identity, network, known(bob), {}, parsePacket(visit.packet)!)
  const welcome = formatPacket(
    packetKinds.acknowledge,
    bobReplyTag,
    await writeSigned(visited.handshake, packetKinds.acknowledge, alice.identity.device, {
      chain: chainOf(alice),
      description: answer,
      replyTag: aliceReplyTag,
      pact: null,
    }),
  )
  visit.finish(parsePacket(welcome)!)
  const root = rootIssuer(seedSigner(Buffer.from(bob.vectors['identitySeed'] as string, 'hex')))
  const revocations = await signRevocations(root, null, [device.key], nowS)

  return {
    about:
      'Worked example of protocol.md. Byte strings are hex. Alice issues the ticket and answers; Bob redeems it. Later Alice calls Bob; then a second device of Bob’s, which she has not met, calls Alice, and is revoked. Every secret is here: use none of them.',
    now: nowS,
    network: { name: networkName, id: hex(network) },
    alice: alice.vectors,
    bob: bob.vectors,
    safetyNumber: safetyNumber(alice.identity.publicKey, bob.identity.publicKey),
    ticket: {
      keySecret: hex(ticketKey.secretKey),
      key: hex(ticketKey.publicKey),
      secret: hex(ticketSecret),
      expires: nowS + 600,
      relay: 'wss://relay.example/',
      uses: 1,
      purpose: 'contact',
      memo: 'From Alice',
      bytes: hex(ticket.bytes),
      text: ticket.toString(),
      hash: hex(ticket.hash),
      psk: hex(ticket.psk),
      tag: hex(ticket.tag),
    },
    card: {
      number: nowS,
      relay: 'wss://relay.example/',
      bytes: hex(card),
      text: cardText(readCard(card, nowS)),
      record: hex(encode([recordKinds.card, card])),
    },
    signedMessage: {
      purpose: 'vote',
      message: hex(utf8('yes')),
      bytes: hex(await alice.identity.sign('vote', utf8('yes'))),
    },
    pact: {
      created: nowS,
      record: hex(opened.pactRecord),
      secret: hex(pactSecret),
      id: hex(pactIdOf(pactSecret)),
      day,
      tagOfAlice: hex(contactTag(pactSecret, alice.identity.device.key, day)),
      tagOfBob: hex(tag),
    },
    firstContact: {
      offer: hex(encode(offer as CborValue)),
      ephemeralSecretOfI: hex(secrets.i),
      replyTagOfBob: hex(bobReplyTag),
      hashSignedInI: hex(iHash),
      packetI: hex(opening.packet),
      answer: hex(encode(answer as CborValue)),
      ephemeralSecretOfA: hex(secrets.a),
      replyTagOfAlice: hex(aliceReplyTag),
      hashSignedInA: hex(handshake.payloadHash),
      packetA: hex(a),
      handshakeHash: hex(handshake.handshakeHash),
      signalKeyOfInitiator: hex(handshake.exportKey(derivationLabels.signalInitiator)),
      signalKeyOfResponder: hex(handshake.exportKey(derivationLabels.signalResponder)),
      packetTOfBob: hex(bobTrickle.seal({ candidates: offer[3] })),
      packetTOfBobAborting: hex(bobTrickle.seal(null)),
      packetTOfAlice: hex(aliceTrickle.seal({ candidates: answer[3] })),
    },
    sessionOfBob: await frames({
      role: 'initiator',
      ciphers: opening.handshake.split(),
      logId: ramp(0xd0, 16),
      run: ramp(0xd8, 16),
    }),
    sessionOfAlice: await frames({
      role: 'responder',
      ciphers: opened.handshake.split(),
      logId: ramp(0xe0, 16),
      run: ramp(0xe8, 16),
    }),
    knownContact: {
      ephemeralSecretOfN: hex(again.n),
      ephemeralSecretOfK: hex(again.k),
      replyTagOfAlice: hex(aliceReplyTag),
      hashSignedInK: hex(kHash),
      packetNK: hex(call.packet),
      ephemeralSecretOfA: hex(again.a),
      replyTagOfBob: hex(bobReplyTag),
      hashSignedInA: hex(called.handshake.payloadHash),
      packetA: hex(reply),
      handshakeHash: hex(call.handshake.handshakeHash),
    },
    unmetDevice: {
      deviceSeed: hex(second.deviceSeed),
      deviceKey: hex(device.key),
      boxSecret: hex(second.boxSecret),
      boxKey: hex(device.boxKey),
      chain: hex(encode([...chain])),
      peerChain: hex(encode([...grants!.peerChain])),
      ephemeralSecretOfI: hex(second.e),
      replyTagOfBob: hex(bobReplyTag),
      hashSignedInI: hex(visitHash),
      packetI: hex(visit.packet),
      ephemeralSecretOfA: hex(second.a),
      replyTagOfAlice: hex(aliceReplyTag),
      hashSignedInA: hex(visited.handshake.payloadHash),
      packetA: hex(welcome),
      handshakeHash: hex(visit.handshake.handshakeHash),
      revocations: hex(revocations.bytes),
    },
    query: await query(alice, network),
    introduction: await introduction(tag, call.packet),
    rights: {
      message: hex(encode([recordKinds.message, 1, encodeMessage({ pay: 5n }, 'pay')])),
      refused: hex(encode([recordKinds.refused, ramp(0xd0, 16), [1, 1, 3, 5]])),
      grant: hex(encode([recordKinds.grant, encode([...grants!.peerChain])])),
    },
    relay: {
      welcome: hex(encodeRelayMessage([verb.welcome, 1, nowS])),
      subscribe: hex(encodeRelayMessage([verb.subscribe, [ticket.tag]])),
      publish: hex(encodeRelayMessage([verb.publish, 1, ticket.tag, Uint8Array.of(1, 2, 3)])),
      published: hex(encodeRelayMessage([verb.published, 1, 1])),
      deliver: hex(encodeRelayMessage([verb.deliver, ticket.tag, Uint8Array.of(1, 2, 3)])),
      unsubscribe: hex(encodeRelayMessage([verb.unsubscribe, [ticket.tag]])),
    },
  }
}

/** A stranger asks at Alice's address. */
async function query({ identity, random }: Person, network: Uint8Array): Promise<Vectors> {
  const [tag, relay, expiresS] = [ramp(0x90, 16), 'wss://relay.example/', nowS + 86_400]
  const address = await Address.sign(identity, { tag, relays: [relay], expiresS })
  const [nonce, replyTag] = [ramp(0x18, 16), ramp(0x28, 16)]
  const secrets = { q: ramp(0x48), a: ramp(0x68) }
  const { randomBytes } = scripted([nonce, replyTag, secrets.q])
  const [method, params, result] = ['double', 21, 42]
  const asked = openQuery({ address, network, method, params, answerBytes: 100, randomBytes })
  random.push(secrets.a)
  const packetA = await readQuery(identity, network, parsePacket(asked.packet)!).answer({ result })
  asked.read(parsePacket(packetA)!)
  return {
    tag: hex(tag),
    relay,
    notAfter: expiresS,
    addressBytes: hex(address.bytes),
    addressText: address.toString(),
    nonce: hex(nonce),
    replyTag: hex(replyTag),
    method,
    question: hex(encode([nonce, replyTag, method, encode(params)])),
    ephemeralSecretOfQ: hex(secrets.q),
    packetQ: hex(asked.packet),
    answer: hex(encode([nonce, 0, encode(result)])),
    ephemeralSecretOfA: hex(secrets.a),
    packetA: hex(packetA),
  }
}

/** What is said on sessions with a contact in common about one call. */
async function introduction(tag: Uint8Array, packet: Uint8Array): Promise<Vectors> {
  const said: Uint8Array[] = []
  const introducer = new Introducer({
    send: (record) => said.push(encode(record)),
    handOn: () => {},
    takes: () => true,
  })
  const leave = introducer.subscribe(tag, () => {})
  await introducer.publish(tag, packet)
  introducer.deliver(tag, packet)
  leave()
  await new Promise((resolve) => setImmediate(resolve))
  const [subscribe, publish, deliver, unsubscribe] = said.map(hex)
  return { subscribe: subscribe!, publish: publish!, deliver: deliver!, unsubscribe: unsubscribe! }
}
