/** What another tab is told: all that is new together, and nobody waits for what is newer. */

import { expect, test } from 'vitest'
import { News } from '../../../lib/mesh/news.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('who waits for what is new by now does not wait for what comes while that is told', async () => {
  let told = 0
  const news = new News(async () => {
    // As on a link on which one message follows the other.
    if (++told < 100) news.add()
    await turn()
  })
  news.add()
  await news.told()
  expect(told).toBe(1)
  await news.told()
  expect(told).toBe(2)
})

test('what comes while the other tab is told goes together in the next, and whoever waits gets that', async () => {
  const told: number[][] = []
  let fresh: number[] = []
  const news = new News(async () => {
    told.push(fresh)
    fresh = []
    await turn()
  })
  const add = (item: number) => {
    fresh.push(item)
    news.add()
  }
  await news.told()
  expect(told).toEqual([])
  add(1)
  add(2)
  await Promise.resolve()
  await Promise.resolve()
  add(3)
  add(4)
  await news.told()
  expect(told).toEqual([
    [1, 2],
    [3, 4],
  ])
  await news.told()
  expect(told).toHaveLength(2)
})

test('who is gone keeps nobody waiting', async () => {
  const news = new News(() => Promise.reject(new Error('gone')))
  news.add()
  await news.told()
  news.add()
  await news.told()
})
