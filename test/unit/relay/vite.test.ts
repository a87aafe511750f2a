import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type InlineConfig, preview } from 'vite'
import { WebSocket } from 'ws'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import { relayPlugin } from '../../../lib/relay/vite.ts'
import { RelayClient } from '../../../lib/signaling/relay-client.ts'
import { packetFor } from '../../conformance/signaling.ts'

const tag = new Uint8Array(16).fill(5)
let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'handfast-vite-'))
  writeFileSync(join(root, 'index.html'), '<!doctype html><title>page</title>')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const config = (): InlineConfig => ({
  root,
  configFile: false,
  logLevel: 'silent',
  plugins: [relayPlugin()],
  build: { outDir: '.' },
  server: { port: 0, host: '127.0.0.1' },
  preview: { port: 0, host: '127.0.0.1' },
})

const firstMessage = (url: string, protocol: string, origin: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = new WebSocket(url, protocol, { origin })
    socket.on('message', (data) => {
      socket.terminate()
      resolve(`${data}`)
    })
    socket.on('error', reject)
  })

async function relays(port: number): Promise<void> {
  const clients = [1, 2].map(
    () => new RelayClient({ url: `ws://127.0.0.1:${port}/relay`, runtime, WebSocket }),
  )
  const [a, b] = clients as [RelayClient, RelayClient]
  const arrived = new Promise<Uint8Array>((resolve) => b.subscribe(tag, resolve))
  await b.publish(tag, packetFor(tag, 1))
  expect(await a.publish(tag, packetFor(tag, 2))).toBe(1)
  expect(await arrived).toEqual(packetFor(tag, 2))
  await Promise.all(clients.map((client) => client.close()))
}

test('the development server relays, serves its pages and keeps its own socket', async () => {
  const server = await createServer(config())
  try {
    await server.listen()
    const { port } = server.httpServer!.address() as AddressInfo
    await relays(port)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('<title>page')
    const token = server.config.webSocketToken
    const own = `ws://127.0.0.1:${port}/?token=${token}`
    expect(await firstMessage(own, 'vite-hmr', `http://127.0.0.1:${port}`)).toContain('connected')
  } finally {
    await server.close()
  }
})

test('the preview server relays too', async () => {
  const server = await preview(config())
  try {
    await relays((server.httpServer.address() as AddressInfo).port)
  } finally {
    await server.close()
  }
})
