import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { joinIdentity, type JoinOptions } from '../../../lib/mesh/joining.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import type { Pairing } from '../../../lib/mesh/pairing.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const joinOptions = (options: Partial<JoinOptions> = {}): JoinOptions => ({
  store: new MemoryStore(),
  runtime: world.runtime,
  transport: world.network.transport(),
  signaling: [world.board.path()],
  timeoutMs: 3_000,
  ...options,
})

/** The device that waits to be let in, as soon as there is one. */
const waiting = async (mesh: Mesh): Promise<Pairing> => {
  for (;;) {
    const [pairing] = mesh.pairings
    if (pairing) return pairing
    await new Promise<void>((resolve) => {
      const off = mesh.on('pairings', () => (off(), resolve()))
    })
  }
}

describe('a further device', () => {
  test('joins once both have confirmed, whoever does first, with equal digits', async () => {
    for (const first of ['host', 'guest'] as const) {
      const { mesh, identity } = await world.peer()
      const ticket = await mesh.invite({ purpose: 'device' })
      const joining = await joinIdentity(ticket.toString(), joinOptions())
      const pairing = await waiting(mesh)
      expect(joining.peer).toBe(identity.peer)
      expect(pairing.code).toMatch(/^\d{4} \d{4}$/)
      expect(joining.code).toBe(pairing.code)

      const acts = [() => pairing.confirm(), () => joining.confirm()]
      if (first === 'guest') acts.reverse()
      const done = acts.map((act) => act())
      await Promise.all(done)
      const joined = await joining.confirm().catch((error: unknown) => error)
      void joined
      expect(mesh.pairings).toHaveLength(0)
      expect(mesh.links.size).toBe(0)
    }
  })

  test('is the same peer, without the identity key', async () => {
    const { mesh, identity } = await world.peer()
    const ticket = await mesh.invite({ purpose: 'device' })
    const joining = await joinIdentity(ticket, joinOptions())
    const confirmed = (await waiting(mesh)).confirm()
    const second = await joining.confirm()
    await confirmed
    expect(second.peer).toBe(identity.peer)
    expect(second.hasRoot).toBe(false)
    expect(second.device.key).not.toEqual(identity.device.key)
    await second.close()
  })

  test('gets nothing before its host has confirmed, and nothing when refused', async () => {
    const { mesh } = await world.peer()
    const ticket = await mesh.invite({ purpose: 'device' })
    const store = new MemoryStore()
    const joining = await joinIdentity(ticket, joinOptions({ store }))
    const outcome = joining.confirm()
    outcome.catch(() => {})
    const pairing = await waiting(mesh)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await pairing.refuse()
    await expect(outcome).rejects.toMatchObject({ code: 'refused' })
    const held = await store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))
    expect(held.filter(({ key }) => key.startsWith('secret/'))).toEqual([])
    expect(mesh.pairings).toHaveLength(0)
  })

  test('that gives up is seen to have gone', async () => {
    const { mesh } = await world.peer()
    const joining = await joinIdentity(await mesh.invite({ purpose: 'device' }), joinOptions())
    const pairing = await waiting(mesh)
    await joining.cancel()
    await expect(pairing.confirm()).rejects.toMatchObject({ code: 'interrupted' })
    expect(mesh.pairings).toHaveLength(0)
  })

  test('comes alone: a ticket serves one device, and never a contact', async () => {
    const { mesh } = await world.peer()
    const ticket = await mesh.invite({ purpose: 'device' })
    const joining = await joinIdentity(ticket, joinOptions())
    await waiting(mesh)
    await expect(joinIdentity(ticket, joinOptions({ timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'timeout',
    })
    await joining.cancel()

    const stranger = await world.peer()
    const other = await mesh.invite({ purpose: 'device' })
    await expect(stranger.mesh.accept(other)).rejects.toMatchObject({ code: 'bad-ticket' })
    const contact = await mesh.invite()
    await expect(joinIdentity(contact, joinOptions())).rejects.toMatchObject({ code: 'bad-ticket' })
    await expect(mesh.invite({ purpose: 'device', uses: 2 })).rejects.toMatchObject({
      code: 'invalid-argument',
    })
  })

  test('does not take the place of an identity that is there', async () => {
    const { mesh } = await world.peer()
    const { store, identity } = await world.peer()
    const joining = await joinIdentity(
      await mesh.invite({ purpose: 'device' }),
      joinOptions({ store }),
    )
    const confirmed = (await waiting(mesh)).confirm()
    confirmed.catch(() => {})
    await expect(joining.confirm()).rejects.toMatchObject({ code: 'identity-exists' })
    await expect(confirmed).rejects.toMatchObject({ code: 'interrupted' })
    expect(identity.peer).not.toBe(mesh.peer)
  })
})
