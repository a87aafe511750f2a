/** What runs in the process of a `RelayProcess`: a relay, as anybody would start it, that can be told when to die. */

import { startRelay } from '../../../lib/relay/index.ts'
import type { RelayConnection } from '../../../lib/relay/core.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { parseClientMessage, parseRelayMessage } from '../../../lib/signaling/relay-protocol.ts'
import type { Cut } from './relay-process.ts'

const [host, port] = process.argv.slice(2)
const { url, core } = await startRelay({ host: host!, port: Number(port) })

let cut: Cut | undefined

const isDue = (when: Cut['when'], packet: Uint8Array): boolean =>
  cut?.when === when && packet[0] === cut.packet.charCodeAt(0) && --cut.count === 0

const die = () => process.kill(process.pid, 'SIGKILL')

const connect = core.connect.bind(core)
core.connect = (connection: RelayConnection) => {
  const send = connection.send.bind(connection)
  connection.send = (bytes) => {
    send(bytes)
    const message = parseRelayMessage(bytes)
    if (message[0] === verb.deliver && isDue('delivered', message[2])) die()
  }
  connect(connection)
}
const receive = core.receive.bind(core)
core.receive = (connection, bytes) => {
  if (typeof bytes !== 'string') {
    const message = parseClientMessage(bytes)
    if (message[0] === verb.publish && isDue('published', message[3])) die()
  }
  receive(connection, bytes)
}

process.on('message', (told: Cut) => {
  cut = told
  process.send!('armed')
})
process.on('disconnect', () => process.exit())
process.send!(url)
