/**
 * The debug log: `localStorage.setItem('handfast:debug', '1')`, or a comma list of kinds, and each trace event becomes a line of
 * `console.debug`, from the next time that a mesh is opened. Its code is loaded only then.
 */

import { reportError } from '../base/emitter.ts'
import type { Tracer } from './tracer.ts'

const key = 'handfast:debug'

/** Never rejects. */
export async function logTrace(tracer: Tracer): Promise<void> {
  const wanted = stored()
  if (!wanted) return
  try {
    const { traceLine } = await import('./debug-log.ts')
    const kinds = wanted.split(',').map((kind) => kind.trim())
    tracer.on((event) => {
      if (wanted === '1' || kinds.includes(event.kind)) console.debug(traceLine(event))
    })
  } catch (error) {
    reportError(error)
  }
}

/** Nothing where there is no such storage, or it may not be used. */
function stored(): string | null | undefined {
  try {
    return globalThis.localStorage?.getItem(key)
  } catch {
    return undefined
  }
}
