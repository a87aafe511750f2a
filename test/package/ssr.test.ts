/** Importing the package does nothing: on a server it touches no browser global, and keeps no process alive. */

import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { built } from './built.ts'

const browserGlobals = [
  'window',
  'document',
  'navigator',
  'location',
  'indexedDB',
  'RTCPeerConnection',
  'RTCDataChannel',
  'WebSocket',
  'BroadcastChannel',
  'Worker',
  'localStorage',
  'sessionStorage',
]

/** Those that Node has as well; a library that uses them while loading breaks elsewhere. */
const sharedGlobals = ['crypto', 'fetch', 'setTimeout', 'setInterval']

/** Runs `source` in a Node process of its own in which each access to one of `names` is noted, not prevented. */
function run(source: string, names: string[]) {
  const script = `
    const touched = []
    const prepared = process.getActiveResourcesInfo().length
    for (const name of ${JSON.stringify(names)}) {
      const value = globalThis[name]
      const get = () => {
        touched.push(name + new Error().stack.split('\\n')[2])
        return value
      }
      Object.defineProperty(globalThis, name, { configurable: true, get, set() {} })
    }
    const exported = await (async () => { ${source} })()
    const seen = [...touched]
    // What reading the files took is let go a moment later.
    await new Promise((resolve) => setImmediate(resolve))
    const resources = process.getActiveResourcesInfo().length - prepared
    process.stdout.write(JSON.stringify({ exported: Object.keys(exported), touched: seen, resources }))`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', script],
    { encoding: 'utf8', timeout: 60_000 },
  )
  // A process kept alive by a timer or a socket is ended by the time-out, and has no status.
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout) as { exported: string[]; touched: string[]; resources: number }
}

const importing = (file: string) => `return import(${JSON.stringify(pathToFileURL(file).href)})`

describe('the built package in Node', () => {
  it.each([
    ['library', built.library],
    ['single file', built.singleFile],
  ])('touches no global of the platform while the %s loads', (_, file) => {
    const { exported, touched, resources } = run(importing(file), [
      ...browserGlobals,
      ...sharedGlobals,
    ])
    expect(exported).toEqual(expect.arrayContaining(['HandfastError', 'Identity', 'Mesh']))
    expect(touched).toEqual([])
    expect(resources).toBe(0)
  })

  it('starts nothing when the relay is imported', () => {
    const { resources } = run(importing(built.relay), [])
    expect(resources).toBe(0)
  })

  it('would notice an access and a process kept alive', () => {
    const { touched } = run(
      'return { x: typeof document, y: navigator?.userAgent }',
      browserGlobals,
    )
    expect(touched.map((line) => line.split(' ')[0])).toEqual(['document', 'navigator'])
    expect(run('setInterval(() => {}, 9).unref?.(); return {}', []).resources).toBe(0)
    expect(run('setTimeout(() => {}, 99); return {}', []).resources).toBe(1)
  })

  it('never loads the native part of cbor-x', () => {
    const { exported } = run(
      `${importing(built.relay).replace('return', 'await')}
       const { createRequire } = await import('node:module')
       return createRequire(import.meta.url).cache`,
      [],
    )
    expect(exported.some((path) => path.includes('cbor-x'))).toBe(true)
    expect(exported.filter((path) => path.includes('cbor-extract'))).toEqual([])
  })
})

describe('the source', () => {
  const touched: string[] = []

  beforeEach(() => {
    vi.resetModules()
    for (const name of browserGlobals) {
      const original = Object.getOwnPropertyDescriptor(globalThis, name)
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get() {
          touched.push(name)
          return original?.get?.call(globalThis) ?? original?.value
        },
      })
      restore.push(() => {
        if (original) Object.defineProperty(globalThis, name, original)
        else Reflect.deleteProperty(globalThis, name)
      })
    }
  })

  const restore: (() => void)[] = []
  afterEach(() => {
    for (const undo of restore.splice(0)) undo()
  })

  it('touches no browser global while it loads', async () => {
    await import('../../lib/index.ts')
    expect(touched).toEqual([])
  })
})
