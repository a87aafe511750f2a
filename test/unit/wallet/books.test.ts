/** Books: what they don't take first, then what the two people's deeds come to. */

import { describe, expect, test } from 'vitest'
import { balanceOf, spendable } from '../../../demo/wallet/account.ts'
import { append, drafted, emptyBooks, inOrder } from '../../../demo/wallet/books.ts'
import type { Act, Entry, EntryBody } from '../../../demo/wallet/entry.ts'
import { maxEntriesPerSide, maxPendingRequests } from '../../../demo/wallet/wallet-limits.ts'
import {
  ask,
  high,
  low,
  made,
  partners,
  pay,
  Person,
  stranger,
  strangers,
  terms,
  told,
} from './two-people.ts'

const refuses = (person: Person, entry: Entry, code: string) => {
  const before = person.books
  expect(() => person.hears(entry)).toThrow(expect.objectContaining({ name: 'Refusal', code }))
  expect(person.books).toBe(before)
}

/** What somebody makes whose program does not care for rules. */
const forged = (person: Person, act: Act, change: Partial<EntryBody> = {}): Promise<Entry> => {
  const chain = person.books.chains[person.id === low ? 0 : 1]
  const theirs = person.books.chains[person.id === low ? 1 : 0]
  const [last, seen] = [chain.at(-1), theirs.at(-1)]
  return made({
    from: person.id,
    to: person.id === low ? high : low,
    seq: chain.length + 1,
    previous: last?.id ?? null,
    seen: seen ? { seq: seen.seq, id: seen.id } : null,
    atMs: 1,
    act,
    ...change,
  })
}
const offer: Act = { do: 'offer', answers: null, terms }
const cannot = (person: Person, act: Act, code: string) =>
  expect(() => drafted(person.books, person.id, act, 1)).toThrow(expect.objectContaining({ code }))

describe('books take no entry', () => {
  test('of or for somebody else', async () => {
    const [anna] = strangers()
    for (const change of [
      { from: stranger },
      { to: stranger },
      { from: high, to: stranger },
      { to: high },
    ]) {
      refuses(anna, await forged(new Person(high, low), offer, change), 'wrong-party')
    }
  })

  test('before those that it builds on, its signer’s or the other’s', async () => {
    const { anna, ben, tally } = await partners()
    const first = await anna.does(pay(tally, 1n))
    const second = await anna.does(pay(tally, 2n))
    refuses(ben, second, 'hole')
    ben.hears(first, second)
    const answer = await ben.does(pay(tally, 3n))
    const [late] = strangers()
    refuses(late, answer, 'hole')
    // Somebody who has all of Ben's, and not what he had seen of Anna's.
    const [offered] = ben.books.chains[0]
    late.hears(offered!, ben.books.chains[1][0]!, first)
    refuses(late, answer, 'hole')
    late.hears(second, answer)
    expect(late.books).toEqual(ben.books)
  })

  test('twice: what is held changes nothing', async () => {
    const { anna, ben, tally } = await partners()
    const paid = await told(anna, ben, pay(tally, 5n))
    const before = ben.books
    ben.hears(paid, paid, ...anna.books.chains[0])
    expect(ben.books).toBe(before)
  })

  test('in the place of another: whoever says two things is found out', async () => {
    const { anna, ben, tally } = await partners()
    const twin = await forged(anna, pay(tally, 7n))
    const paid = await told(anna, ben, pay(tally, 5n))
    refuses(ben, twin, 'fork')
    const behindTwin = await forged(anna, pay(tally, 1n), { previous: twin.id })
    refuses(ben, behindTwin, 'fork')
    const seenOther = await forged(anna, pay(tally, 1n), {
      seen: { seq: 1, id: paid.id },
    })
    refuses(ben, seenOther, 'fork')
  })

  test('whose signer has forgotten what it had seen before', async () => {
    const { anna, ben, tally } = await partners()
    await told(anna, ben, pay(tally, 5n))
    refuses(ben, await forged(anna, pay(tally, 1n), { seen: null }), 'wrong-order')
  })

  test('that answers no open offer, or one’s own', async () => {
    const [anna, ben] = strangers()
    const { id } = await told(anna, ben, offer)
    const none = 'x'.repeat(43)
    for (const act of [
      { do: 'accept', offer: none },
      { do: 'refuse', offer: none, note: '' },
      { do: 'offer', answers: none, terms },
    ] as const) {
      cannot(ben, act, 'wrong-order')
      refuses(anna, await forged(ben, act), 'wrong-order')
    }
    for (const act of [
      { do: 'accept', offer: id },
      { do: 'refuse', offer: id, note: '' },
      { do: 'offer', answers: id, terms },
      offer,
    ] as const) {
      cannot(anna, act, 'wrong-order')
      refuses(ben, await forged(anna, act), 'wrong-order')
    }
    // A new offer is no answer to the open one.
    cannot(ben, offer, 'wrong-order')
  })

  test('that offers while a tally is open, or answers the same offer again', async () => {
    const { anna, ben, tally } = await partners()
    for (const person of [anna, ben]) cannot(person, offer, 'wrong-order')
    cannot(ben, { do: 'accept', offer: tally }, 'wrong-order')
    cannot(ben, { do: 'refuse', offer: tally, note: '' }, 'wrong-order')
  })

  test('about another tally than the open one', async () => {
    const { anna, ben } = await partners()
    const other = 'x'.repeat(43)
    for (const act of [
      pay(other, 1n),
      ask(other, 1n),
      { do: 'decline', tally: other, request: other, note: '' },
      { do: 'close', tally: other },
      { do: 'keep', tally: other },
    ] as const) {
      cannot(anna, act, 'wrong-tally')
      refuses(ben, await forged(anna, act), 'wrong-tally')
    }
    const [carol, dave] = strangers()
    refuses(dave, await forged(carol, pay(other, 1n)), 'wrong-tally')
  })

  test('by which its signer owes more than agreed', async () => {
    const { anna, ben, tally } = await partners()
    cannot(anna, pay(tally, 1001n), 'over-limit')
    refuses(ben, await forged(anna, pay(tally, 1001n)), 'over-limit')
    cannot(ben, pay(tally, 501n), 'over-limit')
    await told(anna, ben, pay(tally, 1000n))
    cannot(anna, pay(tally, 1n), 'over-limit')
    // What Anna has paid, Ben can give back, and his own credit on top.
    cannot(ben, pay(tally, 1501n), 'over-limit')
    await told(ben, anna, pay(tally, 1500n))
    expect(balanceOf(anna.account.tally!, 0)).toBe(500n)
  })

  test('that spends what its signer had not seen yet', async () => {
    const { anna, ben, tally } = await partners()
    await told(anna, ben, pay(tally, 1000n))
    const gift = await ben.does(pay(tally, 200n))
    // Anna has not got it; a program of hers that is told of it elsewhere spends it all the same.
    refuses(ben, await forged(anna, pay(tally, 100n)), 'over-limit')
    anna.hears(gift)
    await told(anna, ben, pay(tally, 100n))
  })

  test('that pays or declines what was not asked, or another amount, or twice', async () => {
    const { anna, ben, tally } = await partners()
    const { id } = await told(anna, ben, ask(tally, 100n))
    const decline = { do: 'decline', tally, request: id, note: '' } as const
    cannot(ben, pay(tally, 99n, id), 'not-pending')
    cannot(ben, pay(tally, 100n, 'x'.repeat(43)), 'not-pending')
    cannot(anna, pay(tally, 100n, id), 'not-pending')
    cannot(anna, decline, 'not-pending')
    await told(ben, anna, pay(tally, 100n, id))
    cannot(ben, pay(tally, 100n, id), 'not-pending')
    refuses(anna, await forged(ben, decline), 'not-pending')
    refuses(anna, await forged(ben, pay(tally, 100n, id)), 'not-pending')
  })

  test('that asks while too many requests wait', async () => {
    const { anna, ben, tally } = await partners()
    for (let i = 0; i < maxPendingRequests; i++) await told(anna, ben, ask(tally, 1n))
    cannot(anna, ask(tally, 1n), 'full')
    refuses(ben, await forged(anna, ask(tally, 1n)), 'full')
    // What one asks for is not the other's to use up.
    await told(ben, anna, ask(tally, 1n))
    const [request] = anna.account.tally!.requests
    await told(ben, anna, { do: 'decline', tally, request: request!.id, note: '' })
    await told(anna, ben, ask(tally, 1n))
  })

  test('that closes what is not settled, or goes on after asking to', async () => {
    const { anna, ben, tally } = await partners()
    const close = { do: 'close', tally } as const
    await told(anna, ben, pay(tally, 1n))
    for (const person of [anna, ben]) cannot(person, close, 'not-settled')
    refuses(ben, await forged(anna, close), 'not-settled')
    await told(ben, anna, pay(tally, 1n))
    await told(ben, anna, ask(tally, 1n))
    cannot(anna, close, 'not-settled')
    const [request] = anna.account.tally!.requests
    await told(anna, ben, { do: 'decline', tally, request: request!.id, note: '' })
    cannot(ben, { do: 'keep', tally }, 'wrong-order')
    await told(anna, ben, close)
    for (const act of [pay(tally, 1n), ask(tally, 1n), close]) {
      cannot(anna, act, 'closing')
      refuses(ben, await forged(anna, act), 'closing')
    }
    await told(ben, anna, close)
    for (const person of [anna, ben]) cannot(person, pay(tally, 1n), 'wrong-tally')
  })
})

describe('two people', () => {
  test('agree on terms: an offer, a counter-offer, a refusal, another offer', async () => {
    const [anna, ben] = strangers()
    const first = await told(anna, ben, offer)
    const fewer = { ...terms, limits: [200n, 100n] as const }
    const counter = await told(ben, anna, { do: 'offer', answers: first.id, terms: fewer })
    expect(anna.account.offer).toEqual({
      id: counter.id,
      by: 1,
      terms: fewer,
      answers: first.id,
    })
    await told(anna, ben, { do: 'refuse', offer: counter.id, note: 'Too little' })
    expect(ben.account).toMatchObject({
      offer: null,
      refused: { offer: { id: counter.id }, note: 'Too little' },
    })
    const { id } = await told(ben, anna, offer)
    expect(anna.account.refused).toBeNull()
    await told(anna, ben, { do: 'accept', offer: id })
    expect(anna.account).toMatchObject({ offer: null, tally: { id, terms, offeredBy: 1 } })
    expect(anna.books).toEqual(ben.books)
  })

  test('whose offers cross: one stands, the same for both, and can be answered by the other alone', async () => {
    const [anna, ben] = strangers()
    const hers = await anna.does(offer)
    const his = await ben.does({ do: 'offer', answers: null, terms: { ...terms, unit: 'CHF' } })
    ben.hears(hers)
    anna.hears(his)
    for (const { account } of [anna, ben]) expect(account.offer).toMatchObject({ id: hers.id })
    cannot(anna, { do: 'accept', offer: his.id }, 'wrong-order')
    await told(ben, anna, { do: 'accept', offer: hers.id })
    for (const { account } of [anna, ben]) expect(account.tally).toMatchObject({ id: hers.id })
  })

  test('pay at a time: nothing conflicts, the balance is the sum', async () => {
    const { anna, ben, tally } = await partners()
    const [one, two] = [await anna.does(pay(tally, 1000n)), await ben.does(pay(tally, 500n))]
    ben.hears(one)
    anna.hears(two)
    expect(anna.books).toEqual(ben.books)
    expect(balanceOf(anna.account.tally!, 0)).toBe(-500n)
    expect(spendable(anna.account.tally!, 0)).toBe(500n)
    expect(spendable(anna.account.tally!, 1)).toBe(1000n)
  })

  test('ask, pay and decline', async () => {
    const { anna, ben, tally } = await partners()
    const one = await told(anna, ben, ask(tally, 300n))
    const two = await told(anna, ben, ask(tally, 100n))
    expect(ben.account.tally!.requests).toEqual([
      { id: one.id, by: 0, amount: 300n, note: 'Bread' },
      { id: two.id, by: 0, amount: 100n, note: 'Bread' },
    ])
    await told(ben, anna, { do: 'decline', tally, request: two.id, note: 'Paid in cash' })
    await told(ben, anna, pay(tally, 300n, one.id))
    expect(anna.account.tally).toMatchObject({ requests: [], balance: 300n })
  })

  test('close a settled tally, and open another', async () => {
    const { anna, ben, tally } = await partners()
    const close = { do: 'close', tally } as const
    await told(anna, ben, pay(tally, 50n))
    await told(ben, anna, pay(tally, 50n))
    await told(ben, anna, close)
    await told(anna, ben, { do: 'keep', tally })
    expect(ben.account.tally!.closing).toEqual([null, null])
    await told(anna, ben, close)
    await told(ben, anna, close)
    expect(anna.account).toMatchObject({ tally: null, closed: [{ id: tally }] })
    const { id } = await told(ben, anna, offer)
    await told(anna, ben, { do: 'accept', offer: id })
    expect(anna.books).toEqual(ben.books)
    expect(ben.account.tally!.id).toBe(id)
  })

  test('both ask to close at a time: it is closed', async () => {
    const { anna, ben, tally } = await partners()
    const [hers, his] = [
      await anna.does({ do: 'close', tally }),
      await ben.does({ do: 'close', tally }),
    ]
    ben.hears(hers)
    anna.hears(his)
    expect(anna.account.tally).toBeNull()
    expect(anna.books).toEqual(ben.books)
  })

  test('one asks to close while the other pays: it stays open, and both can go on', async () => {
    const { anna, ben, tally } = await partners()
    const close = await anna.does({ do: 'close', tally })
    const paid = await ben.does(pay(tally, 5n))
    cannot(anna, pay(tally, 1n), 'closing')
    ben.hears(close)
    anna.hears(paid)
    expect(anna.account.tally).toMatchObject({ closing: [null, null], balance: 5n })
    cannot(ben, { do: 'keep', tally }, 'wrong-order')
    await told(anna, ben, pay(tally, 5n))
    await told(ben, anna, { do: 'close', tally })
    await told(anna, ben, { do: 'close', tally })
    expect(anna.books).toEqual(ben.books)
    expect(anna.account.tally).toBeNull()
  })
})

test('whoever asks to close while the other pays is not bound by it, on either side', async () => {
  for (const closer of [0, 1] as const) {
    const { anna, ben, tally } = await partners()
    const [asking, paying] = closer === 0 ? [anna, ben] : [ben, anna]
    const close = await asking.does({ do: 'close', tally })
    const paid = await paying.does(pay(tally, 5n))
    paying.hears(close)
    asking.hears(paid)
    expect(asking.account.tally).toMatchObject({ closing: [null, null] })
    await told(asking, paying, pay(tally, 5n))
    expect(anna.books).toEqual(ben.books)
  }
})

test('books that are full take no more', async () => {
  const { anna, tally } = await partners()
  const [own, theirs] = anna.books.chains
  const full = {
    ...anna.books,
    chains: [[{ ...own[0]!, seq: maxEntriesPerSide }], theirs] as const,
  }
  expect(() => drafted(full, low, pay(tally, 1n), 1)).toThrow(
    expect.objectContaining({ code: 'no-room' }),
  )
  expect(drafted(full, high, pay(tally, 1n), 1).seq).toBe(2)
})

test('whatever the order in which both come, they have one order', async () => {
  const { anna, ben, tally } = await partners()
  for (let i = 0; i < 3; i++) {
    await anna.does(pay(tally, 1n))
    await ben.does(pay(tally, 2n))
  }
  const { chains } = anna.books
  anna.hears(...ben.books.chains[1])
  ben.hears(...chains[0])
  const ids = ({ books }: Person) => inOrder(books.chains).map(({ entry }) => entry.id)
  expect(ids(anna)).toEqual(ids(ben))
  const late = emptyBooks(high, low)
  const all = inOrder(anna.books.chains).reduce((books, { entry }) => append(books, entry), late)
  expect(all).toEqual(anna.books)
})
