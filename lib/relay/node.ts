/**
 * The relay on Node, with `ws`: a server of its own (`startRelay`) or a path of an existing one (`attachRelay`). Addresses
 * serve to count connections and are never kept or logged; neither are tags.
 */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  maxRelayMessageBytes,
  relayCloseTimeoutMs,
  relayHeadersTimeoutMs,
  relayMaxHeaderBytes,
  relayTickMs,
} from '../base/limits.ts'
import { type Runtime, systemRuntime } from '../base/runtime.ts'
import { addressGroup } from './address-group.ts'
import { type RelayConnection, RelayCore, type RelayLimits } from './core.ts'

/** What `attachRelay` takes. */
export interface AttachRelayOptions {
  /** Where WebSocket upgrades are taken. Default `/`. */
  path?: string | undefined
  /**
   * Web origins that may connect, such as `https://wallet.example`, compared exactly. Default: any, which suits a relay that
   * serves everybody: there are no cookies or accounts that a foreign page could ride on. Whatever sends no `Origin`
   * is not a browser and may always connect.
   */
  origins?: readonly string[] | undefined
  /** What differs from the defaults. */
  limits?: Partial<RelayLimits> | undefined
  /** Take the client's address from the last entry of `X-Forwarded-For`: only behind one reverse proxy that appends it. */
  trustProxy?: boolean | undefined
  /** Default: the system's clock and timers. */
  runtime?: Runtime | undefined
}

/** A relay on somebody's server. */
export interface AttachedRelay {
  /** Counts, limits and how many are connected. */
  readonly core: RelayCore
  /** Closes all connections with 1001, cutting after 2 seconds those that linger. The server stays. Idempotent. */
  close(): Promise<void>
}

/** What `startRelay` takes. */
export interface StartRelayOptions extends AttachRelayOptions {
  /** Default `127.0.0.1`. */
  host?: string | undefined
  /** 0 takes any free port. Default 8787. */
  port?: number | undefined
}

/** A relay with a server of its own. */
export interface RunningRelay {
  /** `ws:` URL of the relay; put a TLS proxy in front for `wss:`. */
  readonly url: string
  /** Where it listens; the one that was free, if none was asked for. */
  readonly port: number
  /** Counts, limits and how many are connected. */
  readonly core: RelayCore
  /**
   * Takes no more connections, closes those there are with 1001, and stops listening; `/healthz` says 503 meanwhile. Takes at
   * most a little over 2 seconds. Idempotent.
   */
  close(): Promise<void>
}

/** What is used of an HTTP or HTTPS server. */
export interface UpgradeServer {
  /** Node's own. */
  on(event: 'upgrade', listener: UpgradeListener): unknown
  /** Node's own. */
  off(event: 'upgrade', listener: UpgradeListener): unknown
}

/** What a server calls for a request that wants to become a WebSocket. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

const ignore = (): void => {}

/** Serves the relay at one path of `server`. Upgrades at other paths are left to others. */
export function attachRelay(
  server: UpgradeServer,
  { path = '/', origins, limits, trustProxy, runtime = systemRuntime }: AttachRelayOptions = {},
): AttachedRelay {
  const core = new RelayCore({ runtime, ...(limits && { limits }) })
  const open = new Set<WebSocket>()
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxRelayMessageBytes,
  })

  const accept = (socket: WebSocket, address: string): void => {
    const connection: RelayConnection = {
      address,
      get bufferedBytes() {
        return socket.bufferedAmount
      },
      send: (message) => socket.send(message),
      ping: () => socket.ping(),
      close(code, reason) {
        socket.close(code, reason)
        const cancel = runtime.setTimer(relayCloseTimeoutMs, () => socket.terminate())
        socket.once('close', cancel)
      },
    }
    open.add(socket)
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      core.receive(connection, isBinary ? data : data.toString('latin1')),
    )
    socket.on('pong', () => core.alive(connection))
    // An error is always followed by `close`.
    socket.on('error', ignore)
    socket.on('close', () => {
      open.delete(socket)
      core.disconnect(connection)
      if (open.size === 0) drained()
    })
    core.connect(connection)
  }

  const onUpgrade: UpgradeListener = (request, socket, head) => {
    if (request.url?.split('?', 1)[0] !== path) return
    const { origin } = request.headers
    if (core.draining) return refuseUpgrade(socket, '503 Service Unavailable')
    if (origins && origin !== undefined && !origins.includes(origin)) {
      return refuseUpgrade(socket, '403 Forbidden')
    }
    const address = addressGroup(clientAddress(request, trustProxy === true))
    webSockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, address))
  }
  server.on('upgrade', onUpgrade)

  let cancelTick = ignore
  const tick = (): void => {
    core.tick()
    cancelTick = runtime.setTimer(relayTickMs, tick)
  }
  tick()

  let drained = ignore
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    cancelTick()
    const done = new Promise<void>((resolve) => {
      drained = resolve
    })
    core.close()
    if (open.size > 0) await done
    server.off('upgrade', onUpgrade)
  }
  return { core, close: () => (closing ??= close()) }
}

/**
 * Starts a relay with `/healthz` and `/metrics` (Prometheus) beside it. Rejects with Node's own error, such as `EADDRINUSE`.
 */
export async function startRelay(options: StartRelayOptions = {}): Promise<RunningRelay> {
  const { host = '127.0.0.1', port = 8787, path = '/' } = options
  const server = createServer({
    maxHeaderSize: relayMaxHeaderBytes,
    headersTimeout: relayHeadersTimeoutMs,
    requestTimeout: relayHeadersTimeoutMs,
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const relay = attachRelay(server, options)
  // Room for those that are being refused or ask for a page.
  server.maxConnections = relay.core.limits.maxConnections + 256
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    if (request.url?.split('?', 1)[0] !== path) refuseUpgrade(socket, '404 Not Found')
  })
  server.on('request', (request, response) => {
    const reply = (status: number, body: string): void => {
      response.writeHead(status, {
        'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        'cache-control': 'no-store',
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') reply(405, 'method not allowed\n')
    else if (request.url === '/metrics') reply(200, relay.core.renderMetrics())
    else if (request.url !== '/healthz') reply(404, 'not found\n')
    else if (relay.core.draining) reply(503, 'draining\n')
    else reply(200, 'ok\n')
  })

  const close = async (): Promise<void> => {
    await relay.close()
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  let closing: Promise<void> | undefined
  const { port: boundPort } = server.address() as AddressInfo
  const urlHost = host.includes(':') ? `[${host}]` : host
  return {
    url: `ws://${urlHost}:${boundPort}${path}`,
    port: boundPort,
    core: relay.core,
    close: () => (closing ??= close()),
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', ignore)
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined
  const last = forwarded?.toString().split(',').at(-1)?.trim()
  return last || (request.socket.remoteAddress ?? '')
}
