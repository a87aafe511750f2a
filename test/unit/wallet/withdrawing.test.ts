/**
 * Taking back an offer or a request while the other may be answering it: first by name, then whatever two people can do in a few deeds each,
 * in every order in which these can reach the other.
 */

import { describe, expect, test } from 'vitest'
import { balanceOf, otherSide, type Account, type Side } from '../../../demo/wallet/account.ts'
import { append, booksOf, drafted, emptyBooks, type Books } from '../../../demo/wallet/books.ts'
import type { Act, Entry, EntryId } from '../../../demo/wallet/entry.ts'
import { Refusal } from '../../../demo/wallet/refusal.ts'
import { maxUnheardWithdrawals } from '../../../demo/wallet/wallet-limits.ts'
import { tier } from '../../support/campaign.ts'
import { ask, high, low, partners, pay, Person, strangers, terms, told } from './two-people.ts'

const offer: Act = { do: 'offer', answers: null, terms }
const withdraw = (entry: EntryId): Act => ({ do: 'withdraw', entry })
const cannot = (person: Person, act: Act, code: string) =>
  expect(() => drafted(person.books, person.id, act, 1)).toThrow(expect.objectContaining({ code }))

/** Both ways round: whoever has the lower PeerId does what Anna does, then what Ben does. */
const bothWays = test.each([
  ['lower', 0],
  ['higher', 1],
] as const)
const people = (annaSide: Side) => {
  const [first, second] = strangers()
  return annaSide === 0 ? { anna: first, ben: second } : { anna: second, ben: first }
}

/** Each does something without having heard of the other's; then both hear. */
async function atOnce(anna: Person, hers: Act[], ben: Person, his: Act[]): Promise<void> {
  const said: [Entry[], Entry[]] = [[], []]
  for (const act of hers) said[0].push(await anna.does(act))
  for (const act of his) said[1].push(await ben.does(act))
  anna.hears(...said[1])
  ben.hears(...said[0])
  expect(anna.books).toEqual(ben.books)
}

describe('nothing is taken back', () => {
  test('that is not one’s own, or does not wait', async () => {
    const [anna, ben] = strangers()
    cannot(anna, withdraw('x'.repeat(43)), 'wrong-order')
    const { id } = await told(anna, ben, offer)
    cannot(ben, withdraw(id), 'wrong-order')
    await told(ben, anna, { do: 'accept', offer: id })
    cannot(anna, withdraw(id), 'not-pending')
    const asked = await told(anna, ben, ask(id, 5n))
    cannot(ben, withdraw(asked.id), 'not-pending')
    await told(ben, anna, pay(id, 5n, asked.id))
    cannot(anna, withdraw(asked.id), 'not-pending')
  })

  test('twice, and what was taken back is not answered by who has heard of it', async () => {
    const [anna, ben] = strangers()
    const { id } = await told(anna, ben, offer)
    await told(anna, ben, withdraw(id))
    cannot(anna, withdraw(id), 'wrong-order')
    for (const act of [
      { do: 'accept', offer: id },
      { do: 'refuse', offer: id, note: '' },
      { do: 'offer', answers: id, terms },
    ] as const) {
      cannot(ben, act, 'wrong-order')
    }
    const { tally, ...open } = await partners()
    const asked = await told(open.anna, open.ben, ask(tally, 5n))
    await told(open.anna, open.ben, withdraw(asked.id))
    cannot(open.anna, withdraw(asked.id), 'not-pending')
    cannot(open.ben, pay(tally, 5n, asked.id), 'not-pending')
    cannot(open.ben, { do: 'decline', tally, request: asked.id, note: '' }, 'not-pending')
  })

  test('more often than the other can be expected to have heard of', async () => {
    const [anna, ben] = strangers()
    for (let times = 0; times < maxUnheardWithdrawals; times++) {
      await told(anna, ben, withdraw((await told(anna, ben, offer)).id))
    }
    const last = await told(anna, ben, offer)
    cannot(anna, withdraw(last.id), 'full')
    const { id } = await told(ben, anna, { do: 'offer', answers: last.id, terms })
    await told(anna, ben, { do: 'refuse', offer: id, note: '' })
    await told(anna, ben, withdraw((await told(anna, ben, offer)).id))
    expect(anna.books).toEqual(ben.books)
  })
})

describe('an offer that is taken back', () => {
  bothWays('makes room for another, by either (%s PeerId)', async (_, side) => {
    const { anna, ben } = people(side)
    const first = await told(anna, ben, offer)
    await told(anna, ben, withdraw(first.id))
    expect(ben.account).toMatchObject({ offer: null, withdrawn: [{ offer: { id: first.id } }] })
    const second = await told(anna, ben, offer)
    await told(anna, ben, withdraw(second.id))
    const his = await told(ben, anna, offer)
    expect(anna.account).toMatchObject({ offer: { id: his.id }, withdrawn: [] })
    await told(ben, anna, withdraw(his.id))
    const third = await told(anna, ben, offer)
    await told(ben, anna, { do: 'accept', offer: third.id })
    expect(anna.account.tally).toMatchObject({ id: third.id })
    expect(anna.books).toEqual(ben.books)
  })

  bothWays(
    'and accepted unawares: it is accepted, what came in its place is not (%s PeerId)',
    async (_, side) => {
      const { anna, ben } = people(side)
      const { id } = await told(anna, ben, offer)
      const another: Act = { ...offer, terms: { ...terms, unit: 'CHF' } }
      await atOnce(anna, [withdraw(id), another], ben, [{ do: 'accept', offer: id }, pay(id, 5n)])
      expect(anna.account).toMatchObject({ offer: null, withdrawn: [], tally: { id } })
      await told(anna, ben, pay(id, 5n))
      expect(ben.account.tally).toMatchObject({ balance: 0n })
    },
  )

  bothWays('and countered unawares: the counter-offer stands (%s PeerId)', async (_, side) => {
    const { anna, ben } = people(side)
    const { id } = await told(anna, ben, offer)
    await atOnce(anna, [withdraw(id), offer], ben, [{ do: 'offer', answers: id, terms }])
    expect(anna.account.offer).toMatchObject({ by: otherSide(side), answers: id })
    await told(anna, ben, { do: 'accept', offer: anna.account.offer!.id })
    expect(ben.account.tally).not.toBeNull()
  })

  bothWays('and refused unawares: what came in its place stands (%s PeerId)', async (_, side) => {
    for (const again of [[], [offer]]) {
      const { anna, ben } = people(side)
      const { id } = await told(anna, ben, offer)
      await atOnce(anna, [withdraw(id), ...again], ben, [{ do: 'refuse', offer: id, note: 'No' }])
      const { account } = anna
      if (again.length > 0) expect(account).toMatchObject({ offer: { by: side }, refused: null })
      else expect(account).toMatchObject({ offer: null, refused: { offer: { id }, note: 'No' } })
      expect(account.withdrawn).toEqual([])
    }
  })

  test('does not bring back the other’s that had lost against it', async () => {
    const { anna, ben } = people(0)
    const hers = await anna.does(offer)
    const his = await ben.does(offer)
    ben.hears(hers)
    // Ben takes his own for void, and refuses hers.
    const refused = await ben.does({ do: 'refuse', offer: hers.id, note: '' })
    const again = await ben.does(offer)
    const back = await anna.does(withdraw(hers.id))
    anna.hears(his, refused, again)
    ben.hears(back)
    expect(anna.books).toEqual(ben.books)
    expect(anna.account.offer).toMatchObject({ id: again.id })
  })
})

describe('a request that is taken back', () => {
  test('waits no more, and makes room for another', async () => {
    const { anna, ben, tally } = await partners()
    const { id } = await told(anna, ben, ask(tally, 5n))
    await told(anna, ben, withdraw(id))
    expect(ben.account.tally).toMatchObject({ requests: [], balance: 0n })
    await told(ben, anna, { do: 'close', tally })
    await told(anna, ben, { do: 'close', tally })
    expect(anna.account.tally).toBeNull()
  })

  test.each([0, 1] as const)('and paid unawares: it is paid, once (%i)', async (asker) => {
    const { tally, ...both } = await partners()
    const [anna, ben] = asker === 0 ? [both.anna, both.ben] : [both.ben, both.anna]
    const { id } = await told(anna, ben, ask(tally, 5n))
    await atOnce(anna, [withdraw(id)], ben, [pay(tally, 5n, id)])
    expect(anna.account.tally).toMatchObject({ requests: [] })
    expect(balanceOf(anna.account.tally!, asker)).toBe(5n)
  })

  test.each([0, 1] as const)('and declined unawares: it is gone (%i)', async (asker) => {
    const { tally, ...both } = await partners()
    const [anna, ben] = asker === 0 ? [both.anna, both.ben] : [both.ben, both.anna]
    const { id } = await told(anna, ben, ask(tally, 5n))
    await atOnce(anna, [withdraw(id)], ben, [{ do: 'decline', tally, request: id, note: '' }])
    expect(anna.account.tally).toMatchObject({ requests: [], balance: 0n })
    // Nobody is kept from closing by it, on either side.
    for (const person of [anna, ben]) drafted(person.books, person.id, { do: 'close', tally }, 1)
  })
})

/** Everything that somebody could think of, as things stand for them. */
function thinkable({ offer: standing, tally }: Account, me: Side): Act[] {
  const acts: Act[] = []
  if (standing && standing.by === me) acts.push(withdraw(standing.id))
  if (standing && standing.by !== me) {
    acts.push(
      { do: 'accept', offer: standing.id },
      { do: 'refuse', offer: standing.id, note: '' },
      { do: 'offer', answers: standing.id, terms },
    )
  }
  if (!standing && !tally) acts.push(offer)
  if (tally) {
    acts.push(pay(tally.id, 1n))
    for (const { id, by, amount } of tally.requests) {
      if (by === me) acts.push(withdraw(id))
      else
        acts.push(pay(tally.id, amount, id), {
          do: 'decline',
          tally: tally.id,
          request: id,
          note: '',
        })
    }
    if (tally.requests.every(({ by }) => by !== me)) acts.push(ask(tally.id, 1n))
    acts.push({ do: 'close', tally: tally.id }, { do: 'keep', tally: tally.id })
  }
  return acts
}

interface State {
  readonly books: readonly [Books, Books]
  /** How many deeds each has left. */
  readonly left: readonly [number, number]
}

const parties = [low, high] as const
const replaced = <T>([first, second]: readonly [T, T], side: Side, value: T): [T, T] =>
  side === 0 ? [value, second] : [first, value]

/** Ids that are short, and the same for the same. */
const ids = new Map<string, EntryId>()
const idOf = (content: string) => {
  const id = ids.get(content) ?? `${ids.size}`.padStart(43, '0')
  ids.set(content, id)
  return id
}
const asText = (value: unknown) =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))

/** Every state into which each deed and each delivery can lead, from what is there. */
function nextStates({ books, left }: State): State[] {
  return ([0, 1] as const).flatMap((side) => {
    const [own, other] = [books[side], books[otherSide(side)]]
    const coming = other.chains[otherSide(side)][own.chains[otherSide(side)].length]
    const heard = coming ? [{ books: replaced(books, side, heardBy(own, side, coming)), left }] : []
    if (left[side] === 0) return heard
    const did = thinkable(own.account, side).flatMap((act) => {
      try {
        const body = drafted(own, parties[side], act, 0)
        const entry = { ...body, id: idOf(asText(body)) }
        return {
          books: replaced(books, side, append(own, entry)),
          left: replaced(left, side, left[side] - 1),
        }
      } catch (error) {
        if (error instanceof Refusal) return []
        throw error
      }
    })
    return [...heard, ...did]
  })
}

/** What is nobody's to undo by telling somebody something. */
function heardBy(before: Books, side: Side, coming: Entry): Books {
  const after = append(before, coming)
  const own = (account: Account) => (account.offer?.by === side ? account.offer.id : null)
  const bound = own(after.account) ?? after.account.tally?.id
  // One's own that had come to nothing in one's own eyes does not come to something later, but for being accepted by who did not know.
  const isKnown = (id: EntryId) =>
    own(before.account) === id ||
    before.account.tally?.id === id ||
    before.account.withdrawn.some(({ offer: { id: taken } }) => taken === id)
  const isOwn = before.chains[side].some(({ id }) => id === bound)
  if (bound && isOwn && !isKnown(bound)) throw new Error('bound to what one could not know')
  return after
}

/** Everything has reached both: what was accepted is open or closed, what was paid counts. */
function checkAtRest([anna, ben]: readonly [Books, Books]): void {
  expect(asText(anna)).toBe(asText(ben))
  const { account, chains } = anna
  const tallies = [...account.closed, ...(account.tally ? [account.tally] : [])]
  for (const { act } of chains.flat()) {
    if (act.do === 'accept') expect(tallies.map((tally) => tally.id)).toContain(act.offer)
    if (act.do === 'withdraw') expect(account.offer?.id).not.toBe(act.entry)
    if (act.do === 'withdraw') {
      expect(account.tally?.requests.map((request) => request.id) ?? []).not.toContain(act.entry)
    }
  }
  for (const tally of tallies) {
    const sum = chains.flat().reduce((total, { act, from }) => {
      if (act.do !== 'pay' || act.tally !== tally.id) return total
      return total + (from === low ? -act.amount : act.amount)
    }, 0n)
    expect(tally.balance).toBe(sum)
  }
  for (const { balance, requests } of account.closed) expect([balance, requests]).toEqual([0n, []])
  // Whatever has happened, they can go on.
  if (!account.tally && !account.offer) drafted(anna, low, offer, 1)
}

/** @returns how many states there are, and in how many of them both know all */
function explore(start: State): { states: number; atRest: number } {
  const known = new Set<string>()
  const open = [start]
  let atRest = 0
  for (let state = open.pop(); state; state = open.pop()) {
    const { books } = state
    const key = books
      .map(({ chains }) => chains.map((chain) => chain.map(({ id }) => +id)).join('|'))
      .join(';')
    if (known.has(key)) continue
    known.add(key)
    for (const { account, chains } of books) {
      // Kept up to date step by step, it is what all entries come to.
      expect(asText(account)).toBe(asText(booksOf(low, high, chains.flat()).account))
    }
    const lengths = books.map(({ chains }) => chains.map(({ length }) => length).join())
    if (lengths[0] === lengths[1]) {
      atRest++
      checkAtRest(books)
    }
    open.push(...nextStates(state))
  }
  return { states: known.size, atRest }
}

describe('in every order', { timeout: tier(60_000, 1_800_000) }, () => {
  test('of a few deeds each, from nothing', () => {
    const deeds = 3
    const blank = emptyBooks(low, high)
    const { states, atRest } = explore({ books: [blank, blank], left: [deeds, deeds] })
    expect([states, atRest]).toEqual([19_306, 5762])
  })
  test('of a few deeds each, in an open tally', async () => {
    const { anna } = await partners()
    const deeds = tier(2, 3)
    const { states, atRest } = explore({ books: [anna.books, anna.books], left: [deeds, deeds] })
    expect([states, atRest]).toEqual(tier(1, 0) ? [4327, 1354] : [299_769, 76_671])
  })
})
