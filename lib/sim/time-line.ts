/**
 * The one time line of a simulation. Events run in order of time, and of being asked for within one moment; between two of
 * them every microtask runs, since the platform's task queue goes round once.
 */

/** More events than this within one moment are a loop. */
const maxEventsAtOnce = 100_000

interface Event {
  readonly atMs: number
  readonly order: number
  /** None: cancelled. What it would have needed is let go of at once. */
  run: (() => void) | undefined
}

export class TimeLine {
  /** Milliseconds since the beginning. */
  nowMs = 0
  readonly #heap: Event[] = []
  #order = 0

  /** Runs `run` after `delayMs`. Returns the way to cancel it. */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.#order++,
      run,
    }
    this.#push(event)
    return () => void (event.run = undefined)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets time pass up to `untilMs`, or until `isDone`. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    const { port1, port2 } = new MessageChannel()
    let resume = () => {}
    port1.onmessage = () => resume()
    const turn = () =>
      new Promise<void>((resolve) => {
        resume = resolve
        port2.postMessage(null)
      })
    let atOnce = 0
    try {
      await turn()
      while (!isDone()) {
        const next = this.#heap[0]
        if (!next || next.atMs > untilMs) break
        this.#pop()
        if (!next.run) continue
        atOnce = next.atMs > this.nowMs ? 0 : atOnce + 1
        if (atOnce > maxEventsAtOnce) throw new Error('events follow each other and no time passes')
        this.nowMs = next.atMs
        next.run()
        await turn()
      }
      if (!isDone()) this.nowMs = Math.max(this.nowMs, untilMs)
    } finally {
      port1.close()
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isEarlier(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++
      if (!isEarlier(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const isEarlier = (a: Event, b: Event) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
