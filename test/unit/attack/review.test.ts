/** A peer's own packets sent back to it, an answer given twice, and what one dial's answer is worth to another. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { concat } from '../../../lib/base/bytes.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { World } from '../../support/memory-peers.ts'
import { countedPeer, settle, until } from './adversary.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

const peer = () => countedPeer(world)

/** All that was published, to every tag that was ever used, with the tag inside changed to fit or left. */
async function reflectEverything(): Promise<void> {
  const packets = [...world.board.published]
  const tags = new Map(packets.map(({ tag }) => [tag.join(), tag]))
  for (const { packet } of packets) {
    for (const tag of tags.values()) {
      const fitting = concat(packet.subarray(0, 1), tag, packet.subarray(17))
      for (const bytes of [packet, fitting]) world.board.inject({ from: -1, tag, packet: bytes })
    }
    await settle()
  }
}

test('every packet of a first contact and a call, reflected to every mailbox, moves nobody', async () => {
  const [alice, bob] = [await peer(), await peer()]
  const link = await bob.mesh.accept(await alice.mesh.invite({ uses: 3 }))
  await until(() => alice.mesh.links.size === 1, 'the link')
  await bob.mesh.close()
  const again = await countedPeer(world, { store: bob.store })
  await until(() => [...again.mesh.links.values()][0]?.state === 'open', 'the call')
  await settle()
  expect(link.state).toBe('closed')
  const before = [alice.transport.answers, alice.transport.offers, again.transport.answers]
  await reflectEverything()
  expect([alice.transport.answers, alice.transport.offers, again.transport.answers]).toEqual(before)
  expect([alice.mesh.links.size, again.mesh.links.size]).toEqual([1, 1])
  expect([...alice.mesh.links.values()][0]!.state).toBe('open')
})

test('an answer delivered twice, and one of another dial, leave the dial as it is', async () => {
  const [alice, bob, carol] = [await peer(), await peer(), await peer()]
  await carol.mesh.accept(await alice.mesh.invite())
  const foreign = world.board.published.find(({ packet }) => packet[0] === packetKinds.acknowledge)!
  world.board.rule = (published) => {
    if (published.packet[0] !== packetKinds.acknowledge) return [published]
    const { tag } = published
    const forged = concat(Uint8Array.of(packetKinds.acknowledge), tag, foreign.packet.subarray(17))
    return [{ ...published, packet: forged }, published, published, published]
  }
  const link = await bob.mesh.accept(await alice.mesh.invite())
  const got: unknown[] = []
  alice.mesh.links.get(bob.mesh.peer)!.on('message', (message) => void got.push(message))
  await link.send('once')
  expect(got).toEqual(['once'])
  expect([bob.transport.offers, bob.mesh.links.size]).toEqual([1, 1])
})
