/** A browser on a host of a test's own network. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LaunchOptions, Page } from '@playwright/test'
import { deferred, type Deferred } from '../../../lib/base/deferred.ts'
import type { BrowserName } from './installed.ts'

const program = fileURLToPath(new URL('host-main.mjs', import.meta.url))

interface Reply {
  id?: number
  value?: unknown
  error?: string
  pageError?: string
}

/** As much of a page as the tests need. */
export class Host implements Pick<Page, 'evaluate'> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Deferred<unknown>>()
  #lastId = 0
  /** What the page threw. */
  readonly errors: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ({ id, value, error, pageError }: Reply) => {
      if (pageError) this.errors.push(pageError)
      const waiting = this.#waiting.get(id ?? 0)
      if (error) waiting?.reject(new Error(error))
      else waiting?.resolve(value)
    })
  }

  /** `prefix`: what to put before a command to run it on the host. */
  static async start(
    prefix: readonly string[],
    browserName: BrowserName,
    options: LaunchOptions,
  ): Promise<Host> {
    const [command, ...args] = [...prefix, process.execPath, program]
    const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const host = new Host(child)
    await once(child, 'message')
    await host.#call('launch', { browserName, options })
    return host
  }

  #call(command: string, argument: unknown): Promise<unknown> {
    const id = ++this.#lastId
    const waiting = deferred<unknown>()
    this.#waiting.set(id, waiting)
    this.#child.send({ id, command, argument })
    return waiting.promise.finally(() => this.#waiting.delete(id))
  }

  async door(
    port: number,
    target: { path: string } | { port: number; host: string },
  ): Promise<void> {
    await this.#call('door', { port, target })
  }

  async goto(url: string): Promise<void> {
    await this.#call('goto', url)
  }

  readonly evaluate = ((run: unknown, argument?: unknown) =>
    this.#call('evaluate', `(${String(run)})(${JSON.stringify(argument)})`)) as Page['evaluate']
}
