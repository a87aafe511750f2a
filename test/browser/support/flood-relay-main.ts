/**
 * What runs in the process of a `FloodRelay`: a relay whose limits let a flood through, that tells which tags its clients listen at and what
 * they published, and that can flood a client itself.
 */

import { startRelay } from '../../../lib/relay/index.ts'
import type { RelayConnection } from '../../../lib/relay/core.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { parseClientMessage } from '../../../lib/signaling/relay-protocol.ts'
import { pour } from './pour.ts'
import type { Told } from './flood.ts'

const plenty = 1e9
const { url, core } = await startRelay({
  host: '127.0.0.1',
  port: 0,
  limits: {
    messagesPerSecond: plenty,
    messageBurst: plenty,
    bytesPerSecond: plenty,
    byteBurst: plenty,
    publishesPerSecondPerTag: plenty,
    publishBurstPerTag: plenty,
    maxBufferedBytes: 256 * 1024 * 1024,
  },
})

interface Client {
  readonly connection: RelayConnection
  readonly tags: Set<string>
}

/** In the order they came. */
const clients: Client[] = []
const packets: Uint8Array[] = []

const connect = core.connect.bind(core)
core.connect = (connection) => {
  clients.push({ connection, tags: new Set() })
  connect(connection)
}
const disconnect = core.disconnect.bind(core)
core.disconnect = (connection) => {
  const index = clients.findIndex((client) => client.connection === connection)
  if (index >= 0) clients.splice(index, 1)
  disconnect(connection)
}
const receive = core.receive.bind(core)
/** Enough for any test: what comes after it is flood. */
const maxNoted = 100
core.receive = (connection, bytes) => {
  if (typeof bytes !== 'string' && (bytes[1] === verb.subscribe || packets.length < maxNoted)) {
    const message = parseClientMessage(bytes)
    const tags = clients.find((client) => client.connection === connection)!.tags
    const hex = (tag: Uint8Array) => Buffer.from(tag).toString('hex')
    if (message[0] === verb.subscribe) for (const tag of message[1]) tags.add(hex(tag))
    else if (message[0] === verb.publish && message[3].length > 0) packets.push(message[3].slice())
  }
  receive(connection, bytes)
}

process.on('message', (told: Told) => {
  const answer = (value: unknown) => process.send!(value)
  switch (told.do) {
    case 'tags':
      return answer(clients.map(({ tags }) => [...tags]))
    case 'packets':
      return answer(packets.map((packet) => Buffer.from(packet).toString('base64')))
    case 'pour': {
      // Also when it has come again: a hostile relay knows it by its tags.
      const target = () => clients.find(({ tags }) => tags.has(told.at))?.connection
      return void pour(told, (message) => target()?.send(message)).then(answer)
    }
  }
})
process.on('disconnect', () => process.exit())
process.send!(url)
