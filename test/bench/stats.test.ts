import { expect, test } from 'vitest'

import { estimate, ratios } from './stats.ts'

test('the median of an odd and of an even number of samples', () => {
  expect(estimate([9, 1, 5]).median).toBe(5)
  expect(estimate([9, 1, 5, 7]).median).toBe(6)
  expect(estimate([4])).toEqual({ median: 4, low: 4, high: 4, count: 1 })
})

test('the interval of the sign test: ranks 1 to 6 of 6, 2 to 8 of 9, 6 to 15 of 20', () => {
  // Tables of the binomial distribution: coverage 96.9 %, 96.1 % and 95.9 %; one rank less on each side has under 95 %.
  const interval = (count: number) => {
    const { low, high } = estimate(Array.from({ length: count }, (_, i) => i + 1))
    return [low, high]
  }
  expect(interval(5)).toEqual([1, 5])
  expect(interval(6)).toEqual([1, 6])
  expect(interval(9)).toEqual([2, 8])
  expect(interval(20)).toEqual([6, 15])
})

test('rounds in which a subject failed count for neither', () => {
  expect(estimate([NaN, 2, 3, 4]).count).toBe(3)
  expect(ratios([4, 9, 5], [2, NaN])).toEqual([2, NaN, NaN])
})
