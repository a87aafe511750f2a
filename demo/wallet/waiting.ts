/** What waits for an answer of the person who looks. */

import type { PeerId } from 'handfast'
import { otherSide } from './account.ts'
import { sideIn, type Books } from './books.ts'
import { money } from './entry-words.ts'

export interface Waiting {
  key: string
  text: string
}

export function waitingIn(books: Books, me: PeerId, called: string): Waiting[] {
  const { offer, tally } = books.account
  const side = sideIn(books, me)
  if (offer) {
    const text = `${called} offers you “${offer.terms.name}”`
    return offer.by === side ? [] : [{ key: offer.id, text }]
  }
  if (!tally) return []
  const { id, terms, requests, closing } = tally
  const asked = requests.filter(({ by }) => by !== side)
  const waiting = asked.map(({ id: key, amount, note }) => ({
    key,
    text: `${called} asks for ${money(amount, terms)}${note && `: ${note}`}`,
  }))
  const wantsToClose = closing[otherSide(side)] !== null
  const close = { key: `close ${id}`, text: `${called} wants to close “${terms.name}”` }
  return wantsToClose ? [...waiting, close] : waiting
}
