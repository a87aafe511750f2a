/** Profiles that were copied or set back: nothing is lost or doubled in silence, whoever is connected and when. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { MessageInfo } from '../../../lib/link/inbox.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { helloOf, LinkPair, linkWithPuppet, logOptions, value } from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { seededBytes } from '../../support/seeded.ts'
import { puppetFor } from '../../support/session-pair.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

interface Seen extends MessageInfo {
  readonly message: unknown
}

const otherRun = new Uint8Array(16).fill(9)

/** What each message was handed over as: every one once, or marked from the second time on. */
function check(seen: readonly Seen[], sent: readonly unknown[]): void {
  const had = new Set<unknown>()
  for (const { message, redelivered } of seen) {
    if (had.has(message)) expect([message, redelivered]).toEqual([message, true])
    had.add(message)
  }
  expect([...had].toSorted()).toEqual([...sent].toSorted())
}

describe('two runs of one log', () => {
  /** Two that both claim to be the peer, with the same log. */
  async function twins() {
    const { link, sessions, puppet, close } = await linkWithPuppet(runtime)
    const twin = await puppetFor('initiator', { runtime })
    sessions.attach(twin.session)
    twin.send(helloOf().with(3, otherRun))
    await runtime.settle()
    return { link, puppet, twin, close }
  }

  test('numbers of the one do not pass for those of the other', async () => {
    const { link, puppet, twin, close } = await twins()
    const seen: unknown[] = []
    link.on('message', (message) => void seen.push(message))
    twin.send([kinds.message, 1, value('twin 1')])
    await runtime.settle()
    puppet.send([kinds.message, 1, value('1')], [kinds.message, 2, value('2')])
    await runtime.settle()
    expect(seen).toEqual(['twin 1'])
    await runtime.advance(500)
    expect(puppet.records.filter(([kind]) => kind === kinds.ack)).toEqual([])
    await close()
  })

  test('that takes over before the end of the other is acknowledged is told, and begins again', async () => {
    const { link, sessions, puppet, close } = await linkWithPuppet(runtime)
    let finish: () => void = () => {}
    const seen: unknown[] = []
    link.on('message', (message) => {
      seen.push(message)
      return message === 1 ? new Promise<void>((resolve) => (finish = resolve)) : undefined
    })
    puppet.send([kinds.message, 1, value(1)])
    await runtime.settle()
    const next = await puppetFor('initiator', { runtime })
    sessions.attach(next.session)
    const rest = [1, 2, 3].map((n) => [kinds.message, n, value(n)])
    next.send(helloOf(1, 3).with(3, otherRun), ...rest)
    await runtime.advance(100)
    expect(seen).toEqual([1])
    finish()
    await runtime.advance(100)
    const hello = next.records.filter(([kind]) => kind === kinds.hello).at(-1)!
    expect(hello.slice(7)).toEqual([1, puppet.session ? helloOf()[3] : undefined])
    // What was under way when it was told.
    next.send(rest[2]!)
    next.send(...rest.slice(1))
    await runtime.advance(100)
    expect(seen).toEqual([1, 2, 3])
    expect(next.session.isOpen).toBe(true)
    expect(next.records.at(-1)).toEqual([kinds.ack, 3])
    await close()
  })

  test('who is told of an earlier run sends again what is behind it', async () => {
    const store = new FaultyStore()
    const pair = new LinkPair({ runtime })
    void pair.sessions[0].close('closed')
    pair.isReachable = false
    const first = logOptions(runtime, store)
    pair.renew(0, first)
    for (const n of [1, 2]) pair.links[0].send(n).catch(() => {})
    await runtime.settle()
    void pair.sessions[0].close('closed')
    pair.renew(0, logOptions(runtime, store))
    const [link] = pair.links
    const puppet = await puppetFor('initiator', { runtime })
    pair.sessions[0].attach(puppet.session)
    puppet.send(helloOf())
    await runtime.settle()
    const sent = () =>
      puppet.records.filter(([kind]) => kind === kinds.message).map(([, sequence]) => sequence)
    expect(sent()).toEqual([1, 2])
    const logId = puppet.records[0]![2] as Uint8Array
    puppet.send(helloOf().with(6, logId).with(7, 1).with(8, first.run))
    await runtime.settle()
    expect(sent()).toEqual([1, 2, 2])
    expect(link.queued).toBe(1)
    await pair.close()
  })
})

describe('hello again', () => {
  test('with ever more missing: one gap, told once, however often', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const seen: unknown[] = []
    for (let first = 3; first < 5_000; first += 2) puppet.send(helloOf(first))
    await runtime.settle()
    link.on('gap', (gap) => void seen.push(gap))
    link.on('message', (message) => void seen.push(message))
    puppet.send([kinds.message, 4_999, value('next')])
    await runtime.advance(100)
    expect(seen).toEqual([{ from: 1, to: 4_998 }, 'next'])
    await close()
  })

  test('before the first message: what may have been sent until then may have been handled', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const seen: unknown[] = []
    link.on('message', (message, { redelivered }) => void seen.push([message, redelivered]))
    // To a page that is gone, on another session.
    puppet.send(helloOf(1, 2))
    puppet.send([kinds.message, 1, value(1)])
    puppet.send(helloOf(1, 3))
    puppet.send([kinds.message, 2, value(2)], [kinds.message, 3, value(3)])
    await runtime.advance(100)
    expect(seen).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ])
    await close()
  })
})

describe('a profile', () => {
  function durable(stores: [Store, Store] = [new FaultyStore(), new FaultyStore()]) {
    const pair = new LinkPair({ runtime, latencyMs: 2 })
    for (const side of [0, 1] as const) {
      void pair.sessions[side].close('closed')
      pair.renew(side, logOptions(runtime, stores[side]))
    }
    const reload = (side: 0 | 1, store = stores[side]) => {
      pair.network.cut()
      void pair.sessions[side].close('closed')
      pair.renew(side, logOptions(runtime, store))
    }
    return { pair, stores: stores as [FaultyStore, FaultyStore], reload }
  }

  const listen = (link: Link, seen: Seen[]) =>
    link.on('message', (message, info) => void seen.push({ message, ...info }))

  test.each([1, 2, 3, 4, 5, 6])(
    'copied, both at once, seed %i: nothing lost, nothing twice unmarked',
    async (seed) => {
      const random = seededBytes(seed)
      const pick = (n: number) => random(1)[0]! % n
      const { pair, stores } = durable()
      const seen: Seen[] = []
      let isSlow = false
      pair.links[1].on('message', (message, info) => {
        seen.push({ message, ...info })
        if (!isSlow) return undefined
        return new Promise((resolve) => void runtime.setTimer(pick(60), resolve))
      })
      const sent: unknown[] = ['first']
      await Promise.all([pair.links[0].send('first'), runtime.advance(1_000)])
      const [original] = pair.links
      const [ofOriginal] = pair.sessions
      pair.renew(0, logOptions(runtime, await stores[0].copy()))
      const [copy] = pair.links
      let rollbacks = 0
      for (const each of [original, copy]) each.on('rollback', () => rollbacks++)
      for (let step = 0; step < 40; step++) {
        const side = pick(2)
        const name = `${side ? 'copy' : 'original'} ${step}`
        sent.push(name)
        ;[original, copy][side]!.send(name).catch(() => {})
        if (pick(3) === 0) await runtime.advance(pick(50))
        if (pick(6) === 0) pair.network.cut()
        isSlow = pick(2) === 0
      }
      isSlow = false
      for (let i = 0; i < 60 && original.queued + copy.queued > 0; i++)
        await runtime.advance(10_000)
      expect([original.queued, copy.queued]).toEqual([0, 0])
      check(seen, sent)
      expect(rollbacks).toBeGreaterThan(0)
      void ofOriginal.close('closed')
      await pair.close()
    },
    60_000,
  )

  test('of the sender set back to the same copy twice, its own messages waiting', async () => {
    const { pair, stores, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const sent: unknown[] = []
    const send = (text: string) => {
      sent.push(text)
      pair.links[0].send(text).catch(() => {})
    }
    send('a')
    await runtime.advance(1_000)
    pair.isReachable = false
    pair.network.cut()
    send('waits')
    await runtime.settle()
    const backup = await stores[0].copy()
    pair.isReachable = true
    for (const round of [1, 2, 3]) {
      reload(0, round === 1 ? stores[0] : await backup.copy())
      pair.links[0].on('rollback', () => {})
      for (let n = 0; n < 4; n++) send(`${round}.${n}`)
      await runtime.advance(10_000)
      expect(pair.links[0].queued).toBe(0)
    }
    check(seen, sent)
    await pair.close()
  })

  test('of both set back: the gap is told, and all that is sent afterwards arrives', async () => {
    const { pair, stores, reload } = durable()
    const seen: Seen[] = []
    const send = (text: string) => void pair.links[0].send(text).catch(() => {})
    listen(pair.links[1], seen)
    send('a')
    await runtime.advance(1_000)
    const old = await stores[1].copy()
    send('b')
    await runtime.advance(1_000)
    const backup = await stores[0].copy()
    send('c')
    await runtime.advance(1_000)
    reload(0, backup)
    reload(1, old)
    const gaps: unknown[] = []
    listen(pair.links[1], seen)
    pair.links[1].on('gap', (gap) => gaps.push(gap))
    send('d')
    send('e')
    await runtime.advance(10_000)
    expect(gaps).toEqual([{ from: 2, to: 2 }])
    expect(seen.map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd', 'e'])
    await pair.close()
  })

  test('whose database was cleared begins a new log; the peer goes on', async () => {
    const { pair, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const back: unknown[] = []
    pair.links[0].on('message', (message) => void back.push(message))
    const first = [pair.links[0].send('a'), pair.links[1].send('x')]
    await runtime.advance(1_000)
    await Promise.all(first)
    reload(0, new FaultyStore())
    pair.links[0].on('message', (message) => void back.push(message))
    const next = [pair.links[0].send('b'), pair.links[1].send('y')]
    await runtime.advance(10_000)
    await Promise.all(next)
    expect(seen.map(({ message }) => message)).toEqual(['a', 'b'])
    expect(back).toEqual(['x', 'y'])
    await pair.close()
  })

  test('of the receiver copied, both at once: what the one lacks it is told', async () => {
    const { pair, stores, reload } = durable()
    const seen: unknown[] = []
    const gaps: { from: number; to: number }[] = []
    const hear = (link: Link) => {
      link.on('message', (message) => void seen.push(message))
      link.on('gap', (gap) => void gaps.push(gap))
    }
    hear(pair.links[1])
    pair.links[0].send('0').catch(() => {})
    await runtime.advance(1_000)
    const copy = await stores[1].copy()
    for (let round = 1; round < 7; round++) {
      reload(1, round % 2 ? copy : stores[1])
      hear(pair.links[1])
      pair.links[0].send(`${round}`).catch(() => {})
      await runtime.advance(10_000)
    }
    expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6'])
    expect(gaps).toEqual([2, 3, 4, 5, 6].map((n) => ({ from: n, to: n })))
    await pair.close()
  })
})
