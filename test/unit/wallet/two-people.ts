/** Two people with books, without signatures and links: what each does, and what reaches the other. */

import type { PeerId } from '../../../lib/index.ts'
import { append, drafted, emptyBooks, type Books } from '../../../demo/wallet/books.ts'
import {
  encodeEntry,
  readEntry,
  type Act,
  type Entry,
  type EntryBody,
  type Terms,
} from '../../../demo/wallet/entry.ts'

export const low = 'A'.repeat(43) as PeerId
export const high = 'b'.repeat(43) as PeerId
export const stranger = 'c'.repeat(43) as PeerId

export const terms: Terms = { name: 'Lunches', unit: 'EUR', decimals: 2, limits: [1000n, 500n] }

/** As often as each leads somewhere. */
export const deedKinds = [
  'offer',
  'accept',
  'accept',
  'refuse',
  'pay',
  'pay',
  'pay',
  'request',
  'decline',
  'withdraw',
  'withdraw',
  'close',
  'close',
  'keep',
] as const

export const made = (body: EntryBody): Promise<Entry> =>
  readEntry(encodeEntry(body), body.from, body.to)

export class Person {
  readonly id: PeerId
  books: Books
  #clock = 0

  constructor(id: PeerId, other: PeerId) {
    this.id = id
    this.books = emptyBooks(id, other)
  }

  async does(act: Act): Promise<Entry> {
    const entry = await made(drafted(this.books, this.id, act, ++this.#clock))
    this.books = append(this.books, entry)
    return entry
  }

  hears(...entries: Entry[]): void {
    for (const entry of entries) this.books = append(this.books, entry)
  }

  get account() {
    return this.books.account
  }
}

export const strangers = () => [new Person(low, high), new Person(high, low)] as const

/** Somebody does something, and the other hears of it. */
export async function told(from: Person, to: Person, act: Act): Promise<Entry> {
  const entry = await from.does(act)
  to.hears(entry)
  return entry
}

/** Two with an open tally: the first may owe 10.00, the second 5.00. */
export async function partners() {
  const [anna, ben] = strangers()
  const { id: tally } = await told(anna, ben, { do: 'offer', answers: null, terms })
  await told(ben, anna, { do: 'accept', offer: tally })
  return { anna, ben, tally }
}

export const pay = (tally: string, amount: bigint, request: string | null = null): Act => ({
  do: 'pay',
  tally,
  amount,
  note: '',
  request,
})
export const ask = (tally: string, amount: bigint): Act => ({
  do: 'request',
  tally,
  amount,
  note: 'Bread',
})
