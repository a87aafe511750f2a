/** Relays in processes of their own, for tests that kill them: at any moment, or exactly when a certain packet passes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** The `count`th packet of a kind, given by its letter: before the relay takes notice of it, or as soon as a peer was sent it. */
export interface Cut {
  when: 'published' | 'delivered'
  packet: 'I' | 'N' | 'A' | 'T'
  count: number
}

/** As one plain file, since Node does not read TypeScript everywhere. */
async function bundle(outDir: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL('relay-main.ts', import.meta.url)),
      outDir,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'relay.mjs' } },
    },
  })
  return join(outDir, 'relay.mjs')
}

export class RelayProcess {
  readonly url: string
  readonly #program: string
  readonly #prefix: readonly string[]
  #child: ChildProcess

  private constructor(
    program: string,
    prefix: readonly string[],
    child: ChildProcess,
    url: string,
  ) {
    this.#program = program
    this.#prefix = prefix
    this.#child = child
    this.url = url
  }

  static async start(program: string, host: string, prefix: readonly string[]) {
    const [child, url] = await launch(program, host, 0, prefix)
    return new RelayProcess(program, prefix, child, url)
  }

  get #isDead(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Resolves when it is gone, however that came. */
  async dead(): Promise<void> {
    if (!this.#isDead) await once(this.#child, 'exit')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.dead()
  }

  /** Has it die at a certain moment. */
  async dieAt(cut: Cut): Promise<void> {
    this.#child.send(cut)
    await once(this.#child, 'message')
  }

  /** At the same address. */
  async restart(): Promise<void> {
    const { hostname, port } = new URL(this.url)
    ;[this.#child] = await launch(this.#program, hostname, Number(port), this.#prefix)
  }
}

async function launch(
  program: string,
  host: string,
  port: number,
  prefix: readonly string[],
): Promise<[ChildProcess, string]> {
  const [command, ...args] = [...prefix, process.execPath, program, host, String(port)]
  const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [url] = (await once(child, 'message')) as [string]
  return [child, url]
}

export type StartRelayProcess = (host?: string, prefix?: readonly string[]) => Promise<RelayProcess>

/** For a worker's fixture: what starts relays, and what ends them all. */
export async function relayProcesses(): Promise<{
  start: StartRelayProcess
  close: () => Promise<void>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'handfast-relay-'))
  const program = await bundle(folder)
  const started: RelayProcess[] = []
  return {
    start: async (host = '127.0.0.1', prefix = []) => {
      const relay = await RelayProcess.start(program, host, prefix)
      started.push(relay)
      return relay
    },
    close: async () => {
      for (const relay of started) await relay.kill()
      await rm(folder, { recursive: true })
    },
  }
}
