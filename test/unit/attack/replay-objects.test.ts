/**
 * What is signed and passed on outside of packets, played again: on sessions, by whoever has it (cards, revocations, grants), and by hand
 * (tickets, addresses, cards as text). Packets have their own matrix, `replay-matrix.test.ts`.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { base32nopad } from '@scure/base'
import { encode } from '../../../lib/codec/cbor.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import { certifyPeer, rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { verifySigned } from '../../../lib/identity/signed-message.ts'
import { signRevocations, type Revocations } from '../../../lib/identity/revocations.ts'
import type { Scopes } from '../../../lib/identity/scopes.ts'
import { signCard } from '../../../lib/mesh/card.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { ask } from '../../../lib/session/ask.ts'
import { dial } from '../../../lib/session/dial.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { openFirstContact, openKnownContact } from '../../../lib/session/openings.ts'
import { contactTag, utcDay, type KnownPeer } from '../../../lib/session/pact.ts'
import type { Session } from '../../../lib/session/session.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { Switchboard, World } from '../../support/memory-peers.ts'
import { openIdentity, settle, shiftedRuntime, until, type ShiftedRuntime } from './adversary.ts'

const dayMs = 24 * 3600_000

let runtime: ShiftedRuntime
let world: World
/** The relay that all use, and one that only Alice and whoever replays use. */
let relays: [Switchboard, Switchboard]

beforeEach(() => {
  runtime = shiftedRuntime()
  world = new World(runtime)
  relays = [new Switchboard(), new Switchboard()]
})
afterEach(() => world.close())

const peer = (options: { store?: MemoryStore; network?: string; on?: Switchboard[] } = {}) => {
  const { on = relays, ...rest } = options
  return world.peer({ signaling: on.map((relay) => relay.path()), ...rest })
}

// ── On sessions ──────────────────────────────────────────────────────────────────────────────────────

type Said = readonly [kind: number, bytes: Uint8Array]

/** A contact of Alice's by hand: what it says after its hello may be anything. */
class Hand {
  readonly identity: Identity
  peer: KnownPeer | undefined

  constructor(identity: Identity) {
    this.identity = identity
  }

  async meet(ticket: Ticket): Promise<Session> {
    return this.#session(ticket.tag, (description, replyTag) =>
      openFirstContact(this.identity, networkId('main'), ticket, description, replyTag),
    )
  }

  async call(via = relays[0], network = 'main'): Promise<Session> {
    const known = this.peer!
    const tag = contactTag(known.pactSecret, known.deviceKey, utcDay(runtime.now()))
    return this.#session(
      tag,
      (description, replyTag) =>
        openKnownContact(this.identity, networkId(network), known, tag, description, replyTag),
      via,
    )
  }

  async #session(
    tag: Uint8Array,
    open: Parameters<typeof dial>[0]['open'],
    via = relays[0],
  ): Promise<Session> {
    const session = await dial({
      identity: this.identity,
      transport: world.network.transport(),
      idleTimeoutMs: 60_000,
      intake: new Intake(runtime),
      signaling: via.path(),
      timeoutMs: 1_000,
      tag,
      open,
      onAcknowledged: async ({ peer: known }) => void (this.peer = known),
    })
    const none = new Uint8Array(16)
    session.control([recordKinds.hello, 1, none, none, 1, 0, null, 0, null])
    session.start({ onRecords: () => {}, isIdle: () => false })
    await session.confirmed
    return session
  }
}

const say = async (session: Session, ...said: readonly Said[]) => {
  for (const record of said) {
    session.control([...record])
    await settle()
  }
}

const card = async (by: Identity, number: number): Promise<Said> => {
  const body = { number, relays: [`wss://r${number}.example/`], issuedS: 1 }
  return [recordKinds.card, await signCard(by, body)]
}

/** All that Bob has ever said, the older first of each. */
interface Records {
  cards: Said[]
  lists: Said[]
  grants: Said[]
}

async function recordsOf(bob: Identity, alice: Identity): Promise<Records> {
  const nowS = Math.floor(runtime.now() / 1000)
  const lists: Revocations[] = []
  const cards = [await card(bob, 2), await card(bob, 5)]
  await bob.withRoot(undefined, async (root) => {
    for (const later of [1, 2]) {
      const { device } = await openIdentity(runtime)
      const held = lists.at(-1) ?? null
      lists.push(await signRevocations(rootIssuer(root), held, [device.key], nowS + later))
    }
  })
  const grants: Said[] = []
  const certified: Scopes[] = [['*'], ['message:chat']]
  for (const scopes of certified) {
    const chain = await certifyPeer(bob.issuer, alice.publicKey, { nowS, scopes })
    grants.push([recordKinds.grant, encode([...chain])])
  }
  return { cards, lists: lists.map(({ bytes }) => [recordKinds.revocations, bytes]), grants }
}

const setUp = async () => {
  const alice = await peer()
  const [bob, mallory] = [
    new Hand(await openIdentity(runtime)),
    new Hand(await openIdentity(runtime)),
  ]
  const first = await bob.meet(await alice.mesh.invite())
  const records = await recordsOf(bob.identity, alice.identity)
  const all = [...records.cards, ...records.lists, ...records.grants]
  await say(first, ...all)
  const malloryFirst = await mallory.meet(await alice.mesh.invite())
  await until(() => alice.mesh.links.size === 2, 'both links')
  return { alice, bob, mallory, first, malloryFirst, records, all }
}

/** What is on Alice's disk about somebody, but for when they met. */
const kept = async (of: { identity: Identity }, who: PeerId) => {
  const { devices, revocations, grantedScopes, peerChain } = (await Peers.open(of.identity)).get(
    who,
  )
  return {
    devices: devices.map(({ lastMetMs: _, ...device }) => device),
    revocations,
    grantedScopes,
    peerChain,
  }
}

const everything = async (of: { identity: Identity }, ...who: Hand[]) => {
  await settle()
  const all = [of.identity, ...who.map(({ identity }) => identity)]
  return Promise.all(all.map(({ peer: id }) => kept(of, id)))
}

describe('cards, revocations and grants', () => {
  test('are taken from whom they are of, the first time', async () => {
    const { alice, bob } = await setUp()
    expect(await kept(alice, bob.identity.peer)).toMatchObject({
      devices: [{ relays: ['wss://r5.example/'], cardNumber: 5 }],
      revocations: { deviceKeys: [expect.any(Uint8Array), expect.any(Uint8Array)] },
      grantedScopes: ['message:chat'],
    })
  })

  test('again in the same session, in another, and by another relay: no news', async () => {
    const { alice, bob, first, mallory, records } = await setUp()
    const before = await everything(alice, bob, mallory)
    // Whoever grants may say the older one again: it is not a replay, but the latest word.
    const again = [...records.cards, ...records.lists, records.grants[1]!]
    await say(first, ...again)
    expect(await everything(alice, bob, mallory)).toEqual(before)
    for (const relay of relays) {
      const session = await bob.call(relay)
      await say(session, ...again)
      expect(await everything(alice, bob, mallory)).toEqual(before)
    }
  })

  test('said by another peer: each ends the session, and changes nothing', async () => {
    const { alice, bob, mallory, all } = await setUp()
    const before = await everything(alice, bob, mallory)
    let refused = 0
    for (const said of all) {
      const session = await mallory.call()
      let hasEnded = false
      void session.ended.then(() => (hasEnded = true))
      await say(session, said)
      await until(() => hasEnded, 'the end of the session')
      refused++
      expect(await everything(alice, bob, mallory)).toEqual(before)
    }
    expect(refused).toBe(all.length)
  })

  test('in the other role: said to whom they are from', async () => {
    const { alice, bob, mallory, malloryFirst } = await setUp()
    const ofAlice = await recordsOf(alice.identity, mallory.identity)
    const before = await everything(alice, bob, mallory)
    // Her own card, with a higher number than she ever gave; what she has granted Mallory.
    await say(malloryFirst, await card(alice.identity, 2 ** 40)).catch(() => {})
    expect(await everything(alice, bob, mallory)).toEqual(before)
    for (const grant of ofAlice.grants) await say(await mallory.call(), grant)
    expect(await everything(alice, bob, mallory)).toEqual(before)
  })

  test('in another network: there is no session to say them on', async () => {
    const { bob, mallory, alice } = await setUp()
    const before = await everything(alice, bob, mallory)
    for (const hand of [bob, mallory]) {
      await expect(hand.call(relays[0], 'test')).rejects.toMatchObject({ code: 'timeout' })
    }
    expect(await everything(alice, bob, mallory)).toEqual(before)
  })

  test('after they have expired: a card ends with the certificate of its device', async () => {
    const alice = await peer()
    const store = new MemoryStore()
    const options = { store, runtime, certificateLifetimeMs: 60 * dayMs }
    const bob = new Hand(await Identity.open(options))
    const session = await bob.meet(await alice.mesh.invite())
    const [early, late] = [await card(bob.identity, 2), await card(bob.identity, 5)]
    await say(session, early)
    const before = await kept(alice, bob.identity.peer)
    expect(before.devices).toMatchObject([{ cardNumber: 2 }])
    await runtimePasses(63 * dayMs)
    await say(session, late)
    expect(await kept(alice, bob.identity.peer)).toEqual(before)
    expect(await refusalOf(bob.call())).not.toBe('accepted')
    await expect(alice.mesh.readCard(textOf(late[1]))).rejects.toMatchObject({
      code: 'bad-card',
    })
  })
})

const textOf = (bytes: Uint8Array) => `hfc1${base32nopad.encode(bytes).toLowerCase()}`

const runtimePasses = async (ms: number) => {
  runtime.shiftMs += ms
  await settle()
}

// ── By hand ──────────────────────────────────────────────────────────────────────────────────────────

const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    ({ code }: { code: string }) => code,
  )

describe('a ticket', () => {
  const redeem = (mesh: Mesh, ticket: Ticket | string) =>
    refusalOf(mesh.accept(ticket, { timeoutMs: 200 }))

  test('that is spent, at the same relay, at another, to another session of its issuer', async () => {
    const alice = await peer()
    const bob = await peer()
    const ticket = await alice.mesh.invite()
    await bob.mesh.accept(ticket)
    const text = String(ticket)
    for (const on of [relays, [relays[0]], [relays[1]]]) {
      expect(await redeem((await peer({ on })).mesh, text)).toBe('timeout')
    }
    await alice.mesh.close()
    const again = await peer({ store: alice.store })
    const carol = await peer()
    expect(await redeem(carol.mesh, text)).toBe('timeout')
    expect([...again.mesh.links.keys()]).toEqual([bob.mesh.peer])
  })

  test('by another than it is for, by its issuer, after expiry, in another network', async () => {
    const alice = await peer()
    const bob = await peer()
    const carol = await peer()
    const forBob = await alice.mesh.invite({ for: bob.mesh.peer })
    expect(await redeem(carol.mesh, forBob)).toBe('ticket-wrong-party')
    const ticket = await alice.mesh.invite()
    expect(await redeem(alice.mesh, ticket)).toBe('ticket-wrong-party')
    const elsewhere = await peer({ network: 'test' })
    expect(await redeem(elsewhere.mesh, ticket)).toBe('timeout')
    await runtimePasses(dayMs)
    expect(await redeem(carol.mesh, ticket)).toBe('ticket-expired')
    expect(alice.mesh.links.size).toBe(0)
  })
})

describe('an address', () => {
  const served = async () => {
    const alice = await peer()
    const { mesh } = alice
    mesh.answer('who', () => 'alice')
    return { ...alice, address: await mesh.address({ expiresInMs: dayMs }) }
  }
  const asked = (address: string, network = 'main', via: Switchboard = relays[0]) =>
    refusalOf(
      ask(address, 'who', null, { signaling: [via.path()], network, timeoutMs: 200, runtime }),
    )

  test('that was withdrawn, at every relay and after a restart; in another network; after expiry', async () => {
    const { mesh, address, store } = await served()
    const text = String(address)
    expect(await asked(text)).toBe('accepted')
    expect(await asked(text, 'test')).toBe('timeout')

    const other = await mesh.address({ expiresInMs: dayMs })
    await mesh.withdraw(other)
    for (const relay of relays) expect(await asked(String(other), 'main', relay)).toBe('timeout')
    await mesh.close()
    const again = await peer({ store })
    again.mesh.answer('who', () => 'alice')
    for (const relay of relays) expect(await asked(String(other), 'main', relay)).toBe('timeout')
    await runtimePasses(2 * dayMs)
    expect(await asked(text)).toBe('address-expired')
  })

  test('by another peer who listens there', async () => {
    const { mesh, address } = await served()
    await mesh.close()
    const mallory = await peer()
    mallory.mesh.answer('who', () => 'mallory')
    const own = await mallory.mesh.address()
    // Mallory hands what comes for Alice to itself, and lets its answers out as they are.
    relays[0].rule = (published) => {
      const { tag, packet } = published
      if (tag.every((byte, index) => byte === address.tag[index])) {
        const moved = packet.slice()
        moved.set(own.tag, 1)
        return [published, { from: published.from, tag: own.tag, packet: moved }]
      }
      return [published]
    }
    expect(await asked(String(own))).toBe('accepted')
    expect(await asked(String(address))).toBe('timeout')
  })
})

describe('a signed message of the application', () => {
  test('is worth nothing as a card, ticket or address, nor one of these as a signed message', async () => {
    const alice = await openIdentity(runtime)
    const bob = await peer()
    const holder = await peer()
    const read = (text: string) => [
      refusalOf(bob.mesh.accept(`hft1${text}`, { timeoutMs: 200 })),
      refusalOf(bob.mesh.readCard(`hfc1${text}`)),
      refusalOf(ask(`hfa1${text}`, 'who', null, { signaling: [], timeoutMs: 200 })),
    ]
    for (const purpose of ['ticket', 'card', 'address']) {
      const signed = await alice.sign(purpose, new Uint8Array(64))
      const text = base32nopad.encode(signed).toLowerCase()
      expect(await Promise.all(read(text))).toEqual(['bad-ticket', 'bad-card', 'bad-address'])
    }
    for (const text of [
      String(await holder.mesh.invite()),
      await holder.mesh.card(),
      String(await holder.mesh.address()),
    ]) {
      const bytes = base32nopad.decode(text.slice(4).toUpperCase())
      for (const purpose of ['', 'ticket', 'card', 'address']) {
        expect(await refusalOf(verifySigned(purpose, bytes))).toBe('bad-signature')
      }
    }
  })
})

describe('one kind of text in place of another', () => {
  test('is none of it', async () => {
    const alice = await peer()
    const bob = await peer()
    await bob.mesh.accept(await alice.mesh.invite())
    const texts = {
      hft1: String(await alice.mesh.invite()),
      hfc1: await alice.mesh.card(),
      hfa1: String(await alice.mesh.address()),
    }
    const readers = {
      hft1: (text: string) => bob.mesh.accept(text, { timeoutMs: 200 }),
      hfc1: (text: string) => bob.mesh.readCard(text),
      hfa1: (text: string) => ask(text, 'who', null, { signaling: [], timeoutMs: 200 }),
    }
    const codes = { hft1: 'bad-ticket', hfc1: 'bad-card', hfa1: 'bad-address' }
    for (const [prefix, read] of Object.entries(readers)) {
      for (const [from, text] of Object.entries(texts)) {
        if (from === prefix) continue
        const relabelled = prefix + text.slice(4)
        const code = codes[prefix as keyof typeof codes]
        expect([from, prefix, await refusalOf(read(relabelled))]).toEqual([from, prefix, code])
        expect(await refusalOf(read(text))).toBe(code)
      }
    }
    expect(base32nopad.decode(texts.hfc1.slice(4).toUpperCase()).length).toBeGreaterThan(100)
  })
})
