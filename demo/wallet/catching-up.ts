/** Taking in what the other side has: whatever fits, in whatever order the chains need each other; and where two chains part. */

import { append, holds, type Books } from './books.ts'
import type { Entry, EntryId } from './entry.ts'
import { Turn } from './in-turns.ts'
import { Refusal, type RefusalCode } from './refusal.ts'

export interface Taken {
  readonly books: Books
  /** What was new. */
  readonly entries: readonly Entry[]
  /** Why not all of it was taken. */
  readonly fault: RefusalCode | null
}

/**
 * Takes what fits of both chains, braided as they were signed: so of the other side's entries there are hardly more than an entry's signer had
 * seen, and what it may do is told from the account as it is, not by going through all of it again.
 */
export async function taken(books: Books, chains: readonly (readonly Entry[])[]): Promise<Taken> {
  const entries: Entry[] = []
  const waiting = chains.map((chain) => ({ chain, at: 0, fault: null as RefusalCode | null }))
  const turn = new Turn()
  for (;;) {
    const next = waiting
      .flatMap((each) => {
        const entry = each.chain[each.at]
        const lag = entry ? lagOf(books, entry) : -1
        return entry && each.fault === null && lag >= 0 ? { each, entry, lag } : []
      })
      .sort((one, other) => one.lag - other.lag)
    const isTaken = next.some(({ each, entry }) => {
      try {
        if (!holds(books, entry)) {
          books = append(books, entry)
          entries.push(entry)
        }
        each.at++
        return true
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        // A hole may be filled from the other chain. What else does not hold stays so.
        if (error.code !== 'hole') each.fault = error.code
        return false
      }
    })
    if (!isTaken) break
    await turn.over()
  }
  const isDone = waiting.every(({ chain, at }) => at === chain.length)
  const found = waiting.find(({ fault }) => fault !== null)?.fault
  return { books, entries, fault: found ?? (isDone ? null : 'hole') }
}

/** How many entries of the other side there are that its signer had not seen; below zero where one is missing. */
const lagOf = ({ chains, parties }: Books, { from, seen }: Entry): number =>
  chains[from === parties[0] ? 1 : 0].length - (seen?.seq ?? 0)

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
