/** Builds the pages as an application would be built, and serves them from memory, isolated so that their clocks are fine. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { build, type Rolldown } from 'vite'

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export interface PageServer {
  readonly url: string
  close(): void
}

const pathOf = (file: string) => new URL(file, import.meta.url).pathname

async function bundle(adapters: readonly string[]): Promise<Map<string, string>> {
  const output = (await build({
    configFile: false,
    root: pathOf('.'),
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: {
        input: {
          page: pathOf('page.ts'),
          ...Object.fromEntries(adapters.map((name) => [name, pathOf(`adapters/${name}.ts`)])),
        },
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js' },
      },
    },
  })) as Rolldown.RolldownOutput
  const files = output.output.filter((file) => file.type === 'chunk')
  return new Map(files.map((file) => [`/${file.fileName}`, file.code]))
}

export async function servePages(adapters: readonly string[]): Promise<PageServer> {
  const scripts = await bundle(adapters)
  const server = createServer((request, response) => {
    const script = scripts.get(new URL(request.url!, 'http://page').pathname)
    response.writeHead(200, {
      ...headers,
      'Content-Type': script ? 'text/javascript' : 'text/html',
    })
    response.end(script ?? '<!doctype html><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => server.close(),
  }
}
