/**
 * How a tab that was cut off, or has crashed, finds everybody again.
 *
 *     well ── cut ──▶ cut ── all on again ──▶ mending ── everybody back, nothing waits for them ──▶ mended ─┐
 *      ▲                             crash ──▶   └──────── patience is over ───────▶ given up ─────────────┤
 *      └──────────────────────────────────────────── dismissed ────────────────────────────────────────────┘
 */

import type { PeerId } from 'handfast'
import type { Cut, SwitchName } from './switches.ts'

/** What of the mesh matters for it. */
export interface Standing {
  /** Who is here. */
  here: ReadonlySet<PeerId>
  /** How many messages wait for whom. */
  waiting: ReadonlyMap<PeerId, number>
  /** The relay can be used. */
  isReachable: boolean
}

export type Cause = SwitchName | 'crash'

type People = ReadonlySet<PeerId>

export type Recovery =
  | { phase: 'well' }
  /** `before`: who was here when it began. */
  | { phase: 'cut'; cut: Cut; before: People }
  /** `waited`: the most that was seen waiting for them. */
  | { phase: 'mending'; cause: Cause; before: People; sinceMs: number; waited: number }
  | { phase: 'mended'; cause: Cause; back: People; tookMs: number; sent: number }
  | { phase: 'given up'; missed: People; waiting: number }

export type RecoveryEvent =
  | { kind: 'cut'; cut: Cut; atMs: number; standing: Standing }
  | { kind: 'crash'; here: readonly PeerId[]; atMs: number }
  | { kind: 'standing'; atMs: number; standing: Standing }
  | { kind: 'dismiss' }

export const well: Recovery = { phase: 'well' }

/** Somebody who was here before may have left meanwhile. */
export const patienceMs = 30_000

export function afterwards(now: Recovery, event: RecoveryEvent): Recovery {
  switch (event.kind) {
    case 'crash':
      return mending('crash', new Set(event.here), event.atMs)
    case 'cut': {
      const { cut, standing, atMs } = event
      const before = 'before' in now ? [...now.before] : []
      if (cut.size > 0) return { phase: 'cut', cut, before: new Set([...before, ...standing.here]) }
      if (now.phase !== 'cut') return now
      const cause = now.cut.has('network') ? 'network' : 'relay'
      return look(mending(cause, now.before, atMs), standing, atMs)
    }
    case 'standing':
      return look(now, event.standing, event.atMs)
    case 'dismiss':
      return now.phase === 'mended' || now.phase === 'given up' ? well : now
  }
}

const mending = (cause: Cause, before: People, sinceMs: number): Recovery => ({
  phase: 'mending',
  cause,
  before,
  sinceMs,
  waited: 0,
})

function look(now: Recovery, standing: Standing, atMs: number): Recovery {
  if (now.phase !== 'mending') return now
  const { cause, before, sinceMs } = now
  const { here, isReachable } = standing
  const missed = new Set([...before].filter((peer) => !here.has(peer)))
  const waiting = [...new Set([...before, ...here])].reduce(
    (sum, peer) => sum + (standing.waiting.get(peer) ?? 0),
    0,
  )
  const waited = Math.max(now.waited, waiting)
  if (missed.size === 0 && waiting === 0 && isReachable) {
    return { phase: 'mended', cause, back: before, tookMs: atMs - sinceMs, sent: waited }
  }
  if (atMs - sinceMs > patienceMs) return { phase: 'given up', missed, waiting }
  return waited === now.waited ? now : { ...now, waited }
}
