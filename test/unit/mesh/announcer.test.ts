/** What contacts say of devices by themselves: what is of no use any more is no fault of whoever passes it on. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { certificateClockToleranceS } from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { certifyDevice, rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { newDevice } from '../../../lib/identity/making.ts'
import { Announcer, type AnnouncerOptions } from '../../../lib/mesh/announcer.ts'
import { signCard } from '../../../lib/mesh/card.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'

const certificateLifetimeMs = 60 * 24 * 3600_000

let alice: Identity
let bob: Identity
let nowMs: number
let taken: number[]

beforeAll(ready)
beforeEach(async () => {
  nowMs = 1_800_000_000_000
  const runtime = { ...systemRuntime, now: () => nowMs }
  alice = await Identity.open({ store: new MemoryStore(), runtime, certificateLifetimeMs })
  bob = await Identity.open({ store: new MemoryStore(), runtime })
  taken = []
})

/** A record that brings a card, as Bob hears it from `peer`. */
async function hear(identity: Identity, peer = identity.peer) {
  const bytes = await signCard(identity, { number: 1, relays: [], issuedS: nowMs / 1000 })
  const announcer = new Announcer({
    identity: bob,
    cards: { learn: async ({ number }: { number: number }) => void taken.push(number) },
  } as unknown as AnnouncerOptions)
  announcer.with(peer).take([recordKinds.card, bytes], identity.device.key)
}

describe('a card', () => {
  test('is taken until its certificate has ended, give or take what clocks may differ', async () => {
    const end = alice.certificateExpiresAt!.getTime()
    await hear(alice)
    nowMs = end + certificateClockToleranceS * 1000 - 1000
    await hear(alice)
    expect(taken).toEqual([1, 1])
  })

  test('is ignored afterwards, and the session goes on', async () => {
    nowMs = alice.certificateExpiresAt!.getTime() + certificateClockToleranceS * 1000 + 1000
    await hear(alice)
    expect(taken).toEqual([])
  })

  test('of another peer, or forged, ends the session, also when it has expired', async () => {
    await expect(hear(alice, bob.peer)).rejects.toMatchObject({ code: 'bad-card' })
    nowMs += 100 * certificateLifetimeMs
    await expect(hear(alice, bob.peer)).rejects.toMatchObject({ code: 'bad-card' })
    const options = { store: new MemoryStore(), runtime: alice.runtime }
    const thief = await newDevice(options)
    const chain = await bob.withRoot(undefined, (root) =>
      certifyDevice(rootIssuer(root), thief, { nowS: nowMs / 1000 }),
    )
    const forged = { ...alice, device: thief, chain } as unknown as Identity
    await expect(hear(forged, alice.peer)).rejects.toMatchObject({ code: 'bad-card' })
  })
})
