/**
 * Two people who do whatever comes to their minds, while what they tell each other is late, comes twice, in any order or not at all: in the end
 * both have the same books, and nobody ever owed more than agreed.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balanceOf, type Account } from '../../../demo/wallet/account.ts'
import { append, booksOf } from '../../../demo/wallet/books.ts'
import { compare, summaryOf } from '../../../demo/wallet/comparison.ts'
import type { Act, Entry } from '../../../demo/wallet/entry.ts'
import { Refusal } from '../../../demo/wallet/refusal.ts'
import { deedKinds, high, low, strangers, terms, type Person } from './two-people.ts'
import { tier } from '../../support/campaign.ts'

interface Step {
  who: 0 | 1
  what: Act['do'] | 'hear' | 'lose' | 'compare'
  amount: number
  pick: number
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.constantFrom(0, 1),
  what: fc.constantFrom(
    ...deedKinds,
    ...(['hear', 'hear', 'hear', 'hear', 'lose', 'compare'] as const),
  ),
  amount: fc.integer({ min: 1, max: 700 }),
  pick: fc.nat(1000),
})

/** A deed of that kind that might be possible; sometimes it is not. */
function actOf({ what, amount, pick }: Step, { offer, tally }: Account): Act | null {
  const id = tally?.id ?? 'x'.repeat(43)
  const request = tally?.requests[pick % (tally.requests.length || 1)]
  switch (what) {
    case 'offer':
      return { do: what, answers: pick % 2 ? (offer?.id ?? null) : null, terms }
    case 'accept':
      return offer && { do: what, offer: offer.id }
    case 'refuse':
      return offer && { do: what, offer: offer.id, note: '' }
    case 'pay': {
      const asked = pick % 2 ? request : undefined
      const common = { do: what, tally: id, note: '' } as const
      return { ...common, amount: asked?.amount ?? BigInt(amount), request: asked?.id ?? null }
    }
    case 'request':
      return { do: what, tally: id, amount: BigInt(amount), note: '' }
    case 'decline':
      return request ? { do: what, tally: id, request: request.id, note: '' } : null
    case 'withdraw':
      return offer || request ? { do: what, entry: (offer ?? request)!.id } : null
    case 'close':
    case 'keep':
      return { do: what, tally: id }
    default:
      return null
  }
}

/** What reaches one of them, in whatever order: kept in mind until it fits, like a hole that is filled later. */
function hear(person: Person, entries: readonly Entry[]): void {
  for (const entry of entries) {
    try {
      person.books = append(person.books, entry)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'hole') throw error
    }
  }
}

/** What one lacks it asks the other for. */
function catchUp(person: Person, from: Person): void {
  for (let round = 0; round < 100; round++) {
    const { missing, forks } = compare(person.books, person.id, summaryOf(from.books, from.id))
    expect(forks).toEqual([])
    if (missing.length === 0) return
    for (const { side, after } of missing)
      hear(person, from.books.chains[side].slice(after, after + 3))
  }
  throw new Error('never caught up')
}

test(
  'books are equal in the end, and within the limits all the way',
  { timeout: tier(60_000, 1_800_000) },
  async () => {
    let [tallies, payments, withdrawals] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 40, maxLength: 160, size: 'max' }),
        async (steps) => {
          const people = strangers()
          const underWay: [Entry[], Entry[]] = [[], []]
          for (const each of steps) {
            const { who, what, pick } = each
            const [person, other] = [people[who]!, people[1 - who]!]
            const mail = underWay[who]
            if (what === 'hear' && mail.length > 0) {
              // Any of what is under way; now and then it comes again later.
              const entry = mail[pick % mail.length]!
              if (pick % 3) mail.splice(mail.indexOf(entry), 1)
              hear(person, [entry])
            } else if (what === 'lose') {
              mail.splice(0, 2)
            } else if (what === 'compare') {
              catchUp(person, other)
            } else {
              const act = actOf(each, person.account)
              try {
                if (act) underWay[1 - who]!.push(await person.does(act))
                if (act?.do === 'pay') payments++
                if (act?.do === 'accept') tallies++
                if (act?.do === 'withdraw') withdrawals++
              } catch (error) {
                if (!(error instanceof Refusal)) throw error
              }
            }
            for (const { account, books } of people) {
              // Kept up to date step by step, it is what all entries come to.
              expect(account).toEqual(booksOf(low, high, books.chains.flat()).account)
              if (!account.tally) continue
              expect(balanceOf(account.tally, 0)).toBeGreaterThanOrEqual(-terms.limits[0])
              expect(balanceOf(account.tally, 1)).toBeGreaterThanOrEqual(-terms.limits[1])
            }
          }
          const [anna, ben] = people
          catchUp(anna, ben)
          catchUp(ben, anna)
          expect(anna.books).toEqual(ben.books)
          expect(compare(anna.books, anna.id, summaryOf(ben.books, ben.id)).agrees).toBe(true)
        },
      ),
      { numRuns: tier(200, 10_000) },
    )
    // The walk went somewhere.
    expect(tallies).toBeGreaterThan(50)
    expect(payments).toBeGreaterThan(200)
    expect(withdrawals).toBeGreaterThan(100)
  },
)
