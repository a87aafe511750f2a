/**
 * Which part of the page is shown: kept in the session history, so that Back and reload do what one expects. `people` and `more` are
 * pages of their own on phones alone; where there is room, the sidebar has both, beside `meet`.
 */

import type { PeerId } from 'handfast'
import { useEffect, useState } from 'preact/hooks'

export type Place =
  | { at: 'meet' | 'people' | 'more' }
  | { at: 'conversation' | 'tally' | 'person'; peer: PeerId }
  | { at: 'wallet' | 'keys' | 'log' | 'strangers' | 'mesh' | 'settings' }

const fromHistory = (): Place => history.state?.place ?? { at: 'meet' }

export const keyOf = (place: Place): string =>
  'peer' in place ? `${place.at} ${place.peer}` : place.at

export function usePlace(): [Place, (place: Place) => void] {
  const [place, setPlace] = useState(fromHistory)
  useEffect(() => {
    const follow = () => setPlace(fromHistory())
    addEventListener('popstate', follow)
    return () => removeEventListener('popstate', follow)
  }, [])

  const go = (next: Place) => {
    if (keyOf(next) === keyOf(fromHistory())) return
    history.pushState({ place: next }, '')
    setPlace(next)
  }
  return [place, go]
}
