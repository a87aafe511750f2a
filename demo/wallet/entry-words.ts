/** Entries and balances in words, for whoever looks at the books. */

import type { PeerId } from 'handfast'
import type { IconName } from '../ui/icon.tsx'
import { balanceOf, otherSide, type Tally } from './account.ts'
import { formatAmount } from './amounts.ts'
import { inOrder, sideIn, type Books } from './books.ts'
import type { Entry, EntryId, Terms } from './entry.ts'

export const money = (amount: bigint, { decimals, unit }: Pick<Terms, 'decimals' | 'unit'>) =>
  `${formatAmount(amount, decimals)}\u00a0${unit}`

/** The terms that a tally began with, by the id of the offer. */
function termsOf({ account, chains }: Books, tally: EntryId): Terms | undefined {
  if (account.tally?.id === tally) return account.tally.terms
  for (const { id, act } of chains.flat()) if (id === tally && act.do === 'offer') return act.terms
  return undefined
}

/** The second signature, which has closed a tally. */
function closedBy({ account, chains }: Books, tally: EntryId): EntryId | undefined {
  if (account.tally?.id === tally) return undefined
  return inOrder(chains)
    .map(({ entry }) => entry)
    .findLast(({ act }) => act.do === 'close' && act.tally === tally)?.id
}

/** What a balance means to the person who looks. */
export function owing(balance: bigint, called: string): string {
  if (balance === 0n) return `You and ${called} are even`
  return balance > 0n ? `${called} owes you` : `You owe ${called}`
}

export const ownBalance = (books: Books, me: PeerId, tally: Tally): bigint =>
  balanceOf(tally, sideIn(books, me))

/** What somebody would rather settle before they part; nothing where they are even. */
export function debtWith(books: Books, me: PeerId, called: string): string | null {
  const { tally } = books.account
  const balance = tally ? ownBalance(books, me, tally) : 0n
  if (!tally || balance === 0n) return null
  return `${owing(balance, called)} ${money(balance < 0n ? -balance : balance, tally.terms)}`
}

export interface EntryWords {
  icon: IconName
  text: string
  note: string
}

const signs = {
  offer: 'file',
  accept: 'check',
  refuse: 'cross',
  pay: 'send',
  request: 'clock',
  decline: 'cross',
  withdraw: 'undo',
  close: 'lock',
  keep: 'lock-open',
} as const

export function inWords(books: Books, me: PeerId, called: string, entry: Entry): EntryWords {
  const { act, from } = entry
  const isMine = from === me
  const who = isMine ? 'You' : called
  const amount = (tally: EntryId, value: bigint) => {
    const terms = termsOf(books, tally)
    return terms ? money(value, terms) : String(value)
  }
  const icon = act.do === 'pay' && !isMine ? 'receive' : signs[act.do]
  const words = (text: string, note = ''): EntryWords => ({ icon, text, note })
  switch (act.do) {
    case 'offer': {
      const what = act.answers === null ? 'offered a tally' : 'made a counter-offer'
      return words(`${who} ${what}: “${act.terms.name}”`)
    }
    case 'accept':
      return words(`${who} accepted: the tally is open`)
    case 'refuse':
      return words(`${who} refused the offer`, act.note)
    case 'pay':
      return words(
        `${isMine ? `You paid ${called}` : `${called} paid you`} ${amount(act.tally, act.amount)}${act.request ? ', as requested' : ''}`,
        act.note,
      )
    case 'request':
      return words(
        `${isMine ? `You asked ${called} for` : `${called} asks you for`} ${amount(act.tally, act.amount)}`,
        act.note,
      )
    case 'decline': {
      const request = books.chains[otherSide(sideIn(books, from))].find(
        ({ id }) => id === act.request,
      )
      const asked =
        request?.act.do === 'request' ? ` for ${amount(act.tally, request.act.amount)}` : ''
      return words(`${who} declined the request${asked}`, act.note)
    }
    case 'withdraw': {
      const taken = books.chains[sideIn(books, from)].find(({ id }) => id === act.entry)?.act
      if (taken?.do === 'offer') {
        return words(`${who} took back ${isMine ? 'your' : 'their'} offer “${taken.terms.name}”`)
      }
      const asked = taken?.do === 'request' ? ` for ${amount(taken.tally, taken.amount)}` : ''
      return words(`${who} took back ${isMine ? 'your' : 'their'} request${asked}`)
    }
    case 'close':
      return words(
        closedBy(books, act.tally) === entry.id
          ? `${who} signed, too: the tally is closed`
          : `${who} signed to close the tally`,
      )
    case 'keep':
      return words(`${who} kept the tally open`)
  }
}

/** How sure it is that the other side has an entry of one's own. */
export type Standing = 'waiting' | 'delivered' | 'confirmed'

export function standingOf(books: Books, me: PeerId, held: number, { seq }: Entry): Standing {
  const theirLast = books.chains[otherSide(sideIn(books, me))].at(-1)
  if ((theirLast?.seen?.seq ?? 0) >= seq) return 'confirmed'
  return held >= seq ? 'delivered' : 'waiting'
}
