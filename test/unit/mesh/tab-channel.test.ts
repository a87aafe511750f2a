import { expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'
import { acceptTabChannels, openTabChannel } from '../../../lib/mesh/tab-channel.ts'
import type { Channel } from '../../../lib/transport/transport.ts'
import { TabWorld } from '../../support/tab-world.ts'

async function channels() {
  const world = new TabWorld()
  const [follower, leader] = [world.open(), world.open()]
  const accepted: Channel[] = []
  const stop = acceptTabChannels(leader, (channel, from) => {
    expect(from).toBe(follower.hub.id)
    accepted.push(channel)
  })
  const near = openTabChannel(follower, leader.hub.id)
  await world.clock.settle()
  expect(accepted).toHaveLength(1)
  return { world, follower, leader, near, far: accepted[0]!, accepted, stop }
}

function received(channel: Channel): number[][] {
  const messages: number[][] = []
  channel.onMessage((message) => messages.push([...message]))
  return messages
}

function closings(channel: Channel): () => number {
  let count = 0
  void channel.closed.then(() => count++)
  return () => count
}

test('messages arrive both ways, in order, as they were when they were sent', async () => {
  const { world, near, far } = await channels()
  const [atNear, atFar] = [received(near), received(far)]
  const reused = Uint8Array.of(1)
  near.send(reused)
  reused[0] = 2
  near.send(reused.subarray(0, 1))
  near.send(new Uint8Array())
  far.send(Uint8Array.of(3))
  await world.clock.settle()
  expect(atFar).toEqual([[1], [2], []])
  expect(atNear).toEqual([[3]])
  expect(near.bufferedBytes + far.bufferedBytes).toBe(0)
})

test('what comes before there is a listener is kept', async () => {
  const world = new TabWorld()
  const [follower, leader] = [world.open(), world.open()]
  let far: Channel | undefined
  acceptTabChannels(leader, (channel) => (far = channel))
  const near = openTabChannel(follower, leader.hub.id)
  near.send(Uint8Array.of(1))
  await world.clock.settle()
  expect(received(far!)).toEqual([[1]])
})

test('a sender sees what the other tab has not taken, is refused beyond the bound, and hears of the drain once', async () => {
  const { world, leader, near, far } = await channels()
  far.onMessage(() => {})
  let drains = 0
  near.onDrain(() => drains++)
  leader.freeze()
  const frame = new Uint8Array(limits.maxFrameBytes)
  expect(() => near.send(new Uint8Array(limits.maxFrameBytes + 1))).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  )
  const fits = Math.floor(limits.maxChannelBufferBytes / frame.length)
  for (let i = 0; i < fits; i++) near.send(frame)
  expect(() => near.send(frame)).toThrow(expect.objectContaining({ code: 'queue-full' }))
  await world.clock.settle()
  expect(near.bufferedBytes).toBe(fits * frame.length)
  expect(drains).toBe(0)
  await leader.thaw()
  expect(near.bufferedBytes).toBe(0)
  expect(drains).toBe(1)
})

test.each(['near', 'far'] as const)('closing the %s end settles both, once', async (end) => {
  const both = await channels()
  const counts = [closings(both.near), closings(both.far)]
  const lateMessages = received(both.near)
  both[end].close()
  both[end].close()
  both.far.close()
  expect(() => both[end].send(Uint8Array.of(1))).toThrow(
    expect.objectContaining({ code: 'closed' }),
  )
  await both.world.clock.advance(10_000)
  expect(counts.map((count) => count())).toEqual([1, 1])
  expect(lateMessages).toEqual([])
  expect(both.world.line.timers.size).toBe(0)
})

test('a tab that dies closes the channel at once', async () => {
  const { world, leader, near } = await channels()
  const count = closings(near)
  leader.die()
  await world.clock.settle()
  expect(count()).toBe(1)
})

test('a tab that is frozen closes it after a while, and learns so when it wakes', async () => {
  const { world, leader, near, far } = await channels()
  const counts = [closings(near), closings(far)]
  leader.freeze()
  await world.clock.advance(2_900)
  expect(counts[0]!()).toBe(0)
  await world.clock.advance(1_200)
  expect(counts[0]!()).toBe(1)
  await leader.thaw()
  expect(counts[1]!()).toBe(1)
})

test('a quiet channel stays open, and one end that slept does not conclude that the other died', async () => {
  const { world, follower, leader, near, far } = await channels()
  const counts = [closings(near), closings(far)]
  await world.clock.advance(60_000)
  follower.freeze()
  await world.clock.advance(2_000)
  await follower.thaw()
  await world.clock.advance(60_000)
  expect(counts.map((count) => count())).toEqual([0, 0])
  expect(leader.isDead).toBe(false)
})

test.each(['nobody', 'tab 1'])('a channel to %s that takes none closes', async (to) => {
  const world = new TabWorld()
  const [follower] = [world.open(), world.open()]
  const count = closings(openTabChannel(follower!, to))
  await world.clock.advance(4_000)
  expect(count()).toBe(1)
})

test('after `stop` no more channels are taken, and those there are go on', async () => {
  const { world, follower, leader, near, far, accepted, stop } = await channels()
  const atFar = received(far)
  stop()
  openTabChannel(follower, leader.hub.id)
  near.send(Uint8Array.of(1))
  await world.clock.settle()
  expect(accepted).toHaveLength(1)
  expect(atFar).toEqual([[1]])
})

test('no more than so many channels are taken', async () => {
  const { world, follower, leader, accepted } = await channels()
  const more = Array.from({ length: limits.maxTabChannels }, () =>
    closings(openTabChannel(follower, leader.hub.id)),
  )
  await world.clock.settle()
  expect(accepted).toHaveLength(limits.maxTabChannels)
  expect(more.map((count) => count())).toEqual([...more.slice(1).map(() => 0), 1])
})

test('what is malformed or meant for others is ignored', async () => {
  const world = new TabWorld()
  const [follower, leader, stranger] = [world.open(), world.open(), world.open()]
  const said: unknown[][] = []
  stranger.hub.onMessage((message) => said.push(message as unknown[]))
  const accepted: Channel[] = []
  acceptTabChannels(leader, (channel) => accepted.push(channel))
  const near = openTabChannel(follower, leader.hub.id)
  await world.clock.settle()
  const id = said[0]![3]
  const [to, from] = [leader.hub.id, follower.hub.id]
  const atFar = received(accepted[0]!)
  const bytes = Uint8Array.of(9)
  const hostile: unknown[] = [
    null,
    'frame',
    [],
    ['frame', to, from, id],
    ['frame', to, from, id, null],
    ['frame', to, from, id, [0]],
    ['frame', to, from, id, [0, 'text']],
    ['frame', to, from, id, [0, new Uint8Array(limits.maxFrameBytes + 1)]],
    ['frame', to, stranger.hub.id, id, [0, bytes]],
    ['frame', to, from, 'another', [0, bytes]],
    ['close', to, stranger.hub.id, id, 0],
    ['close', to, from, 'another', 0],
    ['close', 'tab 9', from, id, 0],
    ['receipt', to, from, id, 1],
    ['receipt', to, from, id, -1],
    ['receipt', to, from, id, 'x'],
    ['receipt', to, from, id, NaN],
    ['open', to, from, id, 0],
    ['open', to, 1, 'new', 0],
    ['open', to, from, {}, 0],
    ['dance', to, from, id, 0],
  ]
  for (const message of hostile) stranger.hub.post(message as never)
  await world.clock.settle()
  expect(accepted).toHaveLength(1)
  near.send(Uint8Array.of(1))
  accepted[0]!.send(Uint8Array.of(2))
  const atNear = received(near)
  await world.clock.settle()
  expect(atFar).toEqual([[1]])
  expect(atNear).toEqual([[2]])
  expect(accepted[0]!.bufferedBytes).toBe(0)
})

test('a message that went missing closes the channel', async () => {
  const { world, follower, near, far } = await channels()
  const atFar = received(far)
  const { post } = follower.hub
  near.send(Uint8Array.of(1))
  Object.assign(follower.hub, { post: () => {} })
  near.send(Uint8Array.of(2))
  Object.assign(follower.hub, { post })
  near.send(Uint8Array.of(3))
  const count = closings(near)
  await world.clock.settle()
  expect(atFar).toEqual([[1]])
  expect(count()).toBe(1)
})
