/** By which way somebody is reached, how far away that is, and how many messages wait. */

import type { Link } from 'handfast'
import { linkWords } from './stats-words.ts'
import { useStats } from './use-stats.tsx'

const everyMs = 3000

export function PathLine({ link }: { link: Link }) {
  const feed = useStats(everyMs)
  const isOpen = link.state === 'open'
  return (
    <p class="path-line">
      {linkWords(isOpen ? feed.linkTo(link.peer) : undefined, isOpen ? 0 : link.queued)}
    </p>
  )
}
