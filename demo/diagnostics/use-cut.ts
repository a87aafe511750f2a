/** What is switched off in this tab. */

import { useEffect, useState } from 'preact/hooks'
import { onCut, whatIsCut, type Cut } from './switches.ts'

export function useCut(): Cut {
  const [cut, setCut] = useState(whatIsCut)
  useEffect(() => onCut(setCut), [])
  return cut
}
