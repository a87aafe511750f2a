/** What meets in the middle: parting while a call is under way, and sending while the device that answers changes or is revoked. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { Peers } from '../../../lib/mesh/peers.ts'
import { World } from '../../support/memory-peers.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { secondDevice } from '../../support/second-device.ts'

interface Party {
  readonly mesh: Mesh
  readonly identity: Identity
}

const errors = catchReportedErrors()
let world: World
let alice: Party
let bob: Party
beforeEach(async () => {
  world = new World()
  ;[alice, bob] = [await world.peer(), await world.peer()]
  await bob.mesh.accept(await alice.mesh.invite())
  await expect.poll(() => alice.mesh.links.get(bob.mesh.peer)?.state).toBe('open')
  await expect
    .poll(async () => (await Peers.open(alice.identity)).get(bob.mesh.peer).peerChain)
    .not.toBeNull()
})
afterEach(async () => {
  await world.close()
  expect(errors).toEqual([])
})

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const contactsIn = ({ store }: Identity) =>
  store.transaction(['contacts'], { mode: 'read' }, (tx) => tx.list('contacts'))

describe('forgetting', () => {
  const moments = [0, 1, 2, 4, 8, 16, 32]

  test.each(moments)('whom one calls, %d ms into that, leaves nothing', async (ms) => {
    await alice.mesh.close()
    await world.peer({ identity: alice.identity })
    await wait(ms)
    await forgotten(bob, alice)
  })

  test.each(moments)('who calls, %d ms into that, leaves nothing', async (ms) => {
    await bob.mesh.close()
    await world.peer({ identity: bob.identity })
    await wait(ms)
    await forgotten(alice, bob)
  })

  test.each(moments)(
    'whom a further device makes itself known for, %d ms into that',
    async (ms) => {
      await alice.mesh.close()
      const laptop = await secondDevice(alice.identity)
      await world.peer({ identity: laptop })
      await wait(ms)
      await forgotten(bob, alice)
    },
  )

  async function forgotten(one: Party, other: Party): Promise<void> {
    await one.mesh.forget(other.mesh.peer)
    await wait(100)
    expect(one.mesh.links.size).toBe(0)
    expect(await contactsIn(one.identity)).toEqual([])
    const { devices, name, peerChain } = (await Peers.open(one.identity)).get(other.mesh.peer)
    expect({ devices, name, peerChain }).toEqual({ devices: [], name: null, peerChain: null })
  }
})

describe('two devices', () => {
  let laptop: Party
  /** Of bob's messages: which device has handled them, in which order. */
  let heard: { by: 'phone' | 'laptop'; n: number; redelivered: boolean }[]
  let laptopKey: string

  beforeEach(async () => {
    laptop = await world.peer({ identity: await secondDevice(alice.identity) })
    laptopKey = toBase64url(laptop.identity.device.key)
    heard = []
    for (const [by, { mesh }] of [
      ['phone', alice],
      ['laptop', laptop],
    ] as const) {
      const link = mesh.links.get(bob.mesh.peer)!
      link.on(
        'message',
        (n, { redelivered }) => void heard.push({ by, n: n as number, redelivered }),
      )
    }
    await expect.poll(() => laptop.mesh.links.get(bob.mesh.peer)?.state).toBe('open')
    await expect
      .poll(async () => (await Peers.open(bob.identity)).get(alice.mesh.peer).devices.length)
      .toBe(2)
  })

  const count = 200
  const say = (): Promise<void[]> => {
    const link = bob.mesh.links.get(alice.mesh.peer)!
    return Promise.all(
      Array.from({ length: count }, async (_, n) => {
        await wait(n / 4)
        await link.send(n)
      }),
    )
  }

  const all = Array.from({ length: count }, (_, n) => n)
  const handled = () => [...new Set(heard.map(({ n }) => n))].toSorted((a, b) => a - b)
  /** Whatever came twice says so. */
  const expectNoSecrets = () => {
    const seen = new Set<number>()
    for (const { n, redelivered } of heard) {
      if (seen.has(n)) expect(redelivered).toBe(true)
      seen.add(n)
    }
  }

  test.each([0, 5, 20, 40])('of which one goes %d ms into sending: all arrives', async (ms) => {
    const sent = say()
    await wait(ms)
    await Promise.race([laptop.mesh.close(), wait(10)])
    await wait(10)
    laptop = await world.peer({ identity: laptop.identity })
    laptop.mesh.links
      .get(bob.mesh.peer)!
      .on(
        'message',
        (n, { redelivered }) => void heard.push({ by: 'laptop', n: n as number, redelivered }),
      )
    await alice.mesh.close()
    await sent
    expect(handled()).toEqual(all)
    expectNoSecrets()
  })

  test.each([0, 5, 20, 40])(
    'of which one is revoked %d ms into sending: all arrives',
    async (ms) => {
      const sent = say()
      await wait(ms)
      await alice.mesh.revokeDevice(laptopKey)
      await sent
      expect(handled()).toEqual(all)
      expectNoSecrets()
      // Whatever it had was before bob knew.
      const before = heard.length
      await bob.mesh.links.get(alice.mesh.peer)!.send(count)
      expect(heard.slice(before).map(({ by }) => by)).toEqual(['phone'])
      expect(laptop.mesh.isRevoked).toBe(true)
    },
  )

  test('revoke each other, by roots that do not know of each other: neither comes back', async () => {
    const words = await alice.identity.words()
    await Promise.all([
      alice.mesh.revokeDevice(laptopKey),
      laptop.mesh.revokeDevice(toBase64url(alice.identity.device.key), { words }).catch(() => {}),
    ])
    await wait(300)
    const { revocations, devices } = (await Peers.open(bob.identity)).get(alice.mesh.peer)
    expect(devices.length + revocations!.deviceKeys.length).toBe(2)
  })
})
