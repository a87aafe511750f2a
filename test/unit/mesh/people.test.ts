/** Names and verified marks: kept by key, the same in all tabs, and never inherited by whoever has another key or is met anew. */

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { maxPersonNameLength } from '../../../lib/base/limits.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { TabPeers } from '../../support/tab-peers.ts'

beforeAll(ready)

catchReportedErrors()
let peers: TabPeers
beforeEach(() => void (peers = new TabPeers()))
afterEach(() => peers.close())

const onlyLink = (mesh: Mesh): Link => [...mesh.links.values()][0]!
const whoIs = ({ name, verified }: Link) => ({ name, verified })
const stranger = { name: null, verified: false }

const kindsIn = async (mesh: Mesh) =>
  (await peers.passing(mesh.securityLog())).map(({ kind }) => kind)

describe('a person', () => {
  test('is named and verified in any tab, for all of them and for good', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    await peers.until(() => follower.mesh.links.size === 1)
    const links = [onlyLink(leader.mesh), onlyLink(follower.mesh)]
    const told: number[] = []
    links.forEach((link, at) => link.on('person', () => void told.push(at)))
    for (const link of links) expect(whoIs(link)).toEqual(stranger)

    await peers.passing(links[1]!.rename('  Bob from the cafe\u0301 '))
    expect(links[1]!.name).toBe('Bob from the caf\u00e9')
    expect(links[0]!.name).toBe('Bob from the caf\u00e9')
    await peers.passing(links[0]!.verify(bob.link.safetyNumber))
    expect(links[0]!.verified).toBe(true)
    await peers.until(() => links[1]!.verified)
    expect(told.toSorted()).toEqual([0, 0, 1, 1])
    // What one side says of the other is its own affair.
    expect(whoIs(bob.link)).toEqual(stranger)

    leader.tab.die()
    const late = await peers.tab()
    const known = { name: 'Bob from the caf\u00e9', verified: true }
    expect(whoIs(onlyLink(late.mesh))).toEqual(known)
    await peers.passing(links[1]!.unverify())
    await peers.passing(links[1]!.rename(null))
    expect(whoIs(links[1]!)).toEqual(stranger)
    await peers.until(() => onlyLink(late.mesh).name === null)
    expect(await kindsIn(late.mesh)).toEqual([
      'unverified',
      'verified',
      'contact-added',
      'ticket-redeemed',
    ])
  })

  test('keeps the name when its tab stops leading', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const link = onlyLink(leader.mesh)
    await peers.passing(link.rename('Bob'))
    await peers.passing(link.verify(bob.link.safetyNumber))
    const told: unknown[] = []
    link.on('person', () => void told.push(whoIs(link)))
    const next = await peers.tab()
    leader.tab.freeze()
    await peers.until(() => onlyLink(next.mesh).state !== 'open')
    await peers.until(() => onlyLink(next.mesh).state === 'open')
    await leader.tab.thaw()
    await peers.passing(link.rename('Robert'))
    expect(onlyLink(next.mesh).name).toBe('Robert')
    expect(told).toEqual([{ name: 'Robert', verified: true }])
  })

  test('is verified by the very number alone', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    const number = bob.link.safetyNumber
    const off = number.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10))
    for (const wrong of ['', ' ', off, number.slice(0, -1), `${number}0`, `${number}x`, null]) {
      await expect(link.verify(wrong as string)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    expect(link.verified).toBe(false)
    await peers.passing(link.verify(number.replaceAll(' ', '')))
    expect(link.verified).toBe(true)
    await peers.passing(link.verify(`\n${number.replaceAll(' ', '\n')}`))
    expect(await kindsIn(mesh)).toEqual(['verified', 'contact-added', 'ticket-redeemed'])
  })

  test('has a bounded name without control characters', async () => {
    const { mesh } = await peers.tab()
    await peers.bob(mesh)
    const link = onlyLink(mesh)
    const longest = '\u{1f9f6}'.repeat(maxPersonNameLength)
    const bad = ['a\u0000', 'a\nb', 'a\u0085', '\u202egnp.exe', 'a\u2028b', '\u200bann', '\ud83e']
    for (const name of [...bad, `${longest}a`, 'a'.repeat(100_000), 7, undefined, {}]) {
      await expect(link.rename(name as string)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    expect(link.name).toBe(null)
    // Families of emoji and Persian names hold joiners.
    for (const name of [longest, 'علی‌رضا', '👩‍👧', 'O’Brien, Jr. <b>']) {
      await peers.passing(link.rename(name))
      expect(link.name).toBe(name)
    }
    await peers.passing(link.rename('  '))
    expect(link.name).toBe(null)
  })

  test('has rights, the same in all tabs, noted when they change', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    await peers.bob(leader.mesh)
    await peers.until(() => follower.mesh.links.size === 1)
    const [link, other] = [onlyLink(follower.mesh), onlyLink(leader.mesh)]
    expect(link.scopes).toEqual(['*'])
    expect(link.grantedScopes).toEqual(['*'])
    const bad = [['a'.repeat(81)], Array(17).fill('message'), [''], [7], 'message', null]
    for (const scopes of bad) {
      await expect(link.allow(scopes as string[])).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    let changes = 0
    other.on('person', () => void changes++)
    await peers.passing(link.allow(['message', 'request:balance']))
    await peers.passing(link.allow(['message', 'request:balance']))
    expect(link.scopes).toEqual(['message', 'request:balance'])
    expect(other.scopes).toEqual(link.scopes)
    expect(changes).toBe(1)
    const [event, earlier] = await peers.passing(leader.mesh.securityLog())
    expect(event).toMatchObject({
      kind: 'rights-changed',
      peer: link.peer,
      detail: 'message request:balance',
    })
    expect(earlier!.kind).toBe('contact-added')
    await peers.passing(other.allow([]))
    await peers.until(() => link.scopes.length === 0)
  })

  test('who is forgotten and met anew has neither name nor mark nor rights taken away', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    await peers.passing(link.allow([]))
    await peers.passing(link.rename('Bob'))
    await peers.passing(link.verify(bob.link.safetyNumber))
    await peers.passing(mesh.forget(link.peer))
    await expect(link.rename('Bob')).rejects.toMatchObject({ code: 'closed' })
    await expect(link.verify(link.safetyNumber)).rejects.toMatchObject({ code: 'closed' })

    const ticket = await peers.passing(mesh.invite())
    await peers.passing(bob.mesh.accept(ticket))
    await peers.until(() => mesh.links.size === 1)
    expect(onlyLink(mesh).peer).toBe(bob.mesh.peer)
    expect(whoIs(onlyLink(mesh))).toEqual(stranger)
    expect(onlyLink(mesh).scopes).toEqual(['*'])
    const reloaded = await peers.tab()
    expect(whoIs(onlyLink(reloaded.mesh))).toEqual(stranger)
  })

  test('somebody with another key has neither, whatever they say they are', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    await peers.passing(link.rename('Bob'))
    await peers.passing(link.verify(bob.link.safetyNumber))
    const other = await peers.bob(mesh)
    const another = mesh.links.get(other.mesh.peer)!
    expect(whoIs(another)).toEqual(stranger)
    await expect(another.verify(link.safetyNumber)).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    expect(whoIs(link)).toEqual({ name: 'Bob', verified: true })
  })

  test('a mark that was written for another key counts for nothing', async () => {
    const { mesh, tab } = await peers.tab()
    const bob = await peers.bob(mesh)
    const other = await peers.bob(mesh)
    const link = mesh.links.get(bob.mesh.peer)!
    await peers.passing(link.verify(bob.link.safetyNumber))
    await peers.passing(
      tab.store.transaction(['peers'], { mode: 'write', durability: 'strict' }, async (tx) => {
        const record = (await tx.get('peers', link.peer)) as object
        const theirs = (await tx.get('peers', other.mesh.peer)) as object | undefined
        const { verified } = record as { verified: string }
        await tx.put('peers', other.mesh.peer, { ...record, ...theirs, verified })
      }),
    )
    await peers.passing(mesh.close())
    tab.die()
    const again = await peers.tab()
    expect(again.mesh.links.get(bob.mesh.peer)!.verified).toBe(true)
    expect(again.mesh.links.get(other.mesh.peer)!.verified).toBe(false)
  })
})
