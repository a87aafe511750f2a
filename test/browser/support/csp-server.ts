/** Serves the production build of `pages/csp` under a Content-Security-Policy that allows nothing but what it needs. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { attachRelay } from '../../../lib/relay/node.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export interface CspServer {
  readonly url: string
  close(): Promise<void>
}

export async function startCspServer(): Promise<CspServer> {
  const { output } = (await build({
    configFile: path('../../../vite.config.ts'),
    mode: 'demo',
    root: path('../pages/csp'),
    logLevel: 'silent',
    build: { write: false },
  })) as Rolldown.RolldownOutput
  const files = new Map<string, string | Uint8Array>(
    output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )

  const server = createServer(({ url = '/', headers }, response) => {
    const name = url === '/' ? '/index.html' : url
    const body = files.get(name)
    if (body === undefined) return response.writeHead(name === '/favicon.ico' ? 204 : 404).end()
    const type = name.endsWith('.html') ? 'text/html' : 'text/javascript'
    return response
      .writeHead(200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': [
          "default-src 'none'",
          "script-src 'self' 'wasm-unsafe-eval'",
          `connect-src ws://${headers.host}`,
          "style-src 'self'",
          "img-src 'self'",
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
          "require-trusted-types-for 'script'",
          "trusted-types 'none'",
        ].join('; '),
      })
      .end(body)
  })
  const relay = attachRelay(server, { path: '/relay' })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      await relay.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
