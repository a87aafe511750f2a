import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import type { CborValue } from '../../../lib/codec/cbor.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { MessageInfo } from '../../../lib/link/inbox.ts'
import { helloOf, LinkPair, linkWithPuppet, peerRun, value } from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { seededRandom } from '../../support/seeded.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
const reported = catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

const collect = (pair: LinkPair, side: 0 | 1) => {
  const got: unknown[] = []
  pair.links[side].on('message', (message) => void got.push(message))
  return got
}

describe('messages', () => {
  test('arrive in order, both ways, and their promises resolve in order', async () => {
    const pair = new LinkPair({ runtime })
    const [atA, atB] = [collect(pair, 0), collect(pair, 1)]
    const handled: number[] = []
    const sends = Array.from({ length: 200 }, (_, n) =>
      pair.links[0].send(n).then(() => handled.push(n)),
    )
    const back = pair.links[1].send('back')
    await runtime.advance(100)
    await Promise.all([...sends, back])
    expect(atB).toEqual(Array.from({ length: 200 }, (_, n) => n))
    expect(handled).toEqual(atB)
    expect(atA).toEqual(['back'])
    expect(pair.links[0].queued).toBe(0)
    await pair.close()
  })

  for (const seed of [1, 2, 3, 4]) {
    test(
      `exactly once and in order while sessions drop, seed ${seed}`,
      { timeout: 30_000 },
      async () => {
        const random = seededRandom(seed)
        const pair = new LinkPair({ runtime, latencyMs: 3 })
        const expected: [unknown[], unknown[]] = [[], []]
        const got = [collect(pair, 0), collect(pair, 1)] as const
        const sends: Promise<void>[] = []
        for (let round = 0; round < 150; round++) {
          const count = Math.floor(random() * 6)
          for (let i = 0; i < count; i++) {
            const side = random() < 0.5 ? 0 : 1
            const size =
              random() < 0.1 ? Math.floor(random() * 300_000) : Math.floor(random() * 2_000)
            const message = [round, i, size]
            expected[(1 - side) as 0 | 1].push(message)
            sends.push(pair.links[side].send([...message, new Uint8Array(size)]))
          }
          await runtime.advance(Math.floor(random() * 12))
          const latest = pair.connections.at(-1)
          const fate = random()
          if (!latest) continue
          if (fate < 0.25) pair.network.cut()
          else if (fate < 0.35) latest.taps[0].close()
          else if (fate < 0.45) latest.sessions[1].abandon('closed')
          else if (fate < 0.55) void latest.sessions[0].close('closed')
          else if (fate < 0.62) latest.taps[1].rule = (frame) => [frame.slice(1)]
          else if (fate < 0.7) void pair.links[round % 2 === 0 ? 0 : 1].connect().catch(() => {})
          else if (fate < 0.75) {
            const from = random() < 0.5 ? 0 : 1
            const { sessions } = await connectNow(pair, from)
            pair.sessions[from].attach(sessions[0])
          }
        }
        await runtime.advance(600_000)
        await Promise.all(sends)
        const plain = (messages: readonly unknown[]) =>
          messages.map((message) => (message as unknown[]).slice(0, 3))
        expect(plain(got[0])).toEqual(expected[0])
        expect(plain(got[1])).toEqual(expected[1])
        expect(pair.connections.length).toBeGreaterThan(15)
        expect(pair.links.map((link) => link.queued)).toEqual([0, 0])
        await pair.close()
        expect(runtime.pendingTimers).toBe(0)
      },
    )
  }

  async function connectNow(pair: LinkPair, from: 0 | 1) {
    const connecting = pair.connect(from)
    await runtime.advance(3)
    return connecting
  }

  test('the largest there may be; one byte more is refused', async () => {
    const pair = new LinkPair({ runtime })
    const got = collect(pair, 1)
    const head = 5
    const largest = new Uint8Array(limits.maxValueBytes - head).fill(3)
    const sends = [
      pair.links[0].send(largest),
      pair.links[0].send('after'),
      pair.links[0].send(largest),
    ]
    await runtime.advance(1_000)
    await Promise.all(sends)
    expect(got.map((message) => (message as Uint8Array).length)).toEqual([
      largest.length,
      5,
      largest.length,
    ])
    expect((got[0] as Uint8Array).every((byte) => byte === 3)).toBe(true)
    expect(pair.connections).toHaveLength(1)
    await expect(pair.links[0].send(new Uint8Array(largest.length + 1))).rejects.toMatchObject({
      code: 'too-large',
    })
    await expect(pair.links[0].send(new Date())).rejects.toMatchObject({ code: 'invalid-argument' })
    await pair.close()
  })

  test('on the smallest channel, every size', async () => {
    const pair = new LinkPair({ runtime, maxMessageBytes: limits.minChannelMessageBytes })
    const got = collect(pair, 1)
    const sizes = [...Array(70).keys()].map((n) => n * 29).concat(4_090, 4_096, 5_000, 60_000)
    const stream = pair.links[0].openStream('bulk')
    pair.links[1].on('stream', ({ readable }) => void drain(readable).catch(() => {}))
    await runtime.advance(50)
    const writer = (await stream).writable.getWriter()
    void writer.write(new Uint8Array(200_000)).catch(() => {})
    const sends = sizes.map((size) => pair.links[0].send(new Uint8Array(size)))
    await runtime.advance(100)
    await Promise.all(sends)
    expect(got.map((message) => (message as Uint8Array).length)).toEqual(sizes)
    await pair.close()
  })

  async function drain(readable: ReadableStream<Uint8Array>) {
    let length = 0
    for await (const chunk of readable) length += chunk.length
    return length
  }

  test('no more is under way than the window, and a slow handler takes one at a time', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 1 })
    let running = 0
    let most = 0
    let release!: () => void
    const gate = new Promise<void>((resolve) => (release = resolve))
    pair.links[1].on('message', async () => {
      most = Math.max(most, ++running)
      await gate
      running--
    })
    const sends = Array.from({ length: 12 }, () => pair.links[0].send(new Uint8Array(1_000_000)))
    await runtime.advance(200)
    const bytes = pair.connections[0]!.taps[0].sent.reduce((sum, frame) => sum + frame.length, 0)
    expect(bytes).toBeGreaterThan(limits.maxUnackedBytes - 1_100_000)
    expect(bytes).toBeLessThan(limits.maxUnackedBytes + 100_000)
    expect(pair.links[0].queued).toBe(12)
    release()
    await runtime.advance(500)
    await Promise.all(sends)
    expect(most).toBe(1)
    await pair.close()
  })

  test('64 MiB wait, and no more', async () => {
    const pair = new LinkPair({ runtime })
    pair.isReachable = false
    const large = new Uint8Array(limits.maxValueBytes - 5)
    const sends = Array.from({ length: 15 }, () => pair.links[0].send(large))
    const first = pair.links[0].send(large)
    await expect(pair.links[0].send(large)).rejects.toMatchObject({ code: 'queue-full' })
    const ends = Promise.allSettled([...sends, first])
    await pair.close()
    expect((await ends).every(({ status }) => status === 'rejected')).toBe(true)
  })

  test('an abort withdraws what has not left, and forgets its signal', async () => {
    const pair = new LinkPair({ runtime })
    pair.isReachable = false
    const got = collect(pair, 1)
    const controller = new AbortController()
    const kept = pair.links[0].send('kept')
    const gone = pair.links[0].send('gone', { signal: controller.signal })
    const also = pair.links[0].send('also')
    controller.abort(new Error('changed my mind'))
    await expect(gone).rejects.toThrow('changed my mind')
    await expect(pair.links[0].send('never', { signal: controller.signal })).rejects.toThrow(
      'changed',
    )
    pair.isReachable = true
    await runtime.advance(5_000)
    await Promise.all([kept, also])
    expect(got).toEqual(['kept', 'also'])

    const late = new AbortController()
    let listeners = 0
    const { signal } = late
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (
      listeners--,
      remove(...args)
    )
    const done = pair.links[0].send('done', { signal })
    await runtime.advance(50)
    await done
    await runtime.settle()
    expect(listeners).toBe(0)
    late.abort()
    await pair.close()
  })

  test('an abort after it has left comes too late', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 5 })
    const got = collect(pair, 1)
    const opened = pair.links[0].connect()
    await runtime.advance(50)
    await opened
    const controller = new AbortController()
    const sent = pair.links[0].send('left', { signal: controller.signal })
    await runtime.advance(1)
    controller.abort(new Error('too late'))
    const next = pair.links[0].send('next')
    await runtime.advance(50)
    await Promise.all([sent, next])
    expect(got).toEqual(['left', 'next'])
    await pair.close()
  })
})

describe('handlers', () => {
  test('one that throws gets the message again, with the same id', async () => {
    for (const isAsync of [true, false]) {
      const pair = new LinkPair({ runtime })
      const seen: [unknown, MessageInfo][] = []
      let fails = 3
      const work = (message: unknown, info: MessageInfo) => {
        seen.push([message, info])
        if (message === 'b' && fails-- > 0) throw new Error('not yet')
      }
      pair.links[1].on('message', isAsync ? async (message, info) => work(message, info) : work)
      const sends = ['a', 'b', 'c'].map((message) => pair.links[0].send(message))
      await runtime.advance(limits.handlerRetryMinMs - 1)
      expect(seen.map(([message]) => message)).toEqual(['a', 'b'])
      await runtime.advance(limits.handlerRetryMinMs * 7 + 1)
      await Promise.all(sends)
      expect(seen.map(([message]) => message)).toEqual(['a', 'b', 'b', 'b', 'b', 'c'])
      expect(seen.map(([, { redelivered }]) => redelivered)).toEqual([
        false,
        false,
        true,
        true,
        true,
        false,
      ])
      const ids = seen.map(([, { id }]) => id)
      expect(new Set(ids.slice(1, 5)).size).toBe(1)
      expect(new Set(ids).size).toBe(3)
      expect(reported.splice(0)).toHaveLength(3)
      await pair.close()
      expect(runtime.pendingTimers).toBe(0)
    }
  })

  test('a message is handled when all handlers have returned', async () => {
    const pair = new LinkPair({ runtime })
    let release!: () => void
    const seen: string[] = []
    pair.links[1].on('message', () => new Promise<void>((resolve) => (release = resolve)))
    const off = pair.links[1].on('message', (message) => void seen.push(`second ${message}`))
    let isHandled = false
    const sent = pair.links[0].send(1).then(() => (isHandled = true))
    await runtime.advance(50)
    expect([seen, isHandled]).toEqual([['second 1'], false])
    off()
    release()
    await runtime.advance(50)
    await sent
    const next = pair.links[0].send(2)
    await runtime.advance(50)
    release()
    await runtime.advance(50)
    await next
    expect(seen).toEqual(['second 1'])
    await pair.close()
  })

  test('without one, messages wait', async () => {
    const pair = new LinkPair({ runtime })
    const sends = [1, 2, 3].map((n) => pair.links[0].send(n))
    await runtime.advance(10_000)
    expect(pair.links[0].queued).toBe(3)
    const got = collect(pair, 1)
    await runtime.advance(50)
    await Promise.all(sends)
    expect(got).toEqual([1, 2, 3])
    await pair.close()
  })

  test('each handler has a message of its own', async () => {
    const pair = new LinkPair({ runtime })
    const seen: unknown[] = []
    pair.links[1].on('message', (message) => void ((message as { n: number }).n = 99))
    pair.links[1].on('message', (message) => void seen.push(message))
    const sent = pair.links[0].send({ n: 1 })
    await runtime.advance(50)
    await sent
    expect(seen).toEqual([{ n: 1 }])
    await pair.close()
  })
})

describe('messages()', () => {
  test('a message is handled when the next is asked for', async () => {
    const pair = new LinkPair({ runtime })
    const messages = pair.links[1].messages()
    const sends = [1, 2].map((n) => pair.links[0].send(n))
    const first = messages.next()
    await runtime.advance(50)
    expect(await first).toEqual({ done: false, value: 1 })
    expect(pair.links[0].queued).toBe(2)
    const second = messages.next()
    await runtime.advance(50)
    expect(await second).toEqual({ done: false, value: 2 })
    await sends[0]
    expect(pair.links[0].queued).toBe(1)
    await messages.return()
    await runtime.advance(50)
    await sends[1]
    await pair.close()
  })

  test('break ends it; what comes later waits for the next reader', async () => {
    const pair = new LinkPair({ runtime })
    const sends = [1, 2, 3].map((n) => pair.links[0].send(n))
    await runtime.advance(50)
    const seen: unknown[] = []
    for await (const message of pair.links[1].messages()) if (seen.push(message) === 2) break
    await runtime.advance(50)
    expect(pair.links[0].queued).toBe(1)
    for await (const message of pair.links[1].messages()) if (seen.push(message) === 3) break
    await runtime.advance(50)
    await Promise.all(sends)
    expect(seen).toEqual([1, 2, 3])
    await pair.close()
  })

  test('it ends when the link is closed: waiting, holding a message, or not begun', async () => {
    const pair = new LinkPair({ runtime })
    const idle = pair.links[0].messages()
    const waiting = idle.next()
    const holding = pair.links[1].messages()
    void pair.links[0].send(1).catch(() => {})
    void pair.links[0].send(2).catch(() => {})
    const held = holding.next()
    await runtime.advance(50)
    expect((await held).value).toBe(1)
    await pair.close()
    expect((await waiting).done).toBe(true)
    expect((await holding.next()).done).toBe(true)
    expect((await pair.links[1].messages().next()).done).toBe(true)
  })

  test('a long life leaves nothing behind', { timeout: 20_000 }, async () => {
    const pair = new LinkPair({ runtime })
    const alive: WeakRef<object>[] = []
    void (async () => {
      for await (const message of pair.links[1].messages()) {
        if (alive.length < 200) alive.push(new WeakRef(message as object))
      }
    })()
    for (let n = 0; n < 200; n++) {
      const sent = pair.links[0].send({ n })
      await runtime.advance(limits.commitDelayMs)
      await sent
    }
    const { setFlagsFromString } = await import('node:v8')
    const { runInNewContext } = await import('node:vm')
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    await runtime.settle()
    collectGarbage()
    await runtime.settle()
    collectGarbage()
    const left = alive.filter((each) => each.deref() !== undefined).length
    expect(left).toBeLessThan(10)
    await pair.close()
  })
})

describe('a peer that breaks the rules of the log', () => {
  const changed = (position: number, to: CborValue) => helloOf().with(position, to)
  const message = (sequence: number, of: Uint8Array = value(sequence)) => [
    kinds.message,
    sequence,
    of,
  ]

  test.each([
    ['a hole', [message(2)]],
    ['from zero', [message(1), message(3)]],
    ['a fraction', [[kinds.message, 1.5, value(1)]]],
    ['a negative number', [[kinds.message, -1, value(1)]]],
    ['a value that is no bytes', [[kinds.message, 1, 'text']]],
    ['an ack of what was never sent', [[kinds.ack, 1]]],
    ['an ack that is text', [[kinds.ack, '1']]],
    ['a second hello that is short', [helloOf().slice(0, 8)]],
    ['an unknown kind', [[99, 1]]],
    ['a kind between', [[1.5, 1]]],
  ])('%s: the session ends, the link stays', async (_, records) => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const got: unknown[] = []
    link.on('message', (each) => void got.push(each))
    expect(link.state).toBe('open')
    puppet.send(...records)
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    expect(link.state).toBe('idle')
    expect(got.length).toBeLessThan(2)
    await close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test.each([
    ['none', [kinds.ack, 0]],
    ['short', helloOf().slice(0, 8)],
    ['of another version', changed(1, 2)],
    ['a log id too short', changed(2, new Uint8Array(15))],
    ['a log id of text', changed(2, 'log')],
    ['a run too short', changed(3, new Uint8Array(15))],
    ['no run', changed(3, null)],
    ['first held zero', changed(4, 0)],
    ['first held of text', changed(4, '1')],
    ['first held beyond 32 bits', changed(4, 2 ** 32)],
    ['highest sent below what came before', changed(5, -1)],
    ['less sent than given up', helloOf(5, 3)],
    ['own log of text', changed(6, 'log')],
    ['handled negative', changed(7, -1)],
    ['handled a fraction', changed(7, 0.5)],
    ['the run of that too short', changed(8, peerRun.slice(1))],
  ])('hello: %s', async (_, hello) => {
    const { puppet, close } = await linkWithPuppet(runtime, hello)
    expect(await puppet.session.ended).toBe('protocol')
    await close()
  })

  test('what comes again is not handled again', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const got: unknown[] = []
    link.on('message', (each) => void got.push(each))
    puppet.send(message(1), message(1), message(2), message(1), message(2), message(3))
    await runtime.advance(limits.commitDelayMs)
    expect(got).toEqual([1, 2, 3])
    expect(puppet.records.filter(([kind]) => kind === kinds.ack).at(-1)).toEqual([kinds.ack, 3])
    await close()
  })

  test('more than the window ends the session; the link takes a new one', async () => {
    const { puppet, close } = await linkWithPuppet(runtime)
    const large = new Uint8Array(60_000)
    for (let n = 1; n <= 150 && puppet.session.isOpen; n++) {
      puppet.send(message(n, large))
      await runtime.settle()
    }
    expect(await puppet.session.ended).toBe('protocol')
    await close()
  })

  test('a value that is no CBOR is passed over', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const got: unknown[] = []
    link.on('message', (each) => void got.push(each))
    puppet.send(message(1, Uint8Array.of(0xff)), message(2, new Uint8Array(0)), message(3))
    await runtime.advance(limits.commitDelayMs)
    expect(got).toEqual([3])
    expect(puppet.session.isOpen).toBe(true)
    expect(reported).toEqual([])
    expect(puppet.records.at(-1)).toEqual([kinds.ack, 3])
    await close()
  })

  test('a peer that was reloaded begins a new log', async () => {
    const pair = new LinkPair({ runtime })
    const got = collect(pair, 1)
    const before = ['a', 'b'].map((message) => pair.links[0].send(message))
    await runtime.advance(100)
    await Promise.all(before)
    // What the old page had queued is gone with it.
    pair.reload(0)
    const after = ['c', 'd'].map((message) => pair.links[0].send(message))
    await runtime.advance(60_000)
    await Promise.all(after)
    expect(got).toEqual(['a', 'b', 'c', 'd'])
    await pair.close()
  })

  test('a retry that belongs to an old log does not mark the new one', async () => {
    const pair = new LinkPair({ runtime })
    const seen: [unknown, boolean][] = []
    pair.links[1].on('message', (message, { redelivered }) => {
      seen.push([message, redelivered])
      if (message === 'bad') throw new Error('no')
    })
    void pair.links[0].send('bad').catch(() => {})
    await runtime.advance(100)
    pair.reload(0)
    const sent = pair.links[0].send('new')
    await runtime.advance(100)
    await sent
    expect(seen).toEqual([
      ['bad', false],
      ['new', false],
    ])
    reported.length = 0
    await pair.close()
  })

  test('handled between our hello and theirs is acknowledged', async () => {
    const pair = new LinkPair({ runtime, latencyMs: 10 })
    let release!: () => void
    pair.links[1].on('message', () => new Promise<void>((resolve) => (release = resolve)))
    const sent = pair.links[0].send(1)
    await runtime.advance(60)
    pair.network.cut()
    await runtime.advance(15)
    release()
    await runtime.advance(2_000)
    let isHandled = false
    void sent.then(() => (isHandled = true))
    await runtime.advance(5_000)
    expect(isHandled).toBe(true)
    await pair.close()
  })
})
