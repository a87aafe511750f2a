/** What can go wrong, how often and for how long. A run injects the kinds that it is given and counts each. */

/** Every kind of fault, described in `docs/simulator.md`. */
export const faultKinds = [
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'partition',
  'relay-restart',
  'cut',
  'silence',
  'frame-delay',
  'frame-corruption',
  'store-failure',
  'store-latency',
  'sleep',
  'skew',
  'handler-failure',
  'crash',
] as const

/** One of `faultKinds`. */
export type FaultKind = (typeof faultKinds)[number]

/** All that a peer lives through with nothing lost from its memory. */
export const survivableFaults: readonly FaultKind[] = faultKinds.filter((kind) => kind !== 'crash')

/** Probability a packet, frame, transaction or handler call. */
export const faultRates = {
  loss: 0.25,
  duplication: 0.1,
  reordering: 0.2,
  corruption: 0.05,
  'frame-delay': 0.05,
  'frame-corruption': 0.002,
  'store-failure': 0.02,
  'store-latency': 0.2,
  'handler-failure': 0.01,
} as const satisfies Partial<Record<FaultKind, number>>

/** How long after a crash the next process starts. */
export const restartMs = 2_000

/** Mean time between two of a kind anywhere among 50 peers, and how long one lasts. */
export const faultTimes = {
  partition: { everyMs: 120_000, lastsMs: 20_000 },
  'relay-restart': { everyMs: 60_000, lastsMs: 5_000 },
  cut: { everyMs: 3_000, lastsMs: 0 },
  silence: { everyMs: 10_000, lastsMs: 15_000 },
  sleep: { everyMs: 20_000, lastsMs: 30_000 },
  crash: { everyMs: 20_000, lastsMs: restartMs },
} as const satisfies Partial<Record<FaultKind, { everyMs: number; lastsMs: number }>>

/** A day each way: contacts whose clocks are two days apart find each other. */
export const maxSkewMs = 24 * 3600_000

export class Faults {
  readonly #kinds: ReadonlySet<FaultKind>
  readonly counts = new Map<FaultKind, number>()
  /** Nothing goes wrong any more. */
  isOver = false

  constructor(kinds: Iterable<FaultKind>) {
    this.#kinds = new Set(kinds)
  }

  has(kind: FaultKind): boolean {
    return !this.isOver && this.#kinds.has(kind)
  }

  /** Counts a fault that is to happen now; false when it must not. */
  inject(kind: FaultKind): boolean {
    if (!this.has(kind)) return false
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    return true
  }

  /** Whether a fault with a rate strikes; `draw` is called in any case, so that a run without the kind draws the same. */
  strikes(kind: keyof typeof faultRates, draw: () => number): boolean {
    return draw() < faultRates[kind] && this.inject(kind)
  }
}
