/**
 * The contract of a `Transport`, as checks that need no test runner: the same ones run under Vitest for the memory
 * transport and inside real browsers for WebRTC. A check throws where the contract is broken.
 */

import { HandfastError, type ErrorCode } from '../../lib/base/errors.ts'
import {
  channelHighWaterBytes,
  channelLowWaterBytes,
  maxCandidates,
  maxChannelBufferBytes,
  maxEarlyMessages,
} from '../../lib/base/limits.ts'
import type { Attempt, Channel, Transport } from '../../lib/transport/transport.ts'

/** The transports of two peers that can reach each other. */
export interface TransportPair {
  readonly alice: Transport
  readonly bob: Transport
}

export interface TransportCheck {
  readonly name: string
  run(make: () => TransportPair): Promise<void>
}

export interface Connected {
  readonly offering: Attempt
  readonly answering: Attempt
  readonly near: Channel
  readonly far: Channel
}

/** What crosses the network is a copy. */
const wire = (value: unknown): unknown => structuredClone(value)

export async function connect({ alice, bob }: TransportPair): Promise<Connected> {
  const offering = alice.offer()
  const answering = bob.answer(wire(await offering.description))
  offering.onCandidates((candidates) => answering.addCandidates(wire(candidates)))
  answering.onCandidates((candidates) => offering.addCandidates(wire(candidates)))
  offering.accept(wire(await answering.description))
  const [near, far] = await Promise.all([offering.channel, answering.channel])
  return { offering, answering, near, far }
}

export const transportChecks: readonly TransportCheck[] = [
  check('carries messages both ways at once, in order', async ({ near, far }) => {
    const count = 500
    const atFar = collect(far, count)
    const atNear = collect(near, count)
    for (let i = 0; i < count; i++) {
      near.send(pattern(1 + (i % 50), i))
      far.send(pattern(1 + (i % 70), i + 1))
    }
    const [received, returned] = await Promise.all([atFar, atNear])
    for (let i = 0; i < count; i++) {
      same(received[i]!, pattern(1 + (i % 50), i))
      same(returned[i]!, pattern(1 + (i % 70), i + 1))
    }
  }),

  check(
    'keeps message boundaries at every size from none to the largest',
    async ({ near, far }) => {
      const max = near.maxMessageBytes
      const sizes = [0, 1, 2, 1_023, 1_200, 16_383, 16_384, max - 1, max, 0, 1]
      const atFar = collect(far, sizes.length)
      for (const size of sizes) near.send(pattern(size, size))
      const received = await atFar
      sizes.forEach((size, i) => same(received[i]!, pattern(size, size)))
    },
  ),

  check('refuses a message that is too large, and goes on', async ({ near, far }) => {
    throwsCode('too-large', () => near.send(new Uint8Array(near.maxMessageBytes + 1)))
    const atFar = collect(far, 1)
    near.send(pattern(5, 5))
    same((await atFar)[0]!, pattern(5, 5))
  }),

  check('sends the bytes of a view, as they were when it was called', async ({ near, far }) => {
    const atFar = collect(far, 2)
    const whole = pattern(100, 3)
    const view = whole.subarray(10, 20)
    near.send(view)
    whole.fill(0)
    near.send(view)
    const [first, second] = await atFar
    same(first!, pattern(100, 3).subarray(10, 20))
    same(second!, new Uint8Array(10))
  }),

  check('keeps what arrives before there is a listener', async ({ near, far }) => {
    for (let i = 0; i < maxEarlyMessages; i++) near.send(pattern(10, i))
    // Once the answer to a later message is here, the earlier ones have arrived.
    await pause()
    const received: Uint8Array[] = []
    far.onMessage((message) => received.push(message))
    await until(() => received.length === maxEarlyMessages)
    received.forEach((message, i) => same(message, pattern(10, i)))
    const atFar = collect(far, 1)
    near.send(pattern(7, 7))
    same((await atFar)[0]!, pattern(7, 7))
  }),

  check('closes when too much arrives before there is a listener', async ({ near, far }) => {
    for (let i = 0; i <= maxEarlyMessages; i++) near.send(pattern(10, i))
    await Promise.all([near.closed, far.closed])
  }),

  check('pushes back: full, then drained, and nothing is lost', async ({ near, far }) => {
    const size = near.maxMessageBytes
    const message = pattern(size, 1)
    let sent = 0
    let drained = 0
    let drainedAt = Infinity
    near.onDrain(() => {
      drained++
      drainedAt = near.bufferedBytes
    })
    let arrived = 0
    far.onMessage((received) => {
      arrived++
      ok(received.length === size, 'a message changed its size')
    })
    equal(near.bufferedBytes, 0)
    const most = Math.ceil(maxChannelBufferBytes / size) * 4
    throwsCode('queue-full', () => {
      for (; sent < most; sent++) near.send(message)
    })
    ok(near.bufferedBytes > channelHighWaterBytes, 'queue-full came too early')
    ok(near.bufferedBytes <= maxChannelBufferBytes, 'queue-full came too late')
    await until(() => drained > 0)
    ok(drainedAt <= channelLowWaterBytes, 'drained above the low-water mark')
    near.send(message)
    await until(() => arrived === sent + 1)
    await until(() => near.bufferedBytes === 0)
  }),

  check('reports no drain where little was buffered', async ({ near, far }) => {
    let drained = 0
    near.onDrain(() => drained++)
    const atFar = collect(far, 20)
    for (let i = 0; i < 20; i++) near.send(pattern(1_000, i))
    await atFar
    await pause()
    equal(drained, 0)
  }),

  check('drains again and again under a paced sender', async ({ near, far }) => {
    const message = pattern(near.maxMessageBytes, 9)
    const count = Math.ceil((4 * channelHighWaterBytes) / message.length)
    let arrived = 0
    far.onMessage(() => arrived++)
    let resume = () => {}
    near.onDrain(() => resume())
    for (let sent = 0; sent < count; sent++) {
      if (near.bufferedBytes >= channelHighWaterBytes) {
        await new Promise<void>((resolve) => (resume = resolve))
      }
      near.send(message)
    }
    await until(() => arrived === count)
  }),

  check('closes on both sides, once, whoever began', async ({ near, far, answering }) => {
    let closedNear = 0
    let closedFar = 0
    void near.closed.then(() => closedNear++)
    void far.closed.then(() => closedFar++)
    await pause()
    equal(closedNear + closedFar, 0)
    far.close()
    far.close()
    answering.close()
    throwsCode('closed', () => far.send(pattern(1, 1)))
    await Promise.all([near.closed, far.closed])
    throwsCode('closed', () => near.send(pattern(1, 1)))
    near.close()
    await pause()
    equal(closedNear, 1)
    equal(closedFar, 1)
  }),

  check('delivers nothing after it was closed here', async ({ near, far }) => {
    let arrived = 0
    near.onMessage(() => arrived++)
    for (let i = 0; i < 100; i++) far.send(pattern(1_000, i))
    near.close()
    await far.closed
    await pause()
    equal(arrived, 0)
  }),

  check('ends with its attempt', async ({ offering, near, far }) => {
    offering.close()
    await Promise.all([near.closed, far.closed])
  }),

  check(
    'ignores candidates known already, and all after the end',
    async ({ offering, answering, near, far }) => {
      const candidatesOf = async (attempt: Attempt) =>
        ((await attempt.description) as unknown[]).find(Array.isArray) as unknown[]
      const ours = await candidatesOf(offering)
      for (let i = 0; i < maxCandidates * 2; i++) answering.addCandidates(wire(ours))
      answering.addCandidates([])
      const atFar = collect(far, 1)
      near.send(pattern(3, 3))
      await atFar
      offering.close()
      offering.addCandidates(wire(await candidatesOf(answering)))
      offering.accept(wire(await answering.description))
      throwsCode('bad-description', () => offering.addCandidates(7))
    },
  ),

  check('takes one answer, at the offering side', async ({ offering, answering, near, far }) => {
    const answer = wire(await answering.description)
    throwsCode('wrong-phase', () => offering.accept(answer))
    throwsCode('wrong-phase', () => answering.accept(answer))
    const atFar = collect(far, 1)
    near.send(pattern(3, 3))
    await atFar
  }),

  check('reports a listener once it is set, replacing the one before', async ({ near, far }) => {
    far.onMessage(() => {
      throw new Error('the old listener was called')
    })
    const atFar = collect(far, 1)
    near.send(pattern(3, 3))
    await atFar
  }),

  {
    name: 'refuses malformed descriptions, and takes a good one afterwards',
    async run(make) {
      const { alice, bob } = make()
      const offering = alice.offer()
      const offer = await offering.description
      for (const broken of mutations(offer)) {
        throwsCode('bad-description', () => bob.checkOffer(broken))
        throwsCode('bad-description', () => bob.answer(broken).close())
      }
      bob.checkOffer(wire(offer))
      const answering = bob.answer(wire(offer))
      const answer = await answering.description
      for (const broken of mutations(answer)) {
        throwsCode('bad-description', () => offering.accept(broken))
        throwsCode('bad-description', () => answering.addCandidates([broken]))
      }
      for (const broken of [undefined, null, 0, '', 'candidates', {}, new Uint8Array(3)]) {
        throwsCode('bad-description', () => offering.addCandidates(broken))
      }
      answering.onCandidates((candidates) => offering.addCandidates(wire(candidates)))
      offering.accept(wire(answer))
      const channels = await Promise.all([offering.channel, answering.channel])
      for (const channel of channels) channel.close()
    },
  },

  {
    name: 'refuses more candidates than allowed, at once or one by one',
    async run(make) {
      const { alice, bob } = make()
      const offering = alice.offer()
      const answering = bob.answer(wire(await offering.description))
      throwsCode('bad-description', () =>
        answering.addCandidates(Array<unknown>(maxCandidates + 1).fill(0)),
      )
      offering.close()
      answering.close()
    },
  },

  {
    name: 'can be closed at any moment before it is open',
    async run(make) {
      const { alice, bob } = make()
      const atOnce = alice.offer()
      atOnce.close()
      atOnce.close()
      await rejectsCode('closed', atOnce.channel)

      const described = alice.offer()
      const offer = await described.description
      const answering = bob.answer(wire(offer))
      answering.close()
      await rejectsCode('closed', answering.channel)
      described.close()
      await rejectsCode('closed', described.channel)

      const offering = alice.offer()
      const late = bob.answer(wire(await offering.description))
      offering.accept(wire(await late.description))
      offering.close()
      late.close()
      await rejectsCode('closed', offering.channel)
      await rejectsCode('closed', late.channel)
    },
  },

  {
    name: 'connects several attempts between the same two at a time, either way',
    async run(make) {
      const { alice, bob } = make()
      const all = await Promise.all([
        connect({ alice, bob }),
        connect({ alice: bob, bob: alice }),
        connect({ alice, bob }),
      ])
      await Promise.all(
        all.map(async ({ near, far }, i) => {
          const atFar = collect(far, 1)
          near.send(pattern(4, i))
          same((await atFar)[0]!, pattern(4, i))
        }),
      )
      all[0]!.near.close()
      await all[0]!.far.closed
      const atNear = collect(all[1]!.near, 1)
      all[1]!.far.send(pattern(6, 6))
      await atNear
      for (const { near, far } of all) {
        near.close()
        await far.closed
      }
    },
  },
]

/** A check that starts from an open channel, and closes it. */
function check(name: string, body: (connected: Connected) => Promise<void>): TransportCheck {
  return {
    name,
    async run(make) {
      const connected = await connect(make())
      try {
        await body(connected)
      } finally {
        connected.offering.close()
        connected.answering.close()
      }
    },
  }
}

/** Each is the description with one thing wrong, or nothing like it. */
function mutations(description: unknown): unknown[] {
  const parts = description as unknown[]
  const broken: unknown[] = [undefined, null, 1, 'x', {}, [], new Uint8Array(40), parts.slice(1)]
  broken.push([...parts, 0], { ...parts, length: parts.length })
  parts.forEach((part, i) => {
    const wrong = [undefined, null, -1, 1.5, NaN, '', '\r\n', [[]], [0], {}, new Uint8Array(5)]
    for (const value of wrong) {
      if (value !== part) broken.push(parts.with(i, value))
    }
  })
  return broken
}

/** Bytes that tell position and origin. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff)
}

function collect(channel: Channel, count: number): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = []
  return new Promise((resolve, reject) => {
    channel.onMessage((message) => {
      messages.push(message)
      if (messages.length === count) resolve(messages)
    })
    void channel.closed.then(() => reject(new Error(`closed after ${messages.length} messages`)))
  })
}

const pause = (ms = 50): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await pause(5)
  ok(condition(), `never came true: ${condition}`)
}

function ok(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

function equal(actual: unknown, expected: unknown): void {
  ok(Object.is(actual, expected), `expected ${String(expected)}, got ${String(actual)}`)
}

function same(actual: Uint8Array, expected: Uint8Array): void {
  ok(actual instanceof Uint8Array, 'not a Uint8Array')
  equal(actual.length, expected.length)
  ok(
    actual.every((byte, i) => byte === expected[i]),
    'the bytes differ',
  )
}

function throwsCode(code: ErrorCode, body: () => void): void {
  let error: unknown
  try {
    body()
  } catch (thrown) {
    error = thrown
  }
  hasCode(code, error)
}

async function rejectsCode(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  hasCode(
    code,
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
}

function hasCode(code: ErrorCode, error: unknown): void {
  if (!(error instanceof HandfastError)) throw new Error(`expected ${code}, got ${String(error)}`)
  equal(error.code, code)
}
