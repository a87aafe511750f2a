import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  maxPacketBytes,
  maxPendingPublishes,
  tabReceiptTimeoutMs,
} from '../../../lib/base/limits.ts'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import { TabSignaling } from '../../../lib/signaling/tabs.ts'
import { packetFor } from '../../conformance/signaling.ts'

const tag = new Uint8Array(16).fill(5)
const channelName = 'handfast tabs test'

let tab: TabSignaling
let stranger: BroadcastChannel
let overheard: unknown[]

beforeEach(() => {
  tab = new TabSignaling({ runtime, channelName })
  stranger = new BroadcastChannel(channelName)
  overheard = []
  stranger.onmessage = (event) => overheard.push((event as MessageEvent<unknown>).data)
})

afterEach(async () => {
  stranger.close()
  await tab.close()
})

test('ignores whatever else is said on the channel', async () => {
  const packets: Uint8Array[] = []
  tab.subscribe(tag, (packet) => packets.push(packet))
  const packet = packetFor(tag)
  const garbage: unknown[] = [
    undefined,
    null,
    0,
    'text',
    {},
    [],
    [undefined],
    [null, null, null],
    ['unknown receipt'],
    [1, tag, packet],
    ['id', tag],
    ['id', tag, null],
    ['id', null, packet],
    ['id', [...tag], packet],
    ['id', tag.buffer, packet],
    ['id', tag.subarray(1), packet],
    ['id', tag, new Uint8Array(maxPacketBytes + 1)],
    ['id', tag, 'packet'],
    ['id', tag, new Uint32Array(4)],
    { 0: 'id', 1: tag, 2: packet, length: 3 },
    new Map([[tag, packet]]),
    new Error('hello'),
  ]
  for (const data of garbage) stranger.postMessage(data)
  stranger.postMessage(['last', tag, packet])
  await expect.poll(() => packets).toHaveLength(1)
  expect(overheard).toEqual([['last']])
})

test('counts one receiver however many receipts come, and none when only garbage does', async () => {
  stranger.onmessage = (event) => {
    const [id] = (event as MessageEvent<[string]>).data
    stranger.postMessage([id])
    stranger.postMessage([id])
  }
  expect(await tab.publish(tag, packetFor(tag))).toBe(1)
  stranger.onmessage = () => stranger.postMessage(['another id'])
  const startMs = performance.now()
  expect(await tab.publish(tag, packetFor(tag))).toBe(0)
  expect(performance.now() - startMs).toBeGreaterThan(tabReceiptTimeoutMs - 20)
})

test('posts the packet alone, not the memory around it', async () => {
  const memory = new Uint8Array(100_000)
  await tab.publish(memory.subarray(0, 16), memory.subarray(50, 80))
  const [, sentTag, sentPacket] = overheard[0] as [string, Uint8Array, Uint8Array]
  expect(sentTag.buffer.byteLength).toBe(16)
  expect(sentPacket.buffer.byteLength).toBe(30)
})

test('bounds what waits for receipts', async () => {
  const waiting = Array.from({ length: maxPendingPublishes }, () =>
    tab.publish(tag, packetFor(tag)),
  )
  await expect(tab.publish(tag, packetFor(tag))).rejects.toMatchObject({
    code: 'signaling-unavailable',
  })
  await tab.close()
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => 0))
})

test('says where there is no BroadcastChannel', () => {
  vi.stubGlobal('BroadcastChannel', undefined)
  try {
    expect(() => new TabSignaling({ runtime })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    )
  } finally {
    vi.unstubAllGlobals()
  }
})
