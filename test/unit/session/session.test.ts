import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import { encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { Source } from '../../../lib/session/sources.ts'
import type { FrameWriter, Transfer } from '../../../lib/session/frame-writer.ts'
import {
  channelPair,
  puppetFor,
  Recorder,
  recordsOf,
  sessionPair,
} from '../../support/session-pair.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

/** A source of records given beforehand. */
class Records implements Source {
  readonly waiting: Uint8Array[]
  #transfer: Transfer | undefined
  constructor(records: CborValue[][] = []) {
    this.waiting = records.map((record) => encode(record))
  }
  get pending(): boolean {
    return this.waiting.length > 0
  }
  fill(writer: FrameWriter): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      if (next.length < 4096 ? !writer.record(next) : !this.#part(writer, next)) return
      this.waiting.shift()
    }
  }
  #part(writer: FrameWriter, record: Uint8Array): boolean {
    this.#transfer ??= { id: 7, record, offset: 0 }
    if (!writer.part(this.#transfer)) return false
    this.#transfer = undefined
    return true
  }
}

/** A stream without end. */
class Endless implements Source {
  readonly #id: number
  readonly #chunk = new Uint8Array(200_000)
  isOn = true
  constructor(id: number) {
    this.#id = id
  }
  get pending(): boolean {
    return this.isOn
  }
  fill(writer: FrameWriter): void {
    writer.someBytes(kinds.streamData, this.#id, this.#chunk)
  }
}

async function started(options: Partial<Parameters<typeof sessionPair>[0]> = {}) {
  const pair = await sessionPair({ runtime, ...options })
  const [near, far] = [new Recorder(), new Recorder()]
  pair.initiator.start(near)
  pair.responder.start(far)
  pair.initiator.control([kinds.hello, 'from the initiator'])
  pair.responder.control([kinds.hello, 'from the responder'])
  await runtime.settle()
  near.records.length = 0
  far.records.length = 0
  pair.taps[0].sent.length = 0
  return { ...pair, near, far }
}

const message = (n: number, size = 20): CborValue[] => [kinds.message, n, new Uint8Array(size)]

describe('frames', () => {
  test('records of one task leave in one frame, in order', async () => {
    const { initiator, far, taps } = await started()
    const source = new Records(Array.from({ length: 500 }, (_, n) => message(n)))
    initiator.sources.add(source, 'interactive')
    initiator.wake()
    initiator.wake()
    await runtime.settle()
    expect(far.records.map(([, n]) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n))
    expect(taps[0].sent).toHaveLength(1)
  })

  test('no frame is larger than the channel takes', async () => {
    for (const maxMessageBytes of [1_024, 1_500, 16_384, limits.maxFrameBytes, 262_144]) {
      const { initiator, far, taps } = await started({ maxMessageBytes })
      const sizes = [0, 1, 23, 24, 255, 256, 257, 480, 970, 980, 990, 1_000, 3_000, 4_095, 70_000]
      const source = new Records(sizes.map((size, n) => message(n, size)))
      // What no frame of this channel holds goes in parts.
      source.waiting.splice(
        0,
        Infinity,
        ...source.waiting.filter(
          (record) => record.length > 4_096 || record.length <= maxMessageBytes - 16,
        ),
      )
      const sent = source.waiting.length
      initiator.sources.add(source, 'interactive')
      initiator.wake()
      await runtime.settle()
      expect(far.records).toHaveLength(sent)
      const largest = Math.max(...taps[0].sent.map((frame) => frame.length))
      expect(largest).toBeLessThanOrEqual(Math.min(maxMessageBytes, limits.maxFrameBytes))
    }
  })

  test('a stream without end does not delay a message by a frame', async () => {
    const { initiator, far, taps } = await started({ latencyMs: 1 })
    await runtime.advance(5)
    taps[0].sent.length = 0
    far.records.length = 0
    const bulk = new Endless(0)
    initiator.sources.add(bulk, 'bulk')
    initiator.wake()
    await runtime.settle()
    const inFlight = taps[0].sent.length
    expect(inFlight).toBeGreaterThan(10)
    expect(inFlight * 65_535).toBeLessThan(limits.channelHighWaterBytes + 65_536)
    const source = new Records([message(1, 100)])
    initiator.sources.add(source, 'interactive')
    initiator.wake()
    await runtime.settle()
    await runtime.advance(1)
    bulk.isOn = false
    await runtime.advance(10)
    const index = far.records.findIndex(([kind]) => kind === kinds.message)
    expect(index).toBe(inFlight)
  })

  test('interactive sources leave half of the frame to streams, and streams take turns', async () => {
    const pair = await started({ latencyMs: 1 })
    await runtime.advance(5)
    pair.taps[0].sent.length = 0
    const sources = [new Endless(0), new Endless(2), new Endless(4)]
    for (const source of sources) pair.initiator.sources.add(source, 'bulk')
    const large = new Records([message(1, 1_000_000)])
    pair.initiator.sources.add(large, 'interactive')
    pair.initiator.wake()
    await runtime.settle()
    for (const source of sources) source.isOn = false
    await runtime.advance(10)
    const streams = pair.far.records.filter(([kind]) => kind === kinds.streamData)
    const bytes = new Map<unknown, number>()
    for (const [, id, data] of streams)
      bytes.set(id, (bytes.get(id) ?? 0) + (data as Uint8Array).length)
    const shares = [...bytes.values()]
    expect(shares).toHaveLength(3)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(3 * 65_536)
    // 1 MB in halves of frames.
    expect(pair.far.records.some(([kind]) => kind === kinds.message)).toBe(true)
  })

  test('interactive sources take turns: a large transfer of one does not hold up another', async () => {
    const { initiator, far, taps } = await started()
    const large = new Records([message(1, 3_000_000)])
    const small = new Records([message(2, 10)])
    initiator.sources.add(large, 'interactive')
    initiator.sources.add(small, 'interactive')
    initiator.wake()
    await runtime.settle()
    expect(far.records.map(([, n]) => n)).toEqual([2, 1])
    const first = recordsOf('initiator', taps[0].sent.slice(), 1)
    const position = first.findIndex((records) => records.some(([, n]) => n === 2))
    expect(position).toBeLessThanOrEqual(1)
  })

  test('waits where the channel is full, and goes on when it has drained', async () => {
    const { initiator, taps } = await started({ latencyMs: 10 })
    await runtime.advance(50)
    taps[0].sent.length = 0
    initiator.sources.add(new Endless(0), 'bulk')
    initiator.wake()
    await runtime.settle()
    const first = taps[0].sent.length
    expect(taps[0].bufferedBytes).toBeGreaterThanOrEqual(limits.channelHighWaterBytes)
    expect(taps[0].bufferedBytes).toBeLessThan(limits.channelHighWaterBytes + 65_536)
    initiator.wake()
    await runtime.settle()
    expect(taps[0].sent).toHaveLength(first)
    await runtime.advance(10)
    expect(taps[0].sent.length).toBeGreaterThan(first)
  })

  test('keys change after 2^16 frames each way', async () => {
    const { initiator, responder, near, far, taps } = await started({ nonce: 65_530 })
    let source!: Records
    for (let n = 0; n < 20; n++) {
      for (const session of [initiator, responder]) {
        source = new Records([message(n)])
        session.sources.add(source, 'interactive')
        session.wake()
      }
      await runtime.settle()
    }
    expect(far.records).toHaveLength(20)
    expect(near.records).toHaveLength(20)
    expect(recordsOf('initiator', taps[0].sent, 65_531)).toHaveLength(20)
  })

  test('65,600 frames each way, all of them', async () => {
    const { initiator, responder, near, far, taps } = await started()
    for (const tap of taps) tap.sent.push = () => 0
    const count = 65_600
    const feed = (session: typeof initiator) => {
      let n = 0
      session.sources.add(
        {
          get pending() {
            return n < count
          },
          fill: (writer) => void (writer.record(encode([kinds.ack, n])) && n++),
        },
        'interactive',
      )
      session.wake()
    }
    feed(initiator)
    feed(responder)
    await runtime.settle()
    expect(far.records).toHaveLength(count)
    expect(near.records).toHaveLength(count)
    expect(far.records.every(([, n], index) => n === index)).toBe(true)
    expect([initiator.isOpen, responder.isOpen]).toEqual([true, true])
  })
})

describe('a frame that is not the next one as sent ends the session, and nothing of it is delivered', () => {
  const cases: [string, (frame: Uint8Array, index: number, held: Uint8Array[]) => Uint8Array[]][] =
    [
      [
        'changed',
        (frame, index) =>
          index === 2 ? [frame.map((byte, i) => (i === 5 ? byte ^ 1 : byte))] : [frame],
      ],
      [
        'changed in its tag',
        (frame, index) =>
          index === 2
            ? [frame.map((byte, i) => (i === frame.length - 1 ? byte ^ 128 : byte))]
            : [frame],
      ],
      [
        'cut short',
        (frame, index) => (index === 2 ? [frame.subarray(0, frame.length - 1)] : [frame]),
      ],
      ['cut to nothing', (frame, index) => (index === 2 ? [new Uint8Array(0)] : [frame])],
      ['lengthened', (frame, index) => (index === 2 ? [Uint8Array.of(...frame, 0)] : [frame])],
      ['repeated', (frame, index) => (index === 1 ? [frame, frame] : [frame])],
      ['dropped', (frame, index) => (index === 2 ? [] : [frame])],
      [
        'swapped with the next',
        (frame, index, held) =>
          index === 2 ? (held.push(frame), []) : index === 3 ? [frame, held[0]!] : [frame],
      ],
      ['forged', (frame, index) => (index === 2 ? [new Uint8Array(64)] : [frame])],
    ]
  test.each(cases)('%s', async (_, rule) => {
    const { initiator, responder, far, taps } = await started()
    const held: Uint8Array[] = []
    taps[0].rule = (frame, index) => rule(frame, index, held)
    for (let n = 0; n < 6; n++) {
      initiator.sources.add(new Records([message(n)]), 'interactive')
      initiator.wake()
      await runtime.settle()
    }
    expect(far.records.map(([, n]) => n)).toEqual([0, 1])
    expect(await responder.ended).toBe('protocol')
    expect(['protocol', 'lost']).toContain(await initiator.ended)
    expect([initiator.isOpen, responder.isOpen]).toEqual([false, false])
  })

  test('larger than a frame may be', async () => {
    const puppet = await puppetFor('responder', { runtime, maxMessageBytes: 262_144 })
    const handler = new Recorder()
    puppet.session.start(handler)
    puppet.send([kinds.message, 1, new Uint8Array(100_000)])
    await runtime.settle()
    expect(handler.records).toEqual([])
    expect(await puppet.session.ended).toBe('protocol')
  })
})

describe('records that break the protocol end the session', () => {
  const bytes = new Uint8Array(300)
  const plaintexts: [string, Uint8Array][] = [
    ['no CBOR', Uint8Array.of(0xff, 0xff)],
    ['cut off', Uint8Array.of(0x82, 0x01)],
    ['a number', encode(5)],
    ['a text', encode('hello')],
    ['null', encode(null)],
    ['a map', encode({ kind: 1 })],
    ['an empty array', encode([])],
    ['a kind that is text', encode(['1', 2])],
    ['a kind that is a bigint', encode([1n, 2])],
    ['ping without a nonce', encode([kinds.ping])],
    ['ping with text', encode([kinds.ping, 'x'])],
    ['pong with text', encode([kinds.pong, 'x'])],
    ['bye with text', encode([kinds.bye, 'length'])],
    ['bye with a fraction', encode([kinds.bye, 0.5])],
    ['a part without anything', encode([kinds.part])],
    ['a part whose id is text', encode([kinds.part, 'x', false, bytes])],
    ['a part whose end is a number', encode([kinds.part, 1, 1, bytes])],
    ['a part that is text', encode([kinds.part, 1, false, 'x'])],
    ['an empty part', encode([kinds.part, 1, false, new Uint8Array(0)])],
    [
      'a tiny part that is not the last',
      encode([kinds.part, 1, false, new Uint8Array(limits.minPartBytes - 1)]),
    ],
    ['parts that are no CBOR', encode([kinds.part, 1, true, Uint8Array.of(0xff)])],
    ['parts that are no record', encode([kinds.part, 1, true, encode(5)])],
    ['parts that are an empty record', encode([kinds.part, 1, true, encode([])])],
    [
      'parts within parts',
      encode([kinds.part, 1, true, encode([kinds.part, 2, true, encode([1])])]),
    ],
  ]
  test.each(plaintexts)('%s', async (_, plaintext) => {
    for (const isStarted of [true, false]) {
      const puppet = await puppetFor('responder', { runtime })
      const handler = new Recorder()
      if (isStarted) puppet.session.start(handler)
      puppet.sendPlaintext(plaintext)
      await runtime.settle()
      if (!isStarted) expect(() => puppet.session.start(handler)).not.toThrow()
      await runtime.settle()
      expect(handler.records).toEqual([])
      expect(await puppet.session.ended).toBe('protocol')
    }
  })

  test('what the handler throws at, too; nothing comes after', async () => {
    const puppet = await puppetFor('responder', { runtime })
    const seen: unknown[] = []
    puppet.session.start({
      isIdle: () => true,
      onRecords: (records) => {
        seen.push(...records)
        throw new Error('no')
      },
    })
    puppet.send([kinds.message, 1])
    puppet.send([kinds.message, 2])
    await runtime.settle()
    expect(seen).toHaveLength(1)
    expect(await puppet.session.ended).toBe('protocol')
  })

  test('too many pings that are not read from', async () => {
    const puppet = await puppetFor('responder', { runtime, latencyMs: 1 })
    puppet.session.start(new Recorder())
    // The way back is full: pongs can't leave.
    const full = {
      pending: true,
      fill: (writer: FrameWriter) => void writer.someBytes(8, 0, new Uint8Array(65_000)),
    }
    puppet.session.sources.add(full, 'bulk')
    puppet.session.wake()
    await runtime.settle()
    for (let n = 0; n <= limits.maxControlRecords; n += 1_000) {
      puppet.send(...Array.from({ length: 1_000 }, (_, i): CborValue[] => [kinds.ping, i]))
    }
    await runtime.advance(1)
    expect(await puppet.session.ended).toBe('protocol')
  })
})

describe('before the session is taken into use', () => {
  test('frames wait, up to a bound', async () => {
    const puppet = await puppetFor('responder', { runtime })
    for (let n = 0; n < limits.maxWaitingFrames; n++) puppet.send(message(n))
    await runtime.settle()
    await puppet.session.confirmed
    const handler = new Recorder()
    puppet.session.start(handler)
    expect(handler.records.map(([, n]) => n)).toEqual(
      Array.from({ length: limits.maxWaitingFrames }, (_, n) => n),
    )
  })

  test('one frame too many ends it', async () => {
    const puppet = await puppetFor('responder', { runtime })
    for (let n = 0; n <= limits.maxWaitingFrames; n++) puppet.send(message(n))
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    const handler = new Recorder()
    puppet.session.start(handler)
    expect(handler.records).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('a refusal is no proof', async () => {
    const puppet = await puppetFor('initiator', { runtime })
    const confirmed = expect(puppet.session.confirmed).rejects.toMatchObject({
      code: 'transport-failed',
    })
    puppet.session.start(new Recorder())
    puppet.send([kinds.bye, 0])
    await runtime.advance(2 * limits.byeTimeoutMs)
    await confirmed
  })

  test('a frame that came before the session was made is taken', async () => {
    const [near, far] = await channelPair({ runtime })
    const { CipherState } = await import('../../../lib/crypto/cipher-state.ts')
    const { Session } = await import('../../../lib/session/session.ts')
    const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    near.send(new CipherState(key).encryptWithAd(null, encode(message(1))))
    await runtime.settle()
    const session = new Session({
      channel: far,
      role: 'responder',
      ciphers: [new CipherState(key), new CipherState(other)],
      runtime,
      diallerKey: key,
      peerDeviceKey: key,
      idleTimeoutMs: 1_000,
    })
    await session.confirmed
    const handler = new Recorder()
    session.start(handler)
    expect(handler.records).toHaveLength(1)
  })

  test('without a frame of the other side it is lost after a while', async () => {
    const puppet = await puppetFor('responder', { runtime })
    const confirmed = expect(puppet.session.confirmed).rejects.toMatchObject({
      code: 'transport-failed',
    })
    await runtime.advance(limits.confirmTimeoutMs)
    expect(await puppet.session.ended).toBe('lost')
    await confirmed
    expect(runtime.pendingTimers).toBe(0)
  })

  test('a bye that waited is answered, and leaves no timer', async () => {
    const puppet = await puppetFor('responder', { runtime })
    puppet.send(message(1), [kinds.bye, 0])
    await runtime.settle()
    const handler = new Recorder()
    puppet.session.start(handler)
    await runtime.settle()
    expect(handler.records).toHaveLength(1)
    expect(puppet.records).toEqual([[kinds.bye, 0]])
    puppet.channel.close()
    expect(await puppet.session.ended).toBe('closed')
    expect(runtime.pendingTimers).toBe(0)
  })

  test('it may speak before it listens', async () => {
    const puppet = await puppetFor('initiator', { runtime })
    puppet.send(message(1), [kinds.ping, 5])
    const handler = new Recorder()
    let listen!: () => void
    puppet.session.start(handler, new Promise((resolve) => (listen = resolve)))
    const source = new Records([message(9)])
    puppet.session.sources.add(source, 'interactive')
    await runtime.settle()
    puppet.send(message(2))
    await runtime.settle()
    expect(handler.records).toEqual([])
    expect(puppet.records.map(([, n]) => n)).toEqual([5, 9])
    puppet.send([kinds.ping, 6])
    await runtime.settle()
    expect(puppet.records.at(-1)).toEqual([kinds.pong, 6])
    listen()
    await runtime.settle()
    expect(handler.records.map(([, n]) => n)).toEqual([1, 2])
    expect(puppet.records).toHaveLength(3)
  })

  test('it starts once', async () => {
    const { initiator } = await started()
    expect(() => initiator.start(new Recorder())).toThrow(
      expect.objectContaining({ code: 'wrong-phase' }),
    )
  })
})

describe('ending', () => {
  test('bye and bye: both know why, nothing is left', async () => {
    for (const reason of [
      'closed',
      'idle',
      'glare',
      'replaced',
      'forgotten',
      'suspended',
    ] as const) {
      const { initiator, responder } = await started()
      await initiator.close(reason)
      await runtime.settle()
      expect([await initiator.ended, await responder.ended]).toEqual([reason, reason])
      expect(runtime.pendingTimers).toBe(0)
    }
  })

  test('what left before the bye arrives before it', async () => {
    const { initiator, far } = await started()
    initiator.sources.add(new Records([message(1), message(2, 900_000)]), 'interactive')
    initiator.wake()
    await runtime.settle()
    await initiator.close()
    expect(far.records).toHaveLength(2)
  })

  test('both at once', async () => {
    const { initiator, responder } = await started({ latencyMs: 5 })
    await runtime.advance(20)
    const ends = [initiator.close('closed'), responder.close('glare')]
    await runtime.advance(20)
    await Promise.all(ends)
    expect([await initiator.ended, await responder.ended]).toEqual(['closed', 'glare'])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('a bye that gets no answer times out', async () => {
    const { initiator, responder, taps } = await started()
    taps[0].rule = () => []
    const closing = initiator.close('closed')
    void initiator.close('glare')
    await runtime.advance(limits.byeTimeoutMs)
    await closing
    expect(await initiator.ended).toBe('closed')
    await runtime.settle()
    // Cut off: the other side has seen no bye.
    expect(await responder.ended).toBe('lost')
    expect(runtime.pendingTimers).toBe(0)
  })

  test('a bye whose sender does not close times out, too', async () => {
    const puppet = await puppetFor('responder', { runtime })
    puppet.session.start(new Recorder())
    puppet.send([kinds.bye, 1])
    await runtime.advance(limits.byeTimeoutMs)
    expect(await puppet.session.ended).toBe('idle')
    expect(runtime.pendingTimers).toBe(0)
  })

  test('an unknown reason counts as closed', async () => {
    const puppet = await puppetFor('responder', { runtime })
    puppet.session.start(new Recorder())
    puppet.send([kinds.bye, 99])
    await runtime.advance(limits.byeTimeoutMs)
    expect(await puppet.session.ended).toBe('closed')
  })

  test('a channel that closes without bye is lost', async () => {
    const { initiator, responder, taps } = await started()
    taps[0].close()
    await runtime.settle()
    expect([await initiator.ended, await responder.ended]).toEqual(['lost', 'lost'])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('a channel that cannot send is lost', async () => {
    const { initiator, taps } = await started()
    taps[0].send = () => {
      throw new Error('closed')
    }
    initiator.control([kinds.ping, 1])
    await runtime.settle()
    expect(await initiator.ended).toBe('lost')
  })

  test('abandon says bye and closes at once', async () => {
    const { initiator, taps } = await started()
    initiator.abandon('suspended')
    expect(await initiator.ended).toBe('suspended')
    expect(recordsOf('initiator', taps[0].sent, 1)).toEqual([[[kinds.bye, 5]]])
    initiator.abandon('closed')
    await initiator.close()
    await runtime.settle()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('records of the frame that ends in a bye are delivered, also after our own bye', async () => {
    const puppet = await puppetFor('responder', { runtime })
    const handler = new Recorder()
    puppet.session.start(handler)
    puppet.send(message(1))
    await runtime.settle()
    void puppet.session.close()
    puppet.send(message(2), [kinds.bye, 0])
    await runtime.settle()
    expect(await puppet.session.ended).toBe('closed')
    expect(handler.records.map(([, n]) => n)).toEqual([1, 2])
  })

  test('nothing is delivered after the bye of the peer', async () => {
    const puppet = await puppetFor('responder', { runtime })
    const handler = new Recorder()
    puppet.session.start(handler)
    puppet.send(message(1), [kinds.bye, 0], message(2))
    puppet.send(message(3))
    await runtime.settle()
    expect(handler.records.map(([, n]) => n)).toEqual([1])
  })
})

describe('time', () => {
  const idleTimeoutMs = 60_000

  test('the responder ends an idle session, the initiator never', async () => {
    const { initiator, responder } = await started({ idleTimeoutMs })
    await runtime.advance(idleTimeoutMs - 1)
    expect([initiator.isOpen, responder.isOpen]).toEqual([true, true])
    await runtime.advance(1)
    expect([await initiator.ended, await responder.ended]).toEqual(['idle', 'idle'])
  })

  test('the initiator keeps it, however long the responder does', async () => {
    const { initiator, far } = await started({ idleTimeoutMs })
    far.idle = false
    await runtime.advance(20 * idleTimeoutMs)
    expect(initiator.isOpen).toBe(true)
  })

  test('traffic either way counts, pings do not', async () => {
    const { initiator, responder } = await started({ idleTimeoutMs })
    for (const session of [initiator, responder]) {
      await runtime.advance(idleTimeoutMs - 10)
      session.sources.add(new Records([message(1)]), 'interactive')
      session.wake()
      await runtime.settle()
    }
    expect(responder.isOpen).toBe(true)
    await runtime.advance(idleTimeoutMs - 10)
    await initiator.ping()
    expect(responder.isOpen).toBe(true)
    await runtime.advance(10)
    expect(await responder.ended).toBe('idle')
  })

  test('not while something is under way', async () => {
    const { responder, far } = await started({ idleTimeoutMs })
    far.idle = false
    await runtime.advance(5 * idleTimeoutMs)
    expect(responder.isOpen).toBe(true)
    far.idle = true
    await runtime.advance(2 * idleTimeoutMs)
    expect(await responder.ended).toBe('idle')
  })

  test('the dialler ends a session after a day, whatever it does', async () => {
    const { initiator, responder, far } = await started()
    far.idle = false
    await runtime.advance(limits.maxSessionAgeMs - 1)
    expect(responder.isOpen).toBe(true)
    await runtime.advance(1)
    expect([await initiator.ended, await responder.ended]).toEqual(['aged', 'aged'])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('ping measures the round trip', async () => {
    const { initiator } = await started({ latencyMs: 7 })
    await runtime.advance(20)
    const ping = initiator.ping()
    await runtime.advance(14)
    expect(await ping).toBe(14)
  })

  test('a ping without an answer times out; one of an ended session rejects', async () => {
    const puppet = await puppetFor('responder', { runtime })
    puppet.session.start(new Recorder())
    puppet.send([kinds.hello])
    const late = expect(puppet.session.ping()).rejects.toMatchObject({ code: 'timeout' })
    await runtime.advance(limits.pingTimeoutMs)
    await late
    const cut = expect(puppet.session.ping()).rejects.toMatchObject({ code: 'closed' })
    puppet.session.abandon('closed')
    await cut
    await expect(puppet.session.ping()).rejects.toMatchObject({ code: 'closed' })
    expect(runtime.pendingTimers).toBe(0)
  })
})

describe('figures', () => {
  const pingsOf = (puppet: { records: readonly (readonly unknown[])[] }) =>
    puppet.records.filter(([kind]) => kind === kinds.ping)

  test('of the round trip are as the latest ping found it, whoever wanted that', async () => {
    const { initiator, responder } = await started({ latencyMs: 7 })
    await runtime.advance(20)
    const asked = initiator.stats()
    await runtime.advance(14)
    expect((await asked).roundTripMs).toBe(14)
    const { sent } = await initiator.stats()
    await runtime.advance(limits.roundTripFreshMs - 15)
    expect((await initiator.stats()).sent).toEqual(sent)
    const ping = responder.ping()
    await runtime.advance(14)
    await ping
    expect((await responder.stats()).roundTripMs).toBe(14)
  })

  test('count frames and their bytes, sealed', async () => {
    const { initiator, responder } = await started()
    initiator.sources.add(new Records([message(1), message(2)]), 'interactive')
    initiator.wake()
    await runtime.settle()
    await Promise.all([initiator.ping(), responder.ping()])
    const [near, far] = await Promise.all([initiator.stats(), responder.stats()])
    expect(near.sent).toEqual(far.received)
    expect(near.received).toEqual(far.sent)
    expect(near.sent.frames).toBeGreaterThan(1)
    expect(near.sent.bytes).toBeGreaterThan(near.sent.frames * limits.aeadTagBytes)
  })

  test('come in time from one that answers nothing, over a transport that tells nothing', async () => {
    const puppet = await puppetFor('responder', { runtime })
    Object.assign(puppet.near, { route: () => new Promise(() => {}) })
    puppet.session.start(new Recorder())
    puppet.send([kinds.hello])
    await runtime.settle()
    const late = puppet.session.stats()
    // A pong that nobody has asked for is no answer.
    puppet.send([kinds.pong, 77])
    await runtime.advance(limits.statsTimeoutMs)
    expect(await late).toMatchObject({ roundTripMs: null, route: null })
    const before = pingsOf(puppet).length
    for (let passedMs = 0; passedMs < 1_000; passedMs += 20) {
      void puppet.session.stats()
      await runtime.advance(20)
    }
    expect(pingsOf(puppet).length - before).toBeLessThanOrEqual(1_000 / limits.roundTripFreshMs)
  })

  test.each<[string, () => Promise<never>]>([
    ['that fails', () => Promise.reject(new Error('no'))],
    [
      'that throws',
      () => {
        throw new Error('no')
      },
    ],
  ])('have no route of a transport %s, nor of an ended session', async (_, route) => {
    const puppet = await puppetFor('responder', { runtime })
    Object.assign(puppet.near, { route })
    puppet.session.abandon('closed')
    expect(await puppet.session.stats()).toMatchObject({ route: null })
    expect(runtime.pendingTimers).toBe(0)
  })
})
