/** What the diagnostics make of figures and events. */

import type { LinkStats, Mesh, PeerId, SessionStats, TraceEvent } from 'handfast'
import { describe, expect, it, vi } from 'vitest'
import { pathOf } from '../../../demo/diagnostics/plot.tsx'
import { reportText } from '../../../demo/diagnostics/report.ts'
import { sample } from '../../../demo/diagnostics/stats-feed.ts'
import { linkWords } from '../../../demo/diagnostics/stats-words.ts'
import { maxLines, TraceBook } from '../../../demo/diagnostics/trace-book.ts'
import { areaOfEvent, traceWords } from '../../../demo/diagnostics/trace-words.ts'

const ben = 'b'.repeat(43) as PeerId

const session = (change: Partial<SessionStats> = {}): SessionStats => ({
  id: 'one',
  deviceKey: 'd'.repeat(43),
  answers: true,
  role: 'initiator',
  handshake: 'KKpsk0',
  openedAtMs: 0,
  roundTripMs: 1.25,
  sent: { bytes: 1000, frames: 1 },
  received: { bytes: 100, frames: 1 },
  bufferedBytes: 0,
  route: { via: 'direct', local: 'host', remote: 'host', protocol: 'udp' },
  ...change,
})
const link = (...sessions: SessionStats[]): LinkStats => ({
  peer: ben,
  state: 'open',
  waiting: { messages: 0, bytes: 0 },
  sessions,
})

describe('samples', () => {
  it('are rates of the sessions that were there before, too', () => {
    const before = link(session())
    const now = link(
      session({ sent: { bytes: 5000, frames: 2 } }),
      session({ id: 'new', answers: false, sent: { bytes: 900_000, frames: 9 } }),
    )
    expect(sample(now, 3000, before, 1000)).toEqual({
      atMs: 3000,
      sent: 2000,
      received: 0,
      roundTripMs: 1.25,
    })
  })

  it('are nothing at first, without a session, or when no time has passed', () => {
    expect(sample(link(session()), 10, undefined)).toMatchObject({ sent: 0, received: 0 })
    expect(sample(link(), 10, link(session()), 0)).toMatchObject({ sent: 0, roundTripMs: null })
    expect(sample(link(session()), 10, link(session()), 10)).toMatchObject({ sent: 0 })
  })
})

describe('words', () => {
  it('of a link say the way, the round trip and what waits, as far as known', () => {
    const turned = { via: 'turn', local: 'relay', remote: 'host', protocol: 'udp' } as const
    expect(linkWords(link(session()), 0)).toBe('Direct · 1.3 ms')
    expect(linkWords(link(session({ route: turned, roundTripMs: 42.4 })), 2)).toBe(
      'Through a TURN server · 42 ms · 2 waiting',
    )
    expect(linkWords(link(session({ route: null, roundTripMs: null })), 0)).toBe('')
    expect(linkWords(undefined, 3)).toBe('3 waiting')
  })

  it('of an event name the person and the reason', () => {
    const failed: TraceEvent = {
      atMs: 0,
      kind: 'dial-failed',
      peer: ben,
      deviceKey: '',
      reason: 'timeout',
    }
    expect(traceWords(failed, () => 'Ben')).toBe('The call to Ben failed: nobody answered in time')
    expect(areaOfEvent(failed)).toBe('Finding')
    const refused: TraceEvent = { atMs: 0, kind: 'refused-packet', reason: 'bad-encoding' }
    expect(traceWords(refused, () => 'Ben')).toBe('A call was left unanswered: bad-encoding')
  })
})

it('a plot is broken where nothing was measured', () => {
  const points = [null, 0, 10, null, 5].map((value, at) => ({ atMs: at * 60_000, value }))
  expect(pathOf(points, 10).match(/[ML]/g)).toEqual(['M', 'L', 'M'])
  expect(pathOf(points, 10)).toMatch(/M400\.0 36\.0$/)
  expect(pathOf([], 10)).toBe('')
})

it('the book of events is bounded, and tells at intervals', () => {
  vi.useFakeTimers()
  const book = new TraceBook()
  const told = vi.fn()
  book.onChange(told)
  for (let at = 0; at < maxLines + 10; at++) book.add({ atMs: at, kind: 'leading' })
  vi.advanceTimersByTime(1000)
  expect(told).toHaveBeenCalledTimes(1)
  expect(book.lines).toHaveLength(maxLines)
  expect(book.lines[0]!.event.atMs).toBe(10)
  book.clear()
  expect(book.lines).toEqual([])
  vi.useRealTimers()
})

it('a report tells people and devices by the beginnings of their keys', () => {
  const text = reportText({
    signaling: [{ path: 'wss://relay.example/?token=secret', state: 'open' }] as Mesh['signaling'],
    stats: {
      atMs: 0,
      openedAtMs: 0,
      leads: true,
      dials: { begun: 2, succeeded: 1 },
      links: [link(session())],
      own: [],
    },
    cut: new Set(['relay']),
    events: [{ atMs: 0, kind: 'link-state', peer: ben, state: 'open' }],
    browser: 'A browser',
    atMs: 0,
  })
  expect(text).toContain('link-state peer=bbbbbbbb state=open')
  expect(text).toContain('Switched off in this tab: relay')
  expect(text).toContain('direct udp host-host, round trip 1.25 ms, sent 1000 B in 1')
  expect(text).toContain('wss://relay.example/?…: open')
  expect(text).not.toMatch(/b{9}|d{9}|secret/)
})
