/** The top of a part of the page that one comes to from another: the way back, and what it is about. */

import type { ComponentChildren } from 'preact'
import { Icon } from './icon.tsx'

interface PaneHeaderProps {
  back(): void
  backTo: string
  children: ComponentChildren
}

export function PaneHeader({ back, backTo, children }: PaneHeaderProps) {
  return (
    <header class="pane-header">
      <button
        type="button"
        class="button bare back-button"
        aria-label={`Back to ${backTo}`}
        onClick={back}
      >
        <Icon name="back" />
      </button>
      {children}
    </header>
  )
}
