import { describe, expect, test } from 'vitest'
import { compare, readSummary, summaryOf } from '../../../demo/wallet/comparison.ts'
import { append, drafted } from '../../../demo/wallet/books.ts'
import { ask, made, partners, pay, Person } from './two-people.ts'

const summaries = (anna: Person, ben: Person) => ({
  anna: compare(anna.books, anna.id, summaryOf(ben.books, ben.id)),
  ben: compare(ben.books, ben.id, summaryOf(anna.books, anna.id)),
})

describe('what somebody says of their books', () => {
  const id = 'x'.repeat(43)
  const good = { mine: { seq: 1, id }, yours: null, tally: id, balance: -5n, version: 2 }

  test.each([
    null,
    [],
    'books',
    {},
    { ...good, mine: undefined },
    { ...good, mine: { seq: 0, id } },
    { ...good, mine: { seq: 1, id, more: 1 } },
    { ...good, yours: { seq: 2 ** 40, id } },
    { ...good, tally: 'short' },
    { ...good, tally: undefined },
    { ...good, balance: 5 },
    { ...good, balance: '5' },
    { ...good, balance: 10n ** 30n },
    { ...good, version: 0 },
    { ...good, version: '2' },
  ])('is refused where it is malformed (%#)', (value) => {
    expect(() => readSummary(value)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })

  test('is read', () => {
    expect(readSummary(good)).toEqual(good)
    const none = { mine: null, yours: null, tally: null, balance: 0n }
    expect(readSummary(none)).toEqual({ ...none, version: 1 })
  })
})

describe('books', () => {
  test('agree when both have the same', async () => {
    const { anna, ben } = await partners()
    const same = { missing: [], ahead: [], forks: [], agrees: true }
    expect(summaries(anna, ben)).toMatchObject({ anna: same, ben: same })
  })

  test('lack what the other has entered, of either', async () => {
    const { anna, ben, tally } = await partners()
    await anna.does(pay(tally, 1n))
    await ben.does(pay(tally, 2n))
    expect(summaries(anna, ben)).toMatchObject({
      anna: { missing: [{ side: 1, after: 1 }], ahead: [{ side: 0, after: 1 }], agrees: false },
      ben: { missing: [{ side: 0, after: 1 }], ahead: [{ side: 1, after: 1 }], agrees: false },
    })
    const blank = new Person(anna.id, ben.id)
    expect(compare(blank.books, blank.id, summaryOf(ben.books, ben.id))).toMatchObject({
      missing: [
        { side: 0, after: 0 },
        { side: 1, after: 0 },
      ],
      ahead: [],
    })
  })

  test('that hold two entries of one number tell of the fork, whichever side is longer', async () => {
    const { anna, ben, tally } = await partners()
    const twin = await made(drafted(anna.books, anna.id, pay(tally, 9n), 99))
    await anna.does(pay(tally, 1n))
    ben.books = append(ben.books, twin)
    const fork = { forks: [{ side: 0, seq: 2 }], missing: [], ahead: [], agrees: false }
    expect(summaries(anna, ben)).toMatchObject({ anna: fork, ben: fork })
    await anna.does(pay(tally, 1n))
    expect(summaries(anna, ben).anna).toMatchObject({ forks: [{ side: 0, seq: 2 }] })
  })

  test('do not agree where one side says another balance', async () => {
    const { anna, ben } = await partners()
    const said = { ...summaryOf(ben.books, ben.id), balance: 1n }
    expect(compare(anna.books, anna.id, said)).toMatchObject({ forks: [], agrees: false })
  })

  test('do not agree about another tally, or with entries that make no difference to the balance', async () => {
    const { anna, ben, tally } = await partners()
    const said = summaryOf(ben.books, ben.id)
    for (const other of [null, 'x'.repeat(43)]) {
      expect(compare(anna.books, anna.id, { ...said, tally: other }).agrees).toBe(false)
    }
    await anna.does(ask(tally, 1n))
    expect(compare(anna.books, anna.id, said)).toMatchObject({ agrees: false, missing: [] })
    ben.hears(anna.books.chains[0][1]!)
    expect(compare(anna.books, anna.id, summaryOf(ben.books, ben.id)).agrees).toBe(true)
  })
})
