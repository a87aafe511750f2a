import { describe, expect, test } from 'vitest'
import { drafted, emptyBooks } from '../../../demo/wallet/books.ts'
import { firstDifference, taken } from '../../../demo/wallet/catching-up.ts'
import { high, low, made, partners, pay } from './two-people.ts'

/** Twelve payments to and fro, each of which builds on the one before. */
async function talk() {
  const { anna, ben, tally } = await partners()
  for (let i = 0; i < 6; i++) {
    ben.hears(await anna.does(pay(tally, 2n)))
    anna.hears(await ben.does(pay(tally, 1n)))
  }
  return { anna, ben, tally, books: anna.books }
}

describe('taking in two chains', () => {
  test('takes all, though each needs the other, and whichever is first', async () => {
    const { books } = await talk()
    const [first, second] = books.chains
    for (const chains of [
      [first, second],
      [second, first],
    ]) {
      const result = await taken(emptyBooks(low, high), chains)
      expect(result).toMatchObject({ books, fault: null })
      expect(result.entries).toHaveLength(14)
    }
    expect(await taken(books, [first, second])).toEqual({ books, entries: [], fault: null })
  })

  test('takes what fits, and says that there is a hole', async () => {
    const { books } = await talk()
    const [first, second] = books.chains
    const result = await taken(emptyBooks(low, high), [first.toSpliced(3, 1), second])
    expect(result.fault).toBe('hole')
    expect(result.books.chains.map(({ length }) => length)).toEqual([3, 3])
    expect(await taken(emptyBooks(low, high), [second])).toMatchObject({
      entries: [],
      fault: 'hole',
    })
  })

  test('takes all of the one, though the other does not hold', async () => {
    const { anna, ben, books, tally } = await talk()
    const greedy = await made({
      ...drafted(books, anna.id, pay(tally, 1n), 1),
      act: pay(tally, 10_000n),
    })
    const more = [await ben.does(pay(tally, 1n)), await ben.does(pay(tally, 1n))]
    for (const chains of [
      [[greedy], more],
      [more, [greedy]],
    ]) {
      expect(await taken(books, chains)).toMatchObject({ entries: more, fault: 'over-limit' })
    }
  })

  test('stops at what does not hold', async () => {
    const { anna, books, tally } = await talk()
    const [first, second] = books.chains
    const { books: early } = await taken(emptyBooks(low, high), [first.slice(0, -1), second])
    const twin = await made({ ...drafted(early, anna.id, pay(tally, 7n), 1) })
    expect(await taken(books, [[twin]])).toMatchObject({ entries: [], fault: 'fork' })
    const greedy = await made({
      ...drafted(books, anna.id, pay(tally, 1n), 1),
      act: pay(tally, 10_000n),
    })
    expect(await taken(books, [[greedy], []])).toMatchObject({ entries: [], fault: 'over-limit' })
  })
})

describe('where two chains part', () => {
  test.each([1, 2, 5, 7])('at %d, in few questions', async (parting) => {
    const chain = (await talk()).books.chains[0]
    let asked = 0
    const there = async (seq: number) => {
      asked++
      return seq < parting ? chain[seq - 1]!.id : 'another'
    }
    expect(await firstDifference(chain, chain.length, there)).toBe(parting)
    expect(asked).toBeLessThan(5)
  })

  test('nowhere', async () => {
    const chain = (await talk()).books.chains[0]
    const there = async (seq: number) => chain[seq - 1]!.id
    expect(await firstDifference(chain, chain.length, there)).toBeNull()
    expect(await firstDifference(chain, 0, there)).toBeNull()
    expect(await firstDifference([], 3, there)).toBeNull()
  })
})
