import { beforeEach, describe, expect, test } from 'vitest'
import {
  maxPacketBytes,
  maxPendingPublishes,
  maxRelayLoad,
  maxTagsPerRelayMessage,
  publishTimeoutMs,
  relayAnswerTimeoutMs,
  relayBanMaxMs,
  relayBanMinMs,
  relayConnectTimeoutMs,
  relayProbeIntervalMs,
  relayRetryMaxMs,
  relayRetryMinMs,
  subscribeBatchMs,
} from '../../../lib/base/limits.ts'
import {
  RelayClient,
  type RelaySocket,
  type RelayState,
} from '../../../lib/signaling/relay-client.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import {
  type ClientMessage,
  encodeRelayMessage,
  parseClientMessage,
  type RelayMessage,
} from '../../../lib/signaling/relay-protocol.ts'
import { packetFor } from '../../conformance/signaling.ts'
import { type VirtualRuntime, virtualRuntime } from './virtual-runtime.ts'

class FakeSocket implements RelaySocket {
  static all: FakeSocket[] = []
  static refuses = false
  binaryType = 'blob'
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: object) => void) | null = null
  onerror: ((event: object) => void) | null = null
  readonly url: string
  readonly sent: ClientMessage[] = []
  closed = false

  constructor(url: string) {
    if (FakeSocket.refuses) throw new Error('blocked by policy')
    this.url = url
    FakeSocket.all.push(this)
  }
  send(message: Uint8Array): void {
    this.sent.push(parseClientMessage(message))
  }
  close(): void {
    this.closed = true
  }
  says(message: RelayMessage): void {
    this.hears(encodeRelayMessage(message).slice().buffer)
  }
  hears(data: unknown): void {
    this.onmessage?.({ data })
  }
  dies(): void {
    this.onclose?.({})
  }
  welcomes(nowUnixSeconds = 1_700_000_000): void {
    this.says([verb.welcome, 1, nowUnixSeconds])
  }
  /** Answers every publish made so far. */
  answers(receivers = 0): void {
    for (const message of this.sent) {
      if (message[0] === verb.publish) this.says([verb.published, message[1], receivers])
    }
  }
  sentTags(what: typeof verb.subscribe | typeof verb.unsubscribe): Uint8Array[] {
    return this.sent.flatMap((message) => (message[0] === what ? [...message[1]] : []))
  }
  publishes(): ClientMessage[] {
    return this.sent.filter((message) => message[0] === verb.publish)
  }
}

const tagOf = (n: number) => Uint8Array.from({ length: 16 }, (_, i) => (i < 2 ? n >> (8 * i) : 0))
const tag = tagOf(1)
const packet = packetFor(tag, 1)

let runtime: VirtualRuntime
let client: RelayClient
let states: RelayState[]
const socket = () => FakeSocket.all.at(-1)!

beforeEach(() => {
  FakeSocket.all = []
  FakeSocket.refuses = false
  runtime = virtualRuntime()
  client = new RelayClient({ url: 'wss://relay.example', runtime, WebSocket: FakeSocket })
  states = []
  client.on('state', (state) => states.push(state))
})

/** Lets the socket die and waits for the next: how long that took. */
async function untilNextSocket(): Promise<number> {
  const count = FakeSocket.all.length
  const startMs = runtime.monotonicNow()
  socket().dies()
  while (FakeSocket.all.length === count) await runtime.advance(10)
  return runtime.monotonicNow() - startMs
}

/** What a promise came to, without waiting for it. */
function outcome(promise: Promise<unknown>) {
  const result = { value: undefined as unknown, code: undefined as string | undefined }
  promise.then(
    (value) => (result.value = value),
    (error: { code: string }) => (result.code = error.code),
  )
  return result
}

describe('construction', () => {
  test.each([
    'ws://relay.example',
    'https://relay.example',
    'wss://u:p@relay.example',
    'relay',
    '',
  ])('refuses %s', (url) => {
    expect(() => new RelayClient({ url, runtime, WebSocket: FakeSocket })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  })

  test('says when the platform has no WebSocket', () => {
    const absent = undefined as unknown as typeof FakeSocket
    const globals = globalThis as { WebSocket?: unknown }
    const present = globals.WebSocket
    delete globals.WebSocket
    try {
      expect(
        () => new RelayClient({ url: 'wss://relay.example', runtime, WebSocket: absent }),
      ).toThrow(expect.objectContaining({ code: 'unsupported' }))
    } finally {
      if (present) globals.WebSocket = present
    }
  })
})

describe('connecting', () => {
  test('waits for the first use', async () => {
    await runtime.advance(60_000)
    expect(FakeSocket.all).toHaveLength(0)
    client.subscribe(tag, () => {})
    expect(FakeSocket.all).toHaveLength(1)
    expect(socket().url).toBe('wss://relay.example')
    expect(socket().binaryType).toBe('arraybuffer')
    socket().welcomes()
    expect(states).toEqual(['connecting', 'open'])
    expect(socket().sentTags(verb.subscribe)).toEqual([tag])
  })

  test('compares clocks', () => {
    expect(client.clockSkewMs).toBeUndefined()
    client.subscribe(tag, () => {})
    socket().welcomes(1_700_000_000 + 86_400)
    expect(client.clockSkewMs).toBe(86_400_000 + 500)
  })

  test('gives up on a relay that does not welcome', async () => {
    client.subscribe(tag, () => {})
    await runtime.advance(relayConnectTimeoutMs)
    expect(FakeSocket.all[0]!.closed).toBe(true)
    await runtime.advance(relayRetryMinMs)
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('survives a constructor that throws', async () => {
    FakeSocket.refuses = true
    client.subscribe(tag, () => {})
    expect(client.state).toBe('closed')
    FakeSocket.refuses = false
    await runtime.advance(relayRetryMinMs)
    expect(client.state).toBe('connecting')
  })

  test('backs off, doubling with jitter, to a ceiling', async () => {
    client.subscribe(tag, () => {})
    const waits: number[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      waits.push(await untilNextSocket())
    }
    waits.forEach((wait, attempt) => {
      const ceilingMs = Math.min(relayRetryMaxMs, relayRetryMinMs * 2 ** attempt)
      expect(wait).toBeGreaterThanOrEqual(ceilingMs / 2)
      expect(wait).toBeLessThanOrEqual(ceilingMs + 10)
    })
    expect(new Set(waits.slice(-5)).size).toBeGreaterThan(1)
  })

  test('a welcome followed by a close does not reset the backoff; a lasting connection does', async () => {
    client.subscribe(tag, () => {})
    for (let attempt = 0; attempt < 8; attempt++) {
      socket().welcomes()
      await untilNextSocket()
    }
    socket().welcomes()
    expect(await untilNextSocket()).toBeGreaterThanOrEqual(relayRetryMaxMs / 2)
    socket().welcomes()
    await runtime.advance(relayRetryMaxMs)
    expect(await untilNextSocket()).toBeLessThanOrEqual(relayRetryMinMs + 10)
  })

  test('stays away when nobody needs it', async () => {
    const leave = client.subscribe(tag, () => {})
    socket().welcomes()
    leave()
    socket().dies()
    await runtime.advance(120_000)
    expect(FakeSocket.all).toHaveLength(1)
    expect(states).toEqual(['connecting', 'open', 'closed'])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('connects at once when needed again, after a retry that nobody needed', async () => {
    const leave = client.subscribe(tag, () => {})
    socket().dies()
    leave()
    await runtime.advance(relayRetryMaxMs)
    expect(FakeSocket.all).toHaveLength(1)
    client.subscribe(tag, () => {})
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('wake skips the backoff', async () => {
    client.wake()
    expect(FakeSocket.all).toHaveLength(0)
    client.subscribe(tag, () => {})
    for (let attempt = 0; attempt < 8; attempt++) {
      socket().dies()
      await runtime.advance(relayRetryMaxMs)
    }
    const before = FakeSocket.all.length
    socket().dies()
    client.wake()
    expect(FakeSocket.all).toHaveLength(before + 1)
    client.wake()
    await runtime.advance(relayConnectTimeoutMs - 1)
    expect(FakeSocket.all).toHaveLength(before + 1)
  })
})

describe('liveness', () => {
  test('asks after silence, and stays when answered', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    for (let i = 0; i < 5; i++) {
      await runtime.advance(relayProbeIntervalMs)
      expect(socket().publishes()).toHaveLength(i + 1)
      expect(socket().publishes().at(-1)![3]).toHaveLength(0)
      socket().answers()
    }
    expect(FakeSocket.all).toHaveLength(1)
  })

  test('drops a socket that does not answer', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    await runtime.advance(relayProbeIntervalMs + relayAnswerTimeoutMs)
    expect(FakeSocket.all[0]!.closed).toBe(true)
    expect(client.state).toBe('closed')
  })

  test('wake has an open socket prove itself', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    client.wake()
    expect(socket().publishes()).toHaveLength(1)
    await runtime.advance(relayAnswerTimeoutMs)
    expect(client.state).toBe('closed')
  })

  test('new publishes do not postpone the verdict on a dead socket', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    for (let i = 0; i < 10; i++) {
      client.publish(tag, packet).catch(() => {})
      await runtime.advance(relayAnswerTimeoutMs / 10)
    }
    expect(FakeSocket.all[0]!.closed).toBe(true)
  })

  test('a relay that answers one publish of two is still watched for the other', async () => {
    const results = [client.publish(tag, packet), client.publish(tag, packet)].map(outcome)
    socket().welcomes()
    await runtime.advance(1000)
    socket().says([verb.published, socket().publishes()[0]![1] as number, 1])
    await runtime.advance(relayAnswerTimeoutMs)
    expect(results[0]!.value).toBe(1)
    expect(FakeSocket.all[0]!.closed).toBe(true)
  })

  test.each<[string, (at: FakeSocket) => void]>([
    ['text', (at) => at.hears('9999999999')],
    ['a blob', (at) => at.hears({ size: 3 })],
    ['garbage', (at) => at.hears(Uint8Array.of(0xff, 0x00).buffer)],
    ['nothing', (at) => at.hears(new ArrayBuffer(0))],
    ['a message of clients', (at) => at.hears(Uint8Array.of(0x82, verb.subscribe, 0x80).buffer)],
    ['a second welcome', (at) => at.welcomes()],
  ])('drops a relay that says %s', async (_name, say) => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    say(socket())
    expect(FakeSocket.all[0]!.closed).toBe(true)
    await runtime.advance(relayRetryMinMs)
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('drops a relay of another version, and one that speaks before its welcome', () => {
    client.subscribe(tag, () => {})
    socket().says([verb.welcome, 2, 1_700_000_000])
    expect(client.state).toBe('closed')
    client.wake()
    socket().says([verb.deliver, tag, packet])
    expect(client.state).toBe('closed')
    expect(FakeSocket.all).toHaveLength(2)
  })

  test('a socket left behind is not listened to', async () => {
    const packets: Uint8Array[] = []
    client.subscribe(tag, (arrived) => packets.push(arrived))
    const first = socket()
    first.welcomes()
    first.dies()
    await runtime.advance(relayRetryMinMs)
    first.says([verb.deliver, tag, packet])
    first.dies()
    expect(packets).toEqual([])
    expect(client.state).toBe('connecting')
  })
})

describe('subscriptions', () => {
  test('made together share messages', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    const count = 2 * maxTagsPerRelayMessage
    for (let i = 2; i < 2 + count; i++) client.subscribe(tagOf(i), () => {})
    await runtime.advance(subscribeBatchMs)
    expect(socket().sent).toHaveLength(1 + 2)
    expect(socket().sentTags(verb.subscribe)).toHaveLength(1 + count)
  })

  test('are renewed on the next connection, without those that left', async () => {
    const leave = client.subscribe(tagOf(2), () => {})
    client.subscribe(tag, () => {})
    socket().welcomes()
    socket().dies()
    leave()
    await runtime.advance(relayRetryMinMs)
    socket().welcomes()
    expect(socket().sentTags(verb.subscribe)).toEqual([tag])
  })

  test('that come and go say only what holds in the end', async () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    for (let i = 0; i < 100; i++) client.subscribe(tagOf(2), () => {})()
    const leave = client.subscribe(tagOf(3), () => {})
    client.subscribe(tagOf(3), () => {})
    leave()
    await runtime.advance(subscribeBatchMs)
    expect(socket().sentTags(verb.subscribe)).toEqual([tag, tagOf(3)])
    expect(socket().sentTags(verb.unsubscribe)).toEqual([tagOf(2)])
  })

  test('go out before a publish that follows', () => {
    client.subscribe(tag, () => {})
    socket().welcomes()
    client.subscribe(tagOf(2), () => {})
    void client.publish(tag, packet)
    expect(socket().sent.map((message) => message[0])).toEqual([
      verb.subscribe,
      verb.subscribe,
      verb.publish,
    ])
  })

  test('get their packets; others do not', () => {
    const packets: Uint8Array[] = []
    client.subscribe(tag, (arrived) => packets.push(arrived))
    socket().welcomes()
    socket().says([verb.deliver, tagOf(2), packetFor(tagOf(2))])
    socket().says([verb.deliver, tag, packet])
    expect(packets).toEqual([packet])
  })
})

describe('publish', () => {
  test('waits for the connection and matches the answers', async () => {
    const results = [1, 2, 3].map((n) => outcome(client.publish(tag, packetFor(tag, n))))
    expect(FakeSocket.all).toHaveLength(1)
    socket().welcomes()
    const ids = socket()
      .publishes()
      .map((message) => message[1] as number)
    socket().says([verb.published, ids[1]!, 22])
    socket().says([verb.published, 12_345, 99])
    socket().says([verb.published, ids[0]!, 11])
    socket().says([verb.published, ids[0]!, 98])
    socket().says([verb.published, ids[2]!, 33])
    await runtime.advance(0)
    expect(results.map(({ value }) => value)).toEqual([11, 22, 33])
  })

  test('is repeated on the next connection when it was not answered', async () => {
    const result = outcome(client.publish(tag, packet))
    socket().welcomes()
    socket().dies()
    await runtime.advance(relayRetryMinMs)
    socket().welcomes()
    expect(socket().publishes()).toHaveLength(1)
    expect(socket().publishes()[0]![3]).toEqual(packet)
    socket().answers(2)
    await runtime.advance(0)
    expect(result.value).toBe(2)
  })

  test('fails in time when there is no relay', async () => {
    const result = outcome(client.publish(tag, packet))
    await runtime.advance(publishTimeoutMs - 1)
    expect(result.code).toBeUndefined()
    await runtime.advance(1)
    expect(result.code).toBe('signaling-unavailable')
    await runtime.advance(120_000)
    expect(runtime.pendingTimers).toBe(0)
  })

  test('is bounded in number', async () => {
    const first = outcome(client.publish(tag, packet))
    for (let i = 1; i < maxPendingPublishes; i++) client.publish(tag, packet).catch(() => {})
    const beyond = outcome(client.publish(tag, packet))
    await runtime.advance(0)
    expect(beyond.code).toBe('signaling-unavailable')
    socket().welcomes()
    expect(socket().publishes()).toHaveLength(maxPendingPublishes)
    socket().answers(1)
    await runtime.advance(0)
    expect(first.value).toBe(1)
  })

  test('is refused and rejected by close, which leaves nothing behind', async () => {
    client.subscribe(tag, () => {})
    const result = outcome(client.publish(tag, packet))
    socket().welcomes()
    await client.close()
    await runtime.advance(0)
    expect(result.code).toBe('closed')
    expect(socket().closed).toBe(true)
    expect(runtime.pendingTimers).toBe(0)
    client.wake()
    expect(FakeSocket.all).toHaveLength(1)
  })
})

describe('a relay that floods', () => {
  let received: number
  let floods: number
  beforeEach(() => {
    ;[received, floods] = [0, 0]
    client.subscribe(tag, () => received++)
    client.on('flood', () => floods++)
    socket().welcomes()
  })
  const flood = (count: number, size = 100) => {
    const message = encodeRelayMessage([verb.deliver, tag, new Uint8Array(size)]).slice().buffer
    for (let n = 0; n < count; n++) socket().hears(message)
  }
  /** How long it is left, whatever is wanted of it meanwhile. */
  const banMs = async () => {
    const count = FakeSocket.all.length
    const startMs = runtime.monotonicNow()
    while (FakeSocket.all.length === count) {
      client.wake()
      await runtime.advance(1_000)
    }
    socket().welcomes()
    return runtime.monotonicNow() - startMs
  }

  test('is left for a while, longer each time, whatever happens meanwhile', async () => {
    const bans: number[] = []
    for (let n = 0; n < 6; n++) {
      const { length } = FakeSocket.all
      flood(2 * maxRelayLoad)
      expect([floods, client.state, socket().closed]).toEqual([n + 1, 'closed', true])
      expect(received).toBeLessThanOrEqual((n + 1) * maxRelayLoad)
      client.subscribe(tagOf(100 + n), () => {})
      expect(FakeSocket.all).toHaveLength(length)
      bans.push(await banMs())
    }
    expect(bans[0]).toBe(relayBanMinMs)
    expect(bans[1]).toBeGreaterThan(1.9 * relayBanMinMs)
    expect(bans.at(-1)).toBe(relayBanMaxMs)
  })

  test('with packets of the largest size is left sooner', () => {
    flood(maxRelayLoad / 4, maxPacketBytes)
    expect(floods).toBe(1)
  })

  test('is not what a thousand contacts do who all call at once, nor a busy hour', async () => {
    flood(10_000)
    for (let second = 0; second < 3600; second++) {
      await runtime.advance(1_000)
      flood(100)
      socket().answers()
    }
    expect([floods, client.state, received]).toEqual([0, 'open', 370_000])
  })
})
