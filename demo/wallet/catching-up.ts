/** Taking in what the other side has: whatever fits, in whatever order the chains need each other; and where two chains part. */

import { append, holds, type Books } from './books.ts'
import type { Entry, EntryId } from './entry.ts'
import { Refusal, type RefusalCode } from './refusal.ts'

export interface Taken {
  readonly books: Books
  /** What was new. */
  readonly entries: readonly Entry[]
  /** Why not all of it was taken. */
  readonly fault: RefusalCode | null
}

/** Takes of each chain what fits, in turns: an entry of one may build on entries of another. */
export function taken(books: Books, chains: readonly (readonly Entry[])[]): Taken {
  const waiting = chains.map((chain) => [...chain])
  const entries: Entry[] = []
  for (;;) {
    const before = waiting.flat().length
    const faults = waiting.map((chain) => {
      for (let next = chain[0]; next; next = chain[0]) {
        try {
          if (!holds(books, next)) {
            books = append(books, next)
            entries.push(next)
          }
        } catch (error) {
          if (error instanceof Refusal) return error.code
          throw error
        }
        chain.shift()
      }
      return null
    })
    // What does not hold stays so; a hole may have been filled from another chain.
    const fault = faults.find((code) => code !== null && code !== 'hole') ?? null
    const isDone = waiting.every(({ length }) => length === 0)
    if (fault || isDone) return { books, entries, fault }
    if (waiting.flat().length === before) return { books, entries, fault: 'hole' }
  }
}

/** The first number at which they have another entry than `chain`, up to `latest`; null if there is none. */
export async function firstDifference(
  chain: readonly Entry[],
  latest: number,
  there: (seq: number) => Promise<EntryId>,
): Promise<number | null> {
  let [same, other] = [0, Math.min(latest, chain.length)]
  if (other < 1 || (await there(other)) === chain[other - 1]!.id) return null
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2)
    if ((await there(middle)) === chain[middle - 1]!.id) same = middle
    else other = middle
  }
  return other
}
