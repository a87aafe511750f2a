/** Typed events. `on()` returns the way to undo it; a listener that throws stops nobody else. */

export type Unsubscribe = () => void

export class Emitter<Events extends { [K in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<(...args: any[]) => void>>()

  on<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    const entry = (...args: Events[K]) => listener(...args)
    listeners.add(entry)
    return () => {
      listeners.delete(entry)
    }
  }

  emit<K extends keyof Events>(event: K, ...args: Events[K]): void {
    const listeners = this.#listeners.get(event)
    if (!listeners) return
    for (const listener of [...listeners]) {
      try {
        listener(...args)
      } catch (error) {
        reportError(error)
      }
    }
  }

  listenerCount(event: keyof Events): number {
    return this.#listeners.get(event)?.size ?? 0
  }

  clear(): void {
    this.#listeners.clear()
  }
}

/** An application's listener threw: that is its bug, shown the way the platform shows uncaught errors. */
export function reportError(error: unknown): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error)
  else queueMicrotask(() => Promise.reject(error))
}
