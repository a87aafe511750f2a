import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import type { HandfastError } from '../../../lib/base/errors.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { LinkStream } from '../../../lib/link/streams.ts'
import { LinkPair, linkWithPuppet } from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

async function connected(options: { latencyMs?: number } = {}) {
  const pair = new LinkPair({ runtime, ...options })
  const opened = pair.links[0].connect()
  await runtime.advance(100)
  await opened
  return pair
}

/** A stream opened by side 0, and its other end. */
async function streamOn(pair: LinkPair, name = 'x'): Promise<[LinkStream, LinkStream]> {
  const arrived = new Promise<LinkStream>((resolve) => {
    const off = pair.links[1].on('stream', (stream) => (off(), resolve(stream)))
  })
  const near = await pair.links[0].openStream(name)
  await runtime.advance(10)
  return [near, await arrived]
}

async function collect(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readable) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

const pattern = (length: number, seed = 0) =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 255)

const code = (error: HandfastError) => error.code

describe('streams', () => {
  test('carry bytes both ways, every size of chunk', async () => {
    const pair = await connected()
    for (const size of [1, 2, 255, 256, 257, 65_000, 70_000, 1_048_576]) {
      const [near, far] = await streamOn(pair, `size ${size}`)
      expect(far.name).toBe(`size ${size}`)
      const data = pattern(size < 300 ? size * 50 : size * 3)
      const write = async (writable: WritableStream<Uint8Array>) => {
        const writer = writable.getWriter()
        for (let at = 0; at < data.length; at += size)
          await writer.write(data.subarray(at, at + size))
        await writer.close()
      }
      const all = Promise.all([
        write(near.writable),
        write(far.writable),
        collect(near.readable),
        collect(far.readable),
      ])
      await runtime.advance(10)
      const [, , there, here] = await all
      expect(Buffer.compare(there, data)).toBe(0)
      expect(Buffer.compare(here, data)).toBe(0)
    }
    expect(await idle(pair)).toBe(true)
    await pair.close()
  })

  /** Whether the session would end for want of anything to do: no stream is left. */
  async function idle(pair: LinkPair): Promise<boolean> {
    await runtime.advance(2 * limits.defaultIdleTimeoutMs)
    return pair.links[0].state === 'idle'
  }

  test('a slow reader stops its writer at the window, and nobody else', async () => {
    const pair = await connected({ latencyMs: 1 })
    const [slow, slowFar] = await streamOn(pair, 'slow')
    const [fast, fastFar] = await streamOn(pair, 'fast')
    let written = 0
    const writer = slow.writable.getWriter()
    const writing = (async () => {
      for (let n = 0; n < 40; n++) {
        await writer.write(new Uint8Array(100_000))
        written += 100_000
      }
      await writer.close()
    })()
    await runtime.advance(200)
    expect(written).toBeLessThanOrEqual(
      limits.streamWindowBytes + limits.streamBufferBytes + 100_000,
    )
    expect(written).toBeGreaterThan(limits.streamWindowBytes / 2)
    const stuck = written
    const data = pattern(5_000_000)
    const fastWriter = fast.writable.getWriter()
    const got = collect(fastFar.readable)
    const fastWriting = fastWriter.write(data).then(() => fastWriter.close())
    await runtime.advance(500)
    await fastWriting
    expect(Buffer.compare(await got, data)).toBe(0)
    expect(written).toBe(stuck)
    const rest = collect(slowFar.readable)
    await runtime.advance(500)
    await writing
    expect(await rest).toHaveLength(4_000_000)
    await pair.close()
  })

  test('tiny chunks are bounded in number, not only in bytes', async () => {
    const pair = await connected()
    const [near] = await streamOn(pair)
    const writer = near.writable.getWriter()
    let written = 0
    void (async () => {
      for (;;) {
        await writer.write(Uint8Array.of(1))
        written++
      }
    })().catch(() => {})
    for (let i = 0; i < 50; i++) await runtime.settle()
    const window = limits.streamWindowBytes / (1 + limits.messageOverheadBytes)
    const taken = pair.connections[0]!.taps[0].sent.reduce((sum, { length }) => sum + length, 0)
    expect(taken).toBeLessThan(window * 20)
    expect(written).toBeLessThan(window + limits.streamBufferBytes + 2)
    await pair.close()
  })

  test('a writer may use its buffer again at once', async () => {
    const pair = await connected({ latencyMs: 5 })
    const [near, far] = await streamOn(pair)
    const got = collect(far.readable)
    const writer = near.writable.getWriter()
    const buffer = new Uint8Array(10_000)
    for (let n = 1; n <= 20; n++) {
      buffer.fill(n)
      await writer.write(buffer)
    }
    buffer.fill(99)
    const closed = writer.close()
    await runtime.advance(100)
    await closed
    const bytes = await got
    expect(bytes).toHaveLength(200_000)
    for (let n = 0; n < 20; n++) expect(bytes[n * 10_000]).toBe(n + 1)
    await pair.close()
  })

  test('half-close: one way ends, the other goes on', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    await near.writable.getWriter().close()
    await runtime.advance(1)
    expect(await collect(far.readable)).toHaveLength(0)
    const writer = far.writable.getWriter()
    await writer.write(pattern(1_000))
    await writer.close()
    await runtime.advance(1)
    expect(await collect(near.readable)).toHaveLength(1_000)
    expect(await idle(pair)).toBe(true)
    await pair.close()
  })

  test('empty chunks are nothing, an end without data is an end', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const writer = near.writable.getWriter()
    await writer.write(new Uint8Array(0))
    await writer.write(Uint8Array.of(5))
    await writer.write(new Uint8Array(0))
    await writer.close()
    await runtime.advance(1)
    expect([...(await collect(far.readable))]).toEqual([5])
    await pair.close()
  })

  test('what is no bytes is refused, and the stream with it', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const writer = near.writable.getWriter()
    await expect(writer.write('text' as unknown as Uint8Array)).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    await runtime.advance(1)
    await expect(collect(far.readable)).rejects.toMatchObject({ code: 'interrupted' })
    await pair.close()
  })

  test.each(['cancel', 'abort'] as const)('%s ends both ways on both sides', async (how) => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const reading = far.readable.getReader()
    const pending = reading.read().catch(code)
    const ends = how === 'cancel' ? near.readable.cancel() : near.writable.abort()
    await ends
    await runtime.advance(1)
    expect(await pending).toBe('interrupted')
    await expect(far.writable.getWriter().write(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'interrupted',
    })
    if (how === 'cancel')
      await expect(near.writable.getWriter().write(Uint8Array.of(1))).rejects.toMatchObject({
        code: 'interrupted',
      })
    else await expect(collect(near.readable)).rejects.toMatchObject({ code: 'interrupted' })
    expect(await idle(pair)).toBe(true)
    await pair.close()
  })

  test('a writer that waits is told when the reader cancels', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const writer = near.writable.getWriter()
    const writes = Array.from({ length: 30 }, () =>
      writer.write(new Uint8Array(100_000)).catch(code),
    )
    const closed = writer.closed.catch(code)
    await runtime.advance(10)
    await far.readable.cancel()
    await runtime.advance(10)
    expect((await Promise.all(writes)).at(-1)).toBe('interrupted')
    expect(await closed).toBe('interrupted')
    await pair.close()
  })

  test('nobody wants it: no-handler', async () => {
    const pair = await connected()
    const { readable, writable } = await pair.links[0].openStream('nobody')
    const writing = writable.getWriter().write(new Uint8Array(2_000_000)).catch(code)
    await runtime.advance(10)
    await expect(collect(readable)).rejects.toMatchObject({ code: 'no-handler' })
    await writing
    expect(await idle(pair)).toBe(true)
    await pair.close()
  })

  test('names: text of 1 to 64 characters', async () => {
    const pair = await connected()
    for (const name of ['', 'x'.repeat(65), 1 as unknown as string, '\ud800']) {
      await expect(pair.links[0].openStream(name)).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    const [, far] = await streamOn(pair, '€'.repeat(64))
    expect(far.name).toBe('€'.repeat(64))
    await pair.close()
  })

  test('256 at a time, from either side', async () => {
    const pair = await connected()
    const arrived: LinkStream[] = []
    pair.links[1].on('stream', (stream) => void arrived.push(stream))
    const streams: LinkStream[] = []
    for (let n = 0; n < limits.maxStreams; n++) streams.push(await pair.links[0].openStream(`${n}`))
    await expect(pair.links[0].openStream('more')).rejects.toMatchObject({ code: 'queue-full' })
    await runtime.advance(10)
    expect(arrived).toHaveLength(limits.maxStreams)
    const reads = arrived.map(({ readable }) => collect(readable))
    await Promise.all(
      streams.map(async ({ writable }, n) => {
        const writer = writable.getWriter()
        await writer.write(pattern(5_000, n))
        await writer.close()
      }),
    )
    await Promise.all(arrived.map(({ writable }) => writable.getWriter().close()))
    await runtime.advance(10)
    const all = await Promise.all(reads)
    expect(all.every((bytes, n) => Buffer.compare(bytes, pattern(5_000, n)) === 0)).toBe(true)
    await Promise.all(streams.map(({ readable }) => collect(readable)))
    // All are over: there is room again.
    await streamOn(pair)
    await pair.close()
  })

  test('the session ends: both ways fail on both sides, nothing is left unhandled', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    await near.writable.getWriter().write(pattern(10))
    const reading = collect(near.readable).catch(code)
    await runtime.advance(1)
    pair.network.cut()
    await runtime.advance(1)
    expect(await reading).toBe('interrupted')
    await expect(far.writable.getWriter().write(pattern(1))).rejects.toMatchObject({
      code: 'interrupted',
    })
    await pair.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('all that came before the end is read, also after the session has ended', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const data = pattern(300_000)
    const writer = near.writable.getWriter()
    await writer.write(data)
    await writer.close()
    await runtime.advance(1)
    pair.network.cut()
    await runtime.advance(1)
    expect(Buffer.compare(await collect(far.readable), data)).toBe(0)
    await pair.close()
  })

  test('a pipe from end to end', async () => {
    const pair = await connected()
    const [near, far] = await streamOn(pair)
    const echo = far.readable.pipeTo(far.writable)
    const data = pattern(3_000_000)
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => (controller.enqueue(data), controller.close()),
    })
    const sending = source.pipeTo(near.writable)
    const back = collect(near.readable)
    await runtime.advance(50)
    await Promise.all([echo, sending])
    expect(Buffer.compare(await back, data)).toBe(0)
    await pair.close()
  })
})

describe('a peer that breaks the rules', () => {
  // The puppet is the responder: its streams are odd, ours even.
  const data = new Uint8Array(60_000)
  test.each([
    ['a stream id of text', [[kinds.streamOpen, '1', 'x']]],
    ['a stream with our parity', [[kinds.streamOpen, 2, 'x']]],
    ['a negative stream id', [[kinds.streamOpen, -1, 'x']]],
    ['a name of bytes', [[kinds.streamOpen, 1, data]]],
    ['an empty name', [[kinds.streamOpen, 1, '']]],
    ['a name too long', [[kinds.streamOpen, 1, 'x'.repeat(257)]]],
    [
      'a stream that is open',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamOpen, 1, 'x'],
      ],
    ],
    [
      'data of text',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamData, 1, 'text'],
      ],
    ],
    [
      'empty data',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamData, 1, new Uint8Array(0)],
      ],
    ],
    [
      'data after the end',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamEnd, 1],
        [kinds.streamData, 1, data],
      ],
    ],
    [
      'a second end',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamEnd, 1],
        [kinds.streamEnd, 1],
      ],
    ],
    [
      'no credit',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamCredit, 1, 0],
      ],
    ],
    [
      'credit beyond the window',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamCredit, 1, 1],
      ],
    ],
    [
      'negative credit',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamCredit, 1, -5],
      ],
    ],
    [
      'credit of text',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamCredit, 1, 'x'],
      ],
    ],
    [
      'a reset with text',
      [
        [kinds.streamOpen, 1, 'x'],
        [kinds.streamReset, 1, 'length'],
      ],
    ],
  ])('%s', async (_, records) => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const streams: LinkStream[] = []
    link.on('stream', (stream) => void streams.push(stream))
    puppet.send(...records)
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    expect(streams.length).toBeLessThan(2)
    for (const { readable, writable } of streams) {
      await expect(writable.getWriter().closed).rejects.toMatchObject({ code: 'interrupted' })
      await collect(readable).catch(code)
    }
    await close()
  })

  test('data beyond the window', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    link.on('stream', () => {})
    puppet.send([kinds.streamOpen, 1, 'x'])
    for (let n = 0; n < 18 && puppet.session.isOpen; n++) {
      puppet.send([kinds.streamData, 1, data])
      await runtime.settle()
    }
    expect(await puppet.session.ended).toBe('protocol')
    await close()
  })

  test('what belongs to a stream that is gone is ignored; one too many is refused', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    link.on('stream', () => {})
    puppet.send(
      [kinds.streamData, 9, data],
      [kinds.streamEnd, 9],
      [kinds.streamCredit, 9, 5],
      [kinds.streamReset, 9, 0],
    )
    for (let n = 0; n <= limits.maxStreams; n++) puppet.send([kinds.streamOpen, 2 * n + 1, 'x'])
    await runtime.settle()
    expect(puppet.session.isOpen).toBe(true)
    expect(puppet.records.at(-1)).toEqual([kinds.streamReset, 2 * limits.maxStreams + 1, 2])
    await close()
  })
})
