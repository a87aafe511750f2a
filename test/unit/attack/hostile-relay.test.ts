/** Two pairs link at once over a relay that does what it likes: none ever meets the wrong one, and all meet when it stops. */

import { expect, test } from 'vitest'
import { tier } from '../../support/campaign.ts'
import { utcDay, contactTag } from '../../../lib/session/pact.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { World } from '../../support/memory-peers.ts'
import { contactsOf, countedPeer, fastRuntime, until } from './adversary.ts'
import { HostileRelay, type Parcel } from './hostile-relay.ts'

const speed = 20
const mischief = 24
/** In ms; then packets finally get through. In the runtime's time it is 3 s. */
const mischiefMs = 150

/** Well-formed packets of two peers of the attacker's own: I with its A, and N‖K with its A. */
async function forgeries(): Promise<Parcel[]> {
  const world = new World()
  const [mallory, accomplice] = [await world.peer(), await world.peer()]
  await accomplice.mesh.accept(await mallory.mesh.invite())
  await accomplice.mesh.close()
  const again = await world.peer({ store: accomplice.store })
  await again.mesh.links.get(mallory.mesh.peer)!.connect()
  await world.close()
  return world.board.published
}

async function stage(seed: number, own: readonly Parcel[]) {
  const world = new World(fastRuntime(speed))
  const peers = []
  for (let n = 0; n < 4; n++) peers.push(await countedPeer(world))
  const meshes = peers.map(({ mesh }) => mesh)
  const transports = peers.map(({ transport }) => transport)
  const relay = new HostileRelay(
    seed,
    (parcel, afterMs) =>
      void setTimeout(() => world.board.inject({ ...parcel, from: -1 }), afterMs),
    own,
  )
  world.board.rule = (published) =>
    relay
      .handle(published)
      .map((parcel) => ({ ...parcel, from: parcel === published ? published.from : -1 }))
  const received: unknown[][] = meshes.map(() => [])
  const listen = (index: number, link: Link) =>
    link.on('message', (message) => void received[index]!.push(message))
  meshes.forEach((mesh, index) => mesh.on('link', (link) => listen(index, link)))
  return { world, relay, meshes, received, transports }
}

const [alice, bob, carol, dave] = [0, 1, 2, 3] as const
const partnerOf = [bob, alice, dave, carol]

const rounds = tier(40, 1000)
/** Each takes far longer. */
const knownRounds = tier(20, 1000)

test(`${rounds} rounds of first contact`, { timeout: 1_800_000 }, async () => {
  const own = await forgeries()
  const done: Record<string, number> = {}
  let failures = 0
  for (let round = 0; round < rounds; round++) {
    const { world, relay, meshes, received } = await stage(round, own)
    const tickets = [await meshes[alice]!.invite(), await meshes[carol]!.invite()]
    relay.misbehave(mischief)
    const truce = setTimeout(() => relay.misbehave(0), mischiefMs)
    // A dial that the relay has broken fails in time, and the next one succeeds.
    const accept = async (mesh: Mesh, ticket: (typeof tickets)[number]): Promise<void> => {
      for (;;) {
        try {
          return void (await mesh.accept(ticket))
        } catch {
          failures++
          if (mesh.links.has(ticket.issuer)) return
        }
      }
    }
    await Promise.all([accept(meshes[bob]!, tickets[0]!), accept(meshes[dave]!, tickets[1]!)])
    clearTimeout(truce)
    relay.misbehave(0)
    await until(() => meshes.every(({ links }) => links.size === 1), 'all four links')
    const peers = meshes.map(({ links }) => [...links.keys()])
    expect(peers).toEqual(partnerOf.map((partner) => [meshes[partner]!.peer]))
    await Promise.all(
      meshes.map(async ({ links }, index) => {
        const [link] = links.values()
        for (const n of [1, 2, 3]) await link!.send([index, n])
      }),
    )
    expect(received).toEqual(partnerOf.map((partner) => [1, 2, 3].map((n) => [partner, n])))
    for (const [deed, times] of Object.entries(relay.done)) done[deed] = (done[deed] ?? 0) + times
    await world.close()
  }
  console.info('first contact:', { ...done, failedDials: failures })
  expect(Object.values(done).every((times) => times > rounds / 5)).toBe(true)
})

test(`${knownRounds} rounds of known contacts`, { timeout: 1_800_000 }, async () => {
  const own = await forgeries()
  const { world, relay, meshes, received } = await stage(1, own)
  await meshes[bob]!.accept(await meshes[alice]!.invite())
  await meshes[dave]!.accept(await meshes[carol]!.invite())
  await until(() => meshes.every(({ links }) => links.size === 1), 'all four links')
  const links = meshes.map((mesh) => [...mesh.links.values()][0]!)
  for (let round = 0; round < knownRounds; round++) {
    relay.misbehave(mischief)
    const truce = setTimeout(() => relay.misbehave(0), mischiefMs)
    world.network.cut()
    await Promise.all(links.map((link, index) => link.send([index, round])))
    clearTimeout(truce)
    expect(links.map(({ peer }) => peer)).toEqual(partnerOf.map((partner) => meshes[partner]!.peer))
  }
  expect(received).toEqual(
    partnerOf.map((partner) => Array.from({ length: knownRounds }, (_, round) => [partner, round])),
  )
  expect(meshes.map((mesh) => mesh.links.size)).toEqual([1, 1, 1, 1])
  console.info('known contacts:', relay.done)
  expect(Object.values(relay.done).every((times) => times > knownRounds / 10)).toBe(true)
  await world.close()
})

test('a packet for one contact, at the mailbox of another, is nothing', async () => {
  const world = new World()
  const alice = await countedPeer(world)
  const friends = [await world.peer(), await world.peer()]
  for (const { mesh } of friends) await mesh.accept(await alice.mesh.invite())
  await until(() => alice.mesh.links.size === 2, 'both links')
  for (const { mesh } of friends) await mesh.close()
  const contacts = await contactsOf(alice.identity)
  const tags = contacts.map(({ pactSecret }) =>
    contactTag(pactSecret, alice.identity.device.key, utcDay(Date.now())),
  )
  const answers = alice.transport.answers
  world.board.rule = (published) => {
    if (published.packet[0] !== packetKinds.knownContact) return [published]
    return tags.map((tag) => {
      const packet = published.packet.slice()
      packet.set(tag, 1)
      return { ...published, tag, packet }
    })
  }
  const again = await world.peer({ store: friends[0]!.store })
  await again.mesh.links.get(alice.mesh.peer)!.connect()
  expect(alice.transport.answers).toBe(answers + 1)
  await world.close()
})
