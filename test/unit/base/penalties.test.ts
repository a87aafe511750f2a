import { expect, test } from 'vitest'
import { Backoff, Penalty } from '../../../lib/base/penalties.ts'

test('half of the points are forgotten in each half-life', () => {
  const penalty = new Penalty(1000)
  expect(penalty.at(50)).toBe(0)
  expect(penalty.add(0, 8)).toBe(8)
  expect(penalty.at(1000)).toBeCloseTo(4)
  expect(penalty.at(3000)).toBeCloseTo(1)
  expect(penalty.add(1000)).toBeCloseTo(5)
  expect(penalty.at(2000)).toBeCloseTo(2.5)
  expect(penalty.at(1_000_000)).toBeCloseTo(0)
})

test('a wait doubles up to its bound, and starts over once it is forgotten', () => {
  const backoff = new Backoff(5, 60, 1000)
  expect([1, 2, 3, 4, 5].map(() => Math.round(backoff.next(0)))).toEqual([5, 10, 20, 40, 60])
  expect(backoff.next(20_000)).toBeCloseTo(5, 3)
})
