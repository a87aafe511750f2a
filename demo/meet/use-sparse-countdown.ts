/** Says aloud, only a few times, how long something still holds: a timer that is read out each second would drown everything else. */

import { useEffect, useRef } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'

const marks = [
  { ms: 300_000, words: 'five minutes' },
  { ms: 60_000, words: 'one minute' },
  { ms: 10_000, words: 'ten seconds' },
]

/** The narrowest that `msLeft` has come within. */
const markAt = (msLeft: number) => marks.findLast(({ ms }) => msLeft <= ms)

export function useSparseCountdown(msLeft: number, what: string): void {
  const announce = useAnnounce()
  const mark = markAt(msLeft)
  const said = useRef(mark)
  useEffect(() => {
    if (mark && mark !== said.current) announce(`${what} holds for another ${mark.words}`)
    said.current = mark
  }, [mark])
}
