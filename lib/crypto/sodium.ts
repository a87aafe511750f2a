/**
 * libsodium, loaded once, when first needed, as a chunk of its own. Everything else in this room is synchronous
 * and asks for the module through `sodium()`.
 */

import { HandfastError } from '../base/errors.ts'

export type Sodium = (typeof import('libsodium-wrappers'))['default']

let loaded: Sodium | undefined
let loading: Promise<void> | undefined

async function load(): Promise<void> {
  try {
    const { default: module } = await import('libsodium-wrappers')
    await module.ready
    loaded = module
  } catch (cause) {
    loading = undefined
    throw new HandfastError(
      'unsupported',
      "libsodium needs WebAssembly: allow 'wasm-unsafe-eval' in the script-src of the Content-Security-Policy",
      { cause },
    )
  }
}

/**
 * Loads the cryptography. Whatever opens something does so by itself; only `Ticket.parse`, where nothing is open yet, needs it awaited
 * first. Cheap to call again; after a failure the next call tries again.
 * @throws HandfastError `unsupported` where WebAssembly is missing or blocked, or the chunk does not load
 */
export function ready(): Promise<void> {
  return (loading ??= load())
}

/** The loaded module. Throws `wrong-phase` before `ready()` has resolved. */
export function sodium(): Sodium {
  if (!loaded) throw new HandfastError('wrong-phase', 'libsodium is not ready')
  return loaded
}
