/** Work on many things, a few at a time: between the turns a page is drawn and answers. */

import { entriesAtOnce, maxTurnMs } from './wallet-limits.ts'

/** In order, but for those of one turn. Not by timers: they are slow in a page that is out of sight. */
export async function inTurns<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const turn = new Turn()
  for (let at = 0; at < items.length; at += entriesAtOnce) {
    results.push(...(await Promise.all(items.slice(at, at + entriesAtOnce).map(work))))
    await turn.over()
  }
  return results
}

/** Between two pieces of long work. */
export class Turn {
  #begunMs = performance.now()

  async over(): Promise<void> {
    if (performance.now() - this.#begunMs < maxTurnMs) return
    await nextTask()
    this.#begunMs = performance.now()
  }
}

const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
