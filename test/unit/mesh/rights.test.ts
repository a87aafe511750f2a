/** Rights between real meshes: granted with a ticket or later, in any tab, counted at once, told to the peer, and kept. */

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { HandfastError } from '../../../lib/base/errors.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { Scopes } from '../../../lib/identity/scopes.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { collect, TabPeers } from '../../support/tab-peers.ts'

beforeAll(ready)

catchReportedErrors()
let peers: TabPeers
beforeEach(() => void (peers = new TabPeers()))
afterEach(() => peers.close())

const onlyLink = (mesh: Mesh): Link => [...mesh.links.values()][0]!

/** The code of its error; `fulfilled` without. */
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  peers.passing(
    promise.then(
      () => 'fulfilled',
      (error: HandfastError) => error.code,
    ),
  )

/** Takes whatever a peer may do; returns what was done. */
function serve(link: Link): string[] {
  const done: string[] = []
  link.on('message', (message, { topic }) => void done.push(`message ${topic ?? ''} ${message}`))
  for (const method of ['pay', 'balance']) link.handle(method, () => void done.push(method))
  link.on('stream', ({ name, readable, writable }) => {
    done.push(`stream ${name}`)
    readable.pipeTo(writable).catch(() => {})
  })
  return done
}

/** Opens a stream and sends a byte there and back. */
async function echo(link: Link, name: string): Promise<void> {
  const { readable, writable } = await link.openStream(name)
  const [writer, reader] = [writable.getWriter(), readable.getReader()]
  writer.closed.catch(() => {})
  reader.closed.catch(() => {})
  writer.write(Uint8Array.of(1)).catch(() => {})
  await reader.read()
  await reader.cancel()
}

const deeds: [name: string, scope: string, act: (link: Link) => Promise<unknown>, trace: string][] =
  [
    ['a message', 'message', (link) => link.send('x'), 'message  x'],
    [
      'a message of a topic',
      'message:pay',
      (link) => link.send('x', { topic: 'pay' }),
      'message pay x',
    ],
    ['a request', 'request:pay', (link) => link.request('pay'), 'pay'],
    ['a stream', 'stream:file', (link) => echo(link, 'file'), 'stream file'],
  ]

describe('on a live session', () => {
  test.each(deeds)('%s needs %s', async (_, scope, act, trace) => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    const done = serve(link)
    await peers.until(() => link.state === 'open')
    const states: string[] = []
    bob.link.on('state', (state) => void states.push(state))
    expect(await codeOf(act(bob.link))).toBe('fulfilled')
    const others: Scopes = deeds.flatMap(([, other]) => (other === scope ? [] : [other]))
    // `message` covers its topics.
    const rest = scope === 'message:pay' ? others.filter((other) => other !== 'message') : others
    await peers.passing(link.allow(rest))
    expect(await codeOf(act(bob.link))).toBe('forbidden')
    for (const [, other, allowed] of deeds) {
      if (rest.includes(other)) expect(await codeOf(allowed(bob.link))).toBe('fulfilled')
    }
    await peers.passing(link.allow([scope]))
    expect(await codeOf(act(bob.link))).toBe('fulfilled')
    expect(done.filter((each) => each === trace)).toHaveLength(2)
    expect(states).toEqual([])
    const log = await peers.passing(mesh.securityLog())
    expect(log.find(({ kind }) => kind === 'refused')).toMatchObject({ detail: scope })
  })

  test('nothing at all with no scope, everything else stays', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    const done = serve(link)
    const back = serve(bob.link)
    await peers.passing(link.allow([]))
    for (const [, , act] of deeds) expect(await codeOf(act(bob.link))).toBe('forbidden')
    expect(done).toEqual([])
    // What one grants oneself is another matter.
    for (const [, , act] of deeds) expect(await codeOf(act(link))).toBe('fulfilled')
    expect(back).toHaveLength(deeds.length)
    expect(bob.link.state).toBe('open')
  })
})

describe('the peer is told', () => {
  test('what it may do, at once', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    let changes = 0
    bob.link.on('person', () => void changes++)
    expect(bob.link.grantedScopes).toEqual(['*'])
    await peers.passing(link.allow(['message:pay', 'request']))
    expect(link.scopes).toEqual(['message:pay', 'request'])
    await peers.until(() => bob.link.grantedScopes.length === 2)
    expect(bob.link.grantedScopes).toEqual(['message:pay', 'request'])
    expect(bob.link.scopes).toEqual(['*'])
    expect(changes).toBe(1)
    // There and back again, within one second.
    await peers.passing(link.allow(['stream']))
    await peers.passing(link.allow(['message:pay', 'request']))
    await peers.passing(link.allow(['stream']))
    await peers.until(() => bob.link.grantedScopes.length === 1)
    await peers.world.clock.advance(500)
    expect(bob.link.grantedScopes).toEqual(['stream'])
  })

  test('when it comes back, if it was away', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const link = onlyLink(mesh)
    await peers.until(() => link.state === 'open')
    peers.peers.network.cut()
    await peers.until(() => link.state !== 'open', 50)
    await peers.passing(link.allow(['message']), 1)
    await peers.passing(bob.link.connect(), 50)
    await peers.until(() => bob.link.grantedScopes[0] === 'message')
  })
})

describe('with a ticket', () => {
  test('the inviter says what the guest may do, and the guest what the inviter may', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh, {
      invite: { scopes: ['message:pay'] },
      accept: { scopes: ['request:balance'] },
    })
    const link = onlyLink(mesh)
    serve(link)
    serve(bob.link)
    expect([link.scopes, bob.link.scopes]).toEqual([['message:pay'], ['request:balance']])
    await peers.until(() => bob.link.grantedScopes[0] === 'message:pay')
    await peers.until(() => link.grantedScopes[0] === 'request:balance')
    expect(await codeOf(bob.link.send(1))).toBe('forbidden')
    expect(await codeOf(bob.link.send(1, { topic: 'pay' }))).toBe('fulfilled')
    expect(await codeOf(link.request('pay'))).toBe('forbidden')
    expect(await codeOf(link.request('balance'))).toBe('fulfilled')
  })

  test('a contact keeps what it has', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh, { invite: { scopes: ['message'] } })
    const link = onlyLink(mesh)
    await peers.passing(bob.link.allow(['request']))
    const again = await peers.passing(mesh.invite())
    await peers.passing(bob.mesh.accept(again, { scopes: ['*'] }))
    await peers.world.clock.advance(1_000)
    expect([link.scopes, bob.link.scopes]).toEqual([['message'], ['request']])
  })

  test('a contact that is met again is certified what it has, whoever invites', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    await peers.passing(onlyLink(mesh).allow(['message']))
    await peers.until(() => bob.link.grantedScopes[0] === 'message')
    const told: Scopes[] = []
    bob.link.on('person', () => void told.push(bob.link.grantedScopes))
    await peers.passing(bob.mesh.accept(await peers.passing(mesh.invite())))
    await peers.passing(mesh.accept(await peers.passing(bob.mesh.invite())))
    expect(bob.link.grantedScopes).toEqual(['message'])
    for (const scopes of told) expect(scopes).toEqual(['message'])
  })

  test('one that was forgotten and is met anew inherits nothing', async () => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    await peers.passing(onlyLink(mesh).allow(['stream']))
    let changes = 0
    onlyLink(mesh).on('person', () => void changes++)
    await peers.passing(mesh.forget(bob.mesh.peer))
    await peers.passing(bob.mesh.forget(mesh.peer))
    const ticket = await peers.passing(mesh.invite({ scopes: ['message:pay'] }))
    await peers.passing(bob.mesh.accept(ticket))
    expect(onlyLink(mesh).scopes).toEqual(['message:pay'])
    expect(changes).toBe(0)
  })

  test.each([
    ['no list', 'message' as unknown as Scopes],
    ['an empty scope', ['']],
    ['one that is too long', ['x'.repeat(81)]],
    ['too many', Array.from({ length: 17 }, (_, n) => `message:${n}`)],
  ])('not %s', async (_, scopes) => {
    const { mesh } = await peers.tab()
    const bob = await peers.bob(mesh)
    const ticket = await peers.passing(mesh.invite())
    expect(await codeOf(mesh.invite({ scopes }))).toBe('invalid-argument')
    expect(await codeOf(bob.mesh.accept(ticket, { scopes }))).toBe('invalid-argument')
    expect(await codeOf(bob.link.allow(scopes))).toBe('invalid-argument')
    expect(bob.link.scopes).toEqual(['*'])
  })
})

describe('several tabs', () => {
  /** The second tab alone takes what comes. */
  async function tabs({ between = false } = {}) {
    const leader = await peers.tab()
    const next = between ? await peers.tab() : undefined
    const follower = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    await peers.until(() => follower.mesh.links.size === 1)
    const links = [onlyLink(leader.mesh), onlyLink(follower.mesh)] as const
    await peers.until(() => links[1].state === 'open')
    return { leader, next, follower, bob, links }
  }

  test.each(deeds)('%s is judged for a tab that follows, too', async (_, scope, act, trace) => {
    const { bob, links } = await tabs()
    const done = serve(links[1])
    await peers.until(() => links[1].state === 'open')
    await peers.passing(links[1].allow(['signal']))
    expect(links[0].scopes).toEqual(['signal'])
    expect(await codeOf(act(bob.link))).toBe('forbidden')
    expect(done).toEqual([])
    await peers.passing(links[0].allow([scope]))
    await peers.until(() => links[1].scopes[0] === scope)
    expect(await codeOf(act(bob.link))).toBe('fulfilled')
    expect(done).toEqual([trace])
  })

  test('a tab that follows hears of what was refused, and its topic arrives', async () => {
    const { bob, links } = await tabs()
    const got = collect(bob.link)
    await peers.passing(bob.link.allow(['message:pay']))
    await peers.until(() => links[1].grantedScopes[0] === 'message:pay')
    const refused: string[] = []
    const delivered: string[] = []
    for (const link of links) {
      link.on('refused', (id) => void refused.push(id))
      link.on('delivered', (id) => void delivered.push(id))
    }
    const wrong = links[1].send('chat', { topic: 'chat' })
    const right = links[1].send('pay', { topic: 'pay' })
    expect(await codeOf(wrong)).toBe('forbidden')
    expect(await codeOf(right)).toBe('fulfilled')
    const ids = await Promise.all([wrong.stored.catch(() => ''), right.stored])
    await peers.until(() => refused.length === 2 && delivered.length === 2)
    expect(new Set(refused).size).toBe(1)
    expect(new Set(delivered)).toEqual(new Set([ids[1]]))
    expect(got).toMatchObject([{ message: 'pay', topic: 'pay' }])
    expect(links[1].queued).toBe(0)
  })

  test('a tab that follows learns from the next leader what was refused', async () => {
    const { leader, bob, links } = await tabs()
    await peers.passing(bob.link.allow(['message:pay']))
    await peers.until(() => links[1].grantedScopes[0] === 'message:pay')
    collect(bob.link)
    const sent = links[1].send('chat')
    await peers.passing(sent.stored)
    // The leader hears of the refusal and is gone before it can tell.
    const refused = new Promise<void>((resolve) => void links[0].on('refused', () => resolve()))
    await peers.passing(refused, 1)
    leader.tab.die()
    expect(await codeOf(sent)).toBe('forbidden')
  })

  test.each([
    ['leads then', false],
    ['follows another then', true],
  ])('a tab that slept through it learns what was refused when it %s', async (_, between) => {
    const { leader, next, follower, bob, links } = await tabs({ between })
    const sent = links[1].send('chat')
    await peers.passing(sent.stored)
    await peers.until(() => links[0].queued === 1)
    follower.tab.freeze()
    // Long enough for the leader to give it up.
    await peers.world.clock.advance(5_000)
    const refused = new Promise<void>((resolve) => void links[0].on('refused', () => resolve()))
    await peers.passing(bob.link.allow([]))
    await peers.passing(refused)
    await peers.world.clock.advance(1_000)
    leader.tab.die()
    if (next) await peers.until(() => onlyLink(next.mesh).state === 'open', 50)
    await follower.tab.thaw()
    expect(await codeOf(sent)).toBe('forbidden')
  })

  test('the next tab that leads has the same rights', async () => {
    const { leader, bob, links } = await tabs()
    serve(links[1])
    await peers.passing(links[1].allow(['request:balance']))
    await peers.passing(leader.mesh.close(), 50)
    expect(await codeOf(bob.link.request('pay'))).toBe('forbidden')
    expect(await codeOf(bob.link.request('balance'))).toBe('fulfilled')
    expect(links[1].scopes).toEqual(['request:balance'])
  })
})
