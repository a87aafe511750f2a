/** The log of security events: ordered, bounded, on disk, and not to be flushed by what others do. */

import { beforeEach, describe, expect, test } from 'vitest'
import { maxJournalDetailLength, maxJournalEvents, refoldMs } from '../../../lib/base/limits.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { Journal, type SecurityEvent } from '../../../lib/mesh/journal.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const errors = catchReportedErrors()

const ann = 'ann' as PeerId
const ben = 'ben' as PeerId

let store: FaultyStore
let runtime: VirtualRuntime
let told: SecurityEvent[]

const open = (on = store) =>
  new Journal({ store: on, runtime, onEvent: (event) => void told.push(event) })

beforeEach(() => {
  store = new FaultyStore()
  runtime = virtualRuntime()
  told = []
})

const kindsOf = (events: readonly SecurityEvent[]) => events.map(({ kind }) => kind)

describe('journal', () => {
  test('lists the latest first, each told once it is on disk, and the same after a reload', async () => {
    const journal = open()
    journal.note('contact-added', { peer: ann })
    expect(told).toEqual([])
    await runtime.advance(5)
    journal.note('verified', { peer: ann })
    journal.note('gap', { peer: ben, detail: '3' })
    const listed = await journal.list()
    expect(kindsOf(listed)).toEqual(['gap', 'verified', 'contact-added'])
    expect(listed[0]).toEqual({ id: 3, atMs: runtime.now(), kind: 'gap', peer: ben, detail: '3' })
    expect(listed[2]).toEqual({ id: 1, atMs: runtime.now() - 5, kind: 'contact-added', peer: ann })
    expect(told).toEqual([...listed].reverse())

    const again = open()
    expect(await again.list()).toEqual(listed)
    again.note('locked')
    expect((await again.list())[0]).toEqual({ id: 4, atMs: runtime.now(), kind: 'locked' })
  })

  test('is read in pages', async () => {
    const journal = open()
    for (let n = 1; n <= 250; n++) journal.note('certificate-renewed', { detail: String(n) })
    expect(await journal.list()).toHaveLength(100)
    const page = await journal.list({ limit: 10, before: 101 })
    expect(page.map(({ id }) => id)).toEqual([100, 99, 98, 97, 96, 95, 94, 93, 92, 91])
    expect(await journal.list({ before: 1 })).toEqual([])
    for (const bad of [0, -1, 1.5, NaN, maxJournalEvents + 1]) {
      await expect(journal.list({ limit: bad })).rejects.toMatchObject({ code: 'invalid-argument' })
    }
  })

  test('many at once share a few writes', async () => {
    const journal = open()
    for (let n = 0; n < 100; n++) journal.note('unlocked')
    await journal.settled()
    expect(store.writes).toBeLessThanOrEqual(2)
  })

  test('what others do over and over is noted once an hour for each', async () => {
    const journal = open()
    for (let n = 0; n < 1000; n++) {
      journal.note('refused', { peer: ann, detail: `message:${n}` })
      journal.note('refused', { peer: ben, detail: 'stream' })
      journal.note('flood')
    }
    expect(kindsOf(await journal.list())).toEqual(['flood', 'refused', 'refused'])
    await runtime.advance(refoldMs - 1)
    journal.note('refused', { peer: ann, detail: 'signal' })
    expect(await journal.list()).toHaveLength(3)
    await runtime.advance(1)
    journal.note('refused', { peer: ann, detail: 'signal' })
    expect((await journal.list())[0]).toMatchObject({ kind: 'refused', detail: 'signal' })
  })

  test('is bounded, and what others do never pushes out one’s own acts', async () => {
    const journal = open()
    journal.note('root-removed')
    for (let n = 0; n < 2 * maxJournalEvents; n++) {
      journal.note('device-added', { peer: ann, detail: String(n) })
      journal.note('refused', { peer: `peer ${n}` as PeerId })
      if (n % 200 === 0) await journal.settled()
    }
    await journal.settled()
    for (const each of [journal, open()]) {
      const events = await each.list({ limit: maxJournalEvents })
      expect(events).toHaveLength(maxJournalEvents / 2 + 1)
      expect(events.at(-1)).toMatchObject({ kind: 'root-removed', id: 1 })
      expect(events[0]!.id).toBe(4 * maxJournalEvents + 1)
    }
    const keys = await store.inner.transaction(['journal'], { mode: 'read' }, (tx) =>
      tx.list('journal'),
    )
    expect(keys).toHaveLength(maxJournalEvents / 2 + 1)

    for (let n = 1; n < maxJournalEvents; n++) journal.note('contact-added', { peer: ann })
    const full = await journal.list({ limit: maxJournalEvents })
    expect(full).toHaveLength(maxJournalEvents)
    expect(kindsOf(full).filter((kind) => kind === 'contact-added')).toHaveLength(
      maxJournalEvents / 2,
    )
    expect(kindsOf(full)).not.toContain('root-removed')
  })

  test('while the disk is slow, what waits is bounded, with room for one’s own acts', async () => {
    const journal = open()
    for (let n = 0; n < 2 * maxJournalEvents; n++) {
      journal.note('refused', { peer: `peer ${n}` as PeerId })
    }
    journal.note('verified', { peer: ann })
    const events = await journal.list({ limit: maxJournalEvents })
    expect(events).toHaveLength(maxJournalEvents / 2 + 1)
    expect(events[0]!.kind).toBe('verified')
  })

  test('a detail is cut where it gets long, between characters', async () => {
    const journal = open()
    journal.note('refused', { peer: ann, detail: '\u{1f9f6}'.repeat(maxJournalDetailLength) })
    const [event] = await journal.list()
    expect([...event!.detail!]).toHaveLength(maxJournalDetailLength)
    expect(event!.detail).not.toMatch(/\p{Surrogate}/u)
    journal.note('gap', { peer: ann, detail: 'half \ud83e' })
    expect((await journal.list())[0]!.detail).toBe('half \ufffd')
  })

  test('a write that fails is reported, loses its own events, and holds nothing up', async () => {
    const journal = open()
    store.fails = 'before'
    journal.note('locked')
    await journal.settled()
    expect(told).toEqual([])
    expect(errors).toMatchObject([{ message: store.error }])
    store.fails = undefined
    journal.note('unlocked')
    expect(kindsOf(await journal.list())).toEqual(['unlocked'])
  })

  test('a journal that can’t be read says so to who asks, and is read the next time', async () => {
    store.failingReads = 1
    const journal = open()
    await expect(journal.list()).rejects.toThrow('connection lost')
    journal.note('locked')
    expect(kindsOf(await journal.list())).toEqual(['locked'])
  })

  test('damaged records are left out, and nothing is written over them', async () => {
    await store.inner.transaction(['journal'], { mode: 'write' }, async (tx) => {
      await tx.put('journal', '0000000007', { kind: 7 })
      await tx.put('journal', '0000000008', null)
      await tx.put('journal', '0000000009', { id: 9, atMs: 1, kind: 'of a later version' })
    })
    const journal = open()
    journal.note('locked')
    const events = await journal.list()
    expect(events.map(({ id }) => id)).toEqual([10, 9])
    expect(errors).toHaveLength(1)
  })
})
