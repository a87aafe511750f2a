/** A runtime whose timers can be held up, as in a page that is frozen while time goes on. */

import type { Runtime } from '../../lib/base/runtime.ts'

export interface Sleeper extends Runtime {
  sleep(): void
  /** What became due meanwhile is run now, late. */
  resume(): void
}

export function sleeper(runtime: Runtime): Sleeper {
  let isAsleep = false
  const held = new Set<() => void>()
  return {
    ...runtime,
    setTimer(delayMs, callback) {
      const late = () => void (held.delete(late), callback())
      const cancel = runtime.setTimer(delayMs, () => {
        if (isAsleep) held.add(late)
        else callback()
      })
      return () => {
        held.delete(late)
        cancel()
      }
    },
    sleep: () => void (isAsleep = true),
    resume() {
      isAsleep = false
      for (const callback of [...held]) callback()
    },
  }
}
