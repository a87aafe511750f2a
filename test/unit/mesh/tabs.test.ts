/** Several tabs of one identity: one leads, the others work through it, and what becomes of that when tabs end or hang. */

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { openTabChannel } from '../../../lib/mesh/tab-channel.ts'
import { TabSession } from '../../../lib/mesh/tab-session.ts'
import { tabVersion } from '../../../lib/mesh/tab-words.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import type { VirtualRuntime } from '../../support/virtual-runtime.ts'
import { collect, TabPeers } from '../../support/tab-peers.ts'

beforeAll(ready)

const errors = catchReportedErrors()
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
    // Its ticket is spent: one that can't be used any more is none, in any tab.
    expect(leader.mesh.tickets).toEqual([])
    await peers.until(() => follower.mesh.tickets.length === 0)
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
    // What is undefined is as good as left out, also on its way to the leader.
    const unsaid = { for: undefined, uses: undefined, scopes: undefined, expiresInMs: undefined }
    const ticket = await peers.passing(follower.mesh.invite({ ...unsaid, memo: 'hello' }))
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

  test('shows what the leader does, whatever the clock says by now of the certificates in tickets', async () => {
    let setBackMs = 0
    const open = peers.world.open.bind(peers.world)
    peers.world.open = () => {
      const tab = open()
      const { now } = tab.runtime
      Object.assign(tab.runtime, { now: () => now() - setBackMs })
      return tab
    }
    const leader = await peers.tab()
    await peers.passing(leader.mesh.invite())
    await peers.passing(leader.mesh.address())
    setBackMs = 3 * 86_400_000
    const { mesh } = await peers.tab()
    expect(leader.mesh.tickets).toHaveLength(1)
    expect(leader.mesh.addresses).toHaveLength(1)
    expect(mesh.tickets.map(String)).toEqual(leader.mesh.tickets.map(String))
    expect(mesh.addresses.map(String)).toEqual(leader.mesh.addresses.map(String))
    expect(mesh.signaling).toEqual(leader.mesh.signaling)
  })

  test('cuts off, and revokes a device; where that is its own, all tabs hear of it', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const bob = await peers.bob(follower.mesh)
    await peers.until(() => follower.mesh.links.size === 1)
    const theirs = await peers.passing(bob.mesh.invite())
    await peers.passing(follower.mesh.cutOff(bob.mesh.peer))
    await peers.until(() => follower.mesh.links.size === 0)
    for (const { mesh } of [leader, follower]) {
      await expect(peers.passing(mesh.accept(theirs))).rejects.toMatchObject({ code: 'cut-off' })
    }
    const heard: string[] = []
    leader.mesh.on('revoked', () => void heard.push('leader'))
    follower.mesh.on('revoked', () => void heard.push('follower'))
    await peers.passing(follower.mesh.revokeDevice(follower.identity.device.key))
    await peers.until(() => heard.length === 2)
    expect(heard.toSorted()).toEqual(['follower', 'leader'])
    const late = await peers.tab()
    for (const { mesh } of [leader, follower, late]) {
      expect(mesh.isRevoked).toBe(true)
      await expect(peers.passing(mesh.invite())).rejects.toMatchObject({ code: 'revoked' })
    }
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

/** Lets so many turns of the platform's task queue pass. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('at whatever step the leader dies', () => {
  test(
    'what a follower sends and what it is sent is handled once',
    { timeout: 120_000 },
    async () => {
      for (let step = 0; step < 40; step++) {
        const leader = await peers.tab()
        const bob = await peers.bob(leader.mesh)
        const follower = await peers.tab()
        await peers.world.clock.advance(1_500)
        const link = onlyLink(follower.mesh)
        const atFollower = collect(link)
        const atBob = collect(bob.link)
        const sent = link.send({ step })
        const answered = bob.link.send({ step })
        for (let n = 0; n < step; n++) {
          await turns(1)
          if (n % 8 === 7) await peers.world.clock.advance(4)
        }
        leader.tab.die()
        await peers.passing(Promise.all([sent, answered]))
        expect(atBob).toMatchObject([{ message: { step }, redelivered: false }])
        expect(new Set(atFollower.map(({ id }) => id)).size).toBe(1)
        // What the dead one may have been given is marked.
        expect(atFollower.filter(({ redelivered }) => !redelivered).length).toBeLessThanOrEqual(1)
        await peers.close()
        peers = new TabPeers()
      }
    },
  )

  test('what it has begun for a follower is done by the next, or fails as interrupted', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const follower = await peers.tab()
    const link = onlyLink(follower.mesh)
    bob.link.handle('wait', () => new Promise(() => {}))
    const carol = await peers.bob(leader.mesh)
    const invitation = await peers.passing(carol.mesh.invite())
    const asked = expect(link.request('wait')).rejects.toMatchObject({ code: 'interrupted' })
    await peers.world.clock.advance(100)
    const accepted = follower.mesh.accept(invitation)
    const invited = follower.mesh.invite()
    leader.tab.die()
    const [ticket, toCarol] = await peers.passing(Promise.all([invited, accepted]))
    await peers.passing(asked)
    expect(toCarol.peer).toBe(carol.mesh.peer)
    expect(follower.mesh.tickets.map(String)).toContain(String(ticket))
  })
})

describe('a follower', () => {
  test('that dies with a message in its hands leaves it to the next, marked', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const [second, third] = [await peers.tab(), await peers.tab()]
    let taken = ''
    onlyLink(second.mesh).on('message', (_, { id }) => {
      taken = id
      return new Promise(() => {})
    })
    const got = collect(onlyLink(third.mesh))
    const sent = bob.link.send('hand over')
    await peers.until(() => taken !== '')
    expect(got).toEqual([])
    second.tab.die()
    await peers.passing(sent)
    expect(got).toMatchObject([{ message: 'hand over', id: taken, redelivered: true }])
  })

  test('whose handler throws gets the message again, and leaves the leader in peace', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const follower = await peers.tab()
    const marks: boolean[] = []
    onlyLink(follower.mesh).on('message', (_, { redelivered }) => {
      marks.push(redelivered)
      if (marks.length === 1) throw new HandfastError('request-failed', 'not now')
    })
    await peers.passing(bob.link.send('again'))
    expect(errors).toMatchObject([{ message: 'not now' }])
    expect(marks).toEqual([false, true])
  })

  test('that closes ends its links and keeps what it has sent', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const follower = await peers.tab()
    const link = onlyLink(follower.mesh)
    const atBob = collect(bob.link)
    const delivery = link.send('last words')
    delivery.catch(() => {})
    const waiting = expect(link.request('none', null, { timeoutMs: 60_000 })).rejects.toBeDefined()
    await turns(3)
    await peers.passing(follower.mesh.close())
    await expect(delivery).rejects.toMatchObject({ code: 'closed' })
    await waiting
    expect(link.state).toBe('closed')
    await expect(link.send('too late')).rejects.toMatchObject({ code: 'closed' })
    await expect(follower.mesh.invite()).rejects.toMatchObject({ code: 'closed' })
    await peers.until(() => atBob.length === 1)
    expect(onlyLink(leader.mesh).state).toBe('open')
  })

  test('of another version of this library is turned away', async () => {
    const leader = await peers.tab()
    const stranger = peers.world.open()
    const session = new TabSession({
      channel: openTabChannel(stranger, leader.tab.hub.id),
      role: 'initiator',
      runtime: stranger.runtime,
      handlers: new Map(),
      acceptStream: () => false,
    })
    const hello = session.request('hello', [tabVersion + 1], new AbortController().signal)
    await expect(peers.passing(hello)).rejects.toMatchObject({ code: 'identity-in-use' })
  })
})

describe('a leader', () => {
  test('that slept hands over nothing that another has been given', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const next = await peers.tab()
    const [stale, got] = [leader, next].map(({ mesh }) => collect(onlyLink(mesh)))
    await peers.world.clock.advance(1_500)
    collect(bob.link)
    leader.tab.freeze()
    const sent = bob.link.send('while you slept')
    await peers.passing(sent)
    expect(got).toMatchObject([{ message: 'while you slept' }])
    await leader.tab.thaw()
    await peers.world.clock.advance(5_000)
    expect(stale).toEqual([])
    await peers.passing(onlyLink(leader.mesh).send('I follow'))
  })

  test('whose page is left lets another lead at once, and follows when it is shown again', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const next = await peers.tab()
    const atBob = collect(bob.link)
    await peers.world.clock.advance(1_500)
    const atMs = peers.world.line.elapsedMs
    const page = leader.tab.runtime as VirtualRuntime
    page.hidePage()
    const kept = onlyLink(leader.mesh).send('kept for later')
    await peers.passing(onlyLink(next.mesh).send('at once'))
    expect(peers.world.line.elapsedMs - atMs).toBeLessThan(1_000)
    page.wake()
    await peers.passing(kept)
    expect(atBob.map(({ message }) => message).toSorted()).toEqual(['at once', 'kept for later'])
  })

  test('that returns finds the contacts that were forgotten meanwhile gone', async () => {
    const leader = await peers.tab()
    const bob = await peers.bob(leader.mesh)
    const next = await peers.tab()
    const link = onlyLink(leader.mesh)
    const forgotten: string[] = []
    leader.mesh.on('forgotten', (peer) => void forgotten.push(peer))
    leader.tab.freeze()
    await peers
      .passing(
        onlyLink(next.mesh)
          .send('elsewhere')
          .catch(() => {}),
        500,
      )
      .catch(() => {})
    await peers.passing(next.mesh.forget(bob.mesh.peer))
    const delivery = link.send('to whom?')
    delivery.catch(() => {})
    await leader.tab.thaw()
    await peers.until(() => forgotten.length > 0)
    expect([link.state, leader.mesh.links.size]).toEqual(['closed', 0])
    await expect(delivery).rejects.toMatchObject({ code: 'closed' })
  })
})

test('what other scripts of the origin broadcast is ignored, or soon recovered from', async () => {
  const leader = await peers.tab()
  const bob = await peers.bob(leader.mesh)
  const follower = await peers.tab()
  const script = peers.world.open()
  const atBob = collect(bob.link)
  const { id } = leader.tab.hub
  const other = follower.tab.hub.id
  const forged: unknown[][] = [
    [],
    ['beat'],
    ['beat', id, NaN],
    ['beat', script.hub.id, 1],
    ['probe', script.hub.id, 0],
    ['open', id, script.hub.id, 'x', 0],
    ['frame', id, script.hub.id, 'x', [0, new Uint8Array([0xff])]],
    ['frame', id, other, 'x', [7, new Uint8Array(9)]],
    ['close', id, script.hub.id, 'x', 0],
    ['receipt', other, id, 'x', -1],
  ]
  for (const message of forged) script.hub.post(message)
  const link = onlyLink(follower.mesh)
  await peers.passing(link.send('undisturbed'))
  script.hub.post(['beat', 'nobody', 1_000_000])
  await peers.passing(Promise.all([link.send(1), onlyLink(leader.mesh).send(2)]))
  expect(atBob.map(({ message }) => message)).toContain(1)
})
