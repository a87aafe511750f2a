/**
 * Devices of one identity that live apart, with clocks that differ, and hear of each other now and then: whatever the history, and in
 * whatever order it is told, all come to know the same, and nothing that was ended comes back.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { rootIssuer } from '../../../lib/identity/certificate.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { signRevocations } from '../../../lib/identity/revocations.ts'
import { readCard, signCard } from '../../../lib/mesh/card.ts'
import { openOwnCard } from '../../../lib/mesh/cards.ts'
import { Contacts } from '../../../lib/mesh/contacts.ts'
import { encodePeers, mergePeers } from '../../../lib/mesh/snapshot.ts'
import { pactIdOf } from '../../../lib/session/pact.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { everythingGranted, secondDevice } from '../../support/second-device.ts'

const hourMs = 3600_000
const clockLeadsMs = [0, -hourMs, hourMs]
/** Less than the pacts that one keeps with a peer: which of more stay is another matter. */
const maxMeetings = 3

const alice = await Identity.open({ store: new MemoryStore() })
const bob = await Identity.open({ store: new MemoryStore() })
const bobs = [bob, await secondDevice(bob, { snapshot: new Uint8Array() })] as const
const carol = await Identity.open({ store: new MemoryStore() })
const others = [bob, carol] as const
const cards = await Promise.all(
  [...bobs, carol].map(async (each) => {
    const bytes = await signCard(each, { number: 1, relays: [], issuedS: 1 })
    return { ...readCard(bytes, NaN), cardNumber: 1, card: bytes, lastMetMs: 0 }
  }),
)

interface Apart {
  readonly identity: Identity
  readonly contacts: Contacts
}

/** A device that knows nothing. */
async function blank(now: () => number): Promise<Apart> {
  const runtime = { ...alice.runtime, now }
  const identity = await secondDevice(alice, { snapshot: new Uint8Array(), runtime })
  await identity.keystore.delete('snapshot')
  return { identity, contacts: await Contacts.open(identity) }
}

const take = async ({ identity, contacts }: Apart) =>
  encodePeers(identity, contacts, (await openOwnCard(identity, [])).card)

/** What the user would see of contacts, and what must last. */
const known = ({ contacts }: Apart) =>
  others.map(({ peer }) => {
    const { name, verified, scopes, revocations, forgottenPacts, forgottenAtMs, cutOffAtMs } =
      contacts.peers.get(peer)
    const ids = contacts.of(peer).map(({ id }) => id)
    const revoked = revocations?.deviceKeys.map(toBase64url).toSorted()
    const isOver = ids.length === 0 && forgottenAtMs === 0
    const said = isOver ? {} : { name, verified, scopes }
    return { ids, ...said, revoked, forgottenPacts, forgottenAtMs, cutOffAtMs }
  })

const who = fc.nat(clockLeadsMs.length - 1)
const peer = fc.nat(others.length - 1)
const scopes = fc.constantFrom([], ['message'], ['request'])
const step = fc.oneof(
  fc.record({ kind: fc.constant('meet' as const), who, peer, scopes, device: fc.nat(1) }),
  fc.record({
    kind: fc.constant('say' as const),
    who,
    peer,
    scopes,
    name: fc.constantFrom('A', 'B'),
  }),
  fc.record({ kind: fc.constant('forget' as const), who, peer }),
  fc.record({ kind: fc.constant('cut off' as const), who, peer }),
  fc.record({ kind: fc.constant('revoke' as const), who, device: fc.nat(1) }),
  fc.record({ kind: fc.constant('tell' as const), who, to: who }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 1000, 2 * hourMs) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

let secrets = 0

test('any history, told in any order, comes to the same, and what was ended stays so', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps: Step[]) => {
      let nowMs = Date.now()
      const devices: Apart[] = []
      for (const leadMs of clockLeadsMs) devices.push(await blank(() => nowMs + leadMs))
      const cutOff = new Set<PeerId>()
      const over = new Set<string>()
      const revoked = new Set<string>()
      let meetings = 0

      for (const each of steps) {
        nowMs += 1
        if (each.kind === 'wait') {
          nowMs += each.ms
          continue
        }
        const here = devices[each.who]!
        const { contacts, identity } = here
        const other = 'peer' in each ? others[each.peer]! : bob
        const record = contacts.peers.get(other.peer)
        if (each.kind === 'meet') {
          if (++meetings > maxMeetings || record.cutOffAtMs !== null) continue
          const device = other === bob ? cards[each.device]! : cards[2]!
          if (!contacts.peers.admits(other.peer, [device.deviceKey])) continue
          const pactSecret = new Uint8Array(32)
          new DataView(pactSecret.buffer).setUint32(0, ++secrets)
          const signature = new Uint8Array(64)
          await contacts.add(
            {
              peer: other.peer,
              pactId: pactIdOf(pactSecret),
              pactSecret,
              deviceKey: device.deviceKey,
              pact: { record: pactSecret, ownSignature: signature, peerSignature: signature },
              ticketTag: new Uint8Array(16),
              provisionalUntilMs: null,
              provenAtMs: identity.runtime.now(),
            },
            device,
            { ...everythingGranted, scopes: each.scopes },
          )
        } else if (each.kind === 'say') {
          if (contacts.of(other.peer).length === 0) continue
          await contacts.peers.say(other.peer, { scopes: each.scopes, name: each.name })
        } else if (each.kind === 'forget' || each.kind === 'cut off') {
          for (const { id } of contacts.of(other.peer)) over.add(id)
          await contacts.forget(other.peer, { cutOff: each.kind === 'cut off' })
          if (each.kind === 'cut off') cutOff.add(other.peer)
        } else if (each.kind === 'revoke') {
          const { key } = bobs[each.device]!.device
          const list = await bob.withRoot(undefined, (root) =>
            signRevocations(rootIssuer(root), record.revocations, [key], 1000),
          )
          await contacts.peers.revoke(list)
          revoked.add(toBase64url(key))
        } else await mergePeers(devices[each.to]!.contacts, await take(here))
      }

      const told = await Promise.all(devices.map(take))
      const orders = [told, told.toReversed(), [...told, ...told], [told[1]!, told[2]!, told[0]!]]
      const results: unknown[] = []
      for (const order of orders) {
        const observer = await blank(() => nowMs)
        for (const items of order) await mergePeers(observer.contacts, items)
        results.push(known(observer))
      }
      for (const device of devices) {
        for (const items of told) await mergePeers(device.contacts, items)
        results.push(known(device))
      }
      for (const result of results) expect(result).toEqual(results[0])

      for (const { contacts } of devices) {
        for (const { id } of contacts.values()) expect(over.has(id)).toBe(false)
        for (const ended of cutOff) {
          expect(contacts.of(ended)).toEqual([])
          expect(contacts.peers.admits(ended, [])).toBe(false)
        }
        for (const { peer: id, devices: listed } of contacts.peers.values()) {
          for (const { deviceKey } of listed) {
            expect(revoked.has(toBase64url(deviceKey))).toBe(false)
            expect(contacts.peers.admits(id, [deviceKey])).toBe(true)
          }
          // Nobody ever said so.
          if (contacts.of(id).length > 0) expect(contacts.peers.get(id).scopes).not.toContain('*')
        }
      }
    }),
    { numRuns: 25, seed: 4 },
  )
})
