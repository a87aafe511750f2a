/** What is left of a link's messages when pages crash, storage fails, or a profile is set back or copied. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commitDelayMs, storePatienceMs } from '../../../lib/base/limits.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { MessageInfo } from '../../../lib/link/inbox.ts'
import type { Link } from '../../../lib/link/link.ts'
import { eraseLog, packSegment, unpackSegment, type OutboxHead } from '../../../lib/link/log.ts'
import { wasWritten } from '../../../lib/link/log-head.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { faults, FaultyStore } from '../../support/faulty-store.ts'
import {
  helloOf,
  LinkPair,
  linkWithPuppet,
  logOptions,
  peerRun,
  value,
} from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
const reported = catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

const headOf = (store: Store, peer: string) =>
  store.transaction(['outbox'], { mode: 'read' }, (tx) => tx.get('outbox', peer)) as Promise<
    OutboxHead | undefined
  >

interface Seen extends MessageInfo {
  readonly message: unknown
}

const listen = (link: Link, seen: Seen[]) =>
  link.on('message', (message, info) => void seen.push({ message, ...info }))

/** Both sides on stores of their own. */
function durable(stores: [Store, Store] = [new FaultyStore(), new FaultyStore()]) {
  const pair = new LinkPair({ runtime, latencyMs: 2 })
  const log = (side: 0 | 1) => logOptions(runtime, stores[side])
  for (const side of [0, 1] as const) {
    void pair.sessions[side].close('closed')
    pair.renew(side, log(side))
  }
  const reload = (side: 0 | 1, store = stores[side]) => {
    pair.network.cut()
    void pair.sessions[side].close('closed')
    pair.renew(side, logOptions(runtime, store))
  }
  return { pair, stores: stores as [FaultyStore, FaultyStore], reload }
}

const silent = (promises: Promise<unknown>[]) => {
  for (const promise of promises) promise.catch(() => {})
}

describe('segments', () => {
  test('come back as they were, withdrawn ones too', () => {
    const values = [new Uint8Array(0), null, Uint8Array.of(1, 2), new Uint8Array(300).fill(9)]
    expect(unpackSegment(packSegment(values))).toEqual(values)
  })

  test.each([
    ['no bytes', 'text'],
    ['cut in a length', Uint8Array.of(0, 0, 0)],
    ['cut in a message', packSegment([new Uint8Array(9)]).subarray(0, 12)],
  ])('%s: storage-failed', (_, segment) => {
    expect(() => unpackSegment(segment)).toThrow(
      expect.objectContaining({ code: 'storage-failed' }) as Error,
    )
  })
})

describe('whether a head was written, as a later one tells', () => {
  const [id, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
  const [run, later] = [new Uint8Array(16).fill(3), new Uint8Array(16).fill(4)]
  const head = (next: number, acked: number, runs: OutboxHead['runs'], logId = id) => ({
    logId,
    device: null,
    next,
    acked,
    runs,
  })
  const written = head(10, 2, [{ id: run, from: 1 }])
  test.each<[string, OutboxHead | undefined, boolean | undefined]>([
    ['none is there', undefined, false],
    ['itself', written, true],
    ['one before', head(7, 2, [{ id: run, from: 1 }]), false],
    [
      'one of a later run, behind it',
      head(12, 2, [
        { id: run, from: 1 },
        { id: later, from: 10 },
      ]),
      true,
    ],
    [
      'one of a later run, in its place',
      head(12, 2, [
        { id: run, from: 1 },
        { id: later, from: 7 },
      ]),
      false,
    ],
    ['one that knows no such run, less acknowledged', head(12, 8, [{ id: later, from: 7 }]), false],
    [
      'one that knows no such run, all acknowledged',
      head(12, 9, [{ id: later, from: 7 }]),
      undefined,
    ],
    ['one of another log', head(10, 2, [{ id: run, from: 1 }], other), undefined],
  ])('%s', (_, now, expected) => {
    expect(wasWritten(written, run, now, id)).toBe(expected)
  })

  test.each<[string, OutboxHead, boolean | undefined]>([
    ['is not there while the log before is', head(12, 2, [{ id: later, from: 10 }]), false],
    ['can be behind another', head(10, 2, [], new Uint8Array(16)), undefined],
  ])('one of a new log %s', (_, now, expected) => {
    const changed = head(10, 2, [{ id: run, from: 1 }], other)
    expect(wasWritten(changed, run, now, id)).toBe(expected)
  })
})

describe('a crash', () => {
  test('of the sender, before any session: all goes out after it, with the ids that `stored` named', async () => {
    const { pair, reload } = durable()
    pair.isReachable = false
    const sends = [1, 2, 3].map((n) => pair.links[0].send(n))
    silent(sends)
    await runtime.settle()
    const ids = await Promise.all(sends.map(({ stored }) => stored))
    reload(0)
    await runtime.settle()
    expect(pair.links[0].queued).toBe(3)
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    pair.isReachable = true
    await runtime.advance(5_000)
    expect(seen.map(({ message }) => message)).toEqual([1, 2, 3])
    expect(seen.map(({ id }) => id)).toEqual(ids)
    expect(pair.links[0].queued).toBe(0)
    await pair.close()
  })

  test('of the sender, before its commit: nothing is left, and nothing was sent', async () => {
    const { pair, stores, reload } = durable()
    const opened = pair.links[0].connect()
    await runtime.advance(50)
    await opened
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    stores[0].fails = 'before'
    pair.links[0].on('error', () => {})
    const lost = pair.links[0].send('lost')
    silent([lost])
    await runtime.advance(100)
    stores[0].fails = undefined
    reload(0)
    await runtime.advance(5_000)
    expect(pair.links[0].queued).toBe(0)
    expect(seen).toEqual([])
    await expect(lost).rejects.toMatchObject({ code: 'closed' })
    await pair.close()
  })

  test('of the receiver, after its commit: not again', async () => {
    const { pair, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const sent = pair.links[0].send('once')
    await runtime.advance(200)
    await sent
    reload(1)
    listen(pair.links[1], seen)
    const next = pair.links[0].send('next')
    await runtime.advance(10_000)
    await next
    expect(seen.map(({ message }) => message)).toEqual(['once', 'next'])
    await pair.close()
  })

  test('of the receiver, handled and not committed: again, with the same id, marked', async () => {
    const { pair, stores, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    pair.links[1].on('error', () => {})
    stores[1].fails = 'before'
    let isHandled = false
    const sent = pair.links[0].send('twice').then(() => (isHandled = true))
    await runtime.advance(200)
    expect([seen.length, isHandled]).toEqual([1, false])
    stores[1].fails = undefined
    reload(1)
    listen(pair.links[1], seen)
    const next = pair.links[0].send('later')
    await runtime.advance(10_000)
    await Promise.all([sent, next])
    expect(seen.map(({ message, redelivered }) => [message, redelivered])).toEqual([
      ['twice', false],
      ['twice', true],
      ['later', false],
    ])
    expect(seen[0]!.id).toBe(seen[1]!.id)
    await pair.close()
  })

  test('of both, again and again: in order, and nothing but marked messages twice', async () => {
    const { pair, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const stored: Promise<string>[] = []
    for (let round = 0; round < 40; round++) {
      const sends = [0, 1, 2].map((n) => pair.links[0].send(round * 3 + n))
      silent(sends)
      stored.push(...sends.map((each) => each.stored))
      await runtime.settle()
      await runtime.advance((round * 7) % 31)
      const side = round % 3
      if (side === 2) continue
      reload(side as 0 | 1)
      if (side === 1) listen(pair.links[1], seen)
    }
    await runtime.advance(120_000)
    const ids = await Promise.all(stored)
    expect(new Set(ids).size).toBe(120)
    const first = new Map<string, unknown>()
    for (const { id, message, redelivered } of seen) {
      if (first.has(id)) expect(redelivered).toBe(true)
      else first.set(id, message)
    }
    expect([...first.keys()]).toEqual(ids)
    expect([...first.values()]).toEqual(ids.map((_, n) => n))
    await pair.close()
  })
})

describe('acknowledgements', () => {
  test('never before the commit, and in batches', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    link.on('message', () => {})
    puppet.send(...[1, 2, 3].map((n) => [kinds.message, n, value(n)]))
    await runtime.advance(commitDelayMs - 1)
    const acks = () => puppet.records.filter(([kind]) => kind === kinds.ack)
    expect(acks()).toEqual([])
    await runtime.advance(2)
    expect(acks()).toEqual([[kinds.ack, 3]])
    await close()
  })

  test('`each`: the next message comes when the position of the one before is on disk', async () => {
    const stores: [FaultyStore, FaultyStore] = [new FaultyStore(), new FaultyStore()]
    const { pair } = durable(stores)
    void pair.sessions[1].close('closed')
    pair.renew(1, logOptions(runtime, stores[1], 'each'))
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    pair.links[1].on('error', () => {})
    stores[1].fails = 'before'
    const sends = [1, 2].map((n) => pair.links[0].send(n))
    await runtime.advance(200)
    expect(seen).toHaveLength(1)
    stores[1].fails = undefined
    await runtime.advance(2_000)
    await Promise.all(sends)
    expect(seen).toHaveLength(2)
    await pair.close()
  })
})

describe('storage that fails', () => {
  for (const fails of faults) {
    test(`${fails} the write, for a while: stored once, nothing twice`, async () => {
      const { pair, stores } = durable()
      const errors: unknown[] = []
      pair.links[0].on('error', (error) => errors.push(error))
      const seen: Seen[] = []
      listen(pair.links[1], seen)
      await runtime.settle()
      stores[0].fails = fails
      const sends = [1, 2].map((n) => pair.links[0].send(n))
      await runtime.advance(1_200)
      expect(errors.length).toBeGreaterThan(1)
      expect(seen).toEqual([])
      stores[0].fails = undefined
      const third = pair.links[0].send(3)
      await runtime.advance(5_000)
      await Promise.all([...sends, third])
      expect(seen.map(({ message }) => message)).toEqual([1, 2, 3])
      await pair.close()
    })

    test(`${fails} the write, for long: refused, and never sent`, async () => {
      const { pair, stores } = durable()
      pair.links[0].on('error', () => {})
      const seen: Seen[] = []
      listen(pair.links[1], seen)
      await runtime.settle()
      stores[0].fails = fails
      const refused = pair.links[0].send('refused')
      const stored = refused.stored
      silent([refused])
      await runtime.advance(storePatienceMs + 600)
      await expect(refused).rejects.toThrow(stores[0].error)
      await expect(stored).rejects.toThrow()
      // What may be on disk leaves a mark, which the peer steps over.
      expect(pair.links[0].queued).toBe(fails === 'after' ? 1 : 0)
      stores[0].fails = undefined
      const next = pair.links[0].send('next')
      await runtime.advance(5_000)
      await next
      expect(seen.map(({ message }) => message)).toEqual(['next'])
      await pair.close()
    })
  }
})

test('a log whose reading fails at the end is read again, and its messages are not doubled', async () => {
  const { pair, stores, reload } = durable()
  pair.isReachable = false
  silent([1, 2].map((n) => pair.links[0].send(n)))
  await runtime.settle()
  stores[0].failingReads = 2
  reload(0)
  silent([pair.links[0].send(3)])
  await runtime.advance(2_000)
  expect(reported.length).toBeGreaterThan(0)
  expect(pair.links[0].queued).toBe(3)
  const seen: Seen[] = []
  listen(pair.links[1], seen)
  pair.isReachable = true
  await runtime.advance(60_000)
  expect(seen.map(({ message }) => message)).toEqual([1, 2, 3])
  await pair.close()
})

describe('a profile', () => {
  test('of the sender set back: a new log, and nothing lost', async () => {
    const { pair, stores, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const first = pair.links[0].send('a')
    await runtime.advance(1_000)
    await first
    const backup = await stores[0].copy()
    const more = ['b', 'c'].map((each) => pair.links[0].send(each))
    await runtime.advance(1_000)
    await Promise.all(more)
    reload(0, backup)
    let rollbacks = 0
    pair.links[0].on('rollback', () => rollbacks++)
    const after = ['d', 'e', 'f'].map((each) => pair.links[0].send(each))
    await runtime.advance(10_000)
    await Promise.all(after)
    expect(seen.map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(rollbacks).toBe(1)
    expect(new Set(seen.map(({ id }) => id)).size).toBe(6)
    await pair.close()
  })

  test('copied, and the copy sends in turn with the original: nothing lost', async () => {
    const { pair, stores, reload } = durable()
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    const first = pair.links[0].send('a')
    await runtime.advance(1_000)
    await first
    const copy = await stores[0].copy()
    const expected: unknown[] = ['a']
    for (let round = 0; round < 6; round++) {
      reload(0, round % 2 ? stores[0] : copy)
      pair.links[0].on('rollback', () => {})
      const sends = [`${round}.1`, `${round}.2`].map((each) => pair.links[0].send(each))
      expected.push(`${round}.1`, `${round}.2`)
      await runtime.advance(10_000)
      await Promise.all(sends)
    }
    expect(seen.map(({ message }) => message)).toEqual(expected)
    await pair.close()
  })

  test('of the receiver set back: a gap, in order, before the next message', async () => {
    const { pair, stores, reload } = durable()
    const seen: unknown[] = []
    const take = (message: unknown) => void seen.push(message)
    pair.links[1].on('message', take)
    const first = pair.links[0].send('a')
    await runtime.advance(1_000)
    await first
    const backup = await stores[1].copy()
    const more = ['b', 'c'].map((each) => pair.links[0].send(each))
    await runtime.advance(1_000)
    await Promise.all(more)
    reload(1, backup)
    pair.links[1].on('message', take)
    pair.links[1].on('gap', (gap) => seen.push(gap))
    const next = pair.links[0].send('d')
    await runtime.advance(10_000)
    await next
    expect(seen).toEqual(['a', 'b', 'c', { from: 2, to: 3 }, 'd'])
    await pair.close()
  })

  test('a gap that nobody listens for is reported', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    link.on('message', () => {})
    puppet.send([kinds.message, 1, value(1)], helloOf(5, 4))
    await runtime.advance(100)
    expect(reported.splice(0)).toMatchObject([{ code: 'gap' }])
    await close()
  })

  test('a position in a log that ran further than ours by an unknown run acknowledges nothing', async () => {
    const { pair, stores } = durable()
    pair.isReachable = false
    const sent = pair.links[0].send('kept')
    silent([sent])
    await runtime.settle()
    const head = (await headOf(stores[0], 'peer 0'))!
    expect([head.next, head.acked, head.runs.length]).toEqual([2, 0, 1])
    pair.isReachable = true
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const waits = link.send('waits')
    silent([waits])
    let rollbacks = 0
    link.on('rollback', () => rollbacks++)
    await runtime.settle()
    const [, , logId] = puppet.records.find(([kind]) => kind === kinds.hello)!
    const hello = helloOf()
      .with(6, logId as Uint8Array)
      .with(7, 9)
      .with(8, peerRun)
    puppet.send(hello)
    await runtime.advance(100)
    expect(rollbacks).toBe(1)
    expect(link.queued).toBe(1)
    const last = puppet.records.filter(([kind]) => kind === kinds.hello).at(-1)!
    expect(last[2]).not.toEqual(logId)
    expect(puppet.records.at(-1)!.slice(0, 2)).toEqual([kinds.message, 1])
    // What was on its way for the log that is gone.
    puppet.send([kinds.ack, 1])
    await runtime.advance(100)
    expect(link.queued).toBe(1)
    await close()
    await pair.close()
  })
})

describe('withdrawing', () => {
  test('what is stored and was never sent leaves a mark, that the receiver steps over', async () => {
    const { pair, stores, reload } = durable()
    pair.isReachable = false
    const controller = new AbortController()
    const gone = pair.links[0].send('gone', { signal: controller.signal })
    const kept = pair.links[0].send('kept')
    silent([gone, kept])
    await runtime.settle()
    expect(await gone.stored).toMatch(/\.1$/)
    controller.abort(new Error('changed my mind'))
    await expect(gone).rejects.toThrow('changed my mind')
    expect((await headOf(stores[0], 'peer 0'))!.next).toBe(3)
    reload(0)
    const seen: Seen[] = []
    listen(pair.links[1], seen)
    pair.isReachable = true
    await runtime.advance(5_000)
    expect(seen.map(({ message }) => message)).toEqual(['kept'])
    expect(seen[0]!.id).toMatch(/\.2$/)
    expect(pair.links[0].queued).toBe(0)
    await pair.close()
  })
})

test('a handler that keeps failing is told of from the fifth time on', async () => {
  const pair = new LinkPair({ runtime })
  const attempts: number[] = []
  pair.links[1].on('message', () => {
    throw new Error('no')
  })
  pair.links[1].on('stuck', (stuck) => {
    expect(stuck).toMatchObject({ message: 'hard', error: { message: 'no' } })
    attempts.push(stuck.attempts)
  })
  silent([pair.links[0].send('hard')])
  await runtime.advance(14_000)
  expect(attempts).toEqual([])
  await runtime.advance(20_000)
  expect(attempts).toEqual([5, 6])
  expect(pair.links[0].queued).toBe(1)
  reported.length = 0
  await pair.close()
})

test('what is acknowledged, and what is of a forgotten peer, is deleted', async () => {
  const { pair, stores } = durable()
  const seen: Seen[] = []
  listen(pair.links[1], seen)
  const delivered: string[] = []
  pair.links[0].on('delivered', (id) => delivered.push(id))
  const sends = Array.from({ length: 300 }, (_, n) => pair.links[0].send(new Uint8Array(n + 500)))
  const ids = await Promise.all(sends.map(({ stored }) => stored))
  await runtime.advance(2_000)
  await Promise.all(sends)
  expect(delivered).toEqual(ids)
  const keys = () =>
    stores[0].transaction(['outbox'], { mode: 'read' }, async (tx) =>
      (await tx.list('outbox')).map(({ key }) => key),
    )
  expect(await keys()).toEqual(['peer 0'])
  await pair.close()
  await eraseLog(logOptions(runtime, stores[0]), 'peer 0')
  expect(await keys()).toEqual([])
})
