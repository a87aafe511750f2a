import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { relayLimits } from '../../../lib/base/limits.ts'
import { encode } from '../../../lib/codec/cbor.ts'
import { RelayCore, type RelayLimits } from '../../../lib/relay/core.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { type ClientMessage, closeCode } from '../../../lib/signaling/relay-protocol.ts'
import { encoded, FakeConnection } from './fake-connection.ts'

const tagOf = (n: number) => Uint8Array.from({ length: 16 }, (_, i) => (i < 2 ? n >> (8 * i) : 0))
const tag = tagOf(1)
const packet = Uint8Array.of(1, 2, 3)

let nowMs: number
let core: RelayCore

const start = (limits: Partial<RelayLimits> = {}) => {
  core = new RelayCore({
    runtime: { now: () => 1_700_000_000_900 + nowMs, monotonicNow: () => nowMs },
    limits,
  })
}

beforeEach(() => {
  nowMs = 0
  start()
})

function join(address?: string): FakeConnection {
  const connection = new FakeConnection(address)
  core.connect(connection)
  return connection
}

const say = (connection: FakeConnection, message: ClientMessage) =>
  core.receive(connection, encoded(message))

const subscribe = (connection: FakeConnection, ...tags: Uint8Array[]) =>
  say(connection, [verb.subscribe, tags])

/** Publishes and returns the receivers reported, or nothing when there was no answer. */
function publish(connection: FakeConnection, at: Uint8Array, bytes = packet): number | undefined {
  const before = connection.of(verb.published).length
  say(connection, [verb.publish, 7, at, bytes])
  return connection.of(verb.published)[before]?.[2] as number | undefined
}

/** Two honest connections to which nothing must happen. */
function honestPair() {
  const [a, b] = [join('198.51.100.1'), join('198.51.100.2')]
  subscribe(b, tagOf(999))
  return () => {
    const before = b.of(verb.deliver).length
    expect(publish(a, tagOf(999))).toBe(1)
    expect(b.of(verb.deliver)).toHaveLength(before + 1)
    expect([...a.closed, ...b.closed]).toEqual([])
  }
}

const metric = (name: string) =>
  Number(core.renderMetrics().match(new RegExp(`^handfast_relay_${name} (\\d+)$`, 'm'))?.[1])
const closedFor = (reason: string) => metric(`closed_total\\{reason="${reason}"\\}`)

describe('publish and subscribe', () => {
  test('welcomes with version and clock', () => {
    expect(join().received).toEqual([[verb.welcome, 1, 1_700_000_000]])
  })

  test('delivers to the subscribers of the tag, and answers with their number', () => {
    const [a, b, c, d] = [join(), join(), join(), join()]
    subscribe(b, tag, tagOf(2))
    subscribe(c, tag)
    subscribe(d, tagOf(2))
    expect(publish(a, tag)).toBe(2)
    expect(b.of(verb.deliver)).toEqual([[verb.deliver, tag, packet]])
    expect(c.of(verb.deliver)).toEqual([[verb.deliver, tag, packet]])
    expect(d.of(verb.deliver)).toEqual([])
    expect(a.of(verb.published)).toEqual([[verb.published, 7, 2]])
  })

  test('keeps nothing for who comes later', () => {
    const [a, b] = [join(), join()]
    expect(publish(a, tag)).toBe(0)
    subscribe(b, tag)
    expect(b.of(verb.deliver)).toEqual([])
  })

  test('a publisher is no receiver of its own', () => {
    const a = join()
    subscribe(a, tag)
    expect(publish(a, tag)).toBe(0)
    expect(a.of(verb.deliver)).toEqual([])
  })

  test('subscribing twice delivers once; unsubscribing ends it and leaves no trace', () => {
    const [a, b] = [join(), join()]
    subscribe(b, tag, tag)
    subscribe(b, tag)
    expect(publish(a, tag)).toBe(1)
    expect(metric('tags')).toBe(1)
    say(b, [verb.unsubscribe, [tag, tag, tagOf(3)]])
    expect(publish(a, tag)).toBe(0)
    expect(metric('tags')).toBe(0)
  })

  test('forgets who disconnects', () => {
    const [a, b] = [join(), join()]
    subscribe(b, tag)
    core.disconnect(b)
    core.disconnect(b)
    expect(publish(a, tag)).toBe(0)
    subscribe(b, tag)
    expect(publish(a, tag)).toBe(0)
    expect(metric('connections')).toBe(1)
    expect(metric('tags')).toBe(0)
    expect(closedFor('gone')).toBe(1)
  })
})

describe('malformed messages', () => {
  test.each<[string, Uint8Array | string]>([
    ['text', 'hello'],
    ['no bytes', new Uint8Array(0)],
    ['no CBOR', Uint8Array.of(0xff)],
    ['a relay verb', encode([verb.deliver, tag, packet])],
    ['a short tag', encode([verb.subscribe, [tag.subarray(1)]])],
    ['a bignum', Uint8Array.of(0xc2, 0x5a, 0, 4, 0, 0)],
  ])('%s closes with 4400 and disturbs nobody', (_name, bytes) => {
    const check = honestPair()
    const bad = join()
    core.receive(bad, bytes)
    expect(bad.closed).toEqual([closeCode.malformed])
    core.receive(bad, encoded([verb.publish, 1, tagOf(999), packet]))
    expect(bad.received).toHaveLength(1)
    expect(closedFor('malformed')).toBe(1)
    check()
  })

  test('a packet, a tag list, a message and a nesting beyond the limits close with 4413', () => {
    const check = honestPair()
    const bodies = [
      encode([verb.publish, 1, tag, new Uint8Array(16 * 1024 + 1)]),
      encode([verb.subscribe, Array.from({ length: 1025 }, () => tag)]),
      new Uint8Array(64 * 1024 + 1),
      new Uint8Array(60_000).fill(0x81),
    ]
    for (const bytes of bodies) {
      const bad = join()
      core.receive(bad, bytes)
      expect(bad.closed).toEqual([closeCode.tooLarge])
    }
    expect(closedFor('tooLarge')).toBe(4)
    check()
  })

  test('random and mutated bytes never throw, and end well or with the documented code', () => {
    const valid = [
      encoded([verb.subscribe, [tag, tagOf(2)]]),
      encoded([verb.unsubscribe, [tag]]),
      encoded([verb.publish, 1, tag, packet]),
    ]
    const mutated = fc
      .tuple(
        fc.constantFrom(...valid),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(80),
      )
      .map(([bytes, edits, cut]) => {
        const copy = bytes.slice(0, cut < 40 ? Math.max(0, bytes.length - cut) : bytes.length)
        for (const [at, byte] of edits) if (copy.length > 0) copy[at % copy.length] = byte
        return copy
      })
    const check = honestPair()
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), mutated), (bytes) => {
        const connection = join()
        core.receive(connection, bytes)
        const [code, ...more] = connection.closed
        expect(more).toEqual([])
        expect([undefined, closeCode.malformed, closeCode.tooLarge]).toContain(code)
        core.disconnect(connection)
      }),
      { numRuns: 5000 },
    )
    expect(metric('connections')).toBe(2)
    check()
  })
})

describe('limits', () => {
  test('connections in all', () => {
    start({ maxConnections: 2 })
    const check = honestPair()
    const third = join('203.0.113.1')
    expect(third.closed).toEqual([closeCode.full])
    expect(third.received).toEqual([])
    core.disconnect(third)
    expect(metric('connections')).toBe(2)
    check()
  })

  test('connections of an address, freed when one leaves', () => {
    start({ maxConnectionsPerAddress: 2 })
    const check = honestPair()
    const [first, , third] = [join(), join(), join()]
    expect(third.closed).toEqual([closeCode.full])
    core.disconnect(third)
    expect(join().closed).toEqual([closeCode.full])
    core.disconnect(first)
    expect(join().closed).toEqual([])
    check()
  })

  test('tags of a connection', () => {
    start({ maxTagsPerConnection: 3 })
    const check = honestPair()
    const greedy = join()
    subscribe(greedy, tagOf(1), tagOf(2))
    subscribe(greedy, tagOf(2), tagOf(3))
    expect(greedy.closed).toEqual([])
    say(greedy, [verb.unsubscribe, [tagOf(3)]])
    subscribe(greedy, tagOf(4))
    expect(greedy.closed).toEqual([])
    subscribe(greedy, tagOf(5))
    expect(greedy.closed).toEqual([closeCode.tooLarge])
    expect(metric('tags')).toBe(1)
    check()
  })

  test('tags in all', () => {
    start({ maxTags: 3 })
    const check = honestPair()
    const greedy = join()
    subscribe(greedy, tagOf(1), tagOf(2), tagOf(999))
    expect(greedy.closed).toEqual([])
    subscribe(greedy, tagOf(3))
    expect(greedy.closed).toEqual([closeCode.full])
    check()
  })

  test('subscribers of a tag: the oldest gives way', () => {
    start({ maxSubscribersPerTag: 2 })
    const check = honestPair()
    const [a, b, c, d] = [join(), join(), join(), join()]
    for (const connection of [b, c, d]) subscribe(connection, tag)
    expect(publish(a, tag)).toBe(2)
    expect([b, c, d].map((connection) => connection.of(verb.deliver).length)).toEqual([0, 1, 1])
    expect(metric('subscriptions_dropped_total')).toBe(1)
    subscribe(b, tag)
    expect(publish(a, tag)).toBe(2)
    expect([b, c, d].map((connection) => connection.of(verb.deliver).length)).toEqual([1, 1, 2])
    core.disconnect(c)
    expect(publish(a, tag)).toBe(2)
    check()
  })

  test('messages a second', () => {
    start({ messagesPerSecond: 10, messageBurst: 20 })
    const check = honestPair()
    const [steady, flooding] = [join(), join()]
    for (let i = 0; i < 100; i++) {
      publish(steady, tag)
      nowMs += 100
    }
    expect(steady.closed).toEqual([])
    for (let i = 0; i < 20; i++) publish(flooding, tag)
    expect(flooding.closed).toEqual([])
    publish(flooding, tag)
    expect(flooding.closed).toEqual([closeCode.rate])
    check()
  })

  test('bytes a second, garbage included', () => {
    start({ bytesPerSecond: 10_000, byteBurst: 20_000 })
    const check = honestPair()
    const flooding = join()
    publish(flooding, tag, new Uint8Array(16_000))
    expect(flooding.closed).toEqual([])
    core.receive(flooding, new Uint8Array(16_000))
    expect(flooding.closed).toEqual([closeCode.rate])
    check()
  })

  test('publishes a second to a tag are dropped, other tags untouched', () => {
    start({ publishesPerSecondPerTag: 1, publishBurstPerTag: 3 })
    const check = honestPair()
    const [a, b] = [join(), join()]
    subscribe(b, tag)
    expect(Array.from({ length: 5 }, () => publish(a, tag))).toEqual([1, 1, 1, 0, 0])
    expect(b.of(verb.deliver)).toHaveLength(3)
    expect(metric('publishes_dropped_total')).toBe(2)
    nowMs += 1000
    expect(publish(a, tag)).toBe(1)
    check()
  })

  test('a slow reader is closed and not counted, the others are served', () => {
    const [a, slow, quick] = [join(), join(), join()]
    subscribe(slow, tag)
    subscribe(quick, tag)
    slow.bufferedBytes = relayLimits.maxBufferedBytes
    expect(publish(a, tag)).toBe(1)
    expect(slow.closed).toEqual([closeCode.slow])
    expect(quick.of(verb.deliver)).toHaveLength(1)
    expect(publish(a, tag)).toBe(1)
    expect(closedFor('slow')).toBe(1)
  })

  test('a publisher that does not read its answers is closed too', () => {
    const a = join()
    a.bufferedBytes = relayLimits.maxBufferedBytes
    expect(publish(a, tag)).toBeUndefined()
    expect(a.closed).toEqual([closeCode.slow])
  })
})

describe('time', () => {
  test('pings the silent once, closes them when they stay so', () => {
    const [silent, ponging, talking] = [join(), join(), join()]
    const { pingAfterMs, idleTimeoutMs } = core.limits
    for (; nowMs < idleTimeoutMs; nowMs += 5000) {
      core.tick()
      core.alive(ponging)
      publish(talking, tag)
    }
    core.tick()
    expect(silent.pings).toBe(1)
    expect(ponging.pings + talking.pings).toBe(0)
    expect(silent.closed).toEqual([closeCode.idle])
    expect([...ponging.closed, ...talking.closed]).toEqual([])
    nowMs += pingAfterMs
    core.tick()
    expect(ponging.pings).toBe(1)
    core.alive(ponging)
    nowMs += pingAfterMs
    core.tick()
    expect(ponging.pings).toBe(2)
  })

  test('shutting down closes all with 1001 and takes no more', () => {
    const connections = [join(), join()]
    core.close()
    core.close()
    expect(connections.map(({ closed }) => closed)).toEqual([[1001], [1001]])
    expect(join().closed).toEqual([1001])
    expect(core.connections).toBe(0)
  })
})

test('metrics are Prometheus text and name no tag or address', () => {
  const [a, b] = [join('203.0.113.77'), join()]
  subscribe(b, tag)
  publish(a, tag)
  const text = core.renderMetrics()
  expect(text).not.toContain('203.0.113.77')
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(
      /^(# TYPE handfast_relay_\w+ (counter|gauge)|handfast_relay_\w+(\{\w+="\w+"\})? \d+)$/,
    )
  }
  expect(metric('connections')).toBe(2)
  expect(metric('messages_total\\{direction="in"\\}')).toBe(2)
  expect(metric('messages_total\\{direction="out"\\}')).toBe(4)
  expect(metric('bytes_total\\{direction="in"\\}')).toBeGreaterThan(40)
})
