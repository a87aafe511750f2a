/** Messages of tabs that do not lead, on their way into the log, while tabs die, change roles, and storage fails. */

import { beforeEach, describe, expect, test } from 'vitest'
import { Emitter } from '../../../lib/base/emitter.ts'
import type { SessionsEvents } from '../../../lib/link/events.ts'
import {
  adoptEveryMs,
  maxDraftBytes,
  maxQueuedBytes,
  maxSequence,
  storePatienceMs,
} from '../../../lib/base/limits.ts'
import type { Delivery } from '../../../lib/link/delivery.ts'
import { Drafts, sweepMarkers, type DraftsOptions } from '../../../lib/link/drafts.ts'
import { abandon, type Handover } from '../../../lib/link/handover.ts'
import { packSegment, segmentKey, unpackSegment, type OutboxHead } from '../../../lib/link/log.ts'
import { Outbox, type OutboxOptions } from '../../../lib/link/outbox.ts'
import { FencedStore, takeLead, type LeaderRecord } from '../../../lib/storage/fenced-store.ts'
import { GroupCommit } from '../../../lib/storage/group-commit.ts'
import { faults, FaultyStore } from '../../support/faulty-store.ts'
import { logOptions } from '../../support/link-pair.ts'
import { nothing, outboxOn } from '../../support/outbox.ts'
import { seededBytes } from '../../support/seeded.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const peer = 'peer'
let runtime: VirtualRuntime
let store: FaultyStore
/** As `<tab> <n> <id>`. */
let adopted: string[]
let events: Emitter<SessionsEvents>
beforeEach(() => {
  runtime = virtualRuntime()
  store = new FaultyStore()
  adopted = []
  events = new Emitter()
  events.on('adopted', (tab, n, id) => void adopted.push(`${tab} ${n} ${id}`))
})

const leader = (options: Partial<OutboxOptions> = {}): Outbox =>
  outboxOn(store, runtime, {
    peer,
    events,
    ...options,
  })

const follower = (options: Partial<DraftsOptions> = {}, on: FaultyStore = store): Drafts =>
  new Drafts({
    peer,
    tab: 'tab',
    runtime,
    store: on,
    commits: new GroupCommit(on, ['drafts']),
    onStored: nothing,
    onError: nothing,
    withdraw: async () => {
      throw new Error('no leader')
    },
    ...options,
  })

const of = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | null | undefined): string | null =>
  value ? new TextDecoder().decode(value) : null

const records = (table: 'outbox' | 'drafts', prefix = '') =>
  store.inner.transaction([table], { mode: 'read' }, (tx) => tx.list(table, prefix))

/** The log on disk. */
const logged = async () =>
  (await records('outbox', `${peer}/`)).flatMap(({ value }) => unpackSegment(value).map(text))

const keys = async () => (await records('drafts')).map(({ key }) => key)

const silent = (...promises: Promise<unknown>[]) => {
  for (const promise of promises) promise.catch(nothing)
}

const numbers = (ids: string[]) => ids.map((id) => Number(id.split('.')[1]))

/** The peer has handled all up to there. */
const handle = (outbox: Outbox, sequence: number) => {
  outbox.head.highestSent = Math.max(outbox.head.highestSent, sequence)
  outbox.acknowledge(sequence)
}

describe('a draft', () => {
  test('gets into the log, and its delivery learns of it', async () => {
    const outbox = leader()
    const told: number[] = []
    const drafts = follower({ onStored: () => told.push(drafts.length) })
    const delivery = drafts.add(of('a'))
    await runtime.settle()
    expect([told, await keys()]).toEqual([[1], ['peer/tab/0000000000000001']])
    outbox.adopt()
    await runtime.settle()
    expect(await logged()).toEqual(['a'])
    const [tab, n, id] = adopted[0]!.split(' ')
    expect([adopted.length, tab, n]).toEqual([1, 'tab', '1'])
    drafts.adopted(1, id!)
    expect(await delivery.stored).toBe(id)
    expect([drafts.length, drafts.pendingIds]).toEqual([0, [id]])
    await runtime.advance(1_000)
    expect(await keys()).toEqual([])
    expect(outbox.head.isDelivered(id!)).toBe(false)
    handle(outbox, 1)
    expect(outbox.head.isDelivered(id!)).toBe(true)
    drafts.delivered([id!])
    await delivery
    expect(drafts.pendingIds).toEqual([])
  })

  test('keeps its id when the log goes on for another device of the peer, and under another leader', async () => {
    const told: string[] = []
    const outbox = leader()
    const drafts = follower()
    outbox.bind(Uint8Array.of(1))
    const deliveries = [drafts.add(of('a'))]
    await runtime.settle()
    outbox.adopt()
    await runtime.settle()
    outbox.head.highestSent = 1
    const before = outbox.head.logId
    // It is written together with the next draft.
    deliveries.push(drafts.add(of('b')))
    await runtime.advance(adoptEveryMs)
    outbox.bind(Uint8Array.of(2))
    outbox.adopt()
    await runtime.settle()
    expect(outbox.head.logId).not.toEqual(before)
    void outbox.release()
    events.on('delivered', (id) => void told.push(id))
    const next = leader()
    await next.ready
    expect([next.head.logId, next.head.isFor(Uint8Array.of(2))]).toEqual([outbox.head.logId, true])
    const ids = adopted.map((each) => each.split(' ')[2]!)
    expect(ids.map((id) => id.split('.')[0])).toEqual([
      ids[0]!.split('.')[0],
      ids[0]!.split('.')[0],
    ])
    expect(ids.map((id) => next.head.isDelivered(id))).toEqual([false, false])
    await drafts.recheck()
    expect(await Promise.all(deliveries.map(({ stored }) => stored))).toEqual(ids)
    handle(next, 2)
    expect(told).toEqual(ids)
    drafts.delivered(told)
    await Promise.all(deliveries)
  })

  test('keeps its place among those of its tab', async () => {
    const tabs = ['a', 'b'].map((tab) => follower({ tab }))
    const outbox = leader()
    for (let n = 0; n < 30; n++) {
      silent(tabs[n % 2]!.add(of(`${'ab'[n % 2]}${n}`)), outbox.add(of(`c${n}`)))
      if (n % 3 === 0) await runtime.settle()
      if (n % 4 === 0) outbox.adopt()
    }
    await runtime.settle()
    outbox.adopt()
    await runtime.advance(adoptEveryMs)
    const all = await logged()
    expect(all).toHaveLength(60)
    for (const tab of 'abc') {
      const of = all.filter((each) => each!.startsWith(tab)).map((each) => Number(each!.slice(1)))
      expect(of).toEqual(of.toSorted((x, y) => x - y))
    }
  })

  test("more than one transaction takes: all of them, in order, and this tab's own before what it sends next", async () => {
    const large = (n: number) => new Uint8Array(1_000_000).fill(n)
    const [one, two] = [follower(), follower({ tab: 'other' })]
    const sends = [1, 2, 3, 4, 5, 6, 7].map((n) => one.add(large(n)))
    silent(...sends, ...[11, 12, 13, 14, 15, 16].map((n) => two.add(large(n))))
    await runtime.settle()
    const outbox = leader({ handover: one.release() })
    sends.push(outbox.add(of('next')))
    silent(sends.at(-1)!)
    await runtime.advance(1_000)
    expect(outbox.length).toBe(14)
    const all = await records('outbox', `${peer}/`)
    const order = all.flatMap(({ value }) => unpackSegment(value).map((each) => each!.at(-1)!))
    expect(order.filter((n) => n < 10 || n > 20)).toEqual([1, 2, 3, 4, 5, 6, 7, of('next').at(-1)])
    expect(order.filter((n) => n > 10 && n < 20)).toEqual([11, 12, 13, 14, 15, 16])
    expect(numbers(await Promise.all(sends.map(({ stored }) => stored)))).toEqual(
      [1, 2, 3, 4, 5, 6, 7, of('next').at(-1)!].map((n) => order.indexOf(n) + 1),
    )
  })

  test('two calls to adopt, a hundred drafts: each once', async () => {
    const outbox = leader()
    const drafts = follower()
    const deliveries = Array.from({ length: 100 }, (_, n) => drafts.add(of(`${n}`)))
    silent(...deliveries)
    outbox.adopt()
    outbox.adopt()
    await runtime.settle()
    outbox.adopt()
    outbox.adopt()
    await runtime.advance(adoptEveryMs)
    expect(await logged()).toEqual(Array.from({ length: 100 }, (_, n) => `${n}`))
    expect(adopted).toHaveLength(100)
  })

  test('of a tab that died before it told is found by the next leader, and when a tab goes', async () => {
    const drafts = follower()
    silent(drafts.add(of('a')))
    await runtime.settle()
    drafts.close(new Error('died'))
    const outbox = leader()
    await runtime.settle()
    expect(await logged()).toEqual(['a'])
    const other = follower({ tab: 'other' })
    silent(other.add(of('b')))
    await runtime.settle()
    other.close(new Error('died'))
    outbox.adopt()
    await runtime.settle()
    expect(await logged()).toEqual(['a', 'b'])
    const log = logOptions(runtime, store)
    await sweepMarkers(log, (tab) => tab === 'tab')
    expect(await keys()).toEqual(['peer/tab/0000000000000001'])
    await sweepMarkers(log, () => false)
    expect(await keys()).toEqual([])
  })

  test('is refused when the box is full, and when the log has no more numbers', async () => {
    const drafts = follower()
    const large = new Uint8Array(maxDraftBytes / 2)
    silent(drafts.add(large))
    expect(() => drafts.add(large)).toThrow(
      expect.objectContaining({ code: 'queue-full' }) as Error,
    )
    await runtime.settle()
    expect(() => drafts.add(large)).toThrow(
      expect.objectContaining({ code: 'queue-full' }) as Error,
    )
    const outbox = leader()
    await runtime.settle()
    drafts.adopted(1, adopted[0]!.split(' ')[2]!)
    silent(drafts.add(large))
    await outbox.release()

    const head = (await records('outbox', peer))[0]!.value as OutboxHead
    const spent = { ...head, next: maxSequence + 1, acked: maxSequence }
    await store.inner.transaction(['outbox', 'drafts'], { mode: 'write' }, async (tx) => {
      for (const { key } of await tx.list('outbox')) await tx.delete('outbox', key)
      for (const { key } of await tx.list('drafts')) await tx.delete('drafts', key)
      await tx.put('outbox', peer, spent)
    })
    const last = follower({ tab: 'last' })
    const [told, found] = [last.add(of('a')), last.add(of('b'))]
    await runtime.settle()
    adopted = []
    leader()
    await runtime.settle()
    expect(adopted).toEqual(['last 1 null', 'last 2 null'])
    last.adopted(1, null)
    await last.recheck()
    await expect(told).rejects.toMatchObject({ code: 'exhausted' })
    await expect(found).rejects.toMatchObject({ code: 'exhausted' })
    expect(await logged()).toEqual([])
  })

  test('waits while the log is full, and gets in as messages are handled', async () => {
    const outbox = leader()
    const large = new Uint8Array(4_000_000)
    const sends: Delivery[] = []
    for (let bytes = 0; bytes + 4_001_000 < maxQueuedBytes; bytes += 4_000_064) {
      sends.push(outbox.add(large))
    }
    silent(...sends)
    await Promise.all(sends.map(({ stored }) => stored))
    const drafts = follower()
    silent(drafts.add(of('waits')))
    await runtime.settle()
    outbox.adopt()
    await runtime.advance(1_000)
    expect(adopted).toEqual([])
    handle(outbox, 2)
    await runtime.advance(1_000)
    expect(adopted).toHaveLength(1)
  })
})

describe('a leader that dies', () => {
  test('before it has taken a draft: the next one takes it', async () => {
    const drafts = follower()
    silent(drafts.add(of('a')))
    await runtime.settle()
    const outbox = leader()
    outbox.adopt()
    outbox.close(new Error('died'))
    await runtime.settle()
    expect(await logged()).toEqual([])
    leader()
    await runtime.settle()
    expect(await logged()).toEqual(['a'])
  })

  test('with the draft taken and the tab not told: the marker tells', async () => {
    const drafts = follower()
    const delivery = drafts.add(of('a'))
    await runtime.settle()
    const outbox = leader()
    await runtime.settle()
    outbox.close(new Error('died'))
    const next = leader()
    await next.ready
    await drafts.recheck()
    const [id] = drafts.pendingIds
    expect(await delivery.stored).toBe(id)
    expect(id).toBe(adopted[0]!.split(' ')[2])
    next.adopt()
    await runtime.advance(1_000)
    expect(await logged()).toEqual(['a'])
    expect(await keys()).toEqual([])
    // Handled while nobody led: only the log knows.
    handle(next, 1)
    drafts.delivered(drafts.pendingIds.filter((each) => next.head.isDelivered(each)))
    await delivery
  })

  test('told, and the tab told in turn: asked again, it changes nothing', async () => {
    const drafts = follower()
    const delivery = drafts.add(of('a'))
    silent(delivery)
    await runtime.settle()
    leader()
    await runtime.settle()
    const id = adopted[0]!.split(' ')[2]!
    drafts.adopted(1, id)
    drafts.adopted(1, id)
    await drafts.recheck()
    await runtime.advance(1_000)
    await drafts.recheck()
    expect([drafts.length, drafts.pendingIds]).toEqual([0, [id]])
  })

  test('and storage with it: the delivery fails rather than waits for ever', async () => {
    const drafts = follower()
    const delivery = drafts.add(of('a'))
    silent(delivery)
    await runtime.settle()
    const all = await keys()
    await store.inner.transaction(['drafts'], { mode: 'write' }, async (tx) => {
      for (const key of all) await tx.delete('drafts', key)
    })
    await drafts.recheck()
    await expect(delivery).rejects.toMatchObject({ code: 'storage-failed' })
  })
})

describe('withdrawing', () => {
  test('by an id that a leader which has just begun was asked about', async () => {
    const outbox = leader()
    const id = await outbox.add(of('a')).stored
    await outbox.release()
    const next = leader()
    // It may have been sent by the one before.
    expect(await next.withdraw(id)).toBe(false)
    expect(await next.withdraw('nonsense')).toBe(false)
    const added = await next.add(of('b')).stored
    expect(await next.withdraw(added)).toBe(true)
    expect(await logged()).toEqual(['a', null])
  })

  test('before it is written, before it is taken: it is gone', async () => {
    const drafts = follower()
    const [first, second] = [new AbortController(), new AbortController()]
    const one = drafts.add(of('a'), first.signal)
    first.abort(new Error('early'))
    await expect(one).rejects.toThrow('early')
    const two = drafts.add(of('b'), second.signal)
    await runtime.settle()
    second.abort(new Error('late'))
    await expect(two).rejects.toThrow('late')
    expect([await keys(), drafts.length]).toEqual([[], 0])
  })

  test('while it is being written', async () => {
    const drafts = follower()
    const controller = new AbortController()
    const delivery = drafts.add(of('a'), controller.signal)
    await Promise.resolve()
    controller.abort(new Error('no'))
    await expect(delivery).rejects.toThrow('no')
    await runtime.settle()
    expect([await keys(), drafts.length]).toEqual([[], 0])
  })

  test.each(['told', 'not told'])('in the log, %s: the leader is asked', async (told) => {
    const outbox = leader()
    const drafts = follower({ withdraw: (id) => outbox.withdraw(id) })
    const controllers = [new AbortController(), new AbortController()]
    const sends = ['a', 'b'].map((each, n) => drafts.add(of(each), controllers[n]!.signal))
    silent(...sends)
    await runtime.settle()
    outbox.adopt()
    await runtime.settle()
    outbox.head.highestSent = 1
    if (told === 'told') {
      for (const each of adopted) drafts.adopted(Number(each.split(' ')[1]), each.split(' ')[2]!)
    }
    for (const controller of controllers) controller.abort(new Error('no'))
    await runtime.settle()
    await expect(sends[1]).rejects.toThrow('no')
    expect(await logged()).toEqual(['a', null])
    handle(outbox, 2)
    drafts.delivered(numbers([`${adopted[0]!}`]).map((n) => `log.${n}`))
    await sends[0]
  })

  test('while the leader takes it: withdrawn or sent, never both', async () => {
    for (let delay = 0; delay < 40; delay++) {
      store = new FaultyStore()
      const outbox = leader()
      const drafts = follower({ withdraw: (id) => outbox.withdraw(id) })
      const controller = new AbortController()
      let outcome = ''
      drafts.add(of('a'), controller.signal).then(
        () => (outcome = 'handled'),
        () => (outcome = 'withdrawn'),
      )
      await runtime.settle()
      outbox.adopt()
      for (let i = 0; i < delay; i++) await Promise.resolve()
      controller.abort()
      await runtime.settle()
      const all = await logged()
      expect(outcome).toBe('withdrawn')
      expect(all.length === 0 || all[0] === null).toBe(true)
      expect(await keys().then((each) => each.length)).toBeLessThanOrEqual(all.length)
    }
  })

  test('asked again of the next leader', async () => {
    const outbox = leader()
    let reach: Outbox | undefined
    const drafts = follower({
      withdraw: async (id) => {
        if (!reach) throw new Error('no leader')
        return reach.withdraw(id)
      },
    })
    const controller = new AbortController()
    const delivery = drafts.add(of('a'), controller.signal)
    silent(delivery)
    await runtime.settle()
    outbox.adopt()
    await runtime.settle()
    drafts.adopted(1, adopted[0]!.split(' ')[2]!)
    // Not to be taken for sent by the next leader.
    controller.abort(new Error('no'))
    await runtime.settle()
    reach = outbox
    await drafts.recheck()
    await runtime.settle()
    await expect(delivery).rejects.toThrow('no')
  })
})

describe('storage that fails', () => {
  for (const fails of faults) {
    test(`${fails} the write of a draft, for a while: one draft each`, async () => {
      const drafts = follower()
      store.fails = fails
      const sends = ['a', 'b'].map((each) => drafts.add(of(each)))
      silent(...sends)
      await runtime.advance(1_200)
      sends.push(drafts.add(of('c')))
      // A leader may find what the tab does not know to be stored.
      if (fails === 'after') {
        store.fails = undefined
        leader()
        await runtime.settle()
        expect(adopted).toHaveLength(2)
      }
      store.fails = undefined
      await runtime.advance(2_000)
      leader()
      await runtime.advance(2_000)
      await drafts.recheck()
      expect(await logged()).toEqual(['a', 'b', 'c'])
      expect(numbers(drafts.pendingIds)).toEqual([1, 2, 3])
      expect(drafts.length).toBe(0)
    })

    test(`${fails} the write of a draft, for long: refused, and never sent`, async () => {
      const drafts = follower()
      store.fails = fails
      const send = drafts.add(of('a'))
      silent(send)
      await runtime.advance(storePatienceMs + 600)
      await expect(send).rejects.toThrow(store.error)
      store.fails = undefined
      silent(drafts.add(of('b')))
      await runtime.advance(2_000)
      leader()
      await runtime.settle()
      expect(await logged()).toEqual(['b'])
      expect(drafts.length).toBe(1)
    })

    test(`${fails} the leader's write, for a while: in the log once, under the marker's id`, async () => {
      const outbox = leader()
      await runtime.settle()
      const drafts = follower({}, store)
      silent(drafts.add(of('a')))
      await runtime.settle()
      store.fails = fails
      silent(outbox.add(of('own')))
      outbox.adopt()
      await runtime.advance(1_200)
      if (fails === 'after') {
        await drafts.recheck()
        expect(drafts.pendingIds).toHaveLength(1)
      }
      store.fails = undefined
      await runtime.advance(2_000)
      expect((await logged()).toSorted()).toEqual(['a', 'own'])
      expect(adopted).toHaveLength(1)
      await drafts.recheck()
      expect(drafts.pendingIds).toEqual([adopted[0]!.split(' ')[2]])
      const place = (await logged()).indexOf('a') + 1
      expect(numbers(drafts.pendingIds)).toEqual([place])
    })

    test(`${fails} the leader's write, and it dies: in the log once`, async () => {
      const outbox = leader()
      const drafts = follower({}, store)
      silent(drafts.add(of('a')))
      await runtime.settle()
      store.fails = fails
      outbox.adopt()
      await runtime.advance(1_200)
      outbox.close(new Error('died'))
      store.fails = undefined
      leader()
      await runtime.advance(2_000)
      await drafts.recheck()
      expect(await logged()).toEqual(['a'])
      expect(numbers(drafts.pendingIds)).toEqual([1])
    })
  }
})

test('a draft that was refused, and is in the log all the same, is taken back', async () => {
  let outbox: Outbox | undefined
  const drafts = follower({ withdraw: (id) => outbox!.withdraw(id) })
  store.fails = 'after'
  const send = drafts.add(of('refused'))
  silent(send)
  await runtime.advance(100)
  store.fails = 'before'
  await runtime.advance(storePatienceMs + 600)
  await expect(send).rejects.toThrow(store.error)
  store.fails = undefined
  outbox = leader()
  await outbox.ready
  await runtime.settle()
  outbox.adopt()
  await runtime.advance(1_000)
  await drafts.recheck()
  await runtime.advance(1_000)
  expect((await logged()).filter((each) => each !== null)).toEqual([])
})

describe('a tab that changes its role', () => {
  /** One page, now leading, now not. */
  class Page {
    role: Outbox | Drafts
    readonly tab: string
    constructor(tab: string, leads: boolean) {
      this.tab = tab
      this.role = leads ? this.#lead() : this.#follow()
    }
    #lead = (handover?: Promise<Handover>) => leader({ handover })
    #follow = (handover?: Promise<Handover>) => follower({ tab: this.tab, handover })
    lead(): void {
      this.role = this.#lead(this.role.release())
    }
    follow(): void {
      this.role = this.#follow(this.role.release())
    }
  }

  test('keeps its deliveries: from the log', async () => {
    const page = new Page('tab', true)
    const [first, second] = [page.role.add(of('a')), page.role.add(of('b'))]
    const ids = await Promise.all([first.stored, second.stored])
    page.follow()
    await runtime.settle()
    const drafts = page.role as Drafts
    await drafts.recheck()
    expect(drafts.pendingIds).toEqual(ids)
    drafts.delivered([ids[0]!])
    await first
    page.lead()
    await runtime.settle()
    handle(page.role as Outbox, 2)
    await second
  })

  test('keeps its deliveries: what was not stored yet, and what came during the change', async () => {
    const page = new Page('tab', true)
    const sends = [page.role.add(of('a'))]
    page.follow()
    sends.push(page.role.add(of('b')))
    page.lead()
    sends.push(page.role.add(of('c')))
    page.follow()
    page.lead()
    sends.push(page.role.add(of('d')))
    const ids = await Promise.all(sends.map(({ stored }) => stored))
    expect(await logged()).toEqual(['a', 'b', 'c', 'd'])
    expect(numbers(ids)).toEqual([1, 2, 3, 4])
    await runtime.settle()
    handle(page.role as Outbox, 4)
    await Promise.all(sends)
    expect(adopted).toEqual([])
  })

  test('learns what was handled while another led', async () => {
    const page = new Page('tab', true)
    const sends = [page.role.add(of('a')), page.role.add(of('b'))]
    await Promise.all(sends.map(({ stored }) => stored))
    page.follow()
    const other = leader()
    await other.ready
    handle(other, 1)
    await runtime.advance(1_000)
    await other.release()
    page.lead()
    await sends[0]
    await runtime.settle()
    handle(page.role as Outbox, 2)
    await sends[1]
  })

  test('takes its own drafts before what it has sent since', async () => {
    const page = new Page('tab', false)
    const sends = [page.role.add(of('a')), page.role.add(of('b'))]
    await runtime.settle()
    page.lead()
    sends.push(page.role.add(of('c')))
    const ids = await Promise.all(sends.map(({ stored }) => stored))
    expect(numbers(ids)).toEqual([1, 2, 3])
    expect(await logged()).toEqual(['a', 'b', 'c'])
    silent(page.role.add(of('d')))
    await runtime.settle()
    expect(await keys()).toEqual([])
  })

  test('withdraws what it had before', async () => {
    const page = new Page('tab', false)
    const controllers = [1, 2, 3].map(() => new AbortController())
    const [a, b] = ['a', 'b'].map((each, n) => page.role.add(of(each), controllers[n]!.signal))
    await runtime.settle()
    controllers[0]!.abort(new Error('no'))
    page.lead()
    controllers[1]!.abort(new Error('no'))
    const c = page.role.add(of('c'), controllers[2]!.signal)
    page.follow()
    controllers[2]!.abort(new Error('no'))
    page.lead()
    for (const each of [a, b, c]) await expect(each).rejects.toThrow('no')
    await runtime.settle()
    expect((await logged()).every((each) => each === null)).toBe(true)
  })

  for (const fails of faults) {
    test(`while storage fails ${fails} the write: each message once`, async () => {
      const page = new Page('tab', true)
      await runtime.settle()
      store.fails = fails
      const sends = [page.role.add(of('a'))]
      await runtime.advance(600)
      page.follow()
      sends.push(page.role.add(of('b')))
      await runtime.advance(600)
      page.lead()
      sends.push(page.role.add(of('c')))
      await runtime.advance(600)
      store.fails = undefined
      page.follow()
      await runtime.settle()
      page.lead()
      await runtime.advance(2_000)
      const ids = await Promise.all(sends.map(({ stored }) => stored))
      expect(await logged()).toEqual(['a', 'b', 'c'])
      expect(numbers(ids)).toEqual([1, 2, 3])
    })
  }

  test('when another leader has written since, and it is not known what of its own had reached the disk', async () => {
    const page = new Page('tab', true)
    await page.role.add(of('0')).stored
    store.fails = 'after'
    const there = page.role.add(of('there'))
    await runtime.advance(100)
    store.fails = undefined
    const other = leader()
    await other.add(of('other')).stored
    page.follow()
    expect(numbers([await there.stored])).toEqual([2])
    expect(await logged()).toEqual(['0', 'there', 'other'])
    await other.release()

    page.lead()
    await runtime.settle()
    store.fails = 'before'
    const notThere = page.role.add(of('not there'))
    await runtime.advance(100)
    store.fails = undefined
    const third = leader()
    await third.add(of('third')).stored
    page.follow()
    await runtime.settle()
    third.adopt()
    await runtime.settle()
    await (page.role as Drafts).recheck()
    expect(numbers([await notThere.stored])).toEqual([5])
  })

  test('when it is fenced off: what it could not store is not refused, and goes the way of drafts', async () => {
    const behind = (record: LeaderRecord) =>
      logOptions(runtime, new FencedStore(store, record.generation))
    const overtaken = leader({ log: behind(await takeLead(store, runtime)) })
    await overtaken.add(of('a')).stored
    const other = leader({ log: behind(await takeLead(store, runtime)) })
    const late = overtaken.add(of('late'))
    silent(late)
    await runtime.advance(storePatienceMs + 1_000)
    await other.add(of('b')).stored
    const drafts = follower({ handover: overtaken.release() })
    await runtime.settle()
    other.adopt()
    await runtime.settle()
    await drafts.recheck()
    expect(numbers([await late.stored])).toEqual([3])
    expect(await logged()).toEqual(['a', 'b', 'late'])
  })

  test('when it is fenced off in a write, and the log has gone on so far that it tells nothing any more', async () => {
    const first = await takeLead(store, runtime)
    const overtaken = leader({
      log: logOptions(runtime, new FencedStore(store, first.generation)),
    })
    await overtaken.add(of('a')).stored
    await takeLead(store, runtime)
    const late = overtaken.add(of('late'))
    silent(late)
    await runtime.settle()
    const head = {
      logId: overtaken.head.logId,
      next: 10,
      acked: 8,
      runs: [{ id: runtime.randomBytes(16), from: 9 }],
    }
    await store.transaction(
      ['outbox'],
      { mode: 'write', durability: 'strict' },
      async (transaction) => {
        await transaction.put('outbox', peer, head)
        await transaction.delete('outbox', segmentKey(peer, 1))
        await transaction.put('outbox', segmentKey(peer, 9), packSegment([of('b')]))
      },
    )
    const drafts = follower({ handover: overtaken.release() })
    await runtime.settle()
    leader().adopt()
    await runtime.settle()
    await drafts.recheck()
    expect(numbers([await late.stored])).toEqual([10])
  })

  test('and finds nobody to go on with: the deliveries fail', async () => {
    const page = new Page('tab', false)
    const sends = [page.role.add(of('a'))]
    await runtime.settle()
    page.lead()
    sends.push(page.role.add(of('b')))
    await runtime.settle()
    page.follow()
    sends.push(page.role.add(of('c')))
    void abandon(page.role.release(), new Error('forgotten'))
    for (const each of sends) await expect(each).rejects.toThrow('forgotten')
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i: three pages, each leads in turn', async (seed) => {
    const random = seededBytes(seed)
    const pick = (n: number) => random(1)[0]! % n
    let lead = 0
    const pages = [0, 1, 2].map((tab) => new Page(`tab${tab}`, tab === 0))
    const sends: { text: string; delivery: Delivery }[] = []
    for (let step = 0; step < 60; step++) {
      const tab = pick(3)
      const name = `${tab}:${step}`
      sends.push({ text: name, delivery: pages[tab]!.role.add(of(name)) })
      silent(sends.at(-1)!.delivery)
      if (pick(3) === 0) await runtime.advance(pick(700))
      if (pick(4) === 0) store.fails = [undefined, ...faults][pick(4)]
      if (pick(3) === 0) (pages[lead]!.role as Outbox).adopt()
      if (pick(6) === 0) {
        // A fence stops whoever led before; what is under way comes first.
        pages[lead]!.follow()
        await runtime.settle()
        lead = pick(3)
        pages[lead]!.lead()
        const followers = pages.filter((page) => page.role instanceof Drafts)
        await Promise.all(followers.map(({ role }) => (role as Drafts).recheck()))
      }
    }
    store.fails = undefined
    await runtime.advance(3_000)
    for (let i = 0; i < 3; i++) {
      ;(pages[lead]!.role as Outbox).adopt()
      await runtime.advance(1_000)
    }
    const followers = pages.filter((page) => page.role instanceof Drafts)
    await Promise.all(followers.map(({ role }) => (role as Drafts).recheck()))
    const all = (await logged()).filter((each) => each !== null)
    const refused: string[] = []
    for (const { text: name, delivery } of sends) {
      const id = await delivery.stored.catch(() => '')
      if (id) expect((await logged())[numbers([id])[0]! - 1]).toBe(name)
      else refused.push(name)
    }
    expect(all.toSorted()).toEqual(
      sends
        .map((each) => each.text)
        .filter((each) => !refused.includes(each))
        .toSorted(),
    )
    for (const tab of '012') {
      const steps = all.filter((each) => each.startsWith(tab)).map((each) => Number(each.slice(2)))
      expect(steps).toEqual(steps.toSorted((x, y) => x - y))
    }
    const outbox = pages[lead]!.role as Outbox
    const isHandled = Promise.all(sends.map(({ delivery }) => delivery.catch(nothing)))
    handle(outbox, outbox.head.firstHeld + outbox.length - 1)
    for (const { role } of followers) {
      const drafts = role as Drafts
      drafts.delivered(drafts.pendingIds.filter((id) => outbox.head.isDelivered(id)))
    }
    await isHandled
    await runtime.advance(1_000)
    await sweepMarkers(logOptions(runtime, store), () => false)
    expect(await keys()).toEqual([])
  })
})
