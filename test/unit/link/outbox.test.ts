/** The outbox by itself: numbers that run out, withdrawing while storage fails, records that are damaged, hellos of another run. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Emitter } from '../../../lib/base/emitter.ts'
import type { SessionsEvents } from '../../../lib/link/events.ts'
import { maxHeldBytes, maxSequence, storePatienceMs } from '../../../lib/base/limits.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import {
  eraseLog,
  inboxKey,
  logTables,
  packSegment,
  segmentKey,
  unpackSegment,
} from '../../../lib/link/log.ts'
import { Outbox, type OutboxOptions } from '../../../lib/link/outbox.ts'
import type { FrameWriter } from '../../../lib/session/frame-writer.ts'
import type { Table } from '../../../lib/storage/store.ts'
import { faults, FaultyStore } from '../../support/faulty-store.ts'
import { helloOf, LinkPair, logOptions, value } from '../../support/link-pair.ts'
import { puppetFor } from '../../support/session-pair.ts'
import { nothing, outboxOn } from '../../support/outbox.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

const peer = 'peer 0'
let runtime: VirtualRuntime
let store: FaultyStore
let errors: unknown[]
beforeEach(() => {
  runtime = virtualRuntime()
  store = new FaultyStore()
  errors = []
})

const open = (options: Partial<OutboxOptions> = {}): Outbox =>
  outboxOn(store, runtime, { peer, onError: (error) => errors.push(error), ...options })

const put = (table: Table, key: string, record: unknown) =>
  store.inner.transaction([table], { mode: 'write' }, (tx) => tx.put(table, key, record))

const onDisk = async () => {
  const records = await store.inner.transaction(['outbox'], { mode: 'read' }, (tx) =>
    tx.list('outbox', `${peer}/`),
  )
  return records.flatMap(({ value: segment }) => unpackSegment(segment))
}

const head = (next = 1, acked = next - 1) => ({
  logId: new Uint8Array(16).fill(3),
  next,
  acked,
  runs: [],
})

const silent = (...promises: Promise<unknown>[]) => {
  for (const promise of promises) promise.catch(nothing)
}

test('the last numbers are given, and none beyond', async () => {
  await put('outbox', peer, head(maxSequence - 1))
  const pair = new LinkPair({ runtime })
  void pair.sessions[0].close('closed')
  pair.renew(0, logOptions(runtime, store))
  const seen: string[] = []
  pair.links[1].on('message', (message, { id }) => void seen.push(`${message} ${id.split('.')[1]}`))
  const sends = ['a', 'b', 'c', 'd'].map((each) => pair.links[0].send(each))
  silent(...sends)
  await runtime.advance(1_000)
  await Promise.all(sends.slice(0, 2))
  for (const each of sends.slice(2)) await expect(each).rejects.toMatchObject({ code: 'exhausted' })
  expect(seen).toEqual([`a ${maxSequence - 1}`, `b ${maxSequence}`])
  expect(pair.links[0].queued).toBe(0)
  // Its hello can still be said.
  pair.network.cut()
  await Promise.all([pair.links[1].connect(), runtime.advance(1_000)])
  const next = pair.links[0].send('e')
  silent(next)
  await runtime.advance(100)
  await expect(next).rejects.toMatchObject({ code: 'exhausted' })
  const back = pair.links[1].send('back')
  pair.links[0].on('message', nothing)
  await runtime.advance(1_000)
  await back
  await pair.close()
})

describe('withdrawing while storage fails', () => {
  for (const fails of faults) {
    test(`${fails} the write: rejects once the mark is on disk`, async () => {
      const outbox = open()
      const controller = new AbortController()
      const delivery = outbox.add(value('gone'), controller.signal)
      let outcome = ''
      delivery.catch((error: Error) => (outcome = error.message))
      await delivery.stored
      store.fails = fails
      controller.abort(new Error('changed my mind'))
      await runtime.advance(1_100)
      expect(outcome).toBe('')
      store.fails = undefined
      await runtime.advance(600)
      expect(outcome).toBe('changed my mind')
      expect(await onDisk()).toEqual([null])
    })

    test(`${fails} the write, for long: says so, and does not send it`, async () => {
      const outbox = open()
      const controller = new AbortController()
      const delivery = outbox.add(value('gone'), controller.signal)
      silent(delivery)
      await delivery.stored
      store.fails = fails
      controller.abort(new Error('changed my mind'))
      await runtime.advance(storePatienceMs + 600)
      await expect(delivery).rejects.toThrow(store.error)
      expect(outbox.held.at(0)!.value).toBeNull()
      store.fails = undefined
      await runtime.advance(1_000)
      expect(await onDisk()).toEqual([null])
    })

    test(`${fails} the write that stores it: is not stored, or leaves a mark`, async () => {
      const outbox = open()
      await outbox.ready
      store.fails = fails
      const controller = new AbortController()
      const delivery = outbox.add(value('gone'), controller.signal)
      silent(delivery)
      await runtime.advance(100)
      controller.abort(new Error('changed my mind'))
      await runtime.advance(600)
      store.fails = undefined
      const next = outbox.add(value('next'))
      silent(next)
      await runtime.advance(2_000)
      await expect(delivery).rejects.toThrow('changed my mind')
      expect((await onDisk()).filter((each) => each !== null)).toEqual([value('next')])
      expect((await next.stored).split('.')[1]).toBe(fails === 'after' ? '2' : '1')
    })
  }
})

for (const fails of faults) {
  test(`what is refused as storage fails ${fails} the write is not sent by the next page either`, async () => {
    const outbox = open()
    await outbox.ready
    store.fails = fails
    const refused = outbox.add(value('refused'))
    silent(refused)
    await runtime.advance(storePatienceMs + 600)
    await expect(refused).rejects.toThrow(store.error)
    store.fails = undefined
    await runtime.advance(1_000)
    outbox.close(new Error('died'))
    expect((await onDisk()).filter((each) => each !== null)).toEqual([])
  })
}

test('what is withdrawn and stepped over before the mark is on disk is withdrawn, not handled', async () => {
  const delivered: string[] = []
  const events = new Emitter<SessionsEvents>()
  events.on('delivered', (id) => delivered.push(id))
  const outbox = open({ events })
  const controller = new AbortController()
  const delivery = outbox.add(value('gone'), controller.signal)
  silent(delivery)
  await delivery.stored
  store.fails = 'before'
  controller.abort(new Error('changed my mind'))
  outbox.head.highestSent = 1
  outbox.acknowledge(1)
  store.fails = undefined
  await runtime.advance(1_000)
  await expect(delivery).rejects.toThrow('changed my mind')
  expect(delivered).toEqual([])
})

describe('a message that goes out in parts', () => {
  /** Sends nothing whole, and of a large one the last part when told to. */
  function partWriter() {
    const ends: boolean[] = []
    const begun: number[] = []
    const writer = {
      isEmpty: true,
      record: () => false,
      bytesRecord: (_kind: number, sequence: number) => {
        begun.push(sequence)
        return false
      },
      part: () => ends.shift() ?? false,
    } as unknown as FrameWriter
    return { writer, begun, ends }
  }

  test.each([0, 1, 2])('acknowledged up to %i meanwhile: goes on behind it', async (handled) => {
    const outbox = open()
    const sends = [1, 2, 3].map((n) => outbox.add(value(new Uint8Array(5_000).fill(n))))
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    outbox.begin(true)
    const { writer, begun, ends } = partWriter()
    outbox.head.highestSent = 3
    outbox.fill(writer)
    outbox.acknowledge(handled)
    ends.push(true)
    outbox.fill(writer)
    expect(begun).toEqual([1, Math.max(2, handled + 1)])
  })
})

test('what is forgotten is not written after it was erased', async () => {
  for (let delay = 0; delay < 30; delay++) {
    const log = logOptions(runtime, store)
    const outbox = open({ log })
    await outbox.ready
    silent(outbox.add(value('forgotten')))
    for (let i = 0; i < delay; i++) await undefined
    outbox.close(new Error('forgotten'))
    await eraseLog(log, peer)
    await runtime.settle()
    const left = await store.inner.transaction(['outbox'], { mode: 'read' }, (tx) =>
      tx.list('outbox'),
    )
    expect(left).toEqual([])
  }
})

describe('a record that is damaged', () => {
  const segment = packSegment([value(1), value(2)])
  const key = segmentKey(peer, 1)
  test.each<[string, Table, string, unknown, unknown]>([
    ['a head', 'outbox', peer, 'x', segment],
    ['a head without runs', 'outbox', peer, { ...head(3, 0), runs: undefined }, segment],
    ['a head with a number that is none', 'outbox', peer, { ...head(3, 0), acked: NaN }, segment],
    ['a head that names more', 'outbox', peer, head(4, 0), segment],
    ['a segment', 'outbox', peer, head(3, 0), segment.subarray(1)],
    ['a segment that is gone', 'outbox', peer, head(3, 0), undefined],
    ['a head with a device that is none', 'outbox', peer, { ...head(3, 0), device: 'x' }, segment],
    ['a position', 'inbox', inboxKey(peer, Uint8Array.of(1)), { logs: [{ logId: 1 }] }, segment],
    ['positions', 'inbox', inboxKey(peer, Uint8Array.of(1)), null, segment],
  ])('%s: told, and nothing is sent from it', async (_, table, at, record, records) => {
    if (table === 'inbox') await put('outbox', peer, head(3, 0))
    await put(table, at, record)
    if (records) await put('outbox', key, records)
    const before = await store.copy()
    const pair = new LinkPair({ runtime })
    void pair.sessions[0].close('closed')
    pair.renew(0, logOptions(runtime, store))
    const [link] = pair.links
    link.on('error', (error) => errors.push(error))
    const seen: unknown[] = []
    pair.links[1].on('message', (message) => void seen.push(message))
    const send = link.send('new')
    silent(send)
    await runtime.advance(storePatienceMs + 1_000)
    expect(errors[0]).toMatchObject({ code: 'storage-failed' })
    expect(seen).toEqual([])
    if (table === 'outbox') await expect(send).rejects.toMatchObject({ code: 'storage-failed' })
    const tables = logTables.filter((each) => each !== 'drafts')
    const all = (from: FaultyStore) =>
      from.inner.transaction(tables, { mode: 'read' }, async (tx) => [
        await tx.get('outbox', key),
        await tx.get(table, at),
      ])
    expect(await all(store)).toEqual(await all(before))
    await pair.close()
  })
})

describe('what waits in memory', () => {
  const size = 100_000
  const count = 400
  const message = (n: number) => value(new Uint8Array(size).fill(n % 251))
  const inMemory = (outbox: Outbox) => {
    let bytes = 0
    for (let at = 0; at < outbox.held.length; at++) bytes += outbox.held.at(at)!.value?.length ?? 0
    return bytes
  }

  test('is a few MiB, the rest is read when its turn comes', async () => {
    let isWanted = false
    const outbox = open({ onMore: () => (isWanted = true) })
    const controller = new AbortController()
    const sends = Array.from({ length: count }, (_, n) =>
      outbox.add(message(n), n === 300 ? controller.signal : undefined),
    )
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    expect([outbox.length, inMemory(outbox) < maxHeldBytes]).toEqual([count, true])
    controller.abort(new Error('no'))
    await expect(sends[300]).rejects.toThrow('no')
    await outbox.release()

    const again = open({ onMore: () => (isWanted = true) })
    await again.ready
    again.begin(true)
    const sent: (number | null)[] = []
    const writer = {
      isEmpty: true,
      record: () => sent.push(null),
      bytesRecord: (_kind: number, _sequence: number, bytes: Uint8Array) =>
        sent.push(bytes.at(-1)!),
    } as unknown as FrameWriter
    for (let round = 0; round < 200 && again.length > 0; round++) {
      again.fill(writer)
      expect(inMemory(again)).toBeLessThan(maxHeldBytes)
      again.acknowledge(sent.length)
      isWanted = false
      await runtime.advance(300)
    }
    expect(isWanted).toBe(false)
    expect(sent).toEqual(Array.from({ length: count }, (_, n) => (n === 300 ? null : n % 251)))
    expect(await onDisk()).toEqual([])
  })

  test('what is withdrawn is not sent, though it is read before its mark is on disk', async () => {
    const outbox = open()
    const controller = new AbortController()
    const sends = Array.from({ length: count }, (_, n) =>
      outbox.add(message(n), n === 150 ? controller.signal : undefined),
    )
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    expect(outbox.held.at(150)!.value).toBeUndefined()
    store.fails = 'before'
    controller.abort(new Error('no'))
    outbox.head.highestSent = 100
    outbox.acknowledge(100)
    await runtime.advance(100)
    expect(outbox.held.at(49)!.value).toBeInstanceOf(Uint8Array)
    expect(outbox.held.at(50)!.value).toBeNull()
    store.fails = undefined
  })

  test('a segment that has become shorter is told, and no more is sent', async () => {
    const outbox = open()
    const sends = Array.from({ length: count }, (_, n) => outbox.add(message(n)))
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    let last = 0
    while (outbox.held.at(last)!.value) last++
    await put('outbox', segmentKey(peer, last + 1), packSegment([]))
    outbox.head.highestSent = 60
    outbox.acknowledge(60)
    await runtime.advance(300)
    expect(errors).toMatchObject([{ code: 'storage-failed' }])
    outbox.begin(true)
    const sent: number[] = []
    const writer = {
      bytesRecord: (_kind: number, sequence: number) => sent.push(sequence),
      record: () => sent.push(0),
    } as unknown as FrameWriter
    while (outbox.pending) {
      outbox.fill(writer)
      outbox.acknowledge(sent.at(-1)!)
    }
    expect([sent[0], sent.length, sent.at(-1)]).toEqual([61, last - 60, last])
  })

  test('a read that fails is told, and tried again', async () => {
    const outbox = open()
    const sends = Array.from({ length: count }, (_, n) => outbox.add(message(n)))
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    const read = store.inner.transaction.bind(store.inner)
    let fails = true
    store.inner.transaction = ((...args: Parameters<typeof read>) => {
      if (fails && args[1].mode === 'read') return Promise.reject(new Error('lost'))
      return read(...args)
    }) as typeof read
    outbox.head.highestSent = 60
    outbox.acknowledge(60)
    await runtime.advance(700)
    expect(errors.length).toBeGreaterThan(0)
    const before = inMemory(outbox)
    fails = false
    await runtime.advance(700)
    expect(inMemory(outbox)).toBeGreaterThan(before)
  })
})

test('a session that takes over from one says first what that one has sent', async () => {
  const pair = new LinkPair({ runtime })
  const [link] = pair.links
  const [sessions] = pair.sessions
  const [first, second] = [
    await puppetFor('initiator', { runtime }),
    await puppetFor('initiator', { runtime }),
  ]
  sessions.attach(first.session)
  first.send(helloOf())
  await runtime.settle()
  sessions.attach(second.session)
  await runtime.settle()
  silent(link.send('a'), link.send('b'))
  await runtime.settle()
  expect(first.records.filter(([kind]) => kind === kinds.message)).toHaveLength(2)
  second.send(helloOf())
  await runtime.settle()
  const [hello, ...others] = second.records
  expect(hello!.slice(0, 6)).toEqual([kinds.hello, 1, hello![2], hello![3], 1, 0])
  const again = others.findIndex(([kind]) => kind === kinds.hello)
  expect(others[again]!.slice(4, 6)).toEqual([1, 2])
  expect(again).toBeLessThan(others.findIndex(([kind]) => kind === kinds.message))
  await pair.close()
})
