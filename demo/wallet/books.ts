/**
 * The books of two people: the entries of each, side by side. They only grow, and only by what holds: signed by one of the two for the
 * other, next in its signer's chain, and allowed as things stood for its signer. Whoever has the same entries has the same account.
 *
 * A value: `append` returns other books. Clock and signatures are the caller's.
 */

import type { PeerId } from 'handfast'
import { emptyAccount, entered, otherSide, refusalOf, type Account, type Side } from './account.ts'
import type { Act, Entry, EntryBody, Position } from './entry.ts'
import { Refusal } from './refusal.ts'
import { maxEntriesPerSide } from './wallet-limits.ts'

type Chains = readonly [readonly Entry[], readonly Entry[]]

export interface Books {
  readonly parties: readonly [PeerId, PeerId]
  readonly chains: Chains
  /** What they come to. */
  readonly account: Account
}

export const emptyBooks = (one: PeerId, other: PeerId): Books => ({
  parties: one < other ? [one, other] : [other, one],
  chains: [[], []],
  account: emptyAccount,
})

export const sideIn = ({ parties }: Books, party: PeerId): Side => (parties[0] === party ? 0 : 1)

/** From entries that were in books already. */
export function booksOf(one: PeerId, other: PeerId, entries: readonly Entry[]): Books {
  const blank = emptyBooks(one, other)
  const of = (party: PeerId) => entries.filter(({ from }) => from === party)
  const chains: Chains = [of(blank.parties[0]), of(blank.parties[1])]
  return { ...blank, chains, account: courseOf(chains).account }
}

const positionOf = (entry: Entry | undefined): Position | null =>
  entry ? { seq: entry.seq, id: entry.id } : null

/** The latest entry of a side. */
export const headOf = ({ chains }: Books, side: Side): Position | null =>
  positionOf(chains[side].at(-1))

/** The one that is held with the number and signer of another. */
export const entryAt = (
  books: Books,
  { from, seq }: Pick<Entry, 'from' | 'seq'>,
): Entry | undefined => books.chains[sideIn(books, from)][seq - 1]

/**
 * Both chains as one, each entry behind those that its signer knew; where either of two could come first, that of side 0. So everybody
 * comes to the same order.
 */
export function inOrder([first, second]: Chains): { side: Side; entry: Entry }[] {
  const order: { side: Side; entry: Entry }[] = []
  let [at, otherAt] = [0, 0]
  while (at < first.length || otherAt < second.length) {
    const [entry, otherEntry] = [first[at], second[otherAt]]
    if (entry && (!otherEntry || seenBy(entry) <= otherAt)) {
      order.push({ side: 0, entry })
      at++
    } else {
      order.push({ side: 1, entry: otherEntry! })
      otherAt++
    }
  }
  return order
}

const seenBy = ({ seen }: Entry): number => seen?.seq ?? 0

/** What all before each entry come to, in the common order: of each side, by number; and what all come to. */
interface Course {
  readonly before: readonly [readonly Account[], readonly Account[]]
  readonly account: Account
}

/** Kept from one entry to the next, so that none asks for going through all of them again. */
const courses = new WeakMap<Chains, Course>()

function courseOf(chains: Chains): Course {
  const kept = courses.get(chains)
  if (kept) return kept
  const before: [Account[], Account[]] = [[], []]
  const account = inOrder(chains).reduce((sum, { side, entry }) => {
    before[side].push(sum)
    return entered(sum, side, entry)
  }, emptyAccount)
  const course = { before, account }
  courses.set(chains, course)
  return course
}

/** The account in the eyes of a signer right after an entry, of the other side's entries knowing `seen`; by that signer's chain. */
const afterLast = new WeakMap<
  readonly Entry[],
  { readonly seen: number; readonly account: Account }
>()

/** As things stand for somebody who has these, and of the other side's entries those up to `seen`. */
function accountSeen({ chains, account }: Books, side: Side, seen: number): Account {
  const [own, theirs] = [chains[side], chains[otherSide(side)]]
  const unseen = theirs[seen]
  if (!unseen) return account
  const { before } = courseOf(chains)
  // Nothing of side 0 comes behind what it has not seen.
  if (side === 0) return before[1][seen]!
  const last = afterLast.get(own)
  if (last?.seen === seen) return last.account
  const known = before[0][seen]!
  return own.slice(seenBy(unseen)).reduce((sum, entry) => entered(sum, side, entry), known)
}

/** The entry by which `party` would do that now. @throws Refusal */
export function drafted(books: Books, party: PeerId, act: Act, atMs: number): EntryBody {
  const side = sideIn(books, party)
  const refusal = refusalOf(books.account, side, act)
  if (refusal) throw refusal
  const head = headOf(books, side)
  const seq = (head?.seq ?? 0) + 1
  if (seq > maxEntriesPerSide) throw new Refusal('no-room')
  return {
    from: party,
    to: books.parties[otherSide(side)],
    seq,
    previous: head?.id ?? null,
    seen: headOf(books, otherSide(side)),
    atMs,
    act,
  }
}

/** Whether they hold it. @throws Refusal `fork` where there is another in its place */
export function holds(books: Books, entry: Entry): boolean {
  const held = entryAt(books, entry)
  if (held && held.id !== entry.id) throw new Refusal('fork')
  return held !== undefined
}

/** With one more entry; the same books if they hold it. @throws Refusal for one that does not belong there, or not yet (`hole`) */
export function append(books: Books, entry: Entry): Books {
  const { parties } = books
  if (!parties.includes(entry.from) || !parties.includes(entry.to) || entry.from === entry.to) {
    throw new Refusal('wrong-party')
  }
  if (holds(books, entry)) return books
  const side = sideIn(books, entry.from)
  const [own, theirs] = [books.chains[side], books.chains[otherSide(side)]]
  const { seq, previous, seen } = entry
  if (seq > own.length + 1) throw new Refusal('hole')
  if ((own.at(-1)?.id ?? null) !== previous) throw new Refusal('fork')
  const known = seen ? theirs[seen.seq - 1] : undefined
  if (seen && !known) throw new Refusal('hole')
  // It names an entry of the other side that is not the one here.
  if (seen && known!.id !== seen.id) throw new Refusal('fork')
  const last = own.at(-1)
  const seenSeq = seenBy(entry)
  // Nobody forgets.
  if (last && seenSeq < seenBy(last)) throw new Refusal('wrong-order')
  const before = accountSeen(books, side, seenSeq)
  const refusal = refusalOf(before, side, entry.act)
  if (refusal) throw refusal
  const after = entered(before, side, entry)
  const grown = [...own, entry]
  afterLast.set(grown, { seen: seenSeq, account: after })
  const chains: Chains = side === 0 ? [grown, theirs] : [theirs, grown]
  const course = courseWith(
    courseOf(books.chains),
    entry,
    side,
    theirs.slice(seenSeq),
    before,
    after,
  )
  courses.set(chains, course)
  return { parties, chains, account: course.account }
}

/** In the common order what side 1 has signed comes last; of side 0, before what it had not seen. */
function courseWith(
  { before: [first, second], account }: Course,
  entry: Entry,
  side: Side,
  unseen: readonly Entry[],
  before: Account,
  after: Account,
): Course {
  if (side === 1) {
    return { before: [first, [...second, account]], account: entered(account, 1, entry) }
  }
  const later: Account[] = []
  const sum = unseen.reduce((sum, each) => {
    later.push(sum)
    return entered(sum, 1, each)
  }, after)
  return {
    before: [
      [...first, before],
      [...second.slice(0, seenBy(entry)), ...later],
    ],
    account: sum,
  }
}
