/**
 * One of two keeps to the rules, the other's program does not: it signs whatever it likes and says that it has seen whatever it likes. What the
 * honest books take of it never breaks what they promise.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balanceOf, type Side, type Tally } from '../../../demo/wallet/account.ts'
import { append, emptyBooks, inOrder, type Books } from '../../../demo/wallet/books.ts'
import { taken } from '../../../demo/wallet/catching-up.ts'
import type { Act, EntryId } from '../../../demo/wallet/entry.ts'
import { Refusal } from '../../../demo/wallet/refusal.ts'
import { tier } from '../../support/campaign.ts'
import { deedKinds, high, low, made, Person, terms } from './two-people.ts'

interface Step {
  isThief: boolean
  what: Act['do']
  amount: number
  pick: number
  /** How much of what the thief has not seen yet it says to have seen. */
  seen: number
}

const step: fc.Arbitrary<Step> = fc.record({
  isThief: fc.boolean(),
  what: fc.constantFrom(...deedKinds),
  amount: fc.integer({ min: 1, max: 1200 }),
  pick: fc.nat(1000),
  seen: fc.nat(3),
})

/** Of all that was ever said, whether or not it is open. */
function actOf({ what, amount, pick }: Step, { chains, account }: Books): Act | null {
  const all = chains.flat()
  const any = (kind: Act['do'], current?: EntryId) => {
    const of = all.filter(({ act }) => act.do === kind)
    return (pick % 4 ? current : undefined) ?? of[pick % (of.length || 1)]?.id ?? 'x'.repeat(43)
  }
  const tally = any('offer', account.tally?.id)
  const request = any('request', account.tally?.requests[0]?.id)
  const asked = account.tally?.requests.find(({ id }) => id === request)?.amount
  // Mostly what leads somewhere.
  if (!account.tally && pick % 5) {
    return account.offer
      ? what === 'withdraw' && pick % 3 === 0
        ? { do: what, entry: account.offer.id }
        : { do: 'accept', offer: account.offer.id }
      : { do: 'offer', answers: null, terms }
  }
  switch (what) {
    case 'offer':
      return { do: what, answers: pick % 2 ? null : any('offer', account.offer?.id), terms }
    case 'accept':
      return { do: what, offer: any('offer', account.offer?.id) }
    case 'refuse':
      return pick % 5 ? null : { do: what, offer: any('offer', account.offer?.id), note: '' }
    case 'pay':
      // Now and then it all comes back, so that something is settled.
      return pick % 3
        ? { do: what, tally, amount: settling(account.tally, amount), note: '', request: null }
        : { do: what, tally, amount: asked ?? BigInt(amount), note: '', request }
    case 'request':
      return pick % 3 ? null : { do: what, tally, amount: BigInt(amount), note: '' }
    case 'decline':
      return { do: what, tally, request, note: '' }
    case 'withdraw':
      return {
        do: what,
        entry: account.offer && pick % 4 ? account.offer.id : pick % 2 ? request : tally,
      }
    default:
      return { do: what, tally }
  }
}

function settling(tally: Tally | null, amount: number): bigint {
  const balance = tally?.balance ?? 0n
  return amount % 2 && balance !== 0n ? (balance < 0n ? -balance : balance) : BigInt(amount)
}

function check(books: Books): void {
  const { account, chains } = books
  const all = chains.flat()
  for (const tally of [...account.closed, ...(account.tally ? [account.tally] : [])]) {
    // No payment that was taken is without effect, and none counts twice.
    const sum = all.reduce((total, { act, from }) => {
      if (act.do !== 'pay' || act.tally !== tally.id) return total
      return total + (from === low ? -act.amount : act.amount)
    }, 0n)
    expect(tally.balance).toBe(sum)
    for (const side of [0, 1] as const) {
      expect(balanceOf(tally, side)).toBeGreaterThanOrEqual(-tally.terms.limits[side])
    }
    const answered = all.flatMap(({ act }) =>
      act.do === 'pay' && act.request ? [act.request] : [],
    )
    expect(new Set(answered).size).toBe(answered.length)
  }
  for (const { balance, requests } of account.closed) expect([balance, requests]).toEqual([0n, []])
  // Nobody is kept from going on by having asked to close what is settled no more.
  if (account.tally?.closing.some((seen) => seen !== null)) {
    expect([account.tally.balance, account.tally.requests]).toEqual([0n, []])
  }
  // What was accepted is a tally, also where its signer claims to have taken it back before.
  const opened = all.flatMap(({ act }) => (act.do === 'accept' ? [act.offer] : []))
  expect(
    [...account.closed, ...(account.tally ? [account.tally] : [])].map(({ id }) => id),
  ).toEqual(expect.arrayContaining(opened))
  for (const { act } of all)
    if (act.do === 'withdraw') expect(account.offer?.id).not.toBe(act.entry)
  // Each payment belongs to a tally that both have agreed to.
  const agreed = new Set(
    [...account.closed, ...(account.tally ? [account.tally] : [])].map(({ id }) => id),
  )
  for (const { act } of all) if (act.do === 'pay') expect(agreed).toContain(act.tally)
}

test.each([0, 1] as const)(
  'the books of the honest hold, whoever is the thief (%i)',
  async (thiefSide: Side) => {
    let [stolen, tallies] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 90, size: 'max' }),
        async (steps) => {
          const [thief, honest] = thiefSide === 0 ? [low, high] : [high, low]
          const person = new Person(honest, thief)
          const thiefChain = () => person.books.chains[thiefSide]
          for (const each of steps) {
            const act = actOf(each, person.books)
            if (!act) continue
            try {
              if (!each.isThief) {
                await person.does(act)
              } else {
                const others = person.books.chains[thiefSide === 0 ? 1 : 0]
                const last = thiefChain().at(-1)
                // Now and then it forgets what it had seen before.
                const least = each.pick % 7 ? (last?.seen?.seq ?? 0) : 0
                const seq = Math.max(least, others.length - each.seen)
                const seen = seq > 0 ? { seq, id: others[seq - 1]!.id } : null
                person.hears(
                  await made({
                    from: thief,
                    to: honest,
                    seq: thiefChain().length + 1,
                    previous: last?.id ?? null,
                    seen,
                    atMs: 1,
                    act,
                  }),
                )
                stolen++
              }
            } catch (error) {
              if (!(error instanceof Refusal)) throw error
            }
            check(person.books)
          }
          tallies += person.books.account.closed.length + (person.books.account.tally ? 1 : 0)
          // Whoever checks all of it from the beginning comes to the same.
          const anew = inOrder(person.books.chains).reduce(
            (books, { entry }) => append(books, entry),
            emptyBooks(low, high),
          )
          expect(anew).toEqual(person.books)
          expect(await taken(emptyBooks(low, high), person.books.chains)).toMatchObject({
            books: person.books,
            fault: null,
          })
        },
      ),
      { numRuns: tier(80, 10_000) },
    )
    expect(stolen).toBeGreaterThan(200)
    expect(tallies).toBeGreaterThan(30)
  },
)
