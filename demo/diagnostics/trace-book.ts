/** The latest events of the mesh, from the opening of the page on: whoever opens the diagnostics wants to know what was before. */

import type { Mesh, TraceEvent } from 'handfast'
import { Changes } from '../ui/changes.ts'

/** Older ones are dropped. */
export const maxLines = 400

const tellIntervalMs = 250

export interface TraceLine {
  /** Counts up. */
  id: number
  event: TraceEvent
}

export class TraceBook {
  readonly #changes = new Changes()
  #lines: readonly TraceLine[] = []
  #nextId = 0

  /** Returns how to stop. */
  follow(mesh: Pick<Mesh, 'on'>): () => void {
    return mesh.on('trace', (event) => this.add(event))
  }

  /** Oldest first. */
  get lines(): readonly TraceLine[] {
    return this.#lines
  }

  add(event: TraceEvent): void {
    this.#lines = [...this.#lines.slice(1 - maxLines), { id: this.#nextId++, event }]
    this.#changes.tellIn(tellIntervalMs)
  }

  clear(): void {
    this.#lines = []
    this.#changes.tell()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on(listener)
  }
}
