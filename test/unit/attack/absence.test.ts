/** Contacts that are away must not keep one from those that are there. */

import { expect, test } from 'vitest'
import { dialPlaceMs, maxConcurrentDials } from '../../../lib/base/limits.ts'
import { World } from '../../support/memory-peers.ts'
import { fastRuntime, until } from './adversary.ts'

test('the one who is there is found among sixteen who are away', { timeout: 60_000 }, async () => {
  const runtime = fastRuntime(10)
  const world = new World(runtime)
  const hub = await world.peer()
  const ticket = await hub.mesh.invite({ uses: 17 })
  const friends = []
  for (let n = 0; n < 17; n++) {
    const friend = await world.peer()
    await friend.mesh.accept(ticket)
    friends.push(friend)
  }
  await until(() => hub.mesh.links.size === 17, 'all links')
  await hub.mesh.close()
  const [present, ...away] = friends
  await Promise.all(away.map(({ mesh }) => mesh.close()))
  const again = await world.peer({ store: hub.store })
  const since = runtime.monotonicNow()
  await again.mesh.links.get(present!.mesh.peer)!.connect()
  const turns = Math.ceil(17 / maxConcurrentDials)
  expect(runtime.monotonicNow() - since).toBeLessThan((turns + 1) * dialPlaceMs)
  await world.close()
})
