/** Several tabs of one identity: one leads, the others work through it, and what becomes of that when tabs end or hang. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { collect, TabPeers } from '../../support/tab-peers.ts'

let peers: TabPeers
beforeEach(() => void (peers = new TabPeers()))
afterEach(() => peers.close())

const onlyLink = (mesh: Mesh): Link => [...mesh.links.values()][0]!

describe('a tab that follows', () => {
  test('sees the links, sends, and learns what was delivered', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    await peers.until(() => follower.mesh.links.size === 1)
    const link = onlyLink(follower.mesh)
    await peers.until(() => link.state === 'open')
    expect(link.safetyNumber).toBe(onlyLink(leader.mesh).safetyNumber)
    const atBob = collect(bob.link)
    const delivered: string[] = []
    link.on('delivered', (id) => void delivered.push(id))
    const delivery = link.send({ pay: 5n })
    const id = await peers.passing(delivery.stored)
    await peers.passing(delivery)
    expect(atBob).toMatchObject([{ message: { pay: 5n }, id, redelivered: false }])
    expect(delivered).toEqual([id])
    expect(link.queued).toBe(0)
  })

  test('takes messages, requests and streams where the leader has no handlers', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const follower = await peers.tab()
    const link = onlyLink(follower.mesh)
    const got = collect(link)
    link.handle('double', (n) => Number(n) * 2)
    link.on('stream', async ({ name, readable, writable }) => {
      const writer = writable.getWriter()
      await writer.write(new TextEncoder().encode(name))
      await writer.close()
      await readable.pipeTo(new WritableStream())
    })
    await peers.passing(bob.link.send('to whom it may concern'))
    expect(got).toMatchObject([{ message: 'to whom it may concern', redelivered: false }])
    expect(await peers.passing(bob.link.request('double', 21))).toBe(42)
    const stream = await peers.passing(bob.link.openStream('file'))
    void stream.writable.close()
    expect(await peers.passing(new Response(stream.readable as never).text())).toBe('file')
    onlyLink(leader.mesh).handle('double', () => 'the leader first')
    expect(await peers.passing(bob.link.request('double', 21))).toBe('the leader first')
  })

  test('asks and streams, with typed errors, abort and time-out', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const follower = await peers.tab()
    const link = onlyLink(follower.mesh)
    bob.link.handle('add', (n) => Number(n) + 1)
    bob.link.handle('refuse', () => {
      throw new HandfastError('request-failed', 'not today')
    })
    const aborted: unknown[] = []
    bob.link.handle('wait', (_, { signal }) => {
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      return new Promise(() => {})
    })
    bob.link.on('stream', ({ readable, writable }) => void readable.pipeTo(writable))
    expect(await peers.passing(link.request('add', 1))).toBe(2)
    await expect(peers.passing(link.request('none'))).rejects.toMatchObject({ code: 'no-handler' })
    await expect(peers.passing(link.request('refuse'))).rejects.toMatchObject({
      code: 'request-failed',
      message: 'not today',
    })
    const late = link.request('wait', null, { timeoutMs: 300 })
    await expect(peers.passing(late)).rejects.toMatchObject({ code: 'timeout' })
    const controller = new AbortController()
    const waiting = link.request('wait', null, { signal: controller.signal })
    const failed = expect(waiting).rejects.toThrow('no more')
    await peers.world.clock.advance(100)
    controller.abort(new Error('no more'))
    await failed
    await peers.until(() => aborted.length === 2)
    const { readable, writable } = await peers.passing(link.openStream('echo'))
    const writer = writable.getWriter()
    void writer.write(new TextEncoder().encode('there and back')).then(() => writer.close())
    expect(await peers.passing(new Response(readable as never).text())).toBe('there and back')
  })

  test('invites, withdraws, accepts, gives its card and forgets', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const seen: string[] = []
    for (const [name, { mesh }] of Object.entries({ leader, follower })) {
      mesh.on('link', () => void seen.push(`link at ${name}`))
      mesh.on('forgotten', () => void seen.push(`forgotten at ${name}`))
    }
    const bob = await peers.bob(follower.mesh)
    await peers.until(() => seen.length === 2)
    const carol = await peers.bob(follower.mesh)
    await peers.until(() => seen.length === 4)
    const ticket = await peers.passing(follower.mesh.invite({ memo: 'hello' }))
    await peers.until(() => follower.mesh.tickets.length === 1)
    expect(String(leader.mesh.tickets[0])).toBe(String(ticket))
    await peers.passing(follower.mesh.withdraw(ticket))
    await peers.until(() => follower.mesh.tickets.length === 0)
    expect(await peers.passing(follower.mesh.card())).toBe(await leader.mesh.card())
    const card = await peers.passing(bob.mesh.card())
    expect((await peers.passing(follower.mesh.readCard(card))).peer).toBe(bob.mesh.peer)
    const invitation = await peers.passing(carol.mesh.invite())
    await expect(peers.passing(follower.mesh.accept('hft1nothing'))).rejects.toMatchObject({
      code: 'bad-ticket',
    })
    await expect(peers.passing(follower.mesh.accept(ticket))).rejects.toMatchObject({
      code: 'ticket-wrong-party',
    })
    const link = await peers.passing(follower.mesh.accept(invitation))
    expect(link).toBe(follower.mesh.links.get(carol.mesh.peer))
    await peers.passing(follower.mesh.forget(bob.mesh.peer))
    await peers.until(() => follower.mesh.links.size === 1)
    expect([...leader.mesh.links.keys()]).toEqual([carol.mesh.peer])
    expect(seen.slice(4).toSorted()).toEqual(['forgotten at follower', 'forgotten at leader'])
  })
})

describe('when the leader ends', () => {
  test.each(['dies', 'closes', 'hangs'])(
    'and %s, another takes its place: nothing is lost or doubled',
    async (how) => {
      const leader = await peers.tab()
      const bob = await peers.bob(leader.mesh)
      const [second, third] = [await peers.tab(), await peers.tab()]
      const atBob = collect(bob.link)
      const got = [second, third].map(({ mesh }, n) => collect(onlyLink(mesh), String(n)))
      const deliveries = [leader, second, third].map(({ mesh }, n) => {
        const delivery = onlyLink(mesh).send(`before ${n}`)
        delivery.catch(() => {})
        return delivery
      })
      await peers.passing(Promise.all(deliveries))
      // Older than two dials that meet.
      await peers.world.clock.advance(2_000)
      const links = [second, third].map(({ mesh }) => onlyLink(mesh))
      const sent = links.map((link, n) => link.send(`at the end ${n}`))
      const answers = bob.link.send('to the next')
      const atMs = peers.world.line.elapsedMs
      if (how === 'dies') leader.tab.die()
      else if (how === 'hangs') leader.tab.freeze()
      else void leader.mesh.close()
      await peers.passing(Promise.all([...sent, answers]))
      expect(peers.world.line.elapsedMs - atMs).toBeLessThan(how === 'hangs' ? 5_000 : 1_000)
      expect([second, third].map(({ mesh }) => onlyLink(mesh))).toEqual(links)
      expect(atBob.map(({ message }) => message).toSorted()).toEqual([
        'at the end 0',
        'at the end 1',
        'before 0',
        'before 1',
        'before 2',
      ])
      expect(got.flat()).toHaveLength(1)
      if (how !== 'hangs') return
      await leader.tab.thaw()
      await peers.passing(onlyLink(leader.mesh).send('awake'))
      expect(atBob.at(-1)).toMatchObject({ message: 'awake' })
      await peers.passing(bob.link.send('once'))
      expect(got.flat()).toHaveLength(2)
    },
  )
})
