/** Tells whoever listens that something has changed. */

export class Changes {
  readonly #listeners = new Set<() => void>()
  #isDue = false

  /** Returns how to stop. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Once, after that time, for all that has changed by then. */
  tellIn(delayMs: number): void {
    if (this.#isDue) return
    this.#isDue = true
    setTimeout(() => {
      this.#isDue = false
      this.tell()
    }, delayMs)
  }

  /** Nobody listens any more. */
  clear(): void {
    this.#listeners.clear()
  }
}
