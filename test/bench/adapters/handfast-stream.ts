/** Handfast, streams: writes as large as the messages of the others, paced by the writer's `ready`. */

import type { Link } from '../../../lib/index.ts'

import type { Adapter, Connection, OnMessage } from '../adapter.ts'
import { openEndpoint } from './handfast.ts'

type Stream = Awaited<ReturnType<Link['openStream']>>

async function deliver(readable: ReadableStream<Uint8Array>, onMessage: OnMessage): Promise<void> {
  const reader = readable.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    onMessage(value.length)
  }
}

function connection({ readable, writable }: Stream, onMessage: OnMessage): Connection {
  const writer = writable.getWriter()
  void deliver(readable, onMessage)
  return {
    send: (message) => void writer.write(message),
    async sendMany(message, count) {
      for (let sent = 0; sent < count; sent++) {
        await writer.ready
        void writer.write(message)
      }
      await writer.ready
    },
    async close() {
      await writer.close()
    },
  }
}

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: false,
  open: (site) =>
    openEndpoint(
      site,
      async (link, onMessage) => connection(await link.openStream('bench'), onMessage),
      (link, onMessage) =>
        new Promise((resolve) => {
          link.on('stream', (stream) => resolve(connection(stream, onMessage)))
        }),
    ),
}
