/** Two people and the cord between them: loose, being drawn, or tied. */

import type { PeerId } from 'handfast'
import { Icon } from './icon.tsx'
import { Weave } from './weave.tsx'

interface TieProps {
  from: PeerId
  /** Nobody yet: a blank. */
  to: PeerId | null
  cord: 'loose' | 'moving' | 'tied'
}

export function Tie({ from, to, cord }: TieProps) {
  return (
    <div class="tie" aria-hidden="true">
      <Weave peer={from} size={64} />
      <div class={`cord cord-${cord}`} />
      {to ? (
        <Weave peer={to} size={64} />
      ) : (
        <span class="blank">
          <Icon name="plus" size={24} />
        </span>
      )}
    </div>
  )
}
