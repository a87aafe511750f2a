/** Medians of paired samples, with intervals that assume no distribution. */

export interface Estimate {
  readonly median: number
  /**
   * The interval between two order statistics that holds the true median with a probability of at least 95 % (the sign test's),
   * or the whole range where there are fewer than six samples.
   */
  readonly low: number
  readonly high: number
  readonly count: number
}

const confidence = 0.95

/** How many of the smallest, and as many of the largest, of `count` samples lie outside the interval. */
function outside(count: number): number {
  // The median lies below the sample of rank `skip` when at most `skip` of all samples are below the median.
  let term = 0.5 ** count
  let tail = term
  let skip = 0
  while (skip < count) {
    term *= (count - skip) / (skip + 1)
    tail += term
    if (2 * tail > 1 - confidence) break
    skip++
  }
  return skip
}

export function estimate(samples: readonly number[]): Estimate {
  const sorted = samples.filter((sample) => !Number.isNaN(sample)).sort((a, b) => a - b)
  const count = sorted.length
  const skip = outside(count)
  const middle = (count - 1) / 2
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    low: sorted[skip]!,
    high: sorted[count - 1 - skip]!,
    count,
  }
}

/** Of `a` to `b`, sample by sample of the same round. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((sample, round) => sample / (b[round] ?? NaN))
}
