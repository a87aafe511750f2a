import { beforeEach, expect, test } from 'vitest'
import { maxUnprovenAttempts } from '../../../lib/base/limits.ts'
import { type Place, Places } from '../../../lib/session/places.ts'

let places: Places
let lost: string[]
beforeEach(() => {
  places = new Places()
  lost = []
})

const take = (from: Place['from'], mailbox: string, name = mailbox) => {
  const place = places.take(from, mailbox)
  if (place) place.onLost = () => lost.push(name)
  return place
}
const fill = (from: Place['from'], mailboxes: readonly string[]) => {
  for (let n = 0; n < maxUnprovenAttempts; n++) {
    take(from, mailboxes[n % mailboxes.length]!, `${n}`)
  }
  expect(places.size).toBe(maxUnprovenAttempts)
}

test('one ticket may have all of them, but not one more', () => {
  fill('stranger', ['ticket'])
  expect(take('stranger', 'ticket')).toBeUndefined()
  expect(lost).toEqual([])
})

test('contacts get half of them from whoever holds a ticket, the oldest first, and no more', () => {
  fill('stranger', ['ticket'])
  for (let n = 0; n < maxUnprovenAttempts; n++) take('contact', `contact ${n}`)
  expect(lost).toEqual(['0', '1', '2', '3'])
  expect(places.size).toBe(maxUnprovenAttempts)
})

test('strangers get half of them from contacts', () => {
  fill('contact', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  for (let n = 0; n < maxUnprovenAttempts; n++) take('stranger', 'ticket')
  expect(lost).toEqual(['0', '1', '2', '3'])
})

test('another ticket gets its share from the one that has most', () => {
  fill('stranger', ['popular'])
  for (let n = 0; n < maxUnprovenAttempts; n++) take('stranger', 'other')
  expect(lost).toEqual(['0', '1', '2', '3'])
  take('stranger', 'third')
  expect(lost).toEqual(['0', '1', '2', '3', '4'])
})

test('a place that is left is free; one that was lost is not held', () => {
  const place = take('stranger', 'ticket')!
  expect(places.has(place)).toBe(true)
  places.leave(place)
  expect([places.has(place), places.size]).toEqual([false, 0])
  fill('stranger', ['ticket'])
  expect(places.size).toBe(maxUnprovenAttempts)
})
