/**
 * Every packet that carries a signature, recorded once, and played again in every way there is: to whoever listens, at every mailbox that
 * they listen at. None is accepted, nobody notices, and what is true works afterwards.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { certifyDevice } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { ask } from '../../../lib/session/ask.ts'
import { grantTo } from '../../../lib/session/openings.ts'
import { contactTag, utcDay } from '../../../lib/session/pact.ts'
import { openUnmet } from '../../../lib/session/unmet.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import type { Signaling } from '../../../lib/signaling/signaling.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { tables } from '../../../lib/storage/store.ts'
import type { Address } from '../../../lib/ticket/address.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { asKnown, withChain } from '../../support/devices.ts'
import { Switchboard, World, type Published } from '../../support/memory-peers.ts'
import {
  contactsOf,
  countedPeer,
  type CountingTransport,
  network,
  nobodysOffer,
  settle,
  shiftedRuntime,
  until,
} from './adversary.ts'

const dayMs = 24 * 3600_000

/** A relay that also knows who listens at which tags. */
class Relay extends Switchboard {
  readonly #tags: Map<string, Uint8Array>[] = []

  override path(): Signaling {
    const path = super.path()
    const tags = new Map<string, Uint8Array>()
    this.#tags.push(tags)
    return {
      ...path,
      subscribe(tag, listener) {
        const key = toBase64url(tag)
        tags.set(key, tag.slice())
        const leave = path.subscribe(tag, listener)
        return () => {
          tags.delete(key)
          leave()
        }
      },
    }
  }

  get paths(): number {
    return this.#tags.length
  }

  /** Where the party on that path listens now. */
  tagsOf(path: number): Uint8Array[] {
    return [...this.#tags[path]!.values()]
  }
}

interface Party {
  readonly mesh: Mesh
  readonly identity: Identity
  readonly store: MemoryStore
  readonly transport: CountingTransport
  /** Its path on each relay. */
  readonly path: number
}

const kinds = [
  'I',
  'I to a device',
  'N‖K',
  'Q',
  'A to I',
  'A to I to a device',
  'A to K',
  'A to Q',
] as const
type Kind = (typeof kinds)[number]

const runtime = shiftedRuntime()
const world = new World(runtime)
const relay = new Relay()
const otherRelay = new Relay()
const relays = [relay, otherRelay]
/** All that was published in the beginning. */
const recorded = new Map<Kind, Published[]>()

async function party(options: { store?: MemoryStore; network?: string } = {}): Promise<Party> {
  const path = relay.paths
  const signaling = relays.map((each) => each.path())
  return { path, ...(await countedPeer(world, { signaling, ...options })) }
}

/** The same profile on another disk, as far as it is written. */
async function copied(store: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  const records = await store.transaction(tables, { mode: 'read' }, async (from) => {
    const all = []
    for (const table of tables) {
      for (const { key, value } of await from.list(table)) all.push({ table, key, value })
    }
    return all
  })
  await copy.transaction(tables, { mode: 'write' }, async (to) => {
    for (const { table, key, value } of records) {
      // Who leads is not copied.
      if (table !== 'mesh') await to.put(table, key, value)
    }
  })
  return copy
}

/** What anybody could notice of a party: connections, links, and what its application hears. */
class Watch {
  readonly #parties: Party[] = []
  readonly #heard: string[] = []

  add(each: Party): void {
    const { mesh } = each
    this.#parties.push(each)
    const listen = (link: Link) => {
      link.on('message', () => void this.#heard.push('message'))
      link.on('stream', () => this.#heard.push('stream'))
    }
    for (const link of mesh.links.values()) listen(link)
    mesh.on('link', (link) => {
      this.#heard.push('link')
      listen(link)
    })
    mesh.on('forgotten', () => this.#heard.push('forgotten'))
  }

  /** Answers count once each: a repeated question gets the identical one. */
  async state(): Promise<unknown> {
    await settle()
    const answers = relays.flatMap(({ published }) =>
      published
        .filter(({ packet }) => packet[0] === packetKinds.acknowledge)
        .map(({ packet }) => toBase64url(packet)),
    )
    return {
      answers: new Set(answers).size,
      connections: world.network.size,
      heard: [...this.#heard],
      parties: this.#parties.map(({ mesh, transport }) => ({
        answered: transport.answers,
        links: [...mesh.links].map(([peer, { state }]) => `${peer} ${state}`),
      })),
    }
  }
}

const watch = new Watch()
let alice: Party
let bob: Party
let carol: Party
let ticket: Ticket
let address: Address

/** What is published while something is done, by what it is. */
async function record(work: () => Promise<unknown>, ...[message, answer]: Kind[]): Promise<void> {
  const before = relay.published.length
  await work()
  await settle()
  for (const each of relay.published.slice(before)) {
    const kind = each.packet[0] === packetKinds.acknowledge ? answer! : message!
    recorded.set(kind, [...(recorded.get(kind) ?? []), each])
  }
}

const handled: string[] = []
const serve = ({ mesh }: Party) =>
  mesh.answer('echo', (params) => {
    handled.push(String(params))
    return params
  })

/** Asks on a path of its own, which is the last. */
const question = (params: string, timeoutMs = 5_000) =>
  ask(address, 'echo', params, { signaling: [relay.path()], timeoutMs, runtime })

/** Bob's second device, which Alice has not met, calls her. */
async function callUnmet(): Promise<void> {
  const device = Device.generate(runtime)
  const chain = await certifyDevice(bob.identity.issuer, device, { nowS: runtime.now() / 1000 })
  const second = withChain(device, chain, bob.identity.publicKey, runtime)
  const { pactSecret } = (await contactsOf(bob.identity))[0]!
  const peerChain = await grantTo(alice.identity, bob.identity.publicKey)
  const tag = contactTag(pactSecret, alice.identity.device.key, utcDay(runtime.now()))
  const { packet } = await openUnmet(
    second,
    network,
    asKnown(alice.identity, pactSecret),
    peerChain,
    tag,
    nobodysOffer(),
    runtime.randomBytes(16),
  )
  const path = relay.path()
  const { answers } = alice.transport
  await path.publish(tag, packet)
  await until(() => alice.transport.answers > answers, 'the answer to a device not met')
}

beforeAll(async () => {
  otherRelay.rule = () => []
  alice = await party()
  bob = await party()
  carol = await party()
  ticket = await alice.mesh.invite({ uses: 5 })
  await record(() => bob.mesh.accept(ticket), 'I', 'A to I')
  await carol.mesh.accept(await alice.mesh.invite())
  // She listens wherever one can, so that there is something to be replayed to.
  await carol.mesh.invite()
  await carol.mesh.address()
  serve(carol)
  address = await alice.mesh.address({ expiresInMs: dayMs })
  serve(alice)
  await record(() => question('recorded'), 'Q', 'A to Q')

  await bob.mesh.close()
  bob = await party({ store: bob.store })
  await record(() => bob.mesh.links.get(alice.mesh.peer)!.connect(), 'N‖K', 'A to K')
  await bob.mesh.invite()
  await record(callUnmet, 'I to a device', 'A to I to a device')
  for (const each of [alice, bob, carol]) watch.add(each)
})
afterAll(() => world.close())

const at = (packet: Uint8Array, tag: Uint8Array): Uint8Array => {
  const moved = packet.slice()
  moved.set(tag, 1)
  return moved
}

/** Plays all that was recorded of one kind; returns how many had somebody to hear them. */
async function play(
  kind: Kind,
  to: (published: Published) => Uint8Array[],
  on: Relay = relay,
): Promise<number> {
  let reached = 0
  for (const published of recorded.get(kind)!) {
    for (const tag of to(published)) {
      // A mailbox has its budget: time passes.
      runtime.shiftMs += 1000
      if (on.inject({ from: -1, tag, packet: at(published.packet, tag) }) > 0) reached++
      await settle()
    }
  }
  return reached
}

const where = ({ tag }: Published) => [tag]
const everywhere = (...parties: Party[]) => parties.flatMap(({ path }) => relay.tagsOf(path))

/** Until whoever wants to meet has met, and of two sessions at once one is left, which takes 3 s at most. */
async function calm(): Promise<void> {
  for (let before: unknown, same = 0; same < 10;) {
    const now = JSON.stringify(await watch.state())
    same = now === before ? same + 1 : 0
    before = now
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('recorded', () => {
  test.each(kinds)('%s', (kind) => {
    expect(recorded.get(kind)?.length).toBeGreaterThan(0)
  })
})

/** Plays every kind, and expects that nothing comes of it. */
async function nothingComesOf(
  to: (published: Published) => Uint8Array[],
  on?: Relay,
): Promise<Record<Kind, number>> {
  const reached = {} as Record<Kind, number>
  for (const kind of kinds) {
    const before = await watch.state()
    const { length } = handled
    reached[kind] = await play(kind, to, on)
    expect([kind, await watch.state()]).toEqual([kind, before])
    expect([kind, handled.length]).toEqual([kind, length])
  }
  return reached
}

const messages = ['I', 'I to a device', 'N‖K', 'Q'] as const

describe('played again, nothing is accepted', { timeout: 60_000 }, () => {
  const stillWorks = async () => {
    const link = bob.mesh.links.get(alice.mesh.peer)!
    await link.send('true')
    expect(await question('true')).toBe('true')
  }

  test('at the same relay', async () => {
    const reached = await nothingComesOf(where)
    for (const kind of messages) expect([kind, reached[kind]]).not.toEqual([kind, 0])
    await stillWorks()
  })

  test('at another relay', async () => {
    const reached = await nothingComesOf(where, otherRelay)
    for (const kind of messages) expect([kind, reached[kind]]).not.toEqual([kind, 0])
    await stillWorks()
  })

  test('to another peer, wherever it listens', async () => {
    const reached = await nothingComesOf(() => everywhere(carol))
    for (const kind of kinds) expect(reached[kind]).toBeGreaterThanOrEqual(5)
    await stillWorks()
  })

  test('in the other role: to whoever sent it, wherever that listens', async () => {
    const reached = await nothingComesOf(() => everywhere(bob, alice))
    for (const kind of kinds) expect(reached[kind]).toBeGreaterThanOrEqual(10)
    await stillWorks()
  })

  test('in another session: while new dials and a new question wait for their answers', async () => {
    await bob.mesh.close()
    relay.rule = (published) => (published.packet[0] === packetKinds.acknowledge ? [] : [published])
    bob = await party({ store: bob.store })
    watch.add(bob)
    const connected = bob.mesh.links.get(alice.mesh.peer)!.connect()
    connected.catch(() => {})
    const redeeming = carol.mesh.accept(await bob.mesh.invite(), { timeoutMs: 20_000 })
    redeeming.catch(() => {})
    const answer = question('held', 20_000)
    answer.catch(() => {})
    const asking = relay.paths - 1
    const answered = () => [alice, bob].every(({ transport }) => transport.answers > 0)
    await until(() => answered() && handled.at(-1) === 'held', 'what is held back')

    const reached = await nothingComesOf(() => [
      ...everywhere(alice, bob, carol),
      ...relay.tagsOf(asking),
    ])
    for (const kind of kinds) expect(reached[kind]).toBeGreaterThanOrEqual(15)

    relay.rule = (published) => [published]
    await Promise.all([connected, redeeming])
    expect(await answer).toBe('held')
    await stillWorks()
  })

  test('in another network: the same profiles, everything else the same', async () => {
    for (const { mesh } of [alice, bob]) await mesh.close()
    // One after the other: there they would meet.
    for (const { store } of [alice, bob]) {
      const elsewhere = await party({ store: await copied(store), network: 'test' })
      serve(elsewhere)
      watch.add(elsewhere)
      await calm()
      const to = (published: Published) => [published.tag, ...everywhere(elsewhere)]
      const reached = await nothingComesOf(to)
      for (const kind of kinds) expect(reached[kind]).toBeGreaterThanOrEqual(5)
      await elsewhere.mesh.close()
    }
    alice = await party({ store: alice.store })
    bob = await party({ store: bob.store })
    serve(alice)
    for (const each of [alice, bob]) watch.add(each)
    await stillWorks()
  })

  test('after it has expired', async () => {
    for (const { mesh } of [alice, bob, carol]) await mesh.close()
    runtime.shiftMs += 4 * dayMs
    alice = await party({ store: alice.store })
    bob = await party({ store: bob.store })
    carol = await party({ store: carol.store })
    serve(alice)
    for (const each of [alice, bob, carol]) watch.add(each)
    await calm()
    const reached = await nothingComesOf((published) => [
      published.tag,
      ...everywhere(alice, bob, carol),
    ])
    for (const kind of kinds) expect(reached[kind]).toBeGreaterThanOrEqual(10)
    await bob.mesh.links.get(alice.mesh.peer)!.send('true')
  })
})
