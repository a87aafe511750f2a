/** A trace event as one line, keys cut short: `handfast 12:00:01.234 session-end peer=kJ3fa0Xq… reason=lost`. */

import type { TraceEvent } from './trace.ts'

const shownOfKey = 8
/** Of a relay's URL: it may hold a token. */
const query = /\?.+$/
/** What names peers, devices and sessions. */
const keyChars = 22

export function traceLine({ atMs, kind, ...details }: TraceEvent): string {
  const time = new Date(atMs).toISOString().slice(11, 23)
  const told = Object.entries(details).map(([name, value]) => `${name}=${short(value)}`)
  return ['handfast', time, kind, ...told].join(' ')
}

const short = (value: unknown): string =>
  typeof value === 'string' && value.length >= keyChars && /^[\w-]+$/.test(value)
    ? `${value.slice(0, shownOfKey)}…`
    : String(value).replace(query, '?…')
