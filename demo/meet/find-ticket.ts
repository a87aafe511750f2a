/**
 * Finds an invitation in whatever was pasted, scanned or opened: a ticket or a link, in any case, with words around it, broken into lines
 * by a mail program, or with quotation marks before them. What only looks like one is told apart, so that the page can say what it is.
 */

import { Ticket } from 'handfast'

/** More than this is no message of anybody’s. */
const maxTextLength = 100_000

/** Of the longest ticket, each line of a mail at its shortest. */
const maxPieces = 120

/** Tries to read a ticket: a text that begins a thousand of them must not hold up the page. */
const maxTries = 20 * maxPieces

/** What a person may have pasted in its place. */
export type Lookalike = 'damaged' | 'address' | 'card' | 'backup' | 'words' | 'link' | 'none'

/** Characters that are not seen, and those that mail programs put at the ends of lines. */
const invisible = /[\u00ad\u200b-\u200f\u2060\ufeff]/g
const softBreak = /=\r?\n/g
const betweenPieces = /[\s>|*]+/

const begin = 'hft1'
const base32Run = /^[a-z2-7]+/i

export function findTicket(text: string): Ticket | Lookalike {
  const clean = text.slice(0, maxTextLength).replace(invisible, '').replace(softBreak, '')
  const lower = clean.toLowerCase()
  let seen = false
  const budget = { tries: maxTries }
  for (let at = lower.indexOf(begin); at !== -1; at = lower.indexOf(begin, at + 1)) {
    if (/[a-z0-9]/.test(lower[at - 1] ?? '')) continue
    seen = true
    const ticket = ticketAt(clean.slice(at), budget)
    if (ticket) return ticket
  }
  return seen ? 'damaged' : lookalike(lower)
}

/** As many pieces as make a ticket: the words after it could pass for its letters. */
function ticketAt(text: string, budget: { tries: number }): Ticket | undefined {
  let joined = ''
  for (const piece of text.split(betweenPieces, maxPieces)) {
    const [run = ''] = base32Run.exec(joined === '' ? piece.slice(begin.length) : piece) ?? []
    if (run === '' || budget.tries-- <= 0) return undefined
    joined += run
    try {
      return Ticket.parse(begin + joined)
    } catch {
      // Not yet all of it.
    }
  }
  return undefined
}

const lookalikes: readonly (readonly [Lookalike, RegExp])[] = [
  ['address', /(^|[^a-z0-9])hfa1[a-z2-7]{8}/],
  ['card', /(^|[^a-z0-9])hfc1[a-z2-7]{8}/],
  ['backup', /-----begin age encrypted file-----/],
  ['words', /^\s*([a-z]{3,8}[\s,]+){11,23}[a-z]{3,8}\s*$/],
  ['link', /https?:\/\//],
]

const lookalike = (lower: string): Lookalike =>
  lookalikes.find(([, pattern]) => pattern.test(lower))?.[0] ?? 'none'
