import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { HandfastError } from '../../../lib/base/errors.ts'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import {
  attachRelay,
  type RunningRelay,
  startRelay,
  type StartRelayOptions,
} from '../../../lib/relay/node.ts'
import { RelayClient } from '../../../lib/signaling/relay-client.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { parseRelayMessage } from '../../../lib/signaling/relay-protocol.ts'
import { packetFor } from '../../conformance/signaling.ts'
import { encoded } from './fake-connection.ts'

const tag = new Uint8Array(16).fill(5)
const packet = packetFor(tag, 1, 2, 3)
const disposals: (() => unknown)[] = []

afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose()
})

async function start(options: StartRelayOptions = {}): Promise<RunningRelay> {
  const relay = await startRelay({ port: 0, ...options })
  disposals.push(() => relay.close())
  return relay
}

function client(url: string): RelayClient {
  const made = new RelayClient({ url, runtime, WebSocket })
  disposals.push(() => made.close())
  return made
}

/** A bare socket, once its relay has spoken; or the HTTP status or close code that it got instead. */
function raw(url: string, options: { origin?: string; headers?: Record<string, string> } = {}) {
  const socket = new WebSocket(url, options)
  disposals.push(() => socket.terminate())
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  const opened = new Promise<WebSocket | number>((resolve) => {
    socket.once('message', () => resolve(socket))
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.on('close', (code: number) => resolve(code))
  })
  socket.on('error', () => {})
  return { socket, opened, closed }
}

async function get(relay: RunningRelay, path: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${relay.port}${path}`)
  return [response.status, await response.text()]
}

const arrives = async (from: RelayClient, to: RelayClient) => {
  const listener = vi.fn()
  const leave = to.subscribe(tag, listener)
  await vi.waitFor(
    async () => {
      await from.publish(tag, packet)
      expect(listener).toHaveBeenCalled()
    },
    { timeout: 30_000, interval: 20 },
  )
  leave()
}

describe('a relay of its own', () => {
  test('carries packets; healthz and metrics answer, other pages do not', async () => {
    const relay = await start()
    const [a, b] = [client(relay.url), client(relay.url)]
    await arrives(a, b)
    expect(await get(relay, '/healthz')).toEqual([200, 'ok\n'])
    const [status, metrics] = await get(relay, '/metrics')
    expect(status).toBe(200)
    expect(metrics).toContain('handfast_relay_connections 2\n')
    expect((await get(relay, '/'))[0]).toBe(404)
    const posted = await fetch(`http://127.0.0.1:${relay.port}/healthz`, { method: 'POST' })
    expect(posted.status).toBe(405)
    await Promise.all([a.close(), b.close()])
    await expect
      .poll(async () => (await get(relay, '/metrics'))[1])
      .toContain('handfast_relay_connections 0\n')
  })

  test('upgrades at other paths are refused', async () => {
    const relay = await start({ path: '/relay' })
    expect(relay.url).toMatch(/\/relay$/)
    expect(await raw(`${relay.url}?x=1`).opened).toBeInstanceOf(WebSocket)
    expect(await raw(relay.url.replace('/relay', '/other')).opened).toBe(404)
    expect(await raw(relay.url.replace('/relay', '//')).opened).toBe(404)
  })

  test('lets in listed origins and whatever is no browser', async () => {
    const { url } = await start({ origins: ['https://wallet.example'] })
    expect(await raw(url, { origin: 'https://wallet.example' }).opened).toBeInstanceOf(WebSocket)
    expect(await raw(url).opened).toBeInstanceOf(WebSocket)
    for (const origin of [
      'https://evil.example',
      'https://wallet.example.evil.example',
      'http://wallet.example',
      'https://wallet.example:444',
      'null',
    ]) {
      expect(await raw(url, { origin }).opened).toBe(403)
    }
  })

  test('any origin may come when none are listed', async () => {
    const { url } = await start()
    expect(await raw(url, { origin: 'https://any.example' }).opened).toBeInstanceOf(WebSocket)
  })

  test('agrees to no compression', async () => {
    const { url } = await start()
    const { socket, opened } = raw(url)
    await opened
    expect(socket.extensions).toBe('')
  })

  test.each<[string, number, string | Uint8Array]>([
    ['text', 4400, 'hello'],
    ['garbage', 4400, Uint8Array.of(0xff)],
    ['a packet that is too large', 4413, encoded([verb.publish, 1, tag, new Uint8Array(16_385)])],
    ['a message that is too large', 1009, new Uint8Array(64 * 1024 + 1)],
  ])('%s closes with %i, others go on', async (_name, code, message) => {
    const relay = await start()
    const [a, b] = [client(relay.url), client(relay.url)]
    await arrives(a, b)
    const { socket, opened, closed } = raw(relay.url)
    await opened
    socket.send(message)
    expect(await closed).toBe(code)
    await arrives(b, a)
  })

  test('a frame that breaks WebSocket itself disturbs nobody', async () => {
    const relay = await start()
    const [a, b] = [client(relay.url), client(relay.url)]
    await arrives(a, b)
    const socket = connect(relay.port, '127.0.0.1')
    disposals.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    await new Promise((resolve) => socket.once('close', resolve))
    await arrives(a, b)
  })

  test('counts connections by address, forwarded ones only when the proxy is trusted', async () => {
    const limits = { maxConnectionsPerAddress: 1 }
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    const direct = await start({ limits })
    expect(await raw(direct.url, from('192.0.2.1')).opened).toBeInstanceOf(WebSocket)
    expect(await raw(direct.url, from('192.0.2.2')).opened).toBe(4503)
    const proxied = await start({ limits, trustProxy: true })
    expect(await raw(proxied.url, from('192.0.2.1')).opened).toBeInstanceOf(WebSocket)
    expect(await raw(proxied.url, from('192.0.2.2')).opened).toBeInstanceOf(WebSocket)
    expect(await raw(proxied.url, from('192.0.2.9, 192.0.2.2')).opened).toBe(4503)
    expect(await raw(proxied.url, from('2001:db8::1')).opened).toBeInstanceOf(WebSocket)
    expect(await raw(proxied.url, from('2001:db8::2')).opened).toBe(4503)
  })

  test('drops a reader that does not read, and serves the others', async () => {
    const relay = await start({
      limits: {
        publishesPerSecondPerTag: 1e6,
        publishBurstPerTag: 1e6,
        messageBurst: 1e6,
        byteBurst: 1e9,
      },
    })
    const slow = raw(relay.url)
    await slow.opened
    slow.socket.send(encoded([verb.subscribe, [tag]]))
    slow.socket.pause()
    const [a, b] = [client(relay.url), client(relay.url)]
    const listener = vi.fn()
    b.subscribe(tag, listener)
    const large = new Uint8Array(16_384)
    large.set(tag, 1)
    await vi.waitFor(
      async () => {
        await Promise.all(Array.from({ length: 100 }, () => a.publish(tag, large)))
        expect(relay.core.metrics.closed.slow).toBe(1)
      },
      { timeout: 15_000, interval: 1 },
    )
    expect(await a.publish(tag, packet)).toBe(1)
    await expect.poll(() => listener.mock.lastCall?.[0]).toEqual(packet)
  })

  test('an idle socket is pinged, and lives as long as it answers', async () => {
    const relay = await start({ limits: { pingAfterMs: 50, idleTimeoutMs: 1_500 } })
    const answering = raw(relay.url)
    const silent = raw(relay.url)
    await Promise.all([answering.opened, silent.opened])
    silent.socket.pause()
    const timer = setInterval(() => relay.core.tick(), 20)
    disposals.push(() => clearInterval(timer))
    await expect.poll(() => relay.core.metrics.closed.idle).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(answering.socket.readyState).toBe(WebSocket.OPEN)
    expect(relay.core.connections).toBe(1)
  })

  test('shuts down: 1001 to all, 503 meanwhile, and no longer than promised', async () => {
    const relay = await start()
    const polite = raw(relay.url)
    const rude = raw(relay.url)
    await Promise.all([polite.opened, rude.opened])
    rude.socket.pause()
    const startMs = performance.now()
    const closing = Promise.all([relay.close(), relay.close()])
    expect(await polite.closed).toBe(1001)
    expect(await get(relay, '/healthz')).toEqual([503, 'draining\n'])
    expect(await raw(relay.url).opened).toBe(503)
    await closing
    // Else it would wait for the rude one for ever.
    expect(performance.now() - startMs).toBeLessThan(10_000)
    await expect(get(relay, '/healthz')).rejects.toThrow('fetch failed')
  })

  test('a client comes back to a relay that was restarted', async () => {
    const relay = await start()
    const [a, b] = [client(relay.url), client(relay.url)]
    const listener = vi.fn()
    b.subscribe(tag, listener)
    await expect.poll(() => a.publish(tag, packet)).toBe(1)
    await relay.close()
    await expect.poll(() => [a.state, b.state]).not.toContain('open')
    await start({ port: relay.port })
    await vi.waitFor(async () => expect(await a.publish(tag, packet)).toBe(1), { timeout: 30_000 })
    expect(listener).toHaveBeenCalledTimes(2)
  })

  test('rejects with EADDRINUSE where the port is taken', async () => {
    const relay = await start()
    await expect(startRelay({ port: relay.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('knows the hour', async () => {
    const relay = await start({ runtime: { ...runtime, now: () => Date.now() - 86_400_000 } })
    const a = client(relay.url)
    await a.publish(tag, packet)
    expect(Math.abs(a.clockSkewMs! + 86_400_000)).toBeLessThan(10_000)
  })

  test('logs nothing', async () => {
    const writes = [
      vi.spyOn(process.stdout, 'write').mockReturnValue(true),
      vi.spyOn(process.stderr, 'write').mockReturnValue(true),
    ]
    try {
      const relay = await start()
      const [a, b] = [client(relay.url), client(relay.url)]
      await arrives(a, b)
      const bad = raw(relay.url)
      await bad.opened
      bad.socket.send('hello')
      await bad.closed
      await relay.close()
      for (const write of writes) expect(write).not.toHaveBeenCalled()
    } finally {
      for (const write of writes) write.mockRestore()
    }
  })
})

describe('attached to a server', () => {
  test('takes its own path and leaves the rest to others', async () => {
    const server = createServer()
    const others = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/hmr') return
      others.handleUpgrade(request, socket, head, (webSocket) => webSocket.send('hmr'))
    })
    const relay = attachRelay(server, { path: '/relay' })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    disposals.push(() => server.closeAllConnections())
    disposals.push(() => new Promise((resolve) => server.close(resolve)))
    disposals.push(() => relay.close())
    const { port } = server.address() as AddressInfo
    const other = new WebSocket(`ws://127.0.0.1:${port}/hmr`)
    disposals.push(() => other.terminate())
    const said = await new Promise((resolve) => other.on('message', (data) => resolve(`${data}`)))
    expect(said).toBe('hmr')
    const url = `ws://127.0.0.1:${port}/relay`
    await arrives(client(url), client(url))
    await relay.close()
    expect(other.readyState).toBe(WebSocket.OPEN)
    expect(server.listening).toBe(true)
  })
})

test('a message on the wire is what the specification says', async () => {
  const relay = await start()
  const { socket, opened } = raw(relay.url)
  await opened
  const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve))
  socket.send(encoded([verb.publish, 9, tag, packet]))
  const bytes = new Uint8Array(await answer)
  expect([...bytes]).toEqual([0x83, verb.published, 9, 0])
  expect(() => parseRelayMessage(bytes.subarray(1))).toThrow(HandfastError)
})
