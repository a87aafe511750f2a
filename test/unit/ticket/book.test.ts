/** The ticket book: one winner a use, whoever races and whatever crashes. */

import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { maxOpenTickets, reservationMs } from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store, StoreTransaction } from '../../../lib/storage/store.ts'
import { TicketBook } from '../../../lib/ticket/book.ts'
import { newTicket, seeded, shiftedRuntime, type ShiftedRuntime } from '../attack/adversary.ts'

const racers = 100
const peers = Array.from({ length: racers }, (_, n) => `peer ${n}` as PeerId)
const also = async () => {}

/** All race in an order of chance; returns who won, with the pacts they were given. */
async function race(book: TicketBook, tag: Uint8Array, seed: number) {
  const random = seeded(seed)
  const order = peers.toSorted(() => random.next() - 0.5)
  const reservations = await Promise.all(
    order.map((peer) => book.reserve(tag, peer, `pact of ${peer}`, also)),
  )
  return order.flatMap((_, index) => {
    const redemption = reservations[index]
    return redemption ? [redemption] : []
  })
}

describe('a hundred race for a ticket', { timeout: 120_000 }, () => {
  test('1,000 tickets have 1,000 winners, who alone may retry and get the same', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    const book = await TicketBook.open(identity)
    let winners = 0
    let losers = 0
    let retries = 0
    for (let n = 0; n < 1000; n++) {
      const { tag } = await book.issue(newTicket())
      const won = await race(book, tag, n)
      winners += won.length
      losers += racers - won.length
      const [winner] = won
      const retried = await race(book, tag, n + 1)
      if (retried.length === 1 && retried[0]!.peer === winner!.peer) retries++
      expect(retried[0]).toEqual(winner)
    }
    expect({ winners, losers, retries }).toEqual({ winners: 1000, losers: 99_000, retries: 1000 })
  })

  test('each use has one winner', async () => {
    const book = await TicketBook.open(await Identity.open({ store: new MemoryStore() }))
    for (const uses of [2, 7, 99, 100, 101]) {
      const { tag } = await book.issue(newTicket(systemRuntime, { uses }))
      const won = await race(book, tag, uses)
      expect(won).toHaveLength(Math.min(uses, racers))
      expect(new Set(won.map(({ pactId }) => pactId)).size).toBe(won.length)
    }
  })

  test('in IndexedDB too, through two books of one store', async () => {
    const store = await IdbStore.open('race', systemRuntime)
    const identity = await Identity.open({ store })
    const [first, second] = [await TicketBook.open(identity), await TicketBook.open(identity)]
    for (let n = 0; n < 10; n++) {
      const { tag } = await first.issue(newTicket())
      const won = await Promise.all([race(first, tag, n), race(second, tag, n + 1)])
      const names = won.flat().map(({ peer }) => peer)
      expect(new Set(names).size).toBe(1)
    }
    await store.close()
  })
})

describe('a crash', () => {
  /** What another tab or the next start finds: the same store, and nothing that was in memory. */
  const reopen = async (store: Store) => {
    const identity = await Identity.open({ store })
    return TicketBook.open(identity)
  }

  test('after a reservation leaves it to the winner alone', async () => {
    const store = new MemoryStore()
    for (let n = 0; n < 50; n++) {
      const book = await reopen(store)
      const { tag } = await book.issue(newTicket())
      const [winner] = await race(book, tag, n)
      const afterwards = await reopen(store)
      expect(afterwards.find(tag)?.live?.ticket.tag).toEqual(tag)
      expect(await race(afterwards, tag, n + 1)).toEqual([winner])
    }
  })

  test('within a reservation leaves the use to the next', async () => {
    const store = new MemoryStore()
    const book = await reopen(store)
    const { tag } = await book.issue(newTicket())
    const crash = async () => {
      throw new Error('crash')
    }
    await expect(book.reserve(tag, peers[0]!, 'lost', crash)).rejects.toThrow('crash')
    const won = await (await reopen(store)).reserve(tag, peers[1]!, 'kept', also)
    expect(won).toMatchObject({ peer: peers[1], pactId: 'kept', spent: false })
  })

  test('within spending leaves the reservation', async () => {
    const store = new MemoryStore()
    const book = await reopen(store)
    const { tag } = await book.issue(newTicket())
    await book.reserve(tag, peers[0]!, 'pact', also)
    const crash = async () => {
      throw new Error('crash')
    }
    await expect(book.spend(tag, 'pact', crash)).rejects.toThrow('crash')
    const afterwards = await reopen(store)
    expect(afterwards.find(tag)!.live).not.toBeNull()
    expect(await afterwards.reserve(tag, peers[0]!, 'other', also)).toMatchObject({
      pactId: 'pact',
    })
  })

  test('after spending leaves it spent, its key destroyed and its mailbox open', async () => {
    const store = new MemoryStore()
    const book = await reopen(store)
    const { tag } = await book.issue(newTicket())
    const [winner] = await race(book, tag, 1)
    await book.spend(tag, winner!.pactId, also)
    for (const each of [book, await reopen(store)]) {
      expect(each.find(tag)).toMatchObject({ tag, live: null })
      expect(await race(each, tag, 2)).toEqual([])
    }
    const records = await store.transaction(['tickets'], { mode: 'read' }, (tx) =>
      tx.list('tickets'),
    )
    expect(records).toHaveLength(1)
    expect(records[0]!.value).toMatchObject({ secrets: null })
  })
})

describe('1,000 tickets', { timeout: 60_000 }, () => {
  let runtime: ShiftedRuntime
  let store: MemoryStore
  let book: TicketBook
  let tags: Uint8Array[]
  beforeEach(async () => {
    runtime = shiftedRuntime()
    store = new MemoryStore()
    book = await TicketBook.open(await Identity.open({ store, runtime }))
    tags = []
    for (let n = 0; n < 1000; n++) tags.push((await book.issue(newTicket(runtime))).tag)
  })

  const reserved = async (peer: PeerId) => {
    const all = await Promise.all(
      tags.map((tag) => book.reserve(tag, peer, toBase64url(tag), also)),
    )
    return all.filter((redemption) => redemption !== undefined).length
  }

  test('expired: none is reserved, not even by who has reserved it before', async () => {
    expect(await reserved(peers[0]!)).toBe(1000)
    runtime.shiftMs += 700_000
    expect([await reserved(peers[0]!), await reserved(peers[1]!)]).toEqual([0, 0])
    expect(await book.prune()).toHaveLength(1000)
    expect([...book.values()]).toEqual([])
  })

  test('spent: none is reserved again', async () => {
    expect(await reserved(peers[0]!)).toBe(1000)
    await Promise.all(tags.map((tag) => book.spend(tag, toBase64url(tag), also)))
    expect([await reserved(peers[0]!), await reserved(peers[1]!)]).toEqual([0, 0])
    expect([...book.values()].filter(({ live }) => live !== null)).toEqual([])
  })

  test('withdrawn: none is reserved', async () => {
    for (const tag of tags) await book.withdraw(tag)
    expect(await reserved(peers[0]!)).toBe(0)
  })

  test('are not all that may be open', async () => {
    for (let n = 1000; n < maxOpenTickets; n++) await book.issue(newTicket(runtime))
    await expect(book.issue(newTicket(runtime))).rejects.toMatchObject({ code: 'queue-full' })
  })
})

describe('a reservation that is never spent', () => {
  let runtime: ShiftedRuntime
  let identity: Identity
  let book: TicketBook
  beforeEach(async () => {
    runtime = shiftedRuntime()
    identity = await Identity.open({ store: new MemoryStore(), runtime })
    book = await TicketBook.open(identity)
  })

  const issue = async (uses: number) => {
    const ticket = newTicket(runtime, { uses, expiresS: Math.ceil(runtime.now() / 1000) + 3600 })
    return (await book.issue(ticket)).tag
  }
  const put = (id: string) => async (pactId: string, transaction: StoreTransaction) => {
    if (pactId === id) await transaction.put('contacts', id, { id })
  }
  const reserve = (tag: Uint8Array, n: number) =>
    book.reserve(tag, peers[n]!, `pact ${n}`, put(`pact ${n}`))
  const written = async () => {
    const all = await identity.store.transaction(['contacts'], { mode: 'read' }, (transaction) =>
      transaction.list('contacts'),
    )
    return all.map(({ key }) => key)
  }

  test('of many uses goes to another after a while, where there is no other; the oldest first', async () => {
    const tag = await issue(3)
    for (let n = 0; n < 3; n++) {
      expect(await reserve(tag, n)).toMatchObject({ spent: false })
      runtime.shiftMs += 1_000
    }
    await book.spend(tag, 'pact 0', also)
    expect(await reserve(tag, 3)).toBeUndefined()
    runtime.shiftMs += reservationMs - 3_000 + 1_000
    expect(await reserve(tag, 3)).toMatchObject({ pactId: 'pact 3', overtaken: 'pact 1' })
    expect(await written()).toEqual(['pact 0', 'pact 2', 'pact 3'])
    // Whoever was overtaken has none; what came for it later does not take the use twice.
    expect(await reserve(tag, 1)).toBeUndefined()
    const book2 = await TicketBook.open(identity)
    await book2.spend(tag, 'pact 1', also)
    runtime.shiftMs += 2_000
    expect(await reserve(tag, 4)).toMatchObject({ overtaken: 'pact 2' })
    expect(await reserve(tag, 5)).toBeUndefined()
    expect(await reserve(tag, 3)).toMatchObject({ pactId: 'pact 3' })
  })

  test('of many uses is kept as long as there are others', async () => {
    const tag = await issue(3)
    await reserve(tag, 0)
    runtime.shiftMs += 2 * reservationMs
    expect(await reserve(tag, 1)).toEqual(expect.not.objectContaining({ overtaken: 'pact 0' }))
    expect(await reserve(tag, 0)).toMatchObject({ pactId: 'pact 0' })
  })

  test('of a single use stays with its winner', async () => {
    const tag = await issue(1)
    await reserve(tag, 0)
    runtime.shiftMs += 2 * reservationMs
    expect(await reserve(tag, 1)).toBeUndefined()
    expect(await reserve(tag, 0)).toMatchObject({ pactId: 'pact 0' })
  })
})
