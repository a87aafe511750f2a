/** The certificate of one's own device: how long it lives, what happens near its end and after, and how it is renewed. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { certificateClockToleranceS } from '../../../lib/base/limits.ts'
import { certifyDevice, rootIssuer, verifyChain } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { newDevice } from '../../../lib/identity/making.ts'
import type { IdentityOptions } from '../../../lib/identity/options.ts'
import { seedSigner } from '../../../lib/identity/signer.ts'
import type { Link } from '../../../lib/link/link.ts'
import { simulatedWrappingKey as wrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const dayMs = 24 * 3600_000
const certificateLifetimeMs = 90 * dayMs
const toleranceMs = certificateClockToleranceS * 1000

let runtime: VirtualRuntime
let world: World

beforeEach(() => {
  runtime = virtualRuntime({ seed: 1, turns: 4 })
  world = new World(runtime)
})
afterEach(() => passing(world.close(), 500))

async function passing<T>(promise: Promise<T>, stepMs = 5): Promise<T> {
  const state = { isDone: false }
  const done = () => void (state.isDone = true)
  promise.then(done, done)
  while (!state.isDone) await runtime.advance(stepMs)
  return promise
}

const open = (options: IdentityOptions = {}) =>
  passing(Identity.open({ store: new MemoryStore(), runtime, wrappingKey, ...options }))

const nowS = () => runtime.now() / 1000

describe('a certificate', () => {
  test('has no end unless asked for', async () => {
    expect((await open()).certificateExpiresAt).toBeNull()
    const identity = await open({ certificateLifetimeMs })
    const left = identity.certificateExpiresAt!.getTime() - runtime.now()
    expect(left).toBeGreaterThan(certificateLifetimeMs - 60_000)
    expect(left).toBeLessThanOrEqual(certificateLifetimeMs + 1000)
  })

  test.each([0, 59 * dayMs, NaN, -1])('lives for 60 days or longer, not %s ms', async (ms) => {
    const store = new MemoryStore()
    await expect(open({ store, certificateLifetimeMs: ms })).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    const identity = await open({ store })
    await expect(identity.renewCertificate({ lifetimeMs: ms })).rejects.toMatchObject({
      code: 'invalid-argument',
    })
  })

  test('is renewed at opening, in its last 30 days, where the root is kept', async () => {
    const store = new MemoryStore()
    const options = { store, certificateLifetimeMs }
    const first = await open(options)
    await runtime.advance(59 * dayMs)
    expect((await open(options)).chain).toEqual(first.chain)
    await runtime.advance(2 * dayMs)
    const renewed = await open(options)
    expect(renewed.chain).not.toEqual(first.chain)
    expect(renewed.device.key).toEqual(first.device.key)
    expect(renewed.certificateExpiresAt!.getTime()).toBeGreaterThan(runtime.now() + 89 * dayMs)
    expect((await open(options)).chain).toEqual(renewed.chain)
  })

  test('is not where it is not, and the identity opens all the same, also when it has expired', async () => {
    const store = new MemoryStore()
    const first = await open({ store, certificateLifetimeMs })
    const words = await first.words()
    await first.removeRoot()
    for (const days of [61, 40, 400]) {
      await runtime.advance(days * dayMs)
      const again = await open({ store, certificateLifetimeMs })
      expect([again.chain, again.peer]).toEqual([first.chain, first.peer])
    }
    const again = await open({ store })
    expect(() => verifyChain(again.chain, nowS())).toThrow('expired')
    await again.renewCertificate({ root: { words }, lifetimeMs: certificateLifetimeMs })
    expect(again.hasRoot).toBe(false)
    expect(verifyChain(again.chain, nowS()).peer).toBe(first.peer)
    expect((await open({ store })).chain).toEqual(again.chain)
  })

  test('is renewed for what its device may, and no more', async () => {
    const root = seedSigner(new Uint8Array(32).fill(1))
    const store = new MemoryStore()
    const options = { store, runtime, wrappingKey }
    const device = await newDevice(options)
    const scopes = ['message:news']
    const narrow = { nowS: nowS(), scopes, pathLength: 2 }
    const chain = await certifyDevice(rootIssuer(root), device, narrow)
    const identity = await Identity.install({ device, chain }, options)
    await identity.renewCertificate({ root: { root } })
    expect(verifyChain(identity.chain, nowS())).toMatchObject({ scopes, pathLength: 2 })
  })

  test('may come from another device of the identity, for this very device', async () => {
    const phone = await open()
    const store = new MemoryStore()
    const options = { store, runtime, wrappingKey }
    const device = await newDevice(options)
    const certify = (issuer = phone.issuer) => certifyDevice(issuer, device, { nowS: nowS() })
    const laptop = await Identity.install({ device, chain: await certify() }, options)
    await runtime.advance(dayMs)
    const chain = await certify()
    await laptop.takeChain(chain)
    expect(laptop.chain).toEqual(chain)
    expect((await open({ store })).chain).toEqual(chain)
    const stranger = await open()
    await expect(laptop.takeChain(phone.chain)).rejects.toMatchObject({ code: 'bad-key' })
    await expect(laptop.takeChain(await certify(stranger.issuer))).rejects.toMatchObject({
      code: 'bad-key',
    })
    await expect(laptop.takeChain([])).rejects.toMatchObject({ code: 'bad-certificate' })
    expect(laptop.chain).toEqual(chain)
  })
})

describe('links near the end of a certificate', () => {
  async function linked() {
    const alice = await passing(world.peer({ identity: await open({ certificateLifetimeMs }) }))
    const bob = await passing(world.peer({ identity: await open() }))
    const heard: unknown[] = []
    alice.mesh.on('link', (link) => link.on('message', (message) => void heard.push(message)))
    const toAlice = await passing(bob.mesh.accept(await passing(alice.mesh.invite())))
    const toBob = alice.mesh.links.get(bob.mesh.peer)!
    toBob.handle('ping', () => 'pong')
    const warnings: number[] = []
    alice.mesh.on('certificate-expiring', (end) => void warnings.push(end.getTime()))
    const words = await alice.identity.words()
    await alice.identity.removeRoot()
    /** As when a page was left and comes back. */
    const ask = async (link: Link) => {
      world.network.cut()
      await runtime.advance(100)
      return passing(link.request('ping', null, { timeoutMs: 60_000 }), 100)
    }
    return { alice, bob, toAlice, heard, warnings, words, ask }
  }

  test('the application is asked once a day for 30 days, and then by the errors', async () => {
    const { alice, toAlice, heard, warnings, words, ask } = await linked()
    const end = alice.identity.certificateExpiresAt!.getTime()
    await runtime.advance(end - 31 * dayMs - runtime.now())
    expect(warnings).toEqual([])
    await runtime.advance(11 * dayMs)
    expect(warnings.length).toBeGreaterThanOrEqual(9)
    expect(warnings.length).toBeLessThanOrEqual(11)
    expect(new Set(warnings)).toEqual(new Set([end]))

    // Clocks may differ: it is believed for 48 hours more.
    await runtime.advance(end + toleranceMs - 3600_000 - runtime.now())
    expect(await ask(toAlice)).toBe('pong')
    await runtime.advance(2 * 3600_000)
    await expect(ask(toAlice)).rejects.toMatchObject({ code: 'timeout' })
    await expect(alice.mesh.invite()).rejects.toMatchObject({ code: 'certificate-expired' })
    const sent = toAlice.send('kept')
    await runtime.advance(3600_000)
    expect(heard).toEqual([])

    await alice.identity.renewCertificate({ root: { words } })
    warnings.length = 0
    await passing(sent, 100)
    expect(heard).toEqual(['kept'])
    expect(await ask(toAlice)).toBe('pong')
    await passing(alice.mesh.invite())
    await runtime.advance(3 * dayMs)
    expect(warnings).toEqual([])
  })

  test('renewed in time, nobody notices; the card is renewed with it', async () => {
    const { alice, bob, toAlice, words, ask } = await linked()
    const before = await alice.mesh.card()
    await runtime.advance(70 * dayMs)
    await alice.identity.renewCertificate({ root: { words } })
    await runtime.advance(100 * dayMs)
    expect(await ask(toAlice)).toBe('pong')
    await expect(bob.mesh.readCard(before)).rejects.toMatchObject({ code: 'bad-card' })
    await passing(bob.mesh.readCard(await alice.mesh.card()))
  })
})
