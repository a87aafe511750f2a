/**
 * The built demo as any plain host serves it: files below a sub-path, nothing else, and the page's own policy as a header, too.
 * What the browser asks for is noted, and what it reports. A relay of its own listens elsewhere.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import { attachRelay } from '../../../lib/relay/node.ts'

export interface StaticDemo {
  /** Ends with a slash. */
  readonly url: string
  readonly relay: string
  /** Paths that were not there. */
  readonly missing: readonly string[]
  /** Violations of the policy, as browsers report them. */
  readonly reports: string[]
  /** Of one of the files, compressed as most hosts do. */
  gzipBytes(path: string): number
  close(): Promise<void>
}

const types: Record<string, string> = {
  '': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const folder = '/some/sub/path/'

export async function startStaticDemo(): Promise<StaticDemo> {
  const files = await builtFiles()
  const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(
    String(files.get(folder)),
  )?.[1]
  if (policy === undefined) throw new Error('the page has no policy')

  const missing: string[] = []
  const reports: string[] = []
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host')
    if (pathname === '/reports') {
      const chunks = await request.toArray()
      reports.push(Buffer.concat(chunks).toString())
      return response.writeHead(204).end()
    }
    const body = files.get(pathname)
    if (body === undefined) {
      missing.push(pathname)
      return response.writeHead(404).end()
    }
    return response
      .writeHead(200, {
        'content-type': types[extname(pathname)] ?? 'application/octet-stream',
        'content-security-policy': `${policy}; frame-ancestors 'none'; report-uri /reports`,
        'x-content-type-options': 'nosniff',
      })
      .end(body)
  })
  const relayServer = createServer((_request, response) => response.writeHead(404).end())
  const relay = attachRelay(relayServer, { path: '/relay' })
  const [port, relayPort] = [await listen(server), await listen(relayServer)]
  return {
    url: `http://127.0.0.1:${port}${folder}`,
    relay: `ws://127.0.0.1:${relayPort}/relay`,
    missing,
    reports,
    gzipBytes: (path) => gzipSync(files.get(path)!, { level: 9 }).length,
    async close() {
      await relay.close()
      for (const each of [server, relayServer]) {
        each.closeAllConnections()
        await new Promise((resolve) => each.close(resolve))
      }
    },
  }
}

async function builtFiles(): Promise<Map<string, string | Uint8Array>> {
  const { output } = (await build({
    configFile: fileURLToPath(new URL('../../../vite.config.ts', import.meta.url)),
    mode: 'demo',
    logLevel: 'silent',
    build: { write: false },
  })) as Rolldown.RolldownOutput
  const files = new Map(
    output.map((file) => [
      `${folder}${file.fileName}`,
      file.type === 'chunk' ? file.code : file.source,
    ]),
  )
  return files.set(folder, files.get(`${folder}index.html`)!)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
