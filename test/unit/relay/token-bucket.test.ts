import { expect, test } from 'vitest'
import { TokenBucket } from '../../../lib/relay/token-bucket.ts'

test('gives the burst at once and then its rate', () => {
  const bucket = new TokenBucket(10, 5, 1000)
  const take = (nowMs: number) => Array.from({ length: 20 }, () => bucket.take(1, nowMs))
  const granted = (nowMs: number) => take(nowMs).filter(Boolean).length
  expect(granted(1000)).toBe(5)
  expect(granted(1099)).toBe(0)
  expect(granted(1100)).toBe(1)
  expect(granted(1400)).toBe(3)
  expect(granted(1_000_000)).toBe(5)
})

test('a cost that is refused takes nothing', () => {
  const bucket = new TokenBucket(1, 10, 0)
  expect(bucket.take(11, 0)).toBe(false)
  expect(bucket.take(10, 0)).toBe(true)
  expect(bucket.take(1, 0)).toBe(false)
})
