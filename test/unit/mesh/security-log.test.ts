/** The security log of a mesh: what is noted, in every tab, and that nothing secret is. */

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { SecurityEvent } from '../../../lib/mesh/journal.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { simulatedWrappingKey as wrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { TabPeers } from '../../support/tab-peers.ts'

beforeAll(ready)

catchReportedErrors()
let peers: TabPeers
beforeEach(() => void (peers = new TabPeers()))
afterEach(() => peers.close())

const kindsIn = async (mesh: Mesh) =>
  (await peers.passing(mesh.securityLog())).map(({ kind }) => kind)

describe('the security log', () => {
  test('has who was met and forgotten, in all tabs and after each is gone', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const told: [string, SecurityEvent][] = []
    leader.mesh.on('security', (event) => void told.push(['leader', event]))
    follower.mesh.on('security', (event) => void told.push(['follower', event]))
    const bob = await peers.bob(follower.mesh)
    await peers.until(() => told.length === 4)
    expect(await kindsIn(bob.mesh)).toEqual(['contact-added'])
    await peers.passing(follower.mesh.forget(bob.mesh.peer))
    await peers.until(() => told.length === 6)

    const expected = ['contact-forgotten', 'contact-added', 'ticket-redeemed']
    const log = await peers.passing(follower.mesh.securityLog())
    expect(log.map(({ kind }) => kind)).toEqual(expected)
    expect(log.map(({ peer }) => peer)).toEqual(Array(3).fill(bob.mesh.peer))
    expect(await peers.passing(leader.mesh.securityLog())).toEqual(log)
    for (const tab of ['leader', 'follower']) {
      const events = told.filter(([name]) => name === tab).map(([, event]) => event)
      expect(events.reverse()).toEqual(log)
    }
    expect(
      await peers.passing(follower.mesh.securityLog({ limit: 1, before: log[0]!.id })),
    ).toEqual([log[1]])
    await expect(peers.passing(follower.mesh.securityLog({ limit: 0 }))).rejects.toMatchObject({
      code: 'invalid-argument',
    })

    leader.tab.die()
    await peers.until(() => follower.mesh.signaling.length > 0)
    expect(await peers.passing(follower.mesh.securityLog())).toEqual(log)
  })

  test('has what was done with the keys in any tab, also before there was a mesh', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    follower.identity.lock()
    await peers.passing(follower.identity.unlock())
    await peers.passing(follower.identity.removeRoot())
    await peers.until(() => !follower.identity.hasRoot)
    await peers.world.clock.advance(100)
    const expected = ['root-removed', 'unlocked', 'locked']
    expect(await kindsIn(leader.mesh)).toEqual(expected)
    expect(await kindsIn(follower.mesh)).toEqual(expected)

    const runtime = peers.world.clock
    const store = new MemoryStore()
    const identity = await peers.passing(Identity.open({ store, runtime, wrappingKey }))
    identity.lock()
    await peers.passing(identity.unlock())
    const { mesh } = await peers.passing(peers.peers.peer({ identity }))
    expect(await kindsIn(mesh)).toEqual(['unlocked', 'locked'])
  })

  test('no secret is in it', async () => {
    const { mesh, identity } = await peers.tab()
    // The list of words is loaded in real time.
    const words = await identity.words()
    const bob = await peers.bob(mesh)
    const link = mesh.links.get(bob.mesh.peer)!
    const ticket = await peers.passing(mesh.invite())
    await peers.passing(bob.mesh.accept(ticket))
    await peers.passing(identity.withRoot({ words }, async () => {}))
    await peers.passing(link.verify(link.safetyNumber))
    await peers.passing(link.allow(['message']))
    await peers.passing(identity.removeRoot())
    await peers.world.clock.advance(100)
    const log = await peers.passing(mesh.securityLog())
    expect(log.length).toBeGreaterThan(5)
    const text = JSON.stringify(log)
    for (const secret of [words, String(ticket), link.safetyNumber]) {
      expect(text).not.toContain(secret)
    }
    for (const { detail } of log) expect(detail ?? 'message').toBe('message')
  })

  test('a ticket that two redeem, and one that is met again, are noted for each', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const ticket = await peers.passing(mesh.invite())
    await peers.passing(bob.mesh.accept(ticket))
    // A second pact with somebody known is no new contact.
    await peers.until(() => mesh.links.size === 1)
    expect(await kindsIn(mesh)).toEqual(['ticket-redeemed', 'contact-added', 'ticket-redeemed'])
    expect(await kindsIn(bob.mesh)).toEqual(['contact-added'])
  })
})
