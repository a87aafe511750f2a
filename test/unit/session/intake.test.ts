import { beforeEach, describe, expect, test } from 'vitest'
import {
  keyAgreementBurst,
  keyAgreementsPerPacket,
  keyAgreementsPerS,
  maxContacts,
  maxWaitingPackets,
  maxWaitingPerContact,
  packetWorkMs,
} from '../../../lib/base/limits.ts'
import { Intake, type Origin } from '../../../lib/session/intake.ts'
import { type VirtualRuntime, virtualRuntime } from '../signaling/virtual-runtime.ts'

let runtime: VirtualRuntime
let intake: Intake
let done: string[]

beforeEach(() => {
  runtime = virtualRuntime()
  intake = new Intake(runtime)
  done = []
})

const put = (from: Origin['from'], path: string, mailbox: string) =>
  intake.put({ from, path, mailbox }, () => done.push(`${from} ${path} ${mailbox}`))

const packetsAtOnce = keyAgreementBurst / keyAgreementsPerPacket
const exhaust = () => {
  done = []
  for (let n = 0; n < packetsAtOnce; n++) put('stranger', 'own', `${n}`)
  expect(done).toHaveLength(packetsAtOnce)
  done = []
}

test('what comes now and then is done at once', async () => {
  for (let n = 0; n < 100; n++) {
    put('contact', 'relay', 'bob')
    expect(done).toHaveLength(n + 1)
    await runtime.advance(10)
  }
})

test('a flood is metered', async () => {
  for (let ms = 0; ms < 3_000; ms++) {
    for (let n = 0; n < 10; n++) put('stranger', `relay ${n}`, `ticket ${ms}`)
    await runtime.advance(1)
  }
  const most = (3 * keyAgreementsPerS + keyAgreementBurst) / keyAgreementsPerPacket
  expect(done.length).toBeLessThanOrEqual(most)
  expect(done.length).toBeGreaterThan(most - 10)
})

test('much work at once gives way to the page after a few milliseconds', async () => {
  let lateMs = 0
  const slices: number[] = []
  intake = new Intake({
    ...runtime,
    monotonicNow: () => runtime.monotonicNow() + lateMs,
    setTimer: (delayMs, callback) =>
      runtime.setTimer(delayMs, () => {
        const before = done.length
        callback()
        slices.push(done.length - before)
      }),
  })
  exhaust()
  for (let n = 0; n < 20; n++) {
    intake.put({ from: 'stranger', path: 'relay', mailbox: `${n}` }, () => {
      lateMs += 1
      done.push('')
    })
  }
  // The page was busy meanwhile: there are key agreements for all of them.
  lateMs += 50
  await runtime.advance(100)
  const most = packetWorkMs + 1
  expect(slices).toEqual([most, most, most, most])
})

test('what waits is done with what comes next, where timers sleep', async () => {
  let nowMs = 0
  intake = new Intake({ ...runtime, monotonicNow: () => nowMs, setTimer: () => () => {} })
  exhaust()
  for (let n = 0; n < 10; n++) put('contact', 'relay', `${n}`)
  expect(done).toEqual([])
  nowMs = 1_000
  put('contact', 'relay', 'bob')
  expect(done).toHaveLength(11)
})

describe('shares', () => {
  beforeEach(() => exhaust())

  /** After how many others it was its turn. */
  const turnOf = async (what: string) => {
    await runtime.advance(10_000)
    return done.indexOf(what)
  }

  test('of a contact, while strangers flood', async () => {
    for (let n = 0; n < 1_000; n++) put('stranger', `relay ${n % 16}`, `ticket ${n}`)
    put('contact', 'relay 0', 'bob')
    expect(await turnOf('contact relay 0 bob')).toBeLessThan(2)
  })

  test('of an answer that one waits for, while all flood', async () => {
    for (let n = 0; n < 1_000; n++) {
      for (const from of ['contact', 'stranger', 'asker'] as const) put(from, 'relay', `${n}`)
    }
    put('reply', 'relay', 'own')
    expect(await turnOf('reply relay own')).toBeLessThan(4)
  })

  test('of an honest path, while another floods the mailboxes of all contacts', async () => {
    for (let n = 0; n < maxContacts; n++) put('contact', 'hostile', `${n}`)
    put('contact', 'honest', 'bob')
    expect(await turnOf('contact honest bob')).toBeLessThan(2)
  })

  test('of each contact, while some flood by the same path', async () => {
    for (let n = 0; n < 1_000; n++) put('contact', 'relay', `flooder ${n % 10}`)
    put('contact', 'relay', 'bob')
    expect(await turnOf('contact relay bob')).toBeLessThanOrEqual(10)
    expect(done.filter((each) => each.endsWith('flooder 0'))).toHaveLength(maxWaitingPerContact)
  })
})

test('what waits is bounded, by path; what was closed is done no more', async () => {
  exhaust()
  for (let n = 0; n < 1_000; n++) put('contact', 'hostile', `${n}`)
  await runtime.advance(10_000)
  expect(done).toHaveLength(maxWaitingPackets)
  exhaust()
  put('contact', 'relay', 'bob')
  intake.close()
  await runtime.advance(10_000)
  expect([done, runtime.pendingTimers]).toEqual([[], 0])
})
