/** What a peer has not been granted is refused, record by record, told as such, and holds up nothing. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ErrorCode, HandfastError } from '../../../lib/base/errors.ts'
import * as limits from '../../../lib/base/limits.ts'
import { encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { concat } from '../../../lib/base/bytes.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import type { MessageInfo } from '../../../lib/link/inbox.ts'
import type { InboxRecord } from '../../../lib/link/log.ts'
import { Refusals } from '../../../lib/link/refusals.ts'
import type { Rights } from '../../../lib/link/rights.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { helloOf, LinkPair, linkWithPuppet, logOptions, value } from '../../support/link-pair.ts'
import { gone } from '../../../lib/link/carrier.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { seededRandom } from '../../support/seeded.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
const reported = catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

/** Rights that a test may change. */
class Granted implements Rights {
  scopes: string[]
  constructor(...scopes: string[]) {
    this.scopes = scopes
  }
  allows(scope: string): boolean {
    return this.scopes.some((held) => held === scope || scope.startsWith(`${held}:`))
  }
}

const all = () => new Granted('message', 'request', 'stream', 'signal')

const codeOf = (promise: Promise<unknown>): Promise<ErrorCode | 'fulfilled'> =>
  promise.then(
    () => 'fulfilled',
    (error: HandfastError) => error.code,
  )

const valueOf = (message: CborValue, topic: CborValue): Uint8Array =>
  concat(encode(message), encode(topic))

/** 0 sends, 1 grants. */
function pairWith(granted: Granted) {
  const refused: string[] = []
  const pair = new LinkPair({
    runtime,
    rights: [all(), granted],
    onRefused: (side, scope) => {
      if (side === 1) refused.push(scope)
    },
  })
  const events: [string, string][] = []
  const seen: [unknown, MessageInfo][] = []
  const listen = () => {
    pair.links[0].on('refused', (id) => events.push(['refused', id]))
    pair.links[0].on('delivered', (id) => events.push(['delivered', id]))
  }
  const take = () => pair.links[1].on('message', (message, info) => void seen.push([message, info]))
  listen()
  return { pair, refused, events, seen, listen, take, messages: () => seen.map(([each]) => each) }
}

describe('messages', () => {
  test('without the right are stepped over, and those behind them come', async () => {
    const granted = new Granted('message:pay')
    const { pair, refused, events, take, messages } = pairWith(granted)
    take()
    const sent = [
      pair.links[0].send(1),
      pair.links[0].send(2, { topic: 'pay' }),
      pair.links[0].send(3, { topic: 'chat' }),
      pair.links[0].send(4, { topic: 'pay:back' }),
      pair.links[0].send(5, { topic: 'payment' }),
    ]
    const codes = Promise.all(sent.map(codeOf))
    await runtime.advance(500)
    expect(await codes).toEqual(['forbidden', 'fulfilled', 'forbidden', 'fulfilled', 'forbidden'])
    expect(messages()).toEqual([2, 4])
    const ids = await Promise.all(sent.map((delivery) => delivery.stored.catch(() => '')))
    expect(events.map(([event]) => event)).toEqual([
      'refused',
      'delivered',
      'refused',
      'delivered',
      'refused',
    ])
    expect(events[1]![1]).toBe(ids[1])
    expect(refused).toEqual(['message', 'message:chat', 'message:payment'])
    expect(pair.links[0].queued).toBe(0)
    expect(pair.links[0].state).toBe('open')
    expect(pair.connections).toHaveLength(1)
    await pair.close()
  })

  test('bring their topic, and copies of their bytes', async () => {
    const { pair, seen, take } = pairWith(all())
    take()
    await Promise.all([
      pair.links[0].send(new Uint8Array([1, 2]), { topic: 'pay' }).catch(() => {}),
      pair.links[0].send('plain').catch(() => {}),
      runtime.advance(500),
    ])
    expect(seen.map(([message, { topic }]) => [message, topic])).toEqual([
      [new Uint8Array([1, 2]), 'pay'],
      ['plain', undefined],
    ])
    expect((seen[0]![0] as Uint8Array).buffer.byteLength).toBe(2)
    await pair.close()
  })

  test.each([[''], ['x'.repeat(65)], [5 as unknown as string]])('no topic %s', async (topic) => {
    const { pair } = pairWith(all())
    expect(await codeOf(pair.links[0].send(1, { topic }))).toBe('invalid-argument')
    await pair.close()
  })

  test('count with their topic against the limit of a message', async () => {
    const { pair, seen, take } = pairWith(all())
    take()
    const room = limits.maxValueBytes - 5 - 4
    const fits = codeOf(pair.links[0].send(new Uint8Array(room), { topic: 'pay' }))
    const tooLong = codeOf(pair.links[0].send(new Uint8Array(room + 1), { topic: 'pay' }))
    await runtime.advance(2_000)
    expect([await fits, await tooLong]).toEqual(['fulfilled', 'too-large'])
    expect(seen[0]![1].topic).toBe('pay')
    await pair.close()
  })

  test('that are forbidden wait for no handler; those that are not do', async () => {
    const { pair, take, messages } = pairWith(new Granted('message:pay'))
    const first = codeOf(pair.links[0].send(1))
    const second = codeOf(pair.links[0].send(2, { topic: 'pay' }))
    const third = codeOf(pair.links[0].send(3))
    await runtime.advance(500)
    expect(await first).toBe('forbidden')
    expect(pair.links[0].queued).toBe(2)
    take()
    await runtime.advance(500)
    expect([await second, await third]).toEqual(['fulfilled', 'forbidden'])
    expect(messages()).toEqual([2])
    await pair.close()
  })

  test('are judged when they are handed over: what was granted or taken meanwhile counts', async () => {
    const granted = new Granted('message:pay')
    const { pair, seen, messages } = pairWith(granted)
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    pair.links[1].on('message', async (message, info) => {
      seen.push([message, info])
      await gate
    })
    const sent = [
      pair.links[0].send(1, { topic: 'pay' }),
      pair.links[0].send(2, { topic: 'pay' }),
      pair.links[0].send(3, { topic: 'chat' }),
    ].map(codeOf)
    await runtime.advance(500)
    expect(messages()).toEqual([1])
    granted.scopes = ['message:chat']
    pair.sessions[1].reviewRights()
    release()
    await runtime.advance(500)
    // The first had begun when it was still allowed.
    expect(await Promise.all(sent)).toEqual(['fulfilled', 'forbidden', 'fulfilled'])
    expect(messages()).toEqual([1, 3])
    await pair.close()
  })

  test('that wait for a handler are refused at once when the right is taken', async () => {
    const granted = new Granted('message')
    const { pair } = pairWith(granted)
    const sent = codeOf(pair.links[0].send(1))
    await runtime.advance(500)
    expect(pair.links[0].queued).toBe(1)
    granted.scopes = []
    pair.sessions[1].reviewRights()
    await runtime.advance(500)
    expect(await sent).toBe('forbidden')
    await pair.close()
  })

  test('whose handler failed are refused when they would come again without the right', async () => {
    const granted = new Granted('message')
    const { pair } = pairWith(granted)
    let attempts = 0
    pair.links[1].on('message', () => {
      attempts++
      throw new Error('not now')
    })
    const sent = codeOf(pair.links[0].send(1))
    await runtime.advance(500)
    granted.scopes = []
    await runtime.advance(limits.handlerRetryMinMs)
    expect(await sent).toBe('forbidden')
    expect(attempts).toBe(1)
    expect(reported.splice(0)).toHaveLength(1)
    await pair.close()
  })

  test('whose receiver went are judged again before the next one gets them', async () => {
    const granted = new Granted('message')
    const { pair, messages, take } = pairWith(granted)
    let isThere = true
    let leave: (why: typeof gone) => void = () => {}
    const reception = pair.sessions[1].receivers.add(
      {
        get takesMessages() {
          return isThere
        },
        takesStreams: false,
        methods: [],
        message: () => new Promise((resolve) => (leave = resolve)),
        handlerOf: () => undefined,
        stream: () => false,
      },
      'first',
    )
    const sent = codeOf(pair.links[0].send(1))
    const next = codeOf(pair.links[0].send(2, { topic: 'pay' }))
    await runtime.advance(500)
    isThere = false
    reception.remove()
    granted.scopes = ['message:pay']
    leave(gone)
    await runtime.advance(100)
    take()
    await runtime.advance(500)
    expect(await Promise.all([sent, next])).toEqual(['forbidden', 'fulfilled'])
    expect(messages()).toEqual([2])
    await pair.close()
  })

  test.each([
    ['an empty topic', valueOf(1, '')],
    ['one that is no text', valueOf(1, 7)],
    ['one of undefined', valueOf(1, undefined)],
    ['one too long', valueOf(1, 'x'.repeat(limits.maxNameBytes + 1))],
    ['three items', concat(valueOf(1, 'pay'), encode('pay'))],
    ['none at all', new Uint8Array()],
    ['no CBOR', Uint8Array.of(0xff)],
  ])('that nobody can read, %s, are stepped over and not handed over', async (_, bytes) => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const seen: unknown[] = []
    link.on('message', (message) => void seen.push(message))
    puppet.send([kinds.message, 1, bytes], [kinds.message, 2, value('next')])
    await runtime.advance(100)
    expect(seen).toEqual(['next'])
    expect(puppet.session.isOpen).toBe(true)
    await close()
  })
})

describe('a refusal outlives', () => {
  /** With stores of their own, so that both may be reloaded. */
  function stored(granted: Granted) {
    const stores = [new MemoryStore(), new MemoryStore()] as const
    const made = pairWith(granted)
    const reload = (side: 0 | 1) => made.pair.reload(side, logOptions(runtime, stores[side]))
    reload(0)
    reload(1)
    made.listen()
    return { ...made, reload }
  }

  test('a session that was lost before it was told', async () => {
    const { pair, events, take } = stored(new Granted('message:pay'))
    take()
    await Promise.all([pair.links[0].connect(), runtime.advance(100)])
    // From now on nothing reaches the sender.
    pair.connections.at(-1)!.taps[1].rule = () => []
    const sent = [pair.links[0].send(1), pair.links[0].send(2, { topic: 'pay' })].map(codeOf)
    await runtime.advance(300)
    pair.network.cut()
    await runtime.advance(10_000)
    expect(await Promise.all(sent)).toEqual(['forbidden', 'fulfilled'])
    expect(events.map(([event]) => event)).toEqual(['refused', 'delivered'])
    await pair.close()
  })

  test('the page of who refused it', async () => {
    const { pair, events, reload, messages, take } = stored(new Granted('message:pay'))
    take()
    await Promise.all([pair.links[0].connect(), runtime.advance(100)])
    pair.connections.at(-1)!.taps[1].rule = () => []
    const sent = [pair.links[0].send(1), pair.links[0].send(2, { topic: 'pay' })].map(codeOf)
    await runtime.advance(300)
    reload(1)
    take()
    await runtime.advance(10_000)
    expect(await Promise.all(sent)).toEqual(['forbidden', 'fulfilled'])
    expect(events.map(([event]) => event)).toEqual(['refused', 'delivered'])
    expect(messages()).toEqual([2])
    await pair.close()
  })

  test('the page of who sent it: the next one is told so, not that it was handled', async () => {
    const { pair, events, reload, listen } = stored(new Granted('message:pay'))
    await Promise.all([pair.links[0].connect(), runtime.advance(100)])
    pair.connections.at(-1)!.taps[1].rule = () => []
    void codeOf(pair.links[0].send(1))
    await runtime.advance(300)
    reload(0)
    listen()
    pair.links[0].connect().catch(() => {})
    await runtime.advance(10_000)
    expect(events.map(([event]) => event)).toEqual(['refused'])
    expect(pair.links[0].queued).toBe(0)
    await pair.close()
  })

  test('the memory of what it was, for tabs that ask later', async () => {
    const { pair, reload } = stored(new Granted('message:pay'))
    pair.links[1].on('message', () => {})
    const sent = [pair.links[0].send(1), pair.links[0].send(2, { topic: 'pay' })]
    void Promise.all(sent.map(codeOf))
    const ids = Promise.all(sent.map((delivery) => delivery.stored))
    await runtime.advance(1_000)
    const [first, second] = await ids
    const fates = { handled: [second], refused: [first] }
    expect(await pair.sessions[0].deliveredOf([first!, second!])).toEqual(fates)
    reload(0)
    await runtime.advance(1_000)
    expect(await pair.sessions[0].deliveredOf([first!, second!])).toEqual(fates)
    await pair.close()
  })

  test('not the storage it was made in: what comes again is judged again', async () => {
    const granted = new Granted()
    const { pair, messages, take } = pairWith(granted)
    take()
    await Promise.all([pair.links[0].connect(), runtime.advance(100)])
    pair.connections.at(-1)!.taps[1].rule = () => []
    const sent = codeOf(pair.links[0].send(1))
    await runtime.advance(300)
    // Its page comes back without anything, and the right has been granted meanwhile.
    pair.reload(1)
    take()
    granted.scopes = ['message']
    await runtime.advance(10_000)
    expect(await sent).toBe('fulfilled')
    expect(messages()).toEqual([1])
    await pair.close()
  })

  test('a rollback of the sender: what goes out again is judged as it is then', async () => {
    const store = new MemoryStore()
    const granted = new Granted('message')
    const { pair, messages, take } = pairWith(granted)
    pair.reload(0, logOptions(runtime, store))
    take()
    const before = await copyOf(store)
    void codeOf(pair.links[0].send('a'))
    void codeOf(pair.links[0].send('b'))
    await runtime.advance(500)
    expect(messages()).toEqual(['a', 'b'])
    granted.scopes = ['message:pay']
    pair.reload(0, logOptions(runtime, before))
    pair.links[0].on('rollback', () => {})
    const sent = [
      pair.links[0].send('c'),
      pair.links[0].send('d', { topic: 'pay' }),
      pair.links[0].send('e'),
    ].map(codeOf)
    await runtime.advance(10_000)
    expect(await Promise.all(sent)).toEqual(['forbidden', 'fulfilled', 'forbidden'])
    expect(messages()).toEqual(['a', 'b', 'd'])
    expect(pair.links[0].queued).toBe(0)
    await pair.close()
  })
})

/** A store as one page has it: what the page begins after its end never comes about. */
function mortal(store: Store): [store: Store, die: () => void] {
  let isDead = false
  const transaction: Store['transaction'] = (...args) =>
    isDead ? new Promise(() => {}) : store.transaction(...args)
  return [{ transaction, close: () => store.close() } as Store, () => void (isDead = true)]
}

async function copyOf(store: MemoryStore): Promise<MemoryStore> {
  const tables = ['outbox', 'inbox', 'drafts'] as const
  const copy = new MemoryStore()
  for (const table of tables) {
    const records = await store.transaction([table], { mode: 'read' }, (transaction) =>
      transaction.list(table),
    )
    await copy.transaction(
      [table],
      { mode: 'write', durability: 'strict' },
      async (transaction) => {
        for (const { key, value: record } of records) await transaction.put(table, key, record)
      },
    )
  }
  return copy
}

describe('whatever happens meanwhile', () => {
  const topics = [undefined, 'pay', 'chat', 'pay:back']

  test.each([1, 2, 3, 4, 5, 6])(
    'every message is either handled or refused while sessions drop and rights change, seed %i',
    async (seed) => {
      const random = seededRandom(seed)
      const granted = new Granted()
      const { pair, messages, take } = pairWith(granted)
      take()
      const fates: Promise<string>[] = []
      for (let round = 0; round < 120; round++) {
        for (let count = Math.floor(random() * 4); count > 0; count--) {
          const topic = topics[Math.floor(random() * topics.length)]
          fates.push(codeOf(pair.links[0].send(fates.length, topic ? { topic } : {})))
        }
        const isChange = random() < 0.3
        if (isChange) {
          const all = ['message', 'message:pay', 'message:chat', 'message:pay:back']
          granted.scopes = all.filter(() => random() < 0.4)
          pair.sessions[1].reviewRights()
        }
        await runtime.advance(Math.floor(random() * 12))
        const fate = random()
        const latest = pair.connections.at(-1)
        if (fate < 0.2) pair.network.cut()
        else if (fate < 0.3) latest?.sessions[1].abandon('closed')
        else if (fate < 0.35 && latest) latest.taps[1].rule = () => []
      }
      await runtime.advance(600_000)
      const codes = await Promise.all(fates)
      // Told as it was, each once, in order.
      const handled = codes.flatMap((code, n) => (code === 'fulfilled' ? [n] : []))
      expect(messages()).toEqual(handled)
      expect(codes.filter((code) => code === 'forbidden')).toHaveLength(
        codes.length - handled.length,
      )
      expect(pair.links[0].queued).toBe(0)
      await pair.close()
    },
  )

  test.each([1, 2, 3, 4, 5, 6])(
    'nothing is held up, lost or told wrong while pages reload, seed %i',
    async (seed) => {
      const random = seededRandom(seed)
      const stores = [new MemoryStore(), new MemoryStore()] as const
      const granted = new Granted('message')
      const { pair, seen, take } = pairWith(granted)
      /** By the number of the message: what each page of the sender was told. */
      const told = new Map<number, Set<string>>()
      const tell = (n: number, what: string) =>
        void told.set(n, (told.get(n) ?? new Set()).add(what))
      const sequenceOf = (id: string) => Number(id.slice(id.lastIndexOf('.') + 1))
      const end = [() => {}, () => {}]
      const reload = (side: 0 | 1) => {
        end[side]!()
        const [store, die] = mortal(stores[side])
        end[side] = die
        pair.reload(side, logOptions(runtime, store))
        if (side === 1) return void take()
        pair.links[0].on('refused', (id) => tell(sequenceOf(id), 'refused'))
        pair.links[0].on('delivered', (id) => tell(sequenceOf(id), 'delivered'))
        pair.links[0].connect().catch(() => {})
      }
      reload(1)
      reload(0)
      let stored = 0
      for (let round = 0; round < 60; round++) {
        const sends = Array.from({ length: Math.floor(random() * 4) }, () => {
          const topic = topics[Math.floor(random() * topics.length)]
          const delivery = pair.links[0].send('x', topic ? { topic } : {})
          delivery.catch(() => {})
          return delivery.stored
        })
        const ids: string[] = []
        void Promise.all(sends).then((all) => void ids.push(...all))
        while (ids.length < sends.length) await runtime.advance(5)
        for (const id of ids) stored = Math.max(stored, sequenceOf(id))
        if (random() < 0.3) granted.scopes = random() < 0.5 ? ['message:pay'] : ['message']
        await runtime.advance(Math.floor(random() * 40))
        const fate = random()
        if (fate < 0.15) reload(0)
        else if (fate < 0.3) reload(1)
        else if (fate < 0.45) pair.network.cut()
      }
      await runtime.advance(600_000)
      expect(pair.links[0].queued).toBe(0)
      const handled = new Set(seen.map(([, { id }]) => sequenceOf(id)))
      for (let n = 1; n <= stored; n++) {
        // A handler has had what is said to be delivered; what nobody has had is said to be refused.
        if (told.get(n)?.has('delivered')) expect(handled).toContain(n)
        if (!handled.has(n)) expect([...told.get(n)!]).toEqual(['refused'])
        expect(told.get(n)!.size).toBe(1)
      }
      expect(told.size).toBe(stored)
      await pair.close()
    },
  )
})

describe('what a peer says of refusals', () => {
  const refusal = (...ends: CborValue[]): CborValue[] => [kinds.refused, new Uint8Array(16), ends]

  test.each([
    ['no log', [kinds.refused, 5, []]],
    ['no list', [kinds.refused, new Uint8Array(16), 1]],
    ['an end without a beginning', refusal(1)],
    ['backwards', refusal(2, 1)],
    ['twice the same', refusal(1, 2, 2, 3)],
    ['zero', refusal(0, 1)],
    ['no number', refusal('1', 2)],
    ['beyond all numbers', refusal(1, 2 ** 32)],
    ['a fraction', refusal(1.5, 2)],
    ['too many', refusal(...Array.from({ length: 130 }, (_, n) => n + 1))],
    ['something more', [...refusal(), 0]],
  ])('%s ends the session', async (_, record) => {
    const { puppet, close } = await linkWithPuppet(runtime)
    puppet.send(record)
    await runtime.advance(100)
    expect(puppet.session.isOpen).toBe(false)
    await close()
  })

  test('of another log, or of what was never sent, changes nothing', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const codes = codeOf(link.send('x'))
    await runtime.advance(100)
    const hello = puppet.records.find(([kind]) => kind === kinds.hello)!
    const logId = hello[2] as Uint8Array
    puppet.send(helloOf().with(6, logId), refusal(1, 1), [kinds.refused, logId, [2, 9]])
    puppet.send([kinds.ack, 1])
    await runtime.advance(100)
    expect(await codes).toBe('fulfilled')
    await close()
  })

  test('counts for the next acknowledgement alone', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const sent = [link.send('x'), link.send('y')].map(codeOf)
    await runtime.advance(100)
    const logId = puppet.records.find(([kind]) => kind === kinds.hello)![2] as Uint8Array
    puppet.send(helloOf().with(6, logId))
    // It says that both were refused, and takes one of them back with the ack of the other.
    puppet.send([kinds.refused, logId, [1, 2]], [kinds.ack, 1], [kinds.ack, 2])
    await runtime.advance(100)
    expect(await Promise.all(sent)).toEqual(['forbidden', 'fulfilled'])
    await close()
  })
})

describe('what was refused is forgotten', () => {
  test('by the one who sent it, after a hello that says how far the other is', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    const sent = [link.send('x'), link.send('y')].map(codeOf)
    await runtime.advance(100)
    const [, , logId, run] = puppet.records.find(([kind]) => kind === kinds.hello)!
    puppet.send(
      [kinds.refused, logId as Uint8Array, [1, 2]],
      [...helloOf().slice(0, 6), logId, 1, run] as CborValue[],
      [kinds.ack, 2],
    )
    await runtime.advance(100)
    expect(await Promise.all(sent)).toEqual(['forbidden', 'fulfilled'])
    await close()
  })

  test('by the one who refused it, when the sender holds it no more', async () => {
    const store = new MemoryStore()
    const { pair } = pairWith(new Granted())
    pair.reload(1, logOptions(runtime, store))
    const stored = async () => {
      const [inbox] = await store.transaction(['inbox'], { mode: 'read' }, (transaction) =>
        transaction.list('inbox'),
      )
      return (inbox!.value as InboxRecord).logs.map(({ refused }) => refused)
    }
    void codeOf(pair.links[0].send(1))
    void codeOf(pair.links[0].send(2))
    await runtime.advance(500)
    expect(await stored()).toEqual([[1, 2]])
    pair.network.cut()
    void codeOf(pair.links[0].send(3))
    await runtime.advance(20_000)
    expect(await stored()).toEqual([[3, 3]])
    await pair.close()
  })
})

describe('stretches of refused messages', () => {
  test('are kept as such', () => {
    const refusals = new Refusals()
    expect(refusals.has(1)).toBe(false)
    for (const each of [2, 3, 4, 8, 10, 11]) refusals.add(each)
    expect(refusals.within(1, Infinity)).toEqual([2, 4, 8, 8, 10, 11])
    expect([1, 2, 4, 5, 7, 8, 9, 10, 11, 12].filter((n) => refusals.has(n))).toEqual([
      2, 4, 8, 10, 11,
    ])
    expect(refusals.within(3, 10)).toEqual([3, 4, 8, 8, 10, 10])
    refusals.forgetUpTo(3)
    expect(refusals.within(0, Infinity)).toEqual([4, 4, 8, 8, 10, 11])
  })

  test('are bounded: the oldest go', () => {
    const refusals = new Refusals()
    for (let n = 1; n <= 2 * limits.maxRefusals + 2; n += 2) refusals.add(n)
    expect(refusals.has(1)).toBe(false)
    expect(refusals.has(3)).toBe(true)
    expect(refusals.within(0, Infinity)).toHaveLength(2 * limits.maxRefusals)
  })

  test('reach the sender, however many', async () => {
    const granted = new Granted('message:pay')
    const { pair, take, messages } = pairWith(granted)
    take()
    const sent = Array.from({ length: 400 }, (_, n) =>
      codeOf(pair.links[0].send(n, n % 2 === 0 ? { topic: 'pay' } : {})),
    )
    await runtime.advance(3_000)
    expect(await Promise.all(sent)).toEqual(
      Array.from({ length: 400 }, (_, n) => (n % 2 === 0 ? 'fulfilled' : 'forbidden')),
    )
    expect(messages()).toHaveLength(200)
    await pair.close()
  })
})

describe('requests', () => {
  test('without the right fail with `forbidden`, and no handler is asked', async () => {
    const granted = new Granted('request:balance')
    const { pair, refused } = pairWith(granted)
    const asked: string[] = []
    for (const method of ['pay', 'balance', 'balance:eur', 'balances']) {
      pair.links[1].handle(method, () => void asked.push(method))
    }
    const ask = (method: string) => codeOf(pair.links[0].request(method))
    const answers = Promise.all(['pay', 'balance', 'balance:eur', 'balances', 'nope'].map(ask))
    await runtime.advance(500)
    expect(await answers).toEqual(['forbidden', 'fulfilled', 'fulfilled', 'forbidden', 'forbidden'])
    expect(asked).toEqual(['balance', 'balance:eur'])
    expect(refused).toEqual(['request:pay', 'request:balances', 'request:nope'])
    granted.scopes = ['request:pay']
    const later = Promise.all(['pay', 'balance'].map(ask))
    await runtime.advance(500)
    expect(await later).toEqual(['fulfilled', 'forbidden'])
    expect(pair.connections).toHaveLength(1)
    await pair.close()
  })

  test('one that is being handled when the right is taken is answered', async () => {
    const granted = new Granted('request')
    const { pair } = pairWith(granted)
    let answer = (_: unknown) => {}
    pair.links[1].handle('slow', () => new Promise((resolve) => (answer = resolve)))
    const asked = pair.links[0].request('slow')
    await runtime.advance(100)
    granted.scopes = []
    pair.sessions[1].reviewRights()
    answer('done')
    await runtime.advance(100)
    expect(await asked).toBe('done')
    expect(await codeOf(pair.links[0].request('slow'))).toBe('forbidden')
    await pair.close()
  })

  test('answers to what one asked oneself need no right', async () => {
    const { pair } = pairWith(new Granted())
    pair.links[0].handle('who', () => 'a')
    const answer = pair.links[1].request('who')
    await runtime.advance(500)
    expect(await answer).toBe('a')
    await pair.close()
  })
})

describe('streams', () => {
  const opened = async (pair: LinkPair, side: 0 | 1, name: string) => {
    const stream = pair.links[side].openStream(name)
    await runtime.advance(100)
    return stream
  }

  test('without the right are reset with `forbidden`, and nobody is shown them', async () => {
    const { pair, refused } = pairWith(new Granted('stream:file'))
    const shown: string[] = []
    pair.links[1].on('stream', ({ name, readable }) => {
      shown.push(name)
      void readable.pipeTo(new WritableStream()).catch(() => {})
    })
    for (const [name, code] of [
      ['file', 'fulfilled'],
      ['video', 'forbidden'],
      ['file:big', 'fulfilled'],
    ] as const) {
      const { readable, writable } = await opened(pair, 0, name)
      void readable.cancel().catch(() => {})
      if (code === 'forbidden') expect(await codeOf(writable.getWriter().closed)).toBe(code)
    }
    expect(shown).toEqual(['file', 'file:big'])
    expect(refused).toEqual(['stream:video'])
    expect(pair.connections).toHaveLength(1)
    await pair.close()
  })

  test('are cut when the right is taken, at both ends, at once', async () => {
    const granted = new Granted('stream')
    const { pair } = pairWith(granted)
    let there: ReadableStreamDefaultReader<Uint8Array> | undefined
    pair.links[1].on('stream', ({ readable }) => void (there = readable.getReader()))
    const { writable } = await opened(pair, 0, 'file')
    const writer = writable.getWriter()
    await Promise.all([writer.write(Uint8Array.of(1)), runtime.advance(100)])
    expect((await there!.read()).value).toEqual(Uint8Array.of(1))
    granted.scopes = []
    pair.sessions[1].reviewRights()
    expect(await codeOf(there!.read())).toBe('forbidden')
    await runtime.advance(100)
    expect(await codeOf(writer.closed)).toBe('forbidden')
    await pair.close()
  })

  test('are judged at each record, also where nobody has said that rights have changed', async () => {
    const granted = new Granted('stream')
    const { pair } = pairWith(granted)
    let there: ReadableStreamDefaultReader<Uint8Array> | undefined
    pair.links[1].on('stream', ({ readable }) => void (there = readable.getReader()))
    const { writable } = await opened(pair, 0, 'file')
    const writer = writable.getWriter()
    granted.scopes = ['stream:other']
    writer.write(Uint8Array.of(2)).catch(() => {})
    const closed = codeOf(writer.closed)
    await runtime.advance(100)
    expect(await codeOf(there!.read())).toBe('forbidden')
    expect(await closed).toBe('forbidden')
    await pair.close()
  })

  test("of one's own need no right", async () => {
    const { pair } = pairWith(new Granted())
    pair.links[0].on('stream', ({ readable, writable }) => {
      readable.pipeTo(writable).catch(() => {})
    })
    const { readable, writable } = await opened(pair, 1, 'echo')
    const writer = writable.getWriter()
    writer.closed.catch(() => {})
    pair.sessions[1].reviewRights()
    const reader = readable.getReader()
    const [{ value: back }] = await Promise.all([
      reader.read(),
      writer.write(Uint8Array.of(7)),
      runtime.advance(100),
    ])
    expect(back).toEqual(Uint8Array.of(7))
    await pair.close()
  })
})

describe('every kind of record', () => {
  const open: CborValue[] = [kinds.streamOpen, 1, 'file']
  const cases: [name: string, scope: string | null, records: CborValue[][]][] = [
    ['hello', null, [helloOf()]],
    ['message', 'message', [[kinds.message, 1, value(1)]]],
    ['message of a topic', 'message:pay', [[kinds.message, 1, valueOf(1, 'pay')]]],
    ['ack', null, [[kinds.ack, 0]]],
    ['request', 'request:pay', [[kinds.request, 0, 'pay', value(1)]]],
    ['response', null, [[kinds.response, 0, value(1)]]],
    ['failure', null, [[kinds.failure, 0, 3, '']]],
    ['cancel', null, [[kinds.cancel, 0]]],
    ['stream-open', 'stream:file', [open]],
    ['stream-data', 'stream:file', [open, [kinds.streamData, 1, Uint8Array.of(1)]]],
    ['stream-credit', 'stream:file', [open, [kinds.streamCredit, 1, 1]]],
    ['stream-end', 'stream:file', [open, [kinds.streamEnd, 1]]],
    ['stream-reset', 'stream:file', [open, [kinds.streamReset, 1, 3]]],
    ['part', null, [[kinds.part, 0, true, encode([kinds.ping, 1])]]],
    ['ping', null, [[kinds.ping, 1]]],
    ['pong', null, [[kinds.pong, 1]]],
    ['signal', 'signal', [[kinds.signal, 0, []]]],
    ['refused', null, [[kinds.refused, new Uint8Array(16), []]]],
  ]

  test.each(cases)('%s needs %s', async (_, scope, records) => {
    const asked: string[] = []
    const rights: Rights = {
      allows(of) {
        asked.push(of)
        return false
      },
    }
    const { link, puppet, close } = await linkWithPuppet(runtime, helloOf(), rights)
    let isTouched = false
    link.on('message', () => void (isTouched = true))
    link.on('stream', () => void (isTouched = true))
    link.handle('pay', () => void (isTouched = true))
    link.handle('allowed', () => 'yes')
    await runtime.settle()
    asked.length = 0
    const logId = puppet.records.find(([kind]) => kind === kinds.hello)![2] as Uint8Array
    puppet.send(helloOf().with(6, logId))
    for (const record of records) puppet.send(record)
    await runtime.advance(100)
    if (scope === null) expect(asked).toEqual([])
    else expect(new Set(asked).has(scope)).toBe(true)
    expect(isTouched).toBe(false)
    // And the session goes on for what is allowed.
    rights.allows = () => true
    puppet.send([kinds.request, 9, 'allowed', value(null)])
    await runtime.advance(100)
    expect(puppet.records.some(([kind, id]) => kind === kinds.response && id === 9)).toBe(true)
    expect(puppet.session.isOpen).toBe(true)
    await close()
  })
})

describe('introductions', () => {
  test('are ignored without the right, and begin anew with it', async () => {
    const granted = new Granted()
    const log: string[] = []
    let parts = 0
    const { puppet, sessions, close } = await linkWithPuppet(runtime, helloOf(), granted, () => {
      const part = ++parts
      return {
        begin: () => void log.push(`begin ${part}`),
        take: () => void log.push(`take ${part}`),
        close: () => void log.push(`close ${part}`),
      }
    })
    const signal: CborValue[] = [kinds.signal, 0, []]
    // Even one that makes no sense.
    puppet.send(signal, [kinds.signal, 99])
    await runtime.advance(100)
    expect(log).toEqual([])
    expect(puppet.session.isOpen).toBe(true)
    granted.scopes = ['signal']
    sessions.reviewRights()
    await runtime.advance(100)
    puppet.send(signal)
    await runtime.advance(100)
    expect(log).toEqual(['begin 1', 'take 1'])
    granted.scopes = []
    puppet.send(signal)
    await runtime.advance(100)
    sessions.reviewRights()
    puppet.send(signal)
    await runtime.advance(100)
    expect(log).toEqual(['begin 1', 'take 1', 'close 1'])
    await close()
    expect(log).toEqual(['begin 1', 'take 1', 'close 1'])
  })
})
