/** Typed events. `on()` returns the way to undo it, also during an event; a listener that throws stops nobody else. */

/** Ends what it was returned for: calls nobody any more. Calling it again does nothing. */
export type Unsubscribe = () => void

export class Emitter<Events extends { [K in keyof Events]: unknown[] }> {
  readonly #listeners: { [K in keyof Events]?: Set<(...args: Events[K]) => void> } = {}

  on<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe {
    const listeners = (this.#listeners[event] ??= new Set())
    const entry = (...args: Events[K]) => listener(...args)
    listeners.add(entry)
    return () => {
      listeners.delete(entry)
    }
  }

  emit<K extends keyof Events>(event: K, ...args: Events[K]): void {
    const listeners = this.#listeners[event]
    if (!listeners?.size) return
    for (const listener of [...listeners]) {
      if (!listeners.has(listener)) continue
      try {
        listener(...args)
      } catch (error) {
        reportError(error)
      }
    }
  }

  listenerCount(event: keyof Events): number {
    return this.#listeners[event]?.size ?? 0
  }

  /** Forgets every listener, also those that an event under way has not reached. */
  clear(): void {
    for (const event in this.#listeners) this.#listeners[event]?.clear()
  }
}

/** An application's listener threw: that is its bug, shown the way the platform shows uncaught errors. */
export function reportError(error: unknown): void {
  if (globalThis.reportError) globalThis.reportError(error)
  else void Promise.reject(error)
}
