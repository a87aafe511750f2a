/** Floods: a relay that lets them through or makes them, and strangers at a relay, each in a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { encodeRelayMessage } from '../../../lib/signaling/relay-protocol.ts'
import { test as base } from './browsers.ts'
import type { Pouring } from './pour.ts'

export type Told =
  | { readonly do: 'tags' }
  | { readonly do: 'packets' }
  /** `at`: in hex, one of the tags of whom a relay floods; a stranger's messages go to the relay. */
  | ({ readonly do: 'pour'; readonly at: string } & Pouring)

const programs = {
  relay: new URL('flood-relay-main.ts', import.meta.url),
  flooder: new URL('flooder-main.ts', import.meta.url),
}
type Program = keyof typeof programs

export class FloodProcess {
  readonly #child: ChildProcess

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [file, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  async next(): Promise<unknown> {
    const [message] = (await once(this.#child, 'message')) as [unknown]
    return message
  }

  ask(told: Told): Promise<unknown> {
    const answer = this.next()
    this.#child.send(told)
    return answer
  }

  /** Resolves with how many messages were sent. */
  async pour(pouring: Omit<Pouring, 'messages'> & { messages: Uint8Array[]; at?: string }) {
    const messages = pouring.messages.map((message) => Buffer.from(message).toString('base64'))
    return (await this.ask({ do: 'pour', at: '', ...pouring, messages })) as number
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

export interface FloodRelay {
  readonly url: string
  readonly process: FloodProcess
  /** What each client listens at, in the order they came. */
  tags(): Promise<Uint8Array[][]>
  /** All that was published. */
  packets(): Promise<Uint8Array[]>
}

export interface Floods {
  startRelay(): Promise<FloodRelay>
  /** A stranger, connected to the relay. */
  startFlooder(url: string): Promise<FloodProcess>
}

/** As a stranger says it to a relay, and as a relay says it to its clients. */
export const publishing = (tag: Uint8Array, packet: Uint8Array): Uint8Array =>
  encodeRelayMessage([verb.publish, 1, tag, packet])
export const delivering = (tag: Uint8Array, packet: Uint8Array): Uint8Array =>
  encodeRelayMessage([verb.deliver, tag, packet])

export const test = base.extend<{ floods: Floods }, { programs: Record<Program, string> }>({
  programs: [
    async ({}, use) => {
      const outDir = await mkdtemp(join(tmpdir(), 'handfast-flood-'))
      const files = Object.entries(programs).map(async ([name, source]) => {
        await build({
          configFile: false,
          logLevel: 'error',
          ssr: { noExternal: true },
          build: {
            ssr: fileURLToPath(source),
            outDir,
            emptyOutDir: false,
            target: 'node20',
            rolldownOptions: { output: { entryFileNames: `${name}.mjs` } },
          },
        })
        return [name, join(outDir, `${name}.mjs`)]
      })
      await use(Object.fromEntries(await Promise.all(files)))
      await rm(outDir, { recursive: true })
    },
    { scope: 'worker' },
  ],
  floods: async ({ programs: files }, use) => {
    const started: FloodProcess[] = []
    const start = (name: Program, ...args: string[]) => {
      const child = new FloodProcess(files[name], args)
      started.push(child)
      return child
    }
    await use({
      async startRelay() {
        const relay = start('relay')
        const url = (await relay.next()) as string
        const bytesOf = (texts: string[], encoding: BufferEncoding) =>
          texts.map((text) => new Uint8Array(Buffer.from(text, encoding)))
        return {
          url,
          process: relay,
          tags: async () =>
            ((await relay.ask({ do: 'tags' })) as string[][]).map((tags) => bytesOf(tags, 'hex')),
          packets: async () => bytesOf((await relay.ask({ do: 'packets' })) as string[], 'base64'),
        }
      },
      async startFlooder(url) {
        const flooder = start('flooder', url)
        await flooder.next()
        return flooder
      },
    })
    for (const child of started) child.end()
  },
})
