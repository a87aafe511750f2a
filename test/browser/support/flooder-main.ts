/** What runs in the process of a `Flooder`: a stranger at a relay that publishes as fast as it is told. */

import WebSocket from 'ws'
import { pour } from './pour.ts'
import type { Told } from './flood.ts'

const socket = new WebSocket(process.argv[2]!)
socket.on('error', () => process.exit(1))
socket.on('message', () => {})
socket.on('open', () => process.send!('open'))

process.on('message', (told: Told) => {
  if (told.do !== 'pour') return
  void pour(told, (message) => socket.send(message)).then((sent) => process.send!(sent))
})
process.on('disconnect', () => process.exit())
