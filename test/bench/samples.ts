/** Everything measured in one browser: for each metric and subject one sample a round, so that samples pair by their index. */

export class Samples {
  readonly #all = new Map<string, Map<string, number[]>>()

  /** NaN for a round in which the subject failed. */
  add(metric: string, subject: string, sample: number): void {
    const subjects = this.#all.get(metric) ?? new Map<string, number[]>()
    this.#all.set(metric, subjects)
    const samples = subjects.get(subject)
    if (samples) samples.push(sample)
    else subjects.set(subject, [sample])
  }

  get(metric: string, subject: string): readonly number[] | undefined {
    const samples = this.#all.get(metric)?.get(subject)
    return samples?.some((sample) => !Number.isNaN(sample)) ? samples : undefined
  }

  metrics(): string[] {
    return [...this.#all.keys()]
  }

  subjects(metric: string): string[] {
    return [...(this.#all.get(metric)?.keys() ?? [])]
  }

  toJSON(): unknown {
    return Object.fromEntries(
      [...this.#all].map(([metric, it]) => [metric, Object.fromEntries(it)]),
    )
  }
}
