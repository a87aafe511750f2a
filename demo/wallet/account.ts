/**
 * What entries come to: the standing offer, the open tally with its balance and requests, the tallies that are closed. A pure fold over the
 * entries of both sides, in one order that both come to by themselves, whenever each entry has reached them.
 *
 *     nothing ──offer──▶ offered ──accept──▶ open ──close, by both──▶ nothing
 *        ▲                │    ▲
 *        └ refuse, withdraw ┘  └─ offer that answers it, from the other side
 *
 * An offer binds its signer until it is answered or withdrawn, and asking to close until it is answered. Offers can cross: then the one of
 * the party with the lower PeerId stands. Payments never conflict: a balance is their sum.
 *
 * A withdrawal counts for what is signed in the knowledge of it. An answer by somebody who had not heard of it stands, as if nothing had been
 * withdrawn; what the other has offered in its place meanwhile has no effect. So nobody is bound to what they could not know: who answers
 * relies on a signature that they had, who withdraws knows that an answer may be on its way. An offer that has lost against another one never
 * comes back, also if that is withdrawn.
 */

import type { Act, Entry, EntryId, Terms } from './entry.ts'
import { Refusal } from './refusal.ts'
import { maxPendingRequests, maxUnheardWithdrawals } from './wallet-limits.ts'

/** Of the party with the lower PeerId 0, of the other 1. */
export type Side = 0 | 1

export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0)

export interface Offer {
  readonly id: EntryId
  readonly by: Side
  readonly terms: Terms
  readonly answers: EntryId | null
}

export interface Request {
  readonly id: EntryId
  readonly by: Side
  readonly amount: bigint
  readonly note: string
}

export interface Tally {
  readonly id: EntryId
  readonly terms: Terms
  /** Who made the offer that the other has accepted. */
  readonly offeredBy: Side
  /** What side 1 owes side 0; below zero it is the other way round. */
  readonly balance: bigint
  /** Those that wait. */
  readonly requests: readonly Request[]
  /** Asked to close it, and not answered: the latest of the other's entries that was seen then. */
  readonly closing: readonly [number | null, number | null]
  /** Latest entry of each about it, but for those that ask to close. */
  readonly touched: readonly [number, number]
}

/** An offer that its signer has taken back, in the entry of that number. */
export interface Withdrawn {
  readonly offer: Offer
  readonly seq: number
}

export interface Account {
  readonly offer: Offer | null
  /** Of which the other has not yet signed to have heard: what they do may still be an answer. The latest is last. */
  readonly withdrawn: readonly Withdrawn[]
  readonly tally: Tally | null
  readonly closed: readonly Tally[]
  /** The offer that was refused last, until there is another. */
  readonly refused: { readonly offer: Offer; readonly note: string } | null
}

export const emptyAccount: Account = {
  offer: null,
  withdrawn: [],
  tally: null,
  closed: [],
  refused: null,
}

/** What of `balance` concerns one side: what the other owes it. */
export const balanceOf = ({ balance }: Tally, side: Side): bigint =>
  side === 0 ? balance : -balance

/** How much a side can pay before it owes more than agreed. */
export const spendable = (tally: Tally, side: Side): bigint =>
  balanceOf(tally, side) + tally.terms.limits[side]

/** Why somebody may not do that, as things stand for them. */
export function refusalOf(account: Account, side: Side, act: Act): Refusal | null {
  const { offer, tally } = account
  const refuse = (...args: ConstructorParameters<typeof Refusal>) => new Refusal(...args)
  switch (act.do) {
    case 'offer':
      if (tally) return refuse('wrong-order', 'A tally is open')
      if (act.answers !== null)
        return isTheirs(offer, act.answers, side) ? null : refuse('wrong-order')
      return offer ? refuse('wrong-order', 'An offer waits for an answer') : null
    case 'accept':
    case 'refuse':
      return isTheirs(offer, act.offer, side)
        ? null
        : refuse('wrong-order', 'No such offer is open')
    case 'withdraw': {
      if (offer?.id === act.entry && offer.by === side) {
        const unheard = account.withdrawn.filter(({ offer: { by } }) => by === side)
        return unheard.length >= maxUnheardWithdrawals ? refuse('full') : null
      }
      if (!tally) return refuse('wrong-order', 'No such offer is open')
      return requestOf(tally, act.entry, side) ? null : refuse('not-pending')
    }
    default:
      if (!tally || tally.id !== act.tally) return refuse('wrong-tally')
      if (tally.closing[side] !== null) return refuse('closing')
      return refusalInTally(tally, side, act)
  }
}

type TallyAct = Extract<Act, { tally: EntryId }>
type Withdrawal = Extract<Act, { do: 'withdraw' }>

function refusalInTally(tally: Tally, side: Side, act: TallyAct): Refusal | null {
  const { requests } = tally
  switch (act.do) {
    case 'pay': {
      const asked = act.request !== null && requestOf(tally, act.request, otherSide(side))
      if (act.request !== null && (!asked || asked.amount !== act.amount)) {
        return new Refusal('not-pending')
      }
      return act.amount > spendable(tally, side) ? new Refusal('over-limit') : null
    }
    case 'request': {
      const waiting = requests.filter(({ by }) => by === side)
      return waiting.length >= maxPendingRequests ? new Refusal('full') : null
    }
    case 'decline':
      return requestOf(tally, act.request, otherSide(side)) ? null : new Refusal('not-pending')
    case 'close':
      return tally.balance !== 0n || requests.length > 0 ? new Refusal('not-settled') : null
    case 'keep':
      return tally.closing[otherSide(side)] === null ? new Refusal('wrong-order') : null
  }
}

const isTheirs = (offer: Offer | null, id: EntryId, side: Side): boolean =>
  offer?.id === id && offer.by !== side

const requestOf = ({ requests }: Tally, id: EntryId, by: Side): Request | undefined =>
  requests.find((request) => request.id === id && request.by === by)

/** What the account is after one more. What came too late to have its effect, since both acted at a time, has none. */
export function entered(account: Account, side: Side, entry: Entry): Account {
  const { act, id, seq } = entry
  const known = { ...account, withdrawn: withdrawnUnheard(account, side, entry) }
  const { offer, withdrawn, tally } = known
  switch (act.do) {
    case 'offer': {
      const stands =
        act.answers === null
          ? !offer && withdrawn.every((each) => each.offer.by === side)
          : answered(known, act.answers, side)
      if (tally || !stands) return known
      const { terms, answers } = act
      return {
        ...known,
        offer: { id, by: side, terms, answers },
        withdrawn: answers === null ? withdrawn : [],
        refused: null,
      }
    }
    case 'accept': {
      const accepted = answered(known, act.offer, side)
      if (!accepted) return known
      return { ...known, offer: null, withdrawn: [], refused: null, tally: opened(accepted) }
    }
    case 'refuse': {
      const refused = answered(known, act.offer, side)
      if (!refused) return known
      const left = offer === refused ? null : offer
      return {
        ...known,
        offer: left,
        withdrawn: withdrawn.filter((each) => each.offer !== refused),
        refused: left ? null : { offer: refused, note: act.note },
      }
    }
    case 'withdraw':
      if (offer?.id === act.entry && offer.by === side) {
        return { ...known, offer: null, withdrawn: [...withdrawn, { offer, seq }] }
      }
      if (!tally || !requestOf(tally, act.entry, side)) return known
      return { ...known, tally: inTally(tally, side, entry, act) }
    default: {
      if (!tally || tally.id !== act.tally) return known
      const next = inTally(tally, side, entry, act)
      const isClosed = next.closing[0] !== null && next.closing[1] !== null
      if (isClosed) return { ...known, tally: null, closed: [...account.closed, next] }
      return { ...known, tally: next }
    }
  }
}

/** Without those that an entry's signer has heard of. */
function withdrawnUnheard(
  { withdrawn }: Account,
  side: Side,
  { seen }: Entry,
): readonly Withdrawn[] {
  if (withdrawn.length === 0) return withdrawn
  return withdrawn.filter(({ offer, seq }) => offer.by === side || seq > (seen?.seq ?? 0))
}

/** The offer that somebody answers: the one that stands, or, for those who have not heard of it, one that was withdrawn. */
function answered({ offer, withdrawn }: Account, id: EntryId, side: Side): Offer | undefined {
  const offers = [...(offer ? [offer] : []), ...withdrawn.map((each) => each.offer)]
  return offers.find((each) => isTheirs(each, id, side))
}

const opened = ({ id, terms, by }: Offer): Tally => ({
  id,
  terms,
  offeredBy: by,
  balance: 0n,
  requests: [],
  closing: [null, null],
  touched: [0, 0],
})

const pairWith = <T>([first, second]: readonly [T, T], side: Side, value: T): [T, T] =>
  side === 0 ? [value, second] : [first, value]

function inTally(
  tally: Tally,
  side: Side,
  { id, seq, seen }: Entry,
  act: TallyAct | Withdrawal,
): Tally {
  const other = otherSide(side)
  const { closing, touched, requests } = tally
  const seenSeq = seen?.seq ?? 0
  // Asking to close is void where the other has done something that it did not know of.
  if (act.do === 'close') {
    if (touched[other] > seenSeq) return tally
    return { ...tally, closing: pairWith(closing, side, seenSeq) }
  }
  const theirs = closing[other]
  const next = {
    ...tally,
    touched: pairWith(touched, side, seq),
    closing: pairWith<number | null>(
      [null, null],
      other,
      theirs !== null && seq > theirs ? null : theirs,
    ),
  }
  switch (act.do) {
    case 'pay':
      return {
        ...next,
        balance: tally.balance + (side === 0 ? -act.amount : act.amount),
        requests: requests.filter((request) => request.id !== act.request),
      }
    case 'request':
      return {
        ...next,
        requests: [...requests, { id, by: side, amount: act.amount, note: act.note }],
      }
    case 'decline':
      return { ...next, requests: requests.filter((request) => request.id !== act.request) }
    case 'withdraw':
      return { ...next, requests: requests.filter((request) => request.id !== act.entry) }
    case 'keep':
      return next
  }
}
