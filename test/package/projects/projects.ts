/** Fresh projects in a temporary folder, with the packed library installed as a stranger would: by npm, from the tarball. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../built.ts'

export class Projects {
  readonly folder = mkdtempSync(join(tmpdir(), 'handfast-projects-'))
  readonly tarball = join(this.folder, 'handfast.tgz')
  readonly #running = new Set<ChildProcess>()

  /** Packs what `npm run build` has made. */
  async pack(): Promise<void> {
    const destination = ['--pack-destination', this.folder]
    await this.run(root, ['npm', 'pack', '--ignore-scripts', ...destination])
    const packed = readdirSync(this.folder).find((name) => name.endsWith('.tgz'))!
    renameSync(join(this.folder, packed), this.tarball)
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** `npm install`. Without the npm registry, or a cache of it, this cannot work, and says so. */
  async install(folder: string): Promise<void> {
    await this.run(folder, ['npm', 'install', '--ignore-scripts']).catch((error: Error) => {
      throw new Error(
        `npm install failed: without access to the npm registry the package cannot be tested in projects of others.\n${error.message}`,
      )
    })
  }

  /** Resolves with what the command printed, once it has ended well. */
  async run(folder: string, command: readonly string[]): Promise<string> {
    const { output, ended } = this.#spawn(folder, {}, command)
    const code = await ended
    if (code === 0) return output.join('')
    throw new Error(`${command.join(' ')} ended with ${code}:\n${output.join('')}`)
  }

  /** Starts what goes on, and resolves with what the pattern's first group matches in its output. */
  async start(
    folder: string,
    pattern: RegExp,
    command: readonly string[],
    variables: Record<string, string> = {},
  ): Promise<string> {
    const { child, output, ended } = this.#spawn(folder, variables, command)
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(output.join(''))?.[1]
        if (found !== undefined) resolve(found)
      }
      child.stdout!.on('data', look)
      void ended.then((code) =>
        reject(new Error(`${command.join(' ')} ended with ${code}:\n${output.join('')}`)),
      )
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map(end))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #spawn(folder: string, variables: Record<string, string>, command: readonly string[]) {
    const [program, ...args] = command
    const child = spawn(program!, args, {
      cwd: folder,
      // A group of its own, since npm and npx do not pass signals on to what they run.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...variables },
    })
    this.#running.add(child)
    const output: string[] = []
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => output.push(String(text)))
    const ended = new Promise<number | null>((resolve) => {
      child.once('error', (error) => {
        output.push(error.message)
        resolve(null)
      })
      child.once('close', (code) => {
        this.#running.delete(child)
        resolve(code)
      })
    })
    return { child, output, ended }
  }
}

/** What is set for this repository's own npm script, and its tests, does not concern other projects. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local_prefix)|^(VITEST|NODE_ENV|TEST)/.test(name),
  )
  return {
    ...Object.fromEntries(inherited),
    // What npm has in its cache it need not ask for, nor what is wrong or wants money with it.
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    NEXT_TELEMETRY_DISABLED: '1',
    NO_COLOR: '1',
  }
}

async function end(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve))
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    return // Gone already.
  }
  await closed
}
