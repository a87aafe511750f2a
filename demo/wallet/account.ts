/**
 * What entries come to: the standing offer, the open tally with its balance and requests, the tallies that are closed. A pure fold over the
 * entries of both sides, in one order that both come to by themselves, whenever each entry has reached them.
 *
 *     nothing ──offer──▶ offered ──accept──▶ open ──close, by both──▶ nothing
 *        ▲                │    ▲
 *        └──── refuse ────┘    └─ offer that answers it, from the other side
 *
 * An offer binds its signer until it is answered, and so does asking to close: hence no two answers can cross. Offers can: then the one of
 * the party with the lower PeerId stands. Payments never conflict: a balance is their sum.
 */

import type { Act, Entry, EntryId, Terms } from './entry.ts'
import { Refusal } from './refusal.ts'
import { maxPendingRequests } from './wallet-limits.ts'

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

export interface Account {
  readonly offer: Offer | null
  readonly tally: Tally | null
  readonly closed: readonly Tally[]
  /** The offer that was refused last, until there is another. */
  readonly refused: { readonly offer: Offer; readonly note: string } | null
}

export const emptyAccount: Account = { offer: null, tally: null, closed: [], refused: null }

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
    default:
      if (!tally || tally.id !== act.tally) return refuse('wrong-tally')
      if (tally.closing[side] !== null) return refuse('closing')
      return refusalInTally(tally, side, act)
  }
}

type TallyAct = Extract<Act, { tally: EntryId }>

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
  const { offer, tally } = account
  const { act, id } = entry
  switch (act.do) {
    case 'offer': {
      const stands = act.answers === null ? !offer : isTheirs(offer, act.answers, side)
      if (tally || !stands) return account
      const { terms, answers } = act
      return { ...account, offer: { id, by: side, terms, answers }, refused: null }
    }
    case 'accept':
      if (!offer || !isTheirs(offer, act.offer, side)) return account
      return { ...account, offer: null, refused: null, tally: opened(offer) }
    case 'refuse':
      if (!offer || !isTheirs(offer, act.offer, side)) return account
      return { ...account, offer: null, refused: { offer, note: act.note } }
    default: {
      if (!tally || tally.id !== act.tally) return account
      const next = inTally(tally, side, entry, act)
      const isClosed = next.closing[0] !== null && next.closing[1] !== null
      if (isClosed) return { ...account, tally: null, closed: [...account.closed, next] }
      return { ...account, tally: next }
    }
  }
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

function inTally(tally: Tally, side: Side, { id, seq, seen }: Entry, act: TallyAct): Tally {
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
    case 'keep':
      return next
  }
}
