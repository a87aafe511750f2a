/** The latest events of the mesh, from the opening of the page on: whoever opens the diagnostics wants to know what was before. */

import type { Mesh, TraceEvent } from 'handfast'

/** Older ones are dropped. */
export const maxLines = 400

const tellIntervalMs = 250

export interface TraceLine {
  /** Counts up. */
  id: number
  event: TraceEvent
}

export class TraceBook {
  readonly #listeners = new Set<() => void>()
  #lines: readonly TraceLine[] = []
  #nextId = 0
  #isDue = false

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
    if (this.#isDue) return
    this.#isDue = true
    setTimeout(() => {
      this.#isDue = false
      for (const listener of this.#listeners) listener()
    }, tellIntervalMs)
  }

  clear(): void {
    this.#lines = []
    for (const listener of this.#listeners) listener()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
