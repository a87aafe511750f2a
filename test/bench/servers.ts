/**
 * The process of the servers: the relay, a PeerServer, and a proxy of its own for each subject before whichever it uses.
 * Driven by its parent over IPC, through `Servers`.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { PeerServer } from 'peer'

import { startRelay } from '../../lib/relay/node.ts'
import { type Proxy, startProxy } from './proxy.ts'

type Server = 'relay' | 'peer-server'

type Request =
  | { readonly do: 'proxy'; readonly to: Server }
  | { readonly do: 'delay'; readonly delayMs: number }
  | { readonly do: 'bytes'; readonly port: number }

function startPeerServer(): Promise<number> {
  return new Promise((resolve) => {
    PeerServer({ host: '127.0.0.1', port: 0 }, (server) => {
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Runs in the child: answers each request with one number, in order, until the parent is gone. */
export async function main(): Promise<void> {
  const ports: Record<Server, number> = {
    relay: (await startRelay({ port: 0 })).port,
    'peer-server': await startPeerServer(),
  }
  const proxies: Proxy[] = []
  async function answer(request: Request): Promise<number> {
    if (request.do === 'proxy') {
      const proxy = await startProxy(ports[request.to])
      proxies.push(proxy)
      return proxy.port
    }
    if (request.do === 'bytes') return proxies.find(({ port }) => port === request.port)!.bytes
    for (const proxy of proxies) proxy.delayMs = request.delayMs
    return request.delayMs
  }
  let answered = Promise.resolve()
  process.on('message', (request: Request) => {
    answered = answered.then(async () => void process.send!(await answer(request)))
  })
  process.on('disconnect', () => process.exit())
  process.send!('ready')
}

/** The parent's end. */
export class Servers {
  readonly #child: ChildProcess
  readonly #waiting: { resolve: (answer: number) => void; reject: (error: Error) => void }[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (answer) => this.#waiting.shift()!.resolve(answer as number))
    child.on('exit', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the servers stopped'))
    })
  }

  static async start(): Promise<Servers> {
    const child = fork(new URL('./run.mjs', import.meta.url), ['servers'])
    await once(child, 'message')
    return new Servers(child)
  }

  /** Resolves with the port of a new proxy. */
  proxy(to: Server): Promise<number> {
    return this.#ask({ do: 'proxy', to })
  }

  async delay(delayMs: number): Promise<void> {
    await this.#ask({ do: 'delay', delayMs })
  }

  bytes(port: number): Promise<number> {
    return this.#ask({ do: 'bytes', port })
  }

  close(): void {
    this.#child.disconnect()
  }

  #ask(request: Request): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.send(request)
    })
  }
}
