/** What the books say to the person who looks, and what waits for them. */

import { expect, test } from 'vitest'
import { inWords, owing, standingOf } from '../../../demo/wallet/entry-words.ts'
import { inOrder } from '../../../demo/wallet/books.ts'
import { waitingIn } from '../../../demo/wallet/waiting.ts'
import { ask, partners, pay, strangers, terms, told, type Person } from './two-people.ts'

const words = ({ books, id }: Person, called: string) =>
  inOrder(books.chains).map(({ entry }) => inWords(books, id, called, entry).text)
const waiting = ({ books, id }: Person, called: string) =>
  waitingIn(books, id, called).map(({ text }) => text.replaceAll('\u00a0', ' '))

test('each sees what happened from their side', async () => {
  const { anna, ben, tally } = await partners()
  await told(anna, ben, pay(tally, 5n))
  const one = await told(ben, anna, ask(tally, 300n))
  const two = await told(ben, anna, ask(tally, 70n))
  await told(anna, ben, pay(tally, 300n, one.id))
  await told(anna, ben, { do: 'decline', tally, request: two.id, note: '' })
  await told(ben, anna, pay(tally, 305n))
  await told(ben, anna, { do: 'close', tally })
  await told(anna, ben, { do: 'keep', tally })
  const plain = (texts: string[]) => texts.map((text) => text.replaceAll('\u00a0', ' '))
  expect(plain(words(anna, 'Ben'))).toEqual([
    'You offered a tally: “Lunches”',
    'Ben accepted: the tally is open',
    'You paid Ben 0.05 EUR',
    'Ben asks you for 3.00 EUR',
    'Ben asks you for 0.70 EUR',
    'You paid Ben 3.00 EUR, as requested',
    'You declined the request for 0.70 EUR',
    'Ben paid you 3.05 EUR',
    'Ben signed to close the tally',
    'You kept the tally open',
  ])
  expect(plain(words(ben, 'Anna')).slice(2, 4)).toEqual([
    'Anna paid you 0.05 EUR',
    'You asked Anna for 3.00 EUR',
  ])
})

test('what a closed tally was counted in is still known', async () => {
  const { anna, ben, tally } = await partners()
  await told(anna, ben, pay(tally, 5n))
  await told(ben, anna, pay(tally, 5n))
  await told(anna, ben, { do: 'close', tally })
  await told(ben, anna, { do: 'close', tally })
  expect(words(anna, 'Ben')[2]).toBe('You paid Ben 0.05\u00a0EUR')
  expect(words(anna, 'Ben').slice(-2)).toEqual([
    'You signed to close the tally',
    'Ben signed, too: the tally is closed',
  ])
})

test('an offer, requests and a wish to close wait for whom they are meant for', async () => {
  const [carol, dave] = strangers()
  await told(carol, dave, { do: 'offer', answers: null, terms })
  expect([waiting(carol, 'Dave'), waiting(dave, 'Carol')]).toEqual([
    [],
    ['Carol offers you “Lunches”'],
  ])
  const { anna, ben, tally } = await partners()
  await told(anna, ben, ask(tally, 120n))
  expect([waiting(anna, 'Ben'), waiting(ben, 'Anna')]).toEqual([
    [],
    ['Anna asks for 1.20 EUR: Bread'],
  ])
  const [request] = ben.account.tally!.requests
  await told(ben, anna, { do: 'decline', tally, request: request!.id, note: '' })
  await told(ben, anna, { do: 'close', tally })
  expect([waiting(anna, 'Ben'), waiting(ben, 'Anna')]).toEqual([
    ['Ben wants to close “Lunches”'],
    [],
  ])
})

test('an entry waits, is delivered, and is confirmed by what the other signs later', async () => {
  const { anna, ben, tally } = await partners()
  const paid = await anna.does(pay(tally, 5n))
  const standing = (held: number) => standingOf(anna.books, anna.id, held, paid)
  expect([standing(1), standing(2)]).toEqual(['waiting', 'delivered'])
  // What Ben signs without having it confirms nothing.
  anna.hears(await ben.does(pay(tally, 1n)))
  expect(standing(2)).toBe('delivered')
  ben.hears(paid)
  anna.hears(await ben.does(pay(tally, 1n)))
  expect(standing(2)).toBe('confirmed')
})

test('a balance in words', () => {
  expect([5n, -5n, 0n].map((balance) => owing(balance, 'Ben'))).toEqual([
    'Ben owes you',
    'You owe Ben',
    'You and Ben are even',
  ])
})
