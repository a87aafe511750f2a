/** Follows a tab that was cut off, or has crashed, until everything is as before. */

import type { Mesh } from 'handfast'
import { useEffect, useReducer } from 'preact/hooks'
import { relays } from '../page-address.ts'
import { afterwards, well, type Recovery, type Standing } from './recovery.ts'
import { onCut, takeCrash } from './switches.ts'

const lookIntervalMs = 1000

export function standingOf(mesh: Mesh): Standing {
  const links = [...mesh.links.values()]
  const isOpen = mesh.signaling.some(({ path, state }) => relays.includes(path) && state === 'open')
  return {
    here: new Set(links.filter(({ state }) => state === 'open').map(({ peer }) => peer)),
    waiting: new Map(links.map(({ peer, queued }) => [peer, queued])),
    // Without people it is connected to when there is a reason.
    isReachable: isOpen || links.length === 0,
  }
}

export function useRecovery(mesh: Mesh): { recovery: Recovery; dismiss(): void } {
  const [recovery, tell] = useReducer(afterwards, well)
  const look = () => tell({ kind: 'standing', atMs: Date.now(), standing: standingOf(mesh) })
  useEffect(() => {
    const crash = takeCrash()
    if (crash) tell({ kind: 'crash', here: crash.here, atMs: crash.atMs })
    return onCut((cut) => tell({ kind: 'cut', cut, atMs: Date.now(), standing: standingOf(mesh) }))
  }, [mesh])
  // The page is drawn again with every change of the mesh; patience ends between them.
  const isMending = recovery.phase === 'mending'
  useEffect(() => {
    if (isMending) look()
  })
  useEffect(() => {
    if (!isMending) return
    const timer = setInterval(look, lookIntervalMs)
    return () => clearInterval(timer)
  }, [isMending])
  return { recovery, dismiss: () => tell({ kind: 'dismiss' }) }
}
