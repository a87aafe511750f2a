/** PeerJS with its default serialization over its own PeerServer; paced by the data channel that it exposes. */

import { type DataConnection, Peer } from 'peerjs'

import type { Adapter, Connection, OnMessage } from '../adapter.ts'
import { drained, lowWaterBytes } from '../adapter.ts'

function connection(data: DataConnection): Connection {
  const channel = data.dataChannel
  channel.bufferedAmountLowThreshold = lowWaterBytes
  return {
    send: (message) => void data.send(message),
    async sendMany(message, count) {
      for (let sent = 0; sent < count; sent++) {
        if (channel.bufferedAmount > lowWaterBytes) await drained(channel)
        void data.send(message)
      }
    },
    async close() {
      data.close()
    },
  }
}

async function opened(data: DataConnection, onMessage: OnMessage): Promise<Connection> {
  data.on('data', (message) => onMessage((message as ArrayBuffer).byteLength))
  await new Promise<void>((resolve, reject) => {
    data.on('open', resolve)
    data.on('error', reject)
  })
  return connection(data)
}

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,

  async open(site) {
    const { hostname, port } = new URL(site.relayUrl)
    const peer = new Peer(site.self, {
      host: hostname,
      port: Number(port),
      path: '/',
      secure: false,
      config: { iceServers: [] },
    })
    await new Promise<void>((resolve, reject) => {
      peer.once('open', () => resolve())
      peer.once('error', reject)
    })
    return {
      ready: async () => '',
      dial: (_round, onMessage) => opened(peer.connect(site.other, { reliable: true }), onMessage),
      answer: (_round, onMessage) =>
        new Promise((resolve, reject) => {
          peer.once('connection', (data) => opened(data, onMessage).then(resolve, reject))
        }),
    }
  },
}
