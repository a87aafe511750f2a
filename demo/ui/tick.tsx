/** Something to be ticked. */

import type { ComponentChildren } from 'preact'

interface TickProps {
  isTicked: boolean
  setTicked(isTicked: boolean): void
  children: ComponentChildren
}

export function Tick({ isTicked, setTicked, children }: TickProps) {
  return (
    <label class="tick">
      <input
        type="checkbox"
        checked={isTicked}
        onChange={(event) => setTicked(event.currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  )
}
