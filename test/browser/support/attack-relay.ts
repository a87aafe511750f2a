/** A relay in the test's own process that keeps all it sees and hears, and does with packets what a rule says. */

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { type RelayConnection, RelayCore, type RelayLimits } from '../../../lib/relay/core.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import {
  encodeRelayMessage,
  parseClientMessage,
  parseRelayMessage,
} from '../../../lib/signaling/relay-protocol.ts'
import type { Parcel } from '../../unit/attack/hostile-relay.ts'

/** All that a relay knows of one client. */
export interface Connection {
  readonly headers: IncomingHttpHeaders
  readonly subscribed: Uint8Array[]
  readonly published: Parcel[]
}

export interface AttackRelay {
  readonly url: string
  readonly connections: readonly Connection[]
  /** Every WebSocket message, either way. */
  readonly traffic: Uint8Array[]
  readonly published: Parcel[]
  rule: (parcel: Parcel) => Parcel[]
  /** Delivers to everybody subscribed; returns how many. */
  inject(parcel: Parcel): number
  close(): Promise<void>
}

export async function startAttackRelay(limits: Partial<RelayLimits> = {}): Promise<AttackRelay> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new WebSocketServer({ server })
  const core = new RelayCore({ runtime: systemRuntime, limits })
  const traffic: Uint8Array[] = []
  const published: Parcel[] = []
  const connections: Connection[] = []

  /** The attacker's own connection: what it publishes reaches every subscriber. */
  let receivers = 0
  const own: RelayConnection = {
    address: 'attacker',
    bufferedBytes: 0,
    ping: () => core.alive(own),
    close: () => {},
    send(bytes) {
      const message = parseRelayMessage(bytes)
      if (message[0] === verb.published) receivers = message[2]
    },
  }
  core.connect(own)
  const inject = ({ tag, packet }: Parcel): number => {
    receivers = 0
    core.receive(own, encodeRelayMessage([verb.publish, 1, tag, packet]))
    return receivers
  }

  const relay: AttackRelay = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections,
    traffic,
    published,
    rule: (parcel) => [parcel],
    inject,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      core.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  sockets.on('connection', (socket, { headers }) => {
    const seen: Connection = { headers, subscribed: [], published: [] }
    connections.push(seen)
    const connection: RelayConnection = {
      address: 'page',
      get bufferedBytes() {
        return socket.bufferedAmount
      },
      ping: () => socket.ping(),
      close: (code, reason) => socket.close(code, reason),
      send(bytes) {
        traffic.push(bytes)
        socket.send(bytes)
      },
    }
    socket.on('pong', () => core.alive(connection))
    socket.on('close', () => core.disconnect(connection))
    socket.on('message', (data: Buffer) => {
      const bytes = new Uint8Array(data)
      traffic.push(bytes)
      const message = parseClientMessage(bytes)
      if (message[0] === verb.subscribe) seen.subscribed.push(...message[1])
      if (message[0] !== verb.publish || message[3].length === 0) {
        core.receive(connection, bytes)
        return
      }
      const [, id, tag, packet] = message
      const parcel = { tag, packet }
      published.push(parcel)
      seen.published.push(parcel)
      const delivered = relay.rule(parcel)
      if (delivered.includes(parcel)) core.receive(connection, bytes)
      else connection.send(encodeRelayMessage([verb.published, id, 1]))
      for (const each of delivered) if (each !== parcel) inject(each)
    })
    core.connect(connection)
  })
  return relay
}
