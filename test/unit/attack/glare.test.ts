/** Both dial at once: one session stays, the same on both sides, and no message is lost, doubled or out of order. */

import { expect, test } from 'vitest'
import { MemoryNetwork } from '../../../lib/transport/memory.ts'
import type { Channel } from '../../../lib/transport/transport.ts'
import { tier } from '../../support/campaign.ts'
import { World } from '../../support/memory-peers.ts'
import { CountingTransport, fastRuntime, seeded, until } from './adversary.ts'

const rounds = tier(100, 1000)

test(`${rounds} times`, { timeout: 1_800_000 }, async () => {
  const runtime = fastRuntime(20)
  const world = new World(runtime)
  const network = new MemoryNetwork({ runtime, latencyMs: 20 })
  const open = [new Set<Channel>(), new Set<Channel>()]
  const transports = open.map(
    (channels) =>
      new CountingTransport(network.transport(), (channel) => {
        channels.add(channel)
        void channel.closed.then(() => channels.delete(channel))
        return channel
      }),
  )
  const [alice, bob] = [
    await world.peer({ transport: transports[0]! }),
    await world.peer({ transport: transports[1]! }),
  ]
  await bob.mesh.accept(await alice.mesh.invite())
  await until(() => alice.mesh.links.size === 1, 'the link')
  const links = [alice.mesh.links.get(bob.mesh.peer)!, bob.mesh.links.get(alice.mesh.peer)!]
  const received: unknown[][] = [[], []]
  links.forEach((link, side) => link.on('message', (message) => void received[side]!.push(message)))

  const random = seeded(8)
  let glares = 0
  let sent = 0
  for (let round = 0; round < rounds; round++) {
    const dialled = transports.map(({ offers }) => offers)
    network.cut()
    await Promise.resolve()
    const dialling = links.map((link) => link.connect())
    const sending: Promise<void>[] = []
    for (let n = 0; n < 5; n++) {
      for (const link of links) sending.push(link.send(sent))
      sent++
      if (random.below(2) === 0)
        await new Promise((resolve) => setTimeout(resolve, random.below(3)))
    }
    await Promise.all([...dialling, ...sending])
    if (transports.every(({ offers }, side) => offers > dialled[side]!)) glares++
    await until(() => open.every(({ size }) => size === 1) && network.size === 2, 'one session')
    expect(links.map(({ state }) => state)).toEqual(['open', 'open'])
  }
  const expected = Array.from({ length: sent }, (_, n) => n)
  expect(received).toEqual([expected, expected])
  expect(glares).toBeGreaterThan(rounds * 0.9)
  await world.close()
})
