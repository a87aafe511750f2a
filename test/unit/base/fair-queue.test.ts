import { expect, test } from 'vitest'
import { FairQueue } from '../../../lib/base/fair-queue.ts'

const drain = (queue: FairQueue<string>) => {
  const items: string[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item)
  return items
}

test('kinds take turns, and each keeps its order', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push([item[0]], item)
  expect([queue.length, queue.lengthOf(['a']), queue.lengthOf(['d'])]).toEqual([6, 3, 0])
  expect(drain(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
  expect([queue.length, queue.shift()]).toEqual([0, undefined])
})

test('so it is at every level: many of one kind wait for each other, not others for them', () => {
  const queue = new FairQueue<string>()
  for (let n = 0; n < 3; n++) queue.push(['flood', `mailbox ${n}`], `f${n}`)
  queue.push(['honest', 'mailbox 0'], 'h0')
  queue.push(['honest', 'mailbox 0'], 'h1')
  expect([queue.lengthOf(['flood']), queue.lengthOf(['honest', 'mailbox 0'])]).toEqual([3, 2])
  expect(queue.lengthOf(['nobody', 'mailbox 0'])).toBe(0)
  expect(drain(queue)).toEqual(['f0', 'h0', 'f1', 'h1', 'f2'])
})
