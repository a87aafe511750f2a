#!/usr/bin/env node
/** The command line: `handfast relay`. It prints where it listens, and nothing about who connects. */

import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { startRelay, type StartRelayOptions } from './node.ts'

const usage = `Usage: handfast relay [options]

Runs a relay, where peers find each other. It sees opaque tags and sealed packets, and stores nothing.

  --port <number>             default: environment variable PORT, else 8787
  --host <address>            default: environment variable HOST, else 127.0.0.1
  --origin <https://…>        web origin that may connect; repeatable; default: any
  --max-connections <number>  default: 10000
  --trust-proxy               take client addresses from X-Forwarded-For (only behind one reverse proxy)
  --help
  --version

Browsers need wss: off localhost: put a TLS proxy in front. /healthz and /metrics are served beside the relay.
`

const { version } = createRequire(import.meta.url)('handfast/package.json') as { version: string }

class UsageError extends Error {}

function readOptions(): StartRelayOptions {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse()
  } catch (error) {
    // What Node adds about arguments that begin with a dash helps nobody here.
    throw new UsageError((error as Error).message.split('. ')[0]!)
  }
  const { values, positionals } = parsed
  if (values.help || values.version) {
    process.stdout.write(values.help ? usage : `${version}\n`)
    process.exit(0)
  }
  if (positionals.length !== 1 || positionals[0] !== 'relay') {
    throw new UsageError(
      positionals.length > 0 ? `unknown command: ${positionals.join(' ')}` : 'no command given',
    )
  }
  const maxConnections = values['max-connections']
  return {
    port: integer('port', values.port ?? (process.env['PORT'] || '8787'), 0, 65_535),
    host: values.host ?? (process.env['HOST'] || '127.0.0.1'),
    trustProxy: values['trust-proxy'],
    ...(values.origin && { origins: values.origin.map(checkOrigin) }),
    ...(maxConnections !== undefined && {
      limits: { maxConnections: integer('max-connections', maxConnections, 1, 10_000_000) },
    }),
  }
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      origin: { type: 'string', multiple: true },
      'max-connections': { type: 'string' },
      'trust-proxy': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
    },
  })
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not ${text}`)
}

function checkOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new UsageError(`not an origin such as https://wallet.example: ${text}`)
}

function explain(error: unknown, { host, port }: StartRelayOptions): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `port ${port} on ${host} is in use: choose another with --port`
  return `cannot listen on ${host} port ${port}: ${message}`
}

async function main(): Promise<void> {
  const options = readOptions()
  const relay = await startRelay(options).catch((error: unknown) => {
    process.stderr.write(`handfast: ${explain(error, options)}\n`)
    process.exit(1)
  })
  const stop = (): void => void relay.close().then(() => process.exit(0))
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.stdout.write(`handfast relay listening on ${relay.url}\n`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`handfast: ${error.message}\n\n${usage}`)
  process.exit(2)
}
