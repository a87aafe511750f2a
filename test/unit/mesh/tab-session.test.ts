import { expect, test } from 'vitest'
import { equalBytes } from '../../../lib/base/bytes.ts'
import { HandfastError } from '../../../lib/base/errors.ts'
import type { RequestHandler } from '../../../lib/link/calls.ts'
import type { LinkStream } from '../../../lib/link/streams.ts'
import { acceptTabChannels, openTabChannel } from '../../../lib/mesh/tab-channel.ts'
import { TabSession } from '../../../lib/mesh/tab-session.ts'
import type { Channel } from '../../../lib/transport/transport.ts'
import { TabWorld } from '../../support/tab-world.ts'

const never = new AbortController().signal

async function sessions(handlers: Record<string, RequestHandler> = {}) {
  const world = new TabWorld()
  const [follower, leader] = [world.open(), world.open()]
  const streams: LinkStream[] = []
  const make = (role: 'initiator' | 'responder', channel: Channel) =>
    new TabSession({
      channel,
      role,
      runtime: world.clock,
      handlers: new Map(Object.entries(handlers)),
      acceptStream: (stream) => stream.name !== 'unwanted' && streams.push(stream) > 0,
    })
  let atLeader: TabSession | undefined
  acceptTabChannels(leader, (channel) => (atLeader = make('responder', channel)))
  const atFollower = make('initiator', openTabChannel(follower, leader.hub.id))
  await world.clock.settle()
  return { world, follower, leader, atFollower, atLeader: atLeader!, streams }
}

test('requests are answered both ways, large ones too', async () => {
  const { atFollower, atLeader } = await sessions({
    double: (n) => Number(n) * 2,
    echo: (params) => params,
    refuse: () => {
      throw new HandfastError('request-failed', 'not today')
    },
  })
  expect(await atFollower.request('double', 21, never)).toBe(42)
  expect(await atLeader.request('double', 4, never)).toBe(8)
  const large = new Uint8Array(3_000_000).fill(7)
  const echoed = (await atFollower.request('echo', large, never)) as Uint8Array
  expect(equalBytes(echoed, large)).toBe(true)
  await expect(atFollower.request('refuse', null, never)).rejects.toMatchObject({
    code: 'request-failed',
    message: 'not today',
  })
  await expect(atFollower.request('none', null, never)).rejects.toMatchObject({
    code: 'no-handler',
  })
})

test('streams carry bytes with backpressure, and end', async () => {
  const { world, atFollower, streams } = await sessions()
  const stream = atFollower.openStream('file')
  await world.clock.settle()
  const writer = stream.writable.getWriter()
  let written = 0
  const chunk = new Uint8Array(64 * 1024)
  const total = 64
  const writing = (async () => {
    for (; written < total; written++) await writer.write(chunk)
    await writer.close()
  })()
  await world.clock.settle()
  await world.clock.settle()
  expect(written).toBeLessThan(total / 2)
  let bytes = 0
  const reader = streams[0]!.readable.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    bytes += next.value.length
  }
  await writing
  expect(bytes).toBe(total * chunk.length)
})

test('a stream nobody wants fails', async () => {
  const { world, atFollower } = await sessions()
  const reading = atFollower.openStream('unwanted').readable.getReader().read()
  const failed = expect(reading).rejects.toMatchObject({ code: 'no-handler' })
  await world.clock.settle()
  await failed
})

test.each(['dies', 'closes'])('when the leader %s, what waits is interrupted', async (how) => {
  const { world, leader, atFollower, atLeader } = await sessions({
    wait: () => new Promise(() => {}),
  })
  const waiting = atFollower.request('wait', null, never)
  const failed = expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
  await world.clock.settle()
  if (how === 'dies') leader.die()
  else void atLeader.close('replaced')
  await world.clock.settle()
  await failed
  expect(await atFollower.ended).toBe(how === 'dies' ? 'lost' : 'replaced')
  await expect(atFollower.request('wait', null, never)).rejects.toMatchObject({
    code: 'interrupted',
  })
  expect(() => atFollower.openStream('file')).toThrow(HandfastError)
})

test('a session stays as long as both tabs do', async () => {
  const { world, atFollower } = await sessions({ ask: () => 'answer' })
  await world.clock.advance(3_600_000)
  expect(await atFollower.request('ask', null, never)).toBe('answer')
})

test('a record that has no place between tabs ends the session', async () => {
  const world = new TabWorld()
  const [follower, leader] = [world.open(), world.open()]
  const ended: string[] = []
  acceptTabChannels(leader, (channel) => {
    const handlers = new Map()
    const options = { channel, handlers, runtime: world.clock, acceptStream: () => false }
    const session = new TabSession({ ...options, role: 'responder' })
    void session.ended.then((reason) => ended.push(reason))
  })
  const channel = openTabChannel(follower, leader.hub.id)
  channel.send(Uint8Array.of(0x83, 0x01, 0x01, 0x40))
  await world.clock.settle()
  expect(ended).toEqual(['protocol'])
})
