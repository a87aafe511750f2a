/** What every `Signaling` must do. Plain checks without a test framework: they run in Node and inside browser pages. */

import { maxPacketBytes, maxSubscribedTags, tagBytes } from '../../lib/base/limits.ts'
import type { Signaling } from '../../lib/signaling/signaling.ts'

/** Two parties that reach each other. */
export interface SignalingPair {
  a: Signaling
  b: Signaling
  /** Whether `publish` tells how many were there. */
  countsReceivers: boolean
  /** Closes what lies below the two. */
  close(): Promise<void>
}

export interface SignalingCheck {
  name: string
  run(makePair: () => Promise<SignalingPair>): Promise<void>
}

function assert(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  assert(a === b, `${what}: expected ${b}, got ${a}`)
}

async function assertCode(work: () => unknown, code: string, what: string): Promise<void> {
  let thrown: unknown
  try {
    await work()
  } catch (error) {
    thrown = error
  }
  const actual = (thrown as { code?: string } | undefined)?.code
  assert(actual === code, `${what}: expected ${code}, got ${actual ?? String(thrown)}`)
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 4000) throw new Error(`did not happen: ${what}`)
    await sleep(5)
  }
}

const randomTag = () => crypto.getRandomValues(new Uint8Array(tagBytes))

/** A packet as the protocol lays it out: byte ‖ tag ‖ body. */
export function packetFor(tag: Uint8Array, ...body: number[]): Uint8Array {
  return Uint8Array.of(0x49, ...tag, ...body)
}

/** Publishes until it arrives: whether and when a fresh subscription is up on the other side is the path's own affair. */
async function publishUntil(
  signaling: Signaling,
  tag: Uint8Array,
  packet: Uint8Array,
  arrived: () => boolean,
): Promise<void> {
  for (let tries = 0; !arrived(); tries++) {
    assert(tries < 200, 'packet never arrived')
    await signaling.publish(tag, packet)
    await sleep(5)
  }
}

function inbox(signaling: Signaling, tag: Uint8Array) {
  const packets: Uint8Array[] = []
  const unsubscribe = signaling.subscribe(tag, (packet) => packets.push(packet))
  return { packets, unsubscribe }
}

const check = (name: string, body: (pair: SignalingPair) => Promise<void>): SignalingCheck => ({
  name,
  async run(makePair) {
    const pair = await makePair()
    try {
      await body(pair)
    } finally {
      await Promise.all([pair.a.close(), pair.b.close()])
      await pair.close()
    }
  },
})

export const signalingChecks: SignalingCheck[] = [
  check('delivers packets bytewise, in both directions', async ({ a, b }) => {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const tag = randomTag()
      const packet = packetFor(tag, ...Array.from({ length: 256 }, (_, i) => i))
      const { packets } = inbox(to, tag)
      await publishUntil(from, tag, packet, () => packets.length > 0)
      assertEqual([...packets[0]!], [...packet], 'packet')
    }
  }),

  check('delivers to the tag alone', async ({ a, b }) => {
    const [tag, other] = [randomTag(), randomTag()]
    const here = inbox(b, tag)
    const there = inbox(b, other)
    await publishUntil(a, tag, packetFor(tag, 1), () => here.packets.length > 0)
    await publishUntil(a, other, packetFor(other, 2), () => there.packets.length > 0)
    assert(
      there.packets.every((packet) => packet.at(-1) === 2),
      'a packet came to another tag',
    )
  }),

  check('takes the largest packet and refuses a larger one', async ({ a, b }) => {
    const tag = randomTag()
    const largest = new Uint8Array(maxPacketBytes).fill(7)
    largest.set(tag, 1)
    const { packets } = inbox(b, tag)
    await publishUntil(a, tag, largest, () => packets.length > 0)
    assertEqual(packets[0]!.length, maxPacketBytes, 'length')
    const tooLarge = new Uint8Array(maxPacketBytes + 1)
    tooLarge.set(tag, 1)
    await assertCode(() => a.publish(tag, tooLarge), 'too-large', 'publish')
    await a.publish(tag, packetFor(tag, 1))
  }),

  check('sends what the packet was when it was published', async ({ a, b }) => {
    const tag = randomTag()
    const { packets } = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => packets.length > 0)
    const packet = packetFor(tag, 2)
    const publishing = a.publish(tag, packet)
    packet.fill(9)
    await publishing
    await eventually(() => packets.some((arrived) => arrived.at(-1) === 2), 'arrival')
    assert(!packets.some((arrived) => arrived.at(-1) === 9), 'the later bytes were sent')
  }),

  check('serves every listener of a tag until it leaves', async ({ a, b }) => {
    const tag = randomTag()
    const first = inbox(b, tag)
    const second = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => second.packets.length > 0)
    assertEqual(first.packets.length, second.packets.length, 'packets of the two')
    first.unsubscribe()
    first.unsubscribe()
    const before = first.packets.length
    await publishUntil(a, tag, packetFor(tag, 2), () => second.packets.at(-1)?.at(-1) === 2)
    assertEqual(first.packets.length, before, 'packets after leaving')
    second.unsubscribe()
  }),

  check('can subscribe again after the last listener left', async ({ a, b }) => {
    const tag = randomTag()
    const first = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => first.packets.length > 0)
    first.unsubscribe()
    const second = inbox(b, tag)
    first.unsubscribe()
    await publishUntil(a, tag, packetFor(tag, 2), () => second.packets.at(-1)?.at(-1) === 2)
  }),

  check('subscribes before a later publish takes effect', async ({ a, b }) => {
    const [tag, reply] = [randomTag(), randomTag()]
    b.subscribe(tag, () => void b.publish(reply, packetFor(reply, 3)))
    const ready = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => ready.packets.length > 0)
    await sleep(20)
    const { packets } = inbox(a, reply)
    await a.publish(tag, packetFor(tag, 2))
    await eventually(() => packets.length > 0, 'the reply')
  }),

  check('does not deliver to its own publisher', async ({ a, b }) => {
    const tag = randomTag()
    const own = inbox(a, tag)
    const { packets } = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => packets.length > 0)
    assertEqual(own.packets.length, 0, 'own packets')
  }),

  check('says how many were there, where it can know', async ({ a, b, countsReceivers }) => {
    const tag = randomTag()
    assertEqual(await a.publish(tag, packetFor(tag, 1)), 0, 'receivers when nobody is there')
    const { packets, unsubscribe } = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 2), () => packets.length > 0)
    const receivers = await a.publish(tag, packetFor(tag, 3))
    assert(countsReceivers ? receivers > 0 : receivers === 0, `receivers: ${receivers}`)
    unsubscribe()
    let left = receivers
    for (let tries = 0; left > 0 && tries < 50; tries++) {
      left = await a.publish(tag, packetFor(tag, 4))
      await sleep(5)
    }
    assertEqual(left, 0, 'receivers after the last has left')
  }),

  check('refuses what is no tag', async ({ a }) => {
    for (const length of [0, tagBytes - 1, tagBytes + 1]) {
      const tag = new Uint8Array(length)
      await assertCode(() => a.publish(tag, packetFor(tag)), 'invalid-argument', 'publish')
      await assertCode(() => a.subscribe(tag, () => {}), 'invalid-argument', 'subscribe')
    }
  }),

  check('bounds the number of tags', async ({ a }) => {
    const tags = Array.from({ length: maxSubscribedTags }, randomTag)
    const leave = tags.map((tag) => a.subscribe(tag, () => {}))
    await assertCode(() => a.subscribe(randomTag(), () => {}), 'queue-full', 'one tag too many')
    a.subscribe(tags[0]!, () => {})
    leave[1]!()
    a.subscribe(randomTag(), () => {})
  }),

  check('is silent and refuses everything once closed', async ({ a, b }) => {
    const tag = randomTag()
    const { packets, unsubscribe } = inbox(b, tag)
    await publishUntil(a, tag, packetFor(tag, 1), () => packets.length > 0)
    await sleep(20)
    const before = packets.length
    const publishing = a.publish(tag, packetFor(tag, 2)).catch(() => 0)
    await Promise.all([b.close(), b.close()])
    const atClose = packets.length
    await publishing
    await sleep(50)
    assertEqual(packets.length, atClose, `packets after closing (${before} before)`)
    await assertCode(() => b.publish(tag, packetFor(tag, 3)), 'closed', 'publish')
    await assertCode(() => b.subscribe(tag, () => {}), 'closed', 'subscribe')
    unsubscribe()
  }),
]
