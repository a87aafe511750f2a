/** What developers see of a mesh: each kind of event in a scripted run, in the tab that leads and in one that follows; and the figures. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { maxUntoldTraces, roundTripFreshMs } from '../../../lib/base/limits.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { traceLine } from '../../../lib/mesh/debug-log.ts'
import type { TraceEvent, TraceKind } from '../../../lib/mesh/trace.ts'
import { World } from '../../support/memory-peers.ts'
import { collect, TabPeers } from '../../support/tab-peers.ts'

function trace(mesh: Mesh) {
  const events: TraceEvent[] = []
  const stop = mesh.on('trace', (event) => events.push(event))
  const of = <K extends TraceKind>(kind: K) =>
    events.filter((event): event is Extract<TraceEvent, { kind: K }> => event.kind === kind)
  return { events, of, stop }
}

/** Those of some kinds, in their order. */
const only = (events: TraceEvent[], ...kinds: TraceKind[]) =>
  events.map(({ kind }) => kind).filter((kind) => kinds.includes(kind))

describe('in a tab of its own', () => {
  let world: World
  beforeEach(() => {
    world = new World()
  })
  afterEach(() => world.close())

  test('two meet, and talk: each side sees its half', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const [atAlice, atBob] = [trace(alice.mesh), trace(bob.mesh)]
    const link = await bob.mesh.accept(await alice.mesh.invite())
    const back = alice.mesh.links.get(bob.mesh.peer)!
    back.on('message', () => {})
    const sent = link.send('hello')
    const id = await sent.stored
    await sent

    const device = { peer: alice.mesh.peer, deviceKey: toBase64url(alice.identity.device.key) }
    expect(atBob.of('dial')).toEqual([expect.objectContaining(device)])
    expect(atBob.of('dial-sent')[0]).toMatchObject({ ...device, receivers: 1 })
    expect(atAlice.of('answer')).toHaveLength(1)
    const [opened] = atBob.of('session-open')
    expect(opened).toMatchObject({ ...device, role: 'initiator', handshake: 'IKpsk1' })
    expect(atAlice.of('session-open')).toMatchObject([
      { session: opened!.session, role: 'responder', peer: bob.mesh.peer },
    ])
    expect(atBob.of('link-state').map(({ state }) => state)).toContain('open')
    expect(atBob.of('message-stored')).toMatchObject([{ peer: device.peer, count: 1, waiting: 1 }])
    expect(atBob.of('message-delivered')).toMatchObject([{ peer: device.peer, id }])
    expect(only(atBob.events, 'dial', 'dial-sent', 'session-open', 'message-stored')).toEqual([
      'dial',
      'dial-sent',
      'session-open',
      'message-stored',
    ])

    await back.allow([])
    await expect(link.send('not that')).rejects.toMatchObject({ code: 'forbidden' })
    expect(atBob.of('message-refused')).toHaveLength(1)

    await alice.mesh.close()
    await expect.poll(() => atBob.of('session-end')).toHaveLength(1)
    expect(atBob.of('session-end')[0]).toMatchObject({ session: opened!.session, reason: 'closed' })
    for (const { atMs } of atBob.events) expect(Math.abs(atMs - Date.now())).toBeLessThan(60_000)
  })

  test('a dial in vain, and what is met with silence, say why', async () => {
    const [alice, bob, carol] = [await world.peer(), await world.peer(), await world.peer()]
    const [atAlice, atBob] = [trace(alice.mesh), trace(bob.mesh)]
    const forCarol = await alice.mesh.invite({ for: carol.mesh.peer })
    world.board.rule = () => []
    await expect(bob.mesh.accept(await alice.mesh.invite(), { timeoutMs: 50 })).rejects.toThrow()
    expect(atBob.of('dial-sent')[0]).toMatchObject({ receivers: 0 })
    expect(atBob.of('dial-failed')).toMatchObject([{ peer: alice.mesh.peer, reason: 'timeout' }])
    expect(atAlice.of('refused-packet')).toEqual([])

    // One bit of message 1 is another.
    world.board.rule = ({ packet, ...rest }) => {
      const forged = packet.slice()
      forged[100]! ^= 1
      return [{ packet: forged, ...rest }]
    }
    await expect(carol.mesh.accept(forCarol, { timeoutMs: 50 })).rejects.toThrow()
    expect(atAlice.of('refused-packet')[0]).toMatchObject({ reason: 'decrypt-failed' })
    expect(atAlice.of('answer')).toEqual([])

    // Answered, and the caller hears nothing of it: it never comes to the channel.
    world.board.rule = (one) => (one.from === 0 ? [] : [one])
    await expect(
      carol.mesh
        .accept(forCarol, { timeoutMs: 200 })
        .finally(() => (world.board.rule = (one) => [one])),
    ).rejects.toThrow()
    expect(atAlice.of('answer')).toHaveLength(1)
    await alice.mesh.close()
    expect(atAlice.of('answer-failed')).toMatchObject([{ peer: carol.mesh.peer }])
  })

  test('without a listener nothing is told, and after the last one neither', async () => {
    const { mesh } = await world.peer()
    const one = trace(mesh)
    one.stop()
    const other = await world.peer()
    await other.mesh.accept(await mesh.invite())
    expect(one.events).toEqual([])
  })

  test('the figures of two that talk', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const link = await bob.mesh.accept(await alice.mesh.invite())
    alice.mesh.links.get(bob.mesh.peer)!.on('message', () => {})
    await link.send(new Uint8Array(10_000))
    const [ofAlice, ofBob] = await Promise.all([alice.mesh.stats(), bob.mesh.stats()])
    expect(ofBob).toMatchObject({ leads: true, dials: { begun: 1, succeeded: 1 }, own: [] })
    expect(ofAlice.dials).toEqual({ begun: 0, succeeded: 0 })
    expect(ofBob.atMs - ofBob.openedAtMs).toBeGreaterThanOrEqual(0)
    const [atBob] = ofBob.links
    expect(atBob).toMatchObject({
      peer: alice.mesh.peer,
      state: 'open',
      waiting: { messages: 0, bytes: 0 },
    })
    const [session] = atBob!.sessions
    expect(session).toMatchObject({
      deviceKey: toBase64url(alice.identity.device.key),
      answers: true,
      role: 'initiator',
      handshake: 'IKpsk1',
      bufferedBytes: 0,
      route: null,
    })
    expect(session!.roundTripMs).toBeGreaterThanOrEqual(0)
    const [theirs] = ofAlice.links[0]!.sessions
    expect(theirs!.id).toBe(session!.id)
    expect(session!.sent.bytes).toBeGreaterThan(10_000)
    expect(session!.sent.frames).toBeLessThan(20)
    // What one has sent the other has received, but for a last pong.
    expect(theirs!.received.frames).toBeGreaterThanOrEqual(session!.sent.frames - 2)
    expect(theirs!.received.bytes).toBeGreaterThan(10_000)
    expect(theirs!.sent.bytes).toBeLessThan(10_000)

    // Asked again at once, nobody is pinged.
    const again = (await bob.mesh.stats()).links[0]!.sessions[0]!
    expect(again.sent.frames).toBeLessThanOrEqual(session!.sent.frames + 1)
    const frames = again.sent.frames
    await new Promise((resolve) => setTimeout(resolve, roundTripFreshMs + 50))
    expect((await bob.mesh.stats()).links[0]!.sessions[0]!.sent.frames).toBe(frames + 1)
  })

  test('what waits for somebody who is away is counted', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const link = await bob.mesh.accept(await alice.mesh.invite())
    await alice.mesh.close()
    await expect.poll(() => link.state).not.toBe('open')
    const sent = [link.send('one'), link.send(new Uint8Array(1_000))]
    for (const each of sent) each.catch(() => {})
    await Promise.all(sent.map(({ stored }) => stored))
    const { links } = await bob.mesh.stats()
    expect(links[0]).toMatchObject({ waiting: { messages: 2 }, sessions: [] })
    expect(links[0]!.waiting.bytes).toBeGreaterThan(1_000)
  })

  test('a mesh that is closed has none', async () => {
    const { mesh } = await world.peer()
    await mesh.close()
    await expect(mesh.stats()).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('in several tabs', () => {
  let peers: TabPeers
  beforeEach(() => {
    peers = new TabPeers()
  })
  afterEach(() => peers.close())

  test('a tab that follows sees what the one that leads does, and comes to lead itself', async () => {
    const first = await peers.tab()
    const second = await peers.tab()
    const [atFirst, atSecond] = [trace(first.mesh), trace(second.mesh)]
    const { mesh, link } = await peers.bob(first.mesh)
    collect(link)
    const sending = second.mesh.links.get(mesh.peer)!.send('from the second')
    await peers.passing(sending)
    await peers.until(() => atSecond.of('message-delivered').length > 0)
    const kinds = ['session-open', 'link-state', 'message-stored', 'message-delivered'] as const
    for (const kind of kinds) expect(atSecond.of(kind)).toEqual(atFirst.of(kind))
    for (const kind of kinds) expect(atSecond.of(kind)).not.toEqual([])

    const [led, followed] = await peers.passing(
      Promise.all([first.mesh.stats(), second.mesh.stats()]),
    )
    expect([led.leads, followed.leads]).toEqual([true, false])
    expect(followed.links[0]!.sessions[0]).toMatchObject({
      id: led.links[0]!.sessions[0]!.id,
      handshake: 'IKpsk1',
    })
    expect(followed.openedAtMs).toBeGreaterThan(led.openedAtMs)

    first.tab.die()
    await peers.until(() => atSecond.of('leading').length > 0)
    await peers.until(() => atSecond.of('dial').length > 0)
    expect(atSecond.of('missed')).toEqual([])
    expect((await peers.passing(second.mesh.stats())).leads).toBe(true)
  })

  test('one that comes to listen later is told from then on, one that ceases no more', async () => {
    const first = await peers.tab()
    const second = await peers.tab()
    const { link } = await peers.bob(first.mesh)
    const heard = collect(link)
    const late = trace(second.mesh)
    await peers.passing(second.mesh.stats())
    const at = first.mesh.links.get([...first.mesh.links.keys()][0]!)!
    await peers.passing(at.send(1))
    await peers.until(() => late.of('message-delivered').length === 1)
    late.stop()
    await peers.passing(second.mesh.stats())
    await peers.passing(at.send(2))
    expect(heard).toHaveLength(2)
    expect(late.of('message-delivered')).toHaveLength(1)
  })

  test('more than a tab can be told are counted, not kept', async () => {
    const first = await peers.tab()
    const second = await peers.tab()
    const { link } = await peers.bob(first.mesh)
    collect(link)
    const at = first.mesh.links.get([...first.mesh.links.keys()][0]!)!
    const { events, of } = trace(second.mesh)
    await peers.passing(second.mesh.stats())
    const count = 3 * maxUntoldTraces
    const sending = Array.from({ length: count }, (_, n) => at.send(n))
    await peers.passing(Promise.all(sending))
    await peers.passing(second.mesh.stats())
    const missed = of('missed').reduce((sum, each) => sum + each.count, 0)
    expect(missed).toBeGreaterThan(0)
    const stored = of('message-stored').reduce((sum, each) => sum + each.count, 0)
    expect(of('message-delivered').length + stored + missed).toBeGreaterThanOrEqual(count)
    expect(events.length).toBeLessThan(2 * count)
  })
})

describe('the debug log', () => {
  let lines: string[]
  beforeEach(() => {
    lines = []
    vi.spyOn(console, 'debug').mockImplementation((line: string) => void lines.push(line))
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  async function linesWith(storage: object): Promise<string[]> {
    vi.stubGlobal('localStorage', storage)
    const world = new World()
    const [alice, bob] = [await world.peer(), await world.peer()]
    await bob.mesh.accept(await alice.mesh.invite())
    await world.close()
    return lines
  }

  test('has each event, from the first', async () => {
    const getItem = vi.fn(() => '1')
    const [first, ...others] = await linesWith({ getItem })
    expect(first).toMatch(/^handfast \d\d:\d\d:\d\d\.\d\d\d leading$/)
    expect(others.join('\n')).toMatch(
      / session-open peer=.{8}… deviceKey=.{8}… session=.{8}… role=/,
    )
    expect(getItem).toHaveBeenCalledWith('handfast:debug')
  })

  test('has those kinds that are named', async () => {
    const found = await linesWith({ getItem: () => 'dial, session-end' })
    expect(found.map((line) => line.split(' ')[2]).toSorted()).toEqual([
      'dial',
      'session-end',
      'session-end',
    ])
  })

  test.each<[string, object]>([
    ['without the switch', { getItem: () => null }],
    ['with an empty one', { getItem: () => '' }],
    [
      'where storage may not be used',
      {
        getItem: () => {
          throw new DOMException('denied', 'SecurityError')
        },
      },
    ],
  ])('is silent %s', async (_, storage) => {
    expect(await linesWith(storage)).toEqual([])
  })

  test('leaves out what of a relay’s URL may be a secret', () => {
    const path = 'wss://relay.example/room?token=secret'
    expect(traceLine({ atMs: 0, kind: 'signaling-open', path })).toBe(
      'handfast 00:00:00.000 signaling-open path=wss://relay.example/room?…',
    )
  })

  test('cuts keys short', () => {
    expect(
      traceLine({
        atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
        kind: 'session-end',
        peer: 'kJ3fa0Xq6XqTqk5sYy0oZJ3fa0Xq6XqTqk5sYy0oZAA' as never,
        deviceKey: 'b'.repeat(43),
        session: 'c'.repeat(22),
        reason: 'lost',
      }),
    ).toBe(
      'handfast 03:04:05.006 session-end peer=kJ3fa0Xq… deviceKey=bbbbbbbb… session=cccccccc… reason=lost',
    )
  })
})
