/**
 * A queue of queues: each item stands behind those of its own kind alone, and the kinds take turns, at every level of a path of keys.
 * Its owner states its bounds.
 */

export class FairQueue<T> {
  #length = 0
  /** In the order of their turns; none is empty. */
  readonly #kinds = new Map<unknown, FairQueue<T>>()
  readonly #items: T[] = []

  get length(): number {
    return this.#length
  }

  /** How many there are of a kind. */
  lengthOf([key, ...rest]: readonly unknown[]): number {
    const kind = this.#kinds.get(key)
    return rest.length > 0 ? (kind?.lengthOf(rest) ?? 0) : (kind?.length ?? 0)
  }

  push([key, ...rest]: readonly unknown[], item: T): void {
    this.#length++
    if (key === undefined) {
      this.#items.push(item)
      return
    }
    let kind = this.#kinds.get(key)
    if (!kind) this.#kinds.set(key, (kind = new FairQueue()))
    kind.push(rest, item)
  }

  shift(): T | undefined {
    if (this.#length > 0) this.#length--
    const [first] = this.#kinds
    if (!first) return this.#items.shift()
    const [key, kind] = first
    const item = kind.shift()
    this.#kinds.delete(key)
    if (kind.length > 0) this.#kinds.set(key, kind)
    return item
  }
}
