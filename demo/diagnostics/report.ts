/** All that the diagnostics know, as text for a bug report. People and devices are told by the beginnings of their keys alone. */

import type { Mesh, MeshStats, SessionStats, TraceEvent } from 'handfast'
import type { Cut } from './switches.ts'

interface Known {
  signaling: Mesh['signaling']
  stats: MeshStats | undefined
  cut: Cut
  events: readonly TraceEvent[]
  browser: string
  atMs: number
}

const keyLength = 8

/** Enough of a key to tell it from others. */
const shorten = (key: string): string => key.slice(0, keyLength)

const longWords = /[\w-]{43}/g

/** Of a relay's URL: it may hold a token. */
const query = /(wss?:\/\/[^\s?]+\?)\S+?(?=:?\s|$)/g

const iso = (ms: number): string => new Date(ms).toISOString()

export function reportText({ signaling, stats, cut, events, browser, atMs }: Known): string {
  const lines = [
    `Handfast diagnostics, ${iso(atMs)}`,
    browser,
    ...[...cut].map((name) => `Switched off in this tab: ${name}`),
    '',
    'Paths',
    ...signaling.map(({ path, state }) => `  ${path}: ${state}`),
    '',
    'Links',
    ...(stats ? linksOf(stats) : ['  unknown']),
    '',
    'Events',
    ...events.map(({ atMs: at, kind, ...details }) => {
      const told = Object.entries(details).map(([name, value]) => `${name}=${String(value)}`)
      return `  ${iso(at)} ${kind} ${told.join(' ')}`.trimEnd()
    }),
  ]
  return lines.join('\n').replace(longWords, shorten).replace(query, '$1…').concat('\n')
}

function linksOf({ leads, openedAtMs, dials, links, own }: MeshStats): string[] {
  return [
    `  ${leads ? 'this tab leads' : 'this tab follows'}, open since ${iso(openedAtMs)}, ${dials.succeeded} of ${dials.begun} dials succeeded`,
    ...links.flatMap(({ peer, state, waiting, sessions }) => [
      `  ${peer}: ${state}, ${waiting.messages} waiting (${waiting.bytes} B)`,
      ...sessions.map(sessionText),
    ]),
    ...own.map(sessionText),
  ]
}

function sessionText(session: SessionStats): string {
  const { id, deviceKey, role, handshake, openedAtMs, roundTripMs, route, sent, received } = session
  const way = route && `${route.via} ${route.protocol} ${route.local}-${route.remote}`
  return `    session ${id} device ${deviceKey} ${handshake} ${role} since ${iso(openedAtMs)}, ${way ?? 'route unknown'}, round trip ${roundTripMs ?? '?'} ms, sent ${sent.bytes} B in ${sent.frames}, received ${received.bytes} B in ${received.frames}, buffered ${session.bufferedBytes} B${session.answers ? ', answers' : ''}`
}
