/** A text to be taken elsewhere, in a field that selects itself. */

import type { ComponentChildren } from 'preact'
import { CopyButton } from './copy-button.tsx'

interface CopyableProps {
  label: string
  value: string
  what: string
  children?: ComponentChildren
}

export function Copyable({ label, value, what, children }: CopyableProps) {
  return (
    <div class="copyable">
      <label class="field">
        <span>{label}</span>
        <input
          type="text"
          class="ticket-text"
          readOnly
          value={value}
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <CopyButton text={value} what={what} />
      {children}
    </div>
  )
}
