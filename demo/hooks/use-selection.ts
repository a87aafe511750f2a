/** Whose conversation is shown: kept in the session history, so that Back and reload do what one expects. */

import type { PeerId } from 'handfast'
import { useEffect, useState } from 'preact/hooks'

const fromHistory = (): PeerId | null => history.state?.peer ?? null

export function useSelection(): [PeerId | null, (peer: PeerId | null) => void] {
  const [selected, setSelected] = useState(fromHistory)
  useEffect(() => {
    const follow = () => setSelected(fromHistory())
    addEventListener('popstate', follow)
    return () => removeEventListener('popstate', follow)
  }, [])

  const select = (peer: PeerId | null) => {
    if (peer === fromHistory()) return
    history.pushState({ peer }, '')
    setSelected(peer)
  }
  return [selected, select]
}
