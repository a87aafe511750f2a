/** A TCP proxy before a signalling server: counts the bytes that pass, and can hold each back for a fixed time, as distance does. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** Of TCP payload, both ways, of all its connections so far. */
  readonly bytes: number
  /** One way. To be changed while nothing is under way. */
  delayMs: number
  close(): void
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  let bytes = 0
  const sockets = new Set<Socket>()
  const forward = (from: Socket, to: Socket) => {
    from.setNoDelay(true)
    sockets.add(from)
    from.on('data', (chunk) => {
      bytes += chunk.length
      if (proxy.delayMs === 0) to.write(chunk)
      else setTimeout(() => to.write(chunk), proxy.delayMs)
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      setTimeout(() => to.end(), proxy.delayMs)
    })
  }
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    forward(client, upstream)
    forward(upstream, client)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const proxy = {
    port: (server.address() as AddressInfo).port,
    delayMs: 0,
    get bytes() {
      return bytes
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return proxy
}
