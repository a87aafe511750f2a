/** Several devices of one peer: which of them is sent to, what becomes of messages when it goes, and what the others may say. */

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { maxDevicesPerPeer, maxInboxesPerPeer } from '../../../lib/base/limits.ts'
import type { CborValue } from '../../../lib/codec/cbor.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { eraseLog, inboxKey } from '../../../lib/link/log.ts'
import { tier } from '../../support/campaign.ts'
import { Devices, type Device } from '../../support/device-links.ts'
import { FaultyStore, faults } from '../../support/faulty-store.ts'
import { helloOf, linkWithPuppet, logOptions, value } from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { seededRandom } from '../../support/seeded.ts'
import { puppetFor, type Puppet } from '../../support/session-pair.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
catchReportedErrors()

let runtime: VirtualRuntime
let world: Devices
beforeEach(() => {
  runtime = virtualRuntime()
  world = new Devices(runtime)
})

const connect = async (from: Device, to: Device) => {
  const session = await world.connect(from, to)
  await runtime.advance(50)
  return session
}

const handed = ({ handed: all }: Device) =>
  all.map(({ message, redelivered }) => (redelivered ? `${String(message)} again` : message))

/** Until nothing waits anywhere. */
async function finish(devices: readonly Device[]): Promise<void> {
  world.isReachable = () => true
  await runtime.advance(10_000)
  for (let n = 0; n < 60 && devices.some(({ link }) => link.queued > 0); n++) {
    for (const each of devices) each.sessions.wake()
    await runtime.advance(10_000)
  }
  expect([world.checker.violations, world.checker.missing]).toEqual([[], []])
  await world.close()
}

describe('the device that answers', () => {
  test('is the first that is there, and stays that while it is', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    await connect(a1, b1)
    await connect(b2, a1)
    for (let n = 0; n < 3; n++) void a1.send()
    await runtime.advance(1_000)
    expect(handed(b1)).toEqual(['a1#1', 'a1#2', 'a1#3'])
    expect(handed(b2)).toEqual([])
    expect(world.sessionsOf(a1)).toHaveLength(2)
    await finish([a1])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('is another at once when it is gone; what it may have had comes marked, under the same ids', async () => {
    const a1 = world.add('a1')
    const b1 = world.add('b1', { handle: () => new Promise(() => {}) })
    const b2 = world.add('b2')
    const first = await connect(a1, b1)
    await connect(b2, a1)
    const sends = [a1.send(), a1.send()]
    const ids = await Promise.all([...sends.map(({ stored }) => stored), runtime.advance(100)])
    first.cut()
    await runtime.advance(10)
    void a1.send()
    await runtime.advance(100)
    expect(handed(b1)).toEqual(['a1#1'])
    expect(handed(b2)).toEqual(['a1#1 again', 'a1#2 again', 'a1#3'])
    expect(b2.handed.slice(0, 2).map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect(a1.link.queued).toBe(0)
    expect(a1.rollbacks).toBe(0)
    expect(a1.link.state).toBe('open')
    expect(world.dials).not.toContain('a1')
    await world.close()
  })

  test('is known after restarts: another misses nothing of what it has had', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    for (const each of [b1, b2, b1, b2, b1]) {
      await connect(a1, each)
      // Until what was acknowledged is noted.
      await Promise.all([a1.send(), runtime.advance(10_000)])
      a1.restart()
      await runtime.advance(10)
    }
    expect([handed(b1), handed(b2)]).toEqual([
      ['a1#1', 'a1#3', 'a1#5'],
      ['a1#2', 'a1#4'],
    ])
    expect([b1.gaps, b2.gaps, a1.rollbacks]).toEqual([[], [], 0])
    await finish([a1])
  })

  test('comes back to what others have had meanwhile, and misses nothing', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    let session = await connect(a1, b1)
    for (let round = 0; round < 6; round++) {
      await Promise.all([a1.send(), runtime.advance(100)])
      session.cut()
      await runtime.advance(10)
      session = await connect(a1, round % 2 ? b1 : b2)
    }
    expect([handed(b1), handed(b2)]).toEqual([
      ['a1#1', 'a1#3', 'a1#5'],
      ['a1#2', 'a1#4', 'a1#6'],
    ])
    expect([b1.gaps, b2.gaps, a1.rollbacks]).toEqual([[], [], 0])
    await finish([a1])
  })

  test('takes requests and streams; the next does when it is gone', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    for (const each of [b1, b2]) {
      each.link.handle('who', () => each.name)
      each.link.on('stream', ({ writable }) => {
        const writer = writable.getWriter()
        void writer.write(each.key).catch(() => {})
      })
    }
    const first = await connect(a1, b1)
    await connect(a1, b2)
    const ask = async () => {
      const asking = Promise.all([a1.link.request('who'), a1.link.openStream('who')])
      await runtime.advance(100)
      const [name, { readable }] = await asking
      const { value: key } = await readable.getReader().read()
      return [name, new TextDecoder().decode(key)]
    }
    expect(await ask()).toEqual(['b1', 'b1'])
    first.cut()
    await runtime.advance(10)
    expect(await ask()).toEqual(['b2', 'b2'])
    await world.close()
  })

  test('is not replaced by one that never shows to be live', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    const first = await connect(a1, b1)
    await Promise.all([a1.send(), runtime.advance(100)])
    const dead = await world.connect(a1, b2)
    dead.silence()
    first.cut()
    void a1.send()
    await runtime.advance(1_000)
    expect(handed(b2)).toEqual([])
    expect(a1.link.queued).toBe(1)
    await finish([a1])
    expect(handed(b1)).toEqual(['a1#1', 'a1#2'])
  })
})

describe('rights', () => {
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'fulfilled',
      ({ code }: { code: string }) => code,
    )

  test('are those of each device: what one is refused another may do', async () => {
    const isFirst = (device: Uint8Array) => new TextDecoder().decode(device) === 'b1'
    const a1 = world.add('a1', {
      rights: (device) => ({ allows: (scope) => isFirst(device) || scope === 'request:who' }),
    })
    a1.link.handle('who', () => 'a1')
    a1.link.handle('pay', () => 'paid')
    const [b1, b2] = [world.add('b1'), world.add('b2')]
    await connect(b1, a1)
    await connect(b2, a1)
    const asked = Promise.all(
      [b1, b2].flatMap(({ link }) => [
        codeOf(link.send('x')),
        codeOf(link.request('pay')),
        codeOf(link.request('who')),
      ]),
    )
    world.checker.hand = () => {}
    world.checker.settle = () => {}
    await runtime.advance(500)
    expect(await asked).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'forbidden',
      'forbidden',
      'fulfilled',
    ])
    expect(handed(a1)).toEqual(['x'])
    await world.close()
  })

  test('what one device refused and could not say so, the next one judges anew', async () => {
    const a1 = world.add('a1')
    const b1 = world.add('b1', { rights: () => ({ allows: () => false }) })
    const b2 = world.add('b2')
    const first = await connect(a1, b1)
    // Nothing of the other side's reaches us any more.
    first.taps[1].rule = () => []
    const sent = codeOf(a1.send())
    await runtime.advance(500)
    await connect(a1, b2)
    first.cut()
    await runtime.advance(500)
    expect(await sent).toBe('fulfilled')
    expect([handed(b1), handed(b2)]).toEqual([[], ['a1#1 again']])
    // And back at the first, which remembers: it says nothing of what is settled.
    world.between(a1, b2)!.cut()
    const back = await connect(a1, b1)
    const next = codeOf(a1.send())
    await runtime.advance(500)
    expect(await next).toBe('forbidden')
    expect(a1.link.queued).toBe(0)
    back.cut()
    await world.close()
  })
})

describe('two sessions', () => {
  test('with one device become one, with two they stay', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    await Promise.all([connect(a1, b1), connect(b1, a1), connect(a1, b2), connect(a1, b2)])
    void a1.send()
    await runtime.advance(10_000)
    expect(world.sessionsOf(b1)).toHaveLength(1)
    expect(world.sessionsOf(b2)).toHaveLength(1)
    expect(a1.link.queued).toBe(0)
    await finish([a1])
  })

  test('bring messages of two devices: one at a time, each in its order, neither waiting for all of the other', async () => {
    let running = 0
    const a1 = world.add('a1', {
      handle: async () => {
        expect(++running).toBe(1)
        await new Promise<void>((resolve) => void runtime.setTimer(5, resolve))
        running--
      },
    })
    const [b1, b2] = [world.add('b1'), world.add('b2')]
    await Promise.all([connect(a1, b1), connect(a1, b2)])
    for (let n = 0; n < 20; n++) for (const each of [b1, b2]) void each.send()
    await runtime.advance(60)
    expect(new Set(handed(a1).map((message) => String(message).slice(0, 2))).size).toBe(2)
    await runtime.advance(1_000)
    for (const each of [b1, b2]) {
      const own = handed(a1).filter((message) => String(message).startsWith(each.name))
      expect(own).toEqual(Array.from({ length: 20 }, (_, n) => `${each.name}#${n + 1}`))
    }
    await finish([b1, b2])
  })

  test('of which one brings what keeps failing: the other goes on', async () => {
    const a1 = world.add('a1', {
      handle: (message) => {
        if (message === 'b1#1') throw new Error('a bad day')
      },
    })
    const [b1, b2] = [world.add('b1'), world.add('b2')]
    await Promise.all([connect(a1, b1), connect(a1, b2)])
    b1.send().catch(() => {})
    await runtime.advance(10)
    void b2.send()
    await runtime.advance(100)
    expect(handed(a1)).toEqual(['b1#1', 'b2#1'])
    await world.close()
  })
})

test('more devices than a peer has: as many sessions and positions as are allowed, and nothing lost', async () => {
  const a1 = world.add('a1')
  const many = Array.from({ length: 40 }, (_, n) => world.add(`b${n}`))
  await connect(a1, many[0]!)
  for (const each of many.slice(1)) {
    await world.connect(each, a1)
    each.send().catch(() => {})
    void a1.send()
    await runtime.advance(100)
    expect(world.sessionsOf(a1).length).toBeLessThanOrEqual(maxDevicesPerPeer)
  }
  // The one that answers is not among those that make way.
  expect(handed(many[0]!)).toHaveLength(39)
  expect(handed(a1)).toHaveLength(39)
  const records = await a1.store.transaction(['inbox'], { mode: 'read' }, (tx) => tx.list('inbox'))
  expect(records.length).toBeGreaterThan(maxDevicesPerPeer)
  expect(records.length).toBeLessThanOrEqual(maxInboxesPerPeer)
  a1.restart()
  for (const each of many.slice(0, 8)) {
    await connect(each, a1)
    each.send().catch(() => {})
  }
  await finish([a1, ...many.slice(0, 8)])
})

describe('the device that does not answer', () => {
  const keys = [Uint8Array.of(2), Uint8Array.of(3)] as const
  const hellos = ({ records }: Puppet) => records.filter(([kind]) => kind === kinds.hello)
  const runOf = (puppet: Puppet) => hellos(puppet)[0]![3] as Uint8Array
  const messages = ({ records }: Puppet) =>
    records.flatMap(([kind, number]) => (kind === kinds.message ? [number] : []))

  /** A link with two devices of its peer, of which the first answers and has been sent two messages. */
  async function two() {
    const { link, sessions, puppet: first, close } = await linkWithPuppet(runtime)
    for (const n of [1, 2]) link.send(n).catch(() => {})
    const second = await puppetFor('initiator', { runtime, answererKey: keys[1] })
    sessions.attach(second.session)
    second.send(helloOf().with(2, new Uint8Array(16).fill(9)))
    await runtime.advance(100)
    const logId = hellos(first)[0]![2] as Uint8Array
    return { link, sessions, first, second, logId, close }
  }

  test('is told of no log, and gets nothing', async () => {
    const { first, second, close } = await two()
    expect(messages(first)).toEqual([1, 2])
    for (const hello of hellos(second)) {
      expect([hello[2], hello[4], hello[5]]).toEqual([null, 1, 0])
    }
    expect(messages(second)).toEqual([])
    await close()
  })

  test.each<[string, (logId: Uint8Array, run: Uint8Array) => CborValue[][]]>([
    ['an ack', () => [[kinds.ack, 2]]],
    [
      'a hello that names the log as handled',
      (logId, run) => [helloOf().with(6, logId).with(7, 2).with(8, run)],
    ],
    ['both', (logId, run) => [helloOf().with(6, logId).with(7, 1).with(8, run), [kinds.ack, 2]]],
    ['an ack of what was never sent', () => [[kinds.ack, 9]]],
  ])('says %s: nothing changes', async (_, words) => {
    const { link, first, second, logId, close } = await two()
    second.send(...words(logId, runOf(first)))
    await runtime.advance(100)
    expect(link.queued).toBe(2)
    expect([first, second].map(({ session }) => session.isOpen)).toEqual([true, true])
    expect(messages(second)).toEqual([])
    // What the one that answers says counts as before.
    first.send(helloOf().with(6, logId), [kinds.ack, 2])
    await runtime.advance(100)
    expect(link.queued).toBe(0)
    await close()
  })

  test('names more than was ever given: a rollback, as of any other', async () => {
    const { link, first, second, logId, close } = await two()
    let rollbacks = 0
    link.on('rollback', () => rollbacks++)
    second.send(helloOf().with(6, logId).with(7, 3).with(8, runOf(first)))
    await runtime.advance(100)
    expect(rollbacks).toBe(1)
    expect(hellos(first).at(-1)![2]).not.toEqual(logId)
    expect(messages(first)).toEqual([1, 2, 1, 2])
    await close()
  })

  test('sends messages though it has named no log: its session ends', async () => {
    const { first, second, close } = await two()
    second.send(helloOf().with(2, null), [kinds.message, 1, value(1)])
    await runtime.advance(100)
    expect([first, second].map(({ session }) => session.isOpen)).toEqual([true, false])
    await close()
  })

  test('comes to answer: a log of its own, with the same numbers and ids; the old one comes back to another', async () => {
    const { link, sessions, first, second, logId, close } = await two()
    first.send(helloOf().with(6, logId), [kinds.ack, 1])
    await runtime.advance(100)
    first.session.abandon('closed')
    await runtime.advance(100)
    const named = hellos(second).at(-1)
    expect(named!.slice(4, 6)).toEqual([2, 2])
    expect((named![2] as Uint8Array).slice(0, 8)).toEqual(logId.slice(0, 8))
    expect((named![2] as Uint8Array).slice(8)).not.toEqual(logId.slice(8))
    expect(messages(second)).toEqual([2])
    // The former one, with its old log: it may not speak of the new one, nor is it sent anything.
    const back = await puppetFor('initiator', { runtime, answererKey: keys[0] })
    sessions.attach(back.session)
    const run = runOf(first)
    back.send(helloOf().with(6, logId).with(7, 2).with(8, run), [kinds.ack, 2])
    await runtime.advance(100)
    expect(link.queued).toBe(1)
    expect(hellos(back)[0]![2]).toBeNull()
    second.session.abandon('closed')
    await runtime.advance(100)
    const third = hellos(back).at(-1)![2] as Uint8Array
    expect(third.slice(0, 8)).toEqual(logId.slice(0, 8))
    expect([logId, named![2]]).not.toContainEqual(third)
    expect(messages(back)).toEqual([2])
    expect(back.session.isOpen).toBe(true)
    await close()
  })
})

describe('a change of device', () => {
  test.each(faults)('while storage fails %s each write: nothing is lost', async (fault) => {
    const store = new FaultyStore()
    const a1 = world.add('a1')
    a1.restart(store)
    const [b1, b2] = [world.add('b1', { handle: () => new Promise(() => {}) }), world.add('b2')]
    const first = await connect(a1, b1)
    await connect(a1, b2)
    for (let n = 0; n < 3; n++) a1.send().catch(() => {})
    await runtime.advance(100)
    store.fails = fault
    first.cut()
    await runtime.advance(2_000)
    // Nothing is sent of a log that may not be on disk.
    expect(handed(b2)).toEqual([])
    if (fault === 'before') a1.restart()
    store.fails = undefined
    await finish([a1])
    expect(handed(b2)).toEqual(['a1#1 again', 'a1#2 again', 'a1#3 again'])
  })

  test('in the midst of a batch, at every step of its way to the disk', async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      runtime = virtualRuntime()
      world = new Devices(runtime)
      const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
      const first = await connect(a1, b1)
      await connect(a1, b2)
      for (let n = 0; n < 3; n++) a1.send().catch(() => {})
      for (let n = 0; n < ticks; n++) await undefined
      first.cut()
      for (let n = 0; n < 3; n++) a1.send().catch(() => {})
      for (let n = 0; n < ticks; n++) await undefined
      world.between(a1, b2)!.cut()
      if (ticks % 3 === 0) a1.crash()
      await runtime.advance(10)
      if (!a1.isUp) a1.start()
      await connect(ticks % 2 ? b1 : b2, a1)
      await finish([a1])
      expect([a1.rollbacks, b1.gaps, b2.gaps]).toEqual([0, [], []])
    }
  })

  test('twice before the first is on disk: what the first was to have goes to the last', async () => {
    const store = new FaultyStore()
    const a1 = world.add('a1')
    a1.restart(store)
    const [b1, b2, b3] = [world.add('b1'), world.add('b2'), world.add('b3')]
    const first = await connect(a1, b1)
    await Promise.all([a1.send(), runtime.advance(100)])
    const second = await connect(a1, b2)
    await connect(a1, b3)
    store.fails = 'before'
    a1.send().catch(() => {})
    first.cut()
    await runtime.advance(10)
    second.cut()
    await runtime.advance(10)
    store.fails = undefined
    await runtime.advance(1_000)
    expect([handed(b2), handed(b3)]).toEqual([[], ['a1#2']])
    await finish([a1])
  })

  test.each(['b1', 'b2'])(
    'and a profile set back: %s tells of it, nothing is lost',
    async (name) => {
      world.checker.checksIds = false
      const store = new FaultyStore()
      const a1 = world.add('a1')
      a1.restart(store)
      const [b1, b2] = [world.add('b1'), world.add('b2')]
      const first = await connect(a1, b1)
      for (let n = 0; n < 2; n++) void a1.send()
      await runtime.advance(100)
      const backup = await store.copy()
      first.cut()
      const second = await connect(a1, b2)
      for (let n = 0; n < 2; n++) void a1.send()
      await runtime.advance(100)
      second.cut()
      await connect(a1, b1)
      for (let n = 0; n < 2; n++) void a1.send()
      await runtime.advance(100)
      a1.restart(backup)
      for (let n = 0; n < 2; n++) void a1.send().catch(() => {})
      await runtime.advance(100)
      await connect(a1, name === 'b1' ? b1 : b2)
      await runtime.advance(1_000)
      expect(a1.rollbacks).toBe(1)
      await finish([a1])
      const all = [...b1.handed, ...b2.handed].map(({ message }) => message)
      expect(new Set(all).size).toBe(8)
    },
  )

  test('and a profile set back to an earlier log, unnoticed: what comes again is marked', async () => {
    const store = new FaultyStore()
    const a1 = world.add('a1')
    a1.restart(store)
    const [b1, b2] = [world.add('b1'), world.add('b2', { handle: () => new Promise(() => {}) })]
    let session = await connect(a1, b1)
    await Promise.all([a1.send(), runtime.advance(10_000)])
    session.cut()
    a1.send().catch(() => {})
    await runtime.advance(10)
    const backup = await store.copy()
    session = await connect(a1, b2)
    session.cut()
    session = await connect(a1, b1)
    await runtime.advance(100)
    a1.restart(backup)
    await runtime.advance(10)
    await connect(a1, b1)
    expect(handed(b1)).toEqual(['a1#1', 'a1#2 again', 'a1#2 again'])
    expect(a1.rollbacks).toBe(0)
    await finish([a1])
  })
})

describe('a device that is revoked', () => {
  test('is cut at once: what it says is not heard, and what waits goes to another', async () => {
    const [a1, b1, b2] = [
      world.add('a1'),
      world.add('b1', { handle: () => new Promise(() => {}) }),
      world.add('b2'),
    ]
    const { sessions } = await connect(a1, b1)
    await connect(a1, b2)
    let aborted = 0
    a1.link.handle('slow', (_, { signal }) => {
      signal.addEventListener('abort', () => aborted++)
      return new Promise(() => {})
    })
    b1.link.request('slow').catch(() => {})
    for (let n = 0; n < 2; n++) void a1.send()
    await runtime.advance(100)
    b1.send().catch(() => {})
    a1.sessions.endDevice((device) => device === sessions[0].peerDeviceKey, 'revoked')
    expect(aborted).toBe(1)
    void a1.send()
    const end = sessions[1].ended
    await runtime.advance(20)
    expect(handed(b2)).toEqual(['a1#1 again', 'a1#2 again', 'a1#3'])
    expect(handed(a1)).toEqual([])
    expect(await end).toBe('revoked')
    expect(world.between(a1, b1)).toBeUndefined()
    await world.close()
  })

  test('has nothing left on disk, and what it had sent is not handed over', async () => {
    let finishFirst = () => {}
    const a1 = world.add('a1', {
      handle: () => new Promise<void>((resolve) => (finishFirst = resolve)),
    })
    const [b1, b2] = [world.add('b1'), world.add('b2')]
    await Promise.all([connect(a1, b1), connect(a1, b2)])
    for (let n = 0; n < 3; n++) b1.send().catch(() => {})
    await runtime.advance(100)
    void b2.send()
    await runtime.advance(100)
    finishFirst()
    await runtime.advance(100)
    const records = () =>
      a1.store.transaction(['inbox'], { mode: 'read' }, (tx) => tx.list('inbox'))
    expect(handed(a1)).toEqual(['b1#1', 'b2#1'])
    a1.sessions.endDevice((device) => String(device) === String(b1.key), 'revoked')
    finishFirst()
    await runtime.advance(100)
    expect(handed(a1)).toEqual(['b1#1', 'b2#1'])
    expect((await records()).map(({ key }) => key)).toEqual([inboxKey(a1.sessions.peer, b2.key)])
    await eraseLog(logOptions(runtime, a1.store), a1.sessions.peer)
    expect(await records()).toEqual([])
    await world.close()
  })

  test('was the only one: what waits goes to the next there is', async () => {
    const [a1, b1, b2] = [world.add('a1'), world.add('b1'), world.add('b2')]
    await connect(a1, b1)
    world.isReachable = (device) => device === b2
    void a1.send()
    a1.sessions.endDevice(() => true, 'revoked')
    await runtime.advance(5_000)
    expect([...handed(b1), ...handed(b2)].length).toBeGreaterThan(0)
    expect(a1.link.queued).toBe(0)
    expect(world.between(a1, b1)).toBeUndefined()
    await finish([a1])
  })
})

describe('devices that come and go', () => {
  test.each(Array.from({ length: tier(40, 1_000) }, (_, n) => n + 1))(
    'seed %i: nothing accepted is lost, nothing comes twice unmarked, all in order',
    async (seed) => {
      const random = seededRandom(seed)
      const pick = (n: number) => Math.floor(random() * n)
      const handle = (message: unknown): Promise<void> | void => {
        if (pick(12) === 0) throw new Error(`a bad day for ${String(message)}`)
        if (pick(3) > 0) return undefined
        return new Promise((resolve) => void runtime.setTimer(pick(120), resolve))
      }
      const all = ['a1', 'a2', 'b1', 'b2'].map((name) =>
        world.add(name, { handle, commit: pick(3) === 0 ? 'each' : 'batch' }),
      )
      world.isReachable = () => random() < 0.6
      const step = async () => {
        const one = all[pick(4)]!
        const other = all.filter(({ person }) => person !== one.person)[pick(2)]!
        const what = pick(20)
        if (what < 8) for (let n = pick(4); n >= 0 && one.isUp; n--) one.send().catch(() => {})
        else if (what < 12 && one.isUp && other.isUp) await world.connect(one, other)
        else if (what < 14) world.between(one, other)?.cut()
        else if (what < 15) world.between(one, other)?.silence()
        else if (what < 16) void world.between(one, other)?.sessions[pick(2)]!.close('idle')
        else if (what < 18 && one.isUp) one.crash()
        else if (what < 19)
          one.mounted.fails = one.mounted.fails ? undefined : new Error('disk full')
        if (pick(4) > 0) await runtime.advance(pick(4) === 0 ? pick(5_000) : pick(120))
        for (const each of all) if (!each.isUp && pick(3) === 0) each.start()
      }
      for (let n = 0; n < 150; n++) await step()
      for (const each of all) {
        each.mounted.fails = undefined
        if (!each.isUp) each.start()
      }
      await finish(all)
      expect(all.map(({ link }) => link.queued)).toEqual([0, 0, 0, 0])
      expect(all.flatMap(({ gaps }) => gaps)).toEqual([])
      expect(all.map(({ rollbacks }) => rollbacks)).toEqual([0, 0, 0, 0])
    },
    20_000,
  )
})
