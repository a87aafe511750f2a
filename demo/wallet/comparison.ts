/**
 * Comparing books: each side says how far it has which chain, and what that comes to by its own account. From that follows what to fetch,
 * whether somebody has said two things, and whether the books agree.
 */

import type { PeerId } from 'handfast'
import { balanceOf, otherSide, type Side } from './account.ts'
import { headOf, sideIn, type Books } from './books.ts'
import { positionFrom, type EntryId, type Position } from './entry.ts'
import { Refusal } from './refusal.ts'
import { entriesVersion, maxAmountDigits } from './wallet-limits.ts'

/** What somebody says of their books with somebody else. */
export interface Summary {
  /** The latest of their own entries, and of the other's. */
  readonly mine: Position | null
  readonly yours: Position | null
  /** The open tally, and what they say they are owed. */
  readonly tally: EntryId | null
  readonly balance: bigint
  /** Which entries they can read. */
  readonly version: number
}

export function summaryOf(books: Books, party: PeerId): Summary {
  const side = sideIn(books, party)
  const { tally } = books.account
  return {
    mine: headOf(books, side),
    yours: headOf(books, otherSide(side)),
    tally: tally?.id ?? null,
    balance: tally ? balanceOf(tally, side) : 0n,
    version: entriesVersion,
  }
}

/** From what a partner says. @throws Refusal `malformed` */
export function readSummary(value: unknown): Summary {
  if (typeof value !== 'object' || value === null) throw new Refusal('malformed')
  // The first version did not say that it was.
  const { mine, yours, tally, balance, version = 1 } = value as Record<string, unknown>
  const isBalance =
    typeof balance === 'bigint' && String(balance).replace('-', '').length <= maxAmountDigits + 1
  const isTally = tally === null || (typeof tally === 'string' && /^[\w-]{43}$/.test(tally))
  const isVersion = Number.isSafeInteger(version) && (version as number) > 0
  if (!isBalance || !isTally || !isVersion) throw new Refusal('malformed')
  const position = (at: unknown) => (at === null ? null : positionFrom(at))
  const said = { mine: position(mine), yours: position(yours), tally, balance }
  return { ...said, version: version as number }
}

export interface Comparison {
  /** Those here that were compared. */
  readonly books: Books
  /** Chains of which they have more: whose, and what is held already. */
  readonly missing: readonly { side: Side; after: number }[]
  /** Chains of which they have less: whose, and up to where they have it. */
  readonly ahead: readonly { side: Side; after: number }[]
  /** Chains in which they hold another entry than the one here: whose, and which at the latest. */
  readonly forks: readonly { side: Side; seq: number }[]
  readonly theirs: Summary
  /** Same entries, and the same balance by either's own account. */
  readonly agrees: boolean
}

export function compare(books: Books, party: PeerId, theirs: Summary): Comparison {
  const side = sideIn(books, party)
  const missing: { side: Side; after: number }[] = []
  const ahead: { side: Side; after: number }[] = []
  const forks: { side: Side; seq: number }[] = []
  const said: [Side, Position | null][] = [
    [side, theirs.yours],
    [otherSide(side), theirs.mine],
  ]
  for (const [of, position] of said) {
    const held = books.chains[of].length
    const seq = position?.seq ?? 0
    const same = position ? books.chains[of][seq - 1] : undefined
    if (seq > held) missing.push({ side: of, after: held })
    else if (position && same!.id !== position.id) forks.push({ side: of, seq })
    else if (seq < held) ahead.push({ side: of, after: seq })
  }
  const own = summaryOf(books, party)
  const isSame = missing.length + ahead.length + forks.length === 0
  const agrees = isSame && own.tally === theirs.tally && own.balance === -theirs.balance
  return { books, missing, ahead, forks, theirs, agrees }
}
