import { expect, test, vi } from 'vitest'
import { maxExcessPackets, maxRelayLoad, maxRelays } from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { Paths } from '../../../lib/mesh/paths.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { encodeRelayMessage, type RelayMessage } from '../../../lib/signaling/relay-protocol.ts'

class SilentSocket extends EventTarget {
  static open = 0
  binaryType = 'blob'
  readyState = 0
  constructor() {
    super()
    SilentSocket.open++
  }
  send(): void {}
  close(): void {
    SilentSocket.open--
  }
}

const tag = new Uint8Array(16)

test('relays of others are let go with their last user, and leave room for the next', async () => {
  const paths = new Paths({
    runtime: systemRuntime,
    relays: ['wss://own.example'],
    signaling: [],
    WebSocket: SilentSocket as never,
  })
  const own = paths.through([])
  own.subscribe(tag, () => {})
  for (let n = 0; n < 2 * maxRelays; n++) {
    const [first, second] = [
      paths.through([`wss://r${n}.example`]),
      paths.through([`wss://r${n}.example`]),
    ]
    first.subscribe(tag, () => {})
    expect(first.paths).toHaveLength(2)
    await first.close()
    expect(paths.states).toHaveLength(2)
    await second.close()
    await second.close()
    expect(paths.states).toHaveLength(1)
  }
  expect(own.paths).toHaveLength(1)
  await paths.close()
  expect(SilentSocket.open).toBe(0)
})

test('a route moves to other relays, and keeps its place on those that remain', async () => {
  const paths = new Paths({
    runtime: systemRuntime,
    relays: ['wss://own.example'],
    formerRelays: ['wss://former.example'],
    signaling: [],
    WebSocket: SilentSocket as never,
  })
  const urls = () => paths.states.map(({ path }) => path.slice(6, -8)).sort()
  const route = paths.through(['wss://a.example', 'wss://b.example', 'wss://own.example'])
  const other = paths.through(['wss://a.example'])
  route.subscribe(tag, () => {})
  expect(urls()).toEqual(['a', 'b', 'former', 'own'])
  const [own, former, , b] = route.paths
  route.use(['wss://b.example', 'wss://c.example', 'wss://c.example'])
  expect(urls()).toEqual(['a', 'b', 'c', 'former', 'own'])
  expect(route.paths.slice(0, 3)).toEqual([own, former, b])
  expect(route.paths).toHaveLength(4)
  await other.close()
  expect(urls()).toEqual(['b', 'c', 'former', 'own'])
  // What is one's own stays, also when a contact leaves it.
  route.use(['wss://former.example'])
  route.use([])
  expect(urls()).toEqual(['former', 'own'])
  expect(route.paths).toEqual([own, former])
  await route.close()
  expect(urls()).toEqual(['former', 'own'])
  await paths.close()
})

test('floods are told: by which path, and to whose mailbox', async () => {
  const sockets: SpeakingSocket[] = []
  class SpeakingSocket {
    onmessage: ((event: { data: unknown }) => void) | null = null
    constructor() {
      sockets.push(this)
    }
    says(message: RelayMessage, times = 1): void {
      const data = encodeRelayMessage(message).slice().buffer
      for (let n = 0; n < times; n++) this.onmessage?.({ data })
    }
    send(): void {}
    close(): void {}
  }
  const relay = 'wss://own.example'
  const WebSocket = SpeakingSocket as never
  const paths = new Paths({ runtime: systemRuntime, relays: [relay], signaling: [], WebSocket })
  const floods: unknown[] = []
  paths.onFlood((...flood) => floods.push(flood))
  paths.through([], 'bob' as PeerId).subscribe(tag, () => {})
  const [socket] = sockets
  socket!.says([verb.welcome, 1, 1_700_000_000])
  socket!.says([verb.deliver, tag, new Uint8Array(100)], 2 * maxExcessPackets)
  expect(floods).toEqual([[relay, 'bob']])
  socket!.says([verb.deliver, new Uint8Array(16).fill(9), new Uint8Array(100)], 2 * maxRelayLoad)
  expect(floods).toEqual([
    [relay, 'bob'],
    [relay, undefined],
  ])
  await paths.close()
})

test.each([
  ['a relay that is none', 'https://relay.example', SilentSocket, 'invalid-argument'],
  ['no WebSocket', 'wss://relay.example', null, 'unsupported'],
])('%s leaves nothing open', (_, url, WebSocket, code) => {
  const opened: string[] = []
  vi.stubGlobal('BroadcastChannel', function open(name: string) {
    opened.push(name)
  })
  vi.stubGlobal('WebSocket', undefined)
  try {
    const open = () =>
      new Paths({
        runtime: systemRuntime,
        relays: ['wss://own.example', url],
        signaling: undefined,
        WebSocket: WebSocket as never,
      })
    expect(open).toThrow(expect.objectContaining({ code }))
    expect(opened).toEqual([])
  } finally {
    vi.unstubAllGlobals()
  }
})
