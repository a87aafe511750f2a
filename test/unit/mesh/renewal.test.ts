/** A certificate that is about to end, on a device without the root: another device of the identity renews it. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { certifyDevice, verifyChain } from '../../../lib/identity/certificate.ts'
import type { CertifyOptions } from '../../../lib/identity/certificate.ts'
import type { Identity } from '../../../lib/identity/identity.ts'
import { joinIdentity } from '../../../lib/mesh/joining.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'

const dayMs = 86_400_000

let world: World
let phone: { mesh: Mesh; identity: Identity }
beforeEach(async () => {
  world = new World()
  phone = await world.peer()
})
afterEach(() => world.close())

const nowS = () => Math.floor(world.runtime.now() / 1000)
const inDays = (days: number) => nowS() + days * (dayMs / 1000)
const daysLeft = ({ certificateExpiresAt: end }: Identity) =>
  end ? (end.getTime() - world.runtime.now()) / dayMs : Infinity

/** A device that has joined the phone's identity, with a certificate as `options` say. */
async function laptop(options: Partial<CertifyOptions>): Promise<Identity> {
  const ticket = await phone.mesh.invite({ purpose: 'device' })
  const joining = await joinIdentity(ticket, {
    store: new MemoryStore(),
    runtime: world.runtime,
    transport: world.network.transport(),
    signaling: [world.board.path()],
  })
  await expect.poll(() => phone.mesh.pairings.length).toBe(1)
  const confirmed = phone.mesh.pairings[0]!.confirm()
  const identity = await joining.confirm()
  await confirmed
  await identity.takeChain(
    await certifyDevice(phone.identity.issuer, identity.device, { nowS: nowS(), ...options }),
  )
  return identity
}

const metAnother = (mesh: Mesh) =>
  expect.poll(() => mesh.devices.some(({ lastMetAt }) => lastMetAt !== null)).toBe(true)

/** Two devices meet while the phone, which is called first, is away. */
async function meetWithoutPhone(lender: Identity, borrower: Identity): Promise<void> {
  await phone.mesh.close()
  await world.peer({ identity: lender })
  const { mesh } = await world.peer({ identity: borrower })
  await metAnother(mesh)
}

describe('renewal by another device', () => {
  test('comes with the link between the two, for half a year and no wider', async () => {
    const identity = await laptop({ notAfterS: inDays(10), pathLength: 2 })
    await world.peer({ identity })
    await expect.poll(() => daysLeft(identity)).toBeGreaterThan(179)
    expect(daysLeft(identity)).toBeLessThan(181)
    const { deviceKey, pathLength, scopes } = verifyChain(identity.chain, nowS())
    expect(deviceKey).toEqual(identity.device.key)
    // Of what the phone has heard of it: by pairing, or by the card of the shorter certificate.
    expect(pathLength).toBeLessThan(verifyChain(phone.identity.chain, nowS()).pathLength)
    expect(scopes).toEqual(['*'])
  })

  test('is not asked for while there is time', async () => {
    const identity = await laptop({ notAfterS: inDays(40) })
    const { mesh } = await world.peer({ identity })
    await metAnother(mesh)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(daysLeft(identity)).toBeLessThan(41)
  })

  test('is not given to a device that was revoked', async () => {
    const identity = await laptop({ notAfterS: inDays(10) })
    await phone.mesh.revokeDevice(identity.device.key)
    await world.peer({ identity })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(daysLeft(identity)).toBeLessThan(11)
  })

  test('is not given by a device that may not certify', async () => {
    const lender = await laptop({ scopes: ['message', 'request'] })
    const borrower = await laptop({ notAfterS: inDays(10) })
    await meetWithoutPhone(lender, borrower)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(daysLeft(borrower)).toBeLessThan(11)
  })

  test('is not given to what another device has certified, which goes with that one', async () => {
    const thief = await laptop({})
    const rogue = await laptop({})
    await rogue.takeChain(
      await certifyDevice(thief.issuer, rogue.device, { nowS: nowS(), notAfterS: inDays(10) }),
    )
    const { mesh } = await world.peer({ identity: rogue })
    await metAnother(mesh)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(daysLeft(rogue)).toBeLessThan(11)
    await phone.mesh.revokeDevice(thief.device.key)
    await expect.poll(() => mesh.isRevoked).toBe(true)
  })

  test('is given by a sibling', async () => {
    const lender = await laptop({})
    const borrower = await laptop({ notAfterS: inDays(10) })
    await world.peer({ identity: lender })
    await metAnother(phone.mesh)
    await phone.mesh.close()
    await world.peer({ identity: borrower })
    await expect.poll(() => daysLeft(borrower)).toBeGreaterThan(179)
  })

  test('that would leave fewer rights is not taken', async () => {
    const lender = await laptop({ scopes: ['devices', 'introduce'] })
    const borrower = await laptop({ notAfterS: inDays(10) })
    await meetWithoutPhone(lender, borrower)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(verifyChain(borrower.chain, nowS()).scopes).toEqual(['*'])
  })
})
