/** The files that are under way in this tab: how far each is, how fast, and the way to stop it. */

import { useEffect, useReducer } from 'preact/hooks'
import { Changes } from '../ui/changes.ts'
import type { Watcher } from './files.ts'

export interface Transfer {
  /** `finishing`: everything is sent, and the other side has yet to keep it. */
  phase: 'waiting' | 'moving' | 'finishing'
  size: number
  moved: number
  /** Of late; 0 while nothing is known. */
  bytesPerSecond: number
  cancel(): void
}

/** Speed is what was moved within the last of these. */
const speedWindowMs = 3000

const drawIntervalMs = 200

export class Transfers {
  readonly #underWay = new Map<string, Transfer>()
  readonly #changes = new Changes()

  get(key: string): Transfer | undefined {
    return this.#underWay.get(key)
  }

  begin(key: string, size: number, cancel: () => void): Watcher {
    const show = (change: Partial<Transfer>) => {
      const now = this.#underWay.get(key)
      if (now) this.#underWay.set(key, { ...now, ...change })
      this.#tell()
    }
    this.#underWay.set(key, { phase: 'waiting', size, moved: 0, bytesPerSecond: 0, cancel })
    this.#tell()
    const samples: { atMs: number; moved: number }[] = []
    return {
      begun: () => {
        samples.push({ atMs: performance.now(), moved: 0 })
        show({ phase: 'moving' })
      },
      moved: (moved) => {
        const atMs = performance.now()
        samples.push({ atMs, moved })
        while (samples.length > 2 && samples[0]!.atMs < atMs - speedWindowMs) samples.shift()
        const [first] = samples
        const tookMs = atMs - first!.atMs
        const bytesPerSecond = tookMs > 0 ? ((moved - first!.moved) * 1000) / tookMs : 0
        show({ moved, bytesPerSecond, phase: moved < size ? 'moving' : 'finishing' })
      },
    }
  }

  end(key: string): void {
    this.#underWay.delete(key)
    this.#tell()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on(listener)
  }

  #tell(): void {
    this.#changes.tellIn(drawIntervalMs)
  }
}

/** Drawn again as it moves. */
export function useTransfer(transfers: Transfers, key: string): Transfer | undefined {
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  useEffect(() => transfers.onChange(() => redraw()), [transfers])
  return transfers.get(key)
}
