/** Recovery of a broken tab, step by step. */

import type { PeerId } from 'handfast'
import { describe, expect, it } from 'vitest'
import { afterwards, patienceMs, well } from '../../../demo/diagnostics/recovery.ts'
import type { Recovery, RecoveryEvent, Standing } from '../../../demo/diagnostics/recovery.ts'
import { recoveryWords } from '../../../demo/diagnostics/recovery-words.ts'
import type { SwitchName } from '../../../demo/diagnostics/switches.ts'

const ben = 'ben' as PeerId
const cara = 'cara' as PeerId
const call = (peer: PeerId) => peer

const standing = (here: PeerId[], waiting: [PeerId, number][] = []): Standing => ({
  here: new Set(here),
  waiting: new Map(waiting),
  isReachable: true,
})
const cut = (names: SwitchName[], now: Standing, atMs = 0): RecoveryEvent => ({
  kind: 'cut',
  cut: new Set(names),
  atMs,
  standing: now,
})
const look = (now: Standing, atMs: number): RecoveryEvent => ({
  kind: 'standing',
  atMs,
  standing: now,
})
const after = (...events: RecoveryEvent[]): Recovery => events.reduce(afterwards, well)
const words = (recovery: Recovery, now: Standing) =>
  recovery.phase === 'well' ? undefined : recoveryWords(recovery, now, call)

describe('recovery', () => {
  it('is over when all who were here are back and nothing waits for them', () => {
    const away = standing([], [[ben, 2]])
    const back = standing([ben], [[ben, 1]])
    const events = [
      cut(['network'], standing([ben])),
      look(away, 10),
      cut([], away, 1000),
      look(back, 2000),
    ]
    expect(words(after(...events.slice(0, 2)), away)?.text).toContain('2 messages wait here')
    expect(words(after(...events.slice(0, 3)), away)?.text).toContain('Looking for ben')
    expect(after(...events).phase).toBe('mending')
    const mended = after(...events, look(standing([ben]), 2500))
    expect(mended).toMatchObject({ phase: 'mended', tookMs: 1500, sent: 2 })
    expect(words(mended, standing([ben]))).toEqual({
      title: 'Recovered in 1.5 s',
      text: 'ben is here again. 2 messages were delivered.',
    })
    expect(afterwards(mended, { kind: 'dismiss' })).toBe(well)
  })

  it('remembers who was here first while one switch after the other is turned', () => {
    const now = after(
      cut(['relay'], standing([ben])),
      cut(['relay', 'network'], standing([])),
      cut(['relay'], standing([])),
      cut([], standing([])),
    )
    expect(now).toMatchObject({ phase: 'mending', before: new Set([ben]) })
  })

  it('does not wait for ever for somebody who has left, nor for messages to somebody who was away', () => {
    const away = standing([], [[cara, 3]])
    const cutOff = cut(['network'], standing([ben]))
    expect(after(cutOff, cut([], away, 0), look(away, patienceMs)).phase).toBe('mending')
    const over = after(cutOff, cut([], away, 0), look(away, patienceMs + 1))
    expect(over.phase).toBe('given up')
    expect(words(over, away)?.text).toContain('ben is away now')
    const back = standing([ben], [[cara, 3]])
    expect(after(cutOff, cut([], away, 0), look(back, 1)).phase).toBe('mended')
  })

  it('needs the relay back where that was off', () => {
    const off = { ...standing([ben]), isReachable: false }
    const now = after(cut(['relay'], off), cut([], off, 0))
    expect(now.phase).toBe('mending')
    expect(words(afterwards(now, look(standing([ben]), 300)), standing([ben]))?.text).toBe(
      'ben never noticed.',
    )
  })

  it('tells of a crash', () => {
    const crash: RecoveryEvent = { kind: 'crash', here: [ben, cara], atMs: 0 }
    expect(words(after(crash), standing([cara]))?.title).toContain('crashed')
    expect(words(after(crash), standing([cara]))?.text).toContain('Looking for ben…')
    expect(after(crash, look(standing([ben, cara]), 900)).phase).toBe('mended')
  })

  it('a look changes nothing while all is well or cut', () => {
    expect(after(look(standing([ben]), 1))).toBe(well)
    const now = after(cut(['relay'], standing([ben])))
    expect(afterwards(now, look(standing([]), 5))).toBe(now)
  })
})
