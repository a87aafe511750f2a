import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { build } from 'vite'
import { WebSocket } from 'ws'
import metadata from '../../../package.json' with { type: 'json' }
import { startRelay } from '../../../lib/relay/node.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const running = new Set<ChildProcess>()
let folder: string

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  folder = mkdtempSync(join(root, '.cache/cli-'))
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: join(root, 'lib/relay/cli.ts'),
      outDir: folder,
      target: 'es2023',
      copyPublicDir: false,
    },
  })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

function run(args: string[], env: Record<string, string> = {}) {
  const { PORT: _port, HOST: _host, ...inherited } = process.env
  const child = spawn(process.execPath, [join(folder, 'cli.js'), ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => (output.stdout += text))
  child.stderr.on('data', (text) => (output.stderr += text))
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code, ...output })
    }),
  )
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /listening on (ws:\S+)\n/.exec(output.stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    ended.then(() => reject(new Error(`ended: ${output.stderr}`)), reject)
  })
  url.catch(() => {})
  return { child, ended, url }
}

/** The close code, or 0 once the relay has spoken. */
const visit = (url: string, origin?: string) =>
  new Promise<{ socket: WebSocket; status: number; closed: Promise<number> }>((resolve) => {
    const socket = new WebSocket(url, origin === undefined ? {} : { origin })
    const closed = new Promise<number>((done) => socket.on('close', done))
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) =>
      resolve({ socket, status: response.statusCode ?? 0, closed }),
    )
    socket.on('message', () => resolve({ socket, status: 0, closed }))
    void closed.then((status) => resolve({ socket, status, closed }))
  })

test('--help and --version', async () => {
  const help = await run(['--help']).ended
  expect(help.code).toBe(0)
  expect(help.stdout).toContain('Usage: handfast relay')
  const version = await run(['--version']).ended
  expect(version).toEqual({ code: 0, stdout: `${metadata.version}\n`, stderr: '' })
})

test.each([
  ['no command', []],
  ['an unknown command', ['serve']],
  ['a command too many', ['relay', 'relay']],
  ['an unknown option', ['relay', '--verbose']],
  ['a port that is no number', ['relay', '--port', 'http']],
  ['a port out of range', ['relay', '--port', '65536']],
  ['no connections', ['relay', '--max-connections', '0']],
  ['an origin with a path', ['relay', '--origin', 'https://wallet.example/']],
  ['an option without its value', ['relay', '--host']],
])('%s prints the usage and exits with 2', async (_name, args) => {
  const { code, stdout, stderr } = await run(args).ended
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^handfast: .+\n/)
  expect(stderr).toContain('Usage: handfast relay')
})

test('a port in use is one clear line and exit code 1', async () => {
  const relay = await startRelay({ port: 0 })
  try {
    const { code, stderr } = await run(['relay', '--port', `${relay.port}`]).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^handfast: port \d+ on 127\.0\.0\.1 is in use.*\n$/)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  } finally {
    await relay.close()
  }
})

test('a host that is not here is one clear line and exit code 1', async () => {
  const { code, stderr } = await run(['relay', '--host', '192.0.2.1', '--port', '0']).ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^handfast: cannot listen on 192\.0\.2\.1 .*\n$/)
})

test('honours PORT and HOST, which options override', async () => {
  const byEnvironment = await run(['relay'], { PORT: '0', HOST: 'localhost' }).url
  expect(byEnvironment).toMatch(/^ws:\/\/localhost:\d+\/$/)
  const byOptions = await run(['relay', '--port=0', '--host=127.0.0.1'], {
    PORT: 'http',
    HOST: '192.0.2.1',
  }).url
  expect(byOptions).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/$/)
})

test('applies origins and limits', async () => {
  const args = ['--port=0', '--max-connections=1', '--origin=https://a.example']
  const { url } = run(['relay', ...args, '--origin', 'https://b.example'])
  const address = await url
  expect((await visit(address, 'https://c.example')).status).toBe(403)
  expect((await visit(address, 'https://b.example')).status).toBe(0)
  expect((await visit(address, 'https://a.example')).status).toBe(4503)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it in good order', async (signal) => {
  const { child, ended, url } = run(['relay', '--port', '0'])
  const { status, closed } = await visit(await url)
  expect(status).toBe(0)
  const startMs = performance.now()
  child.kill(signal)
  expect(await closed).toBe(1001)
  const { code, stdout, stderr } = await ended
  expect(performance.now() - startMs).toBeLessThan(15_000)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^handfast relay listening on ws:\S+\n$/)
  expect(stderr).toBe('')
})
