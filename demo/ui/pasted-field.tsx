/** Where text goes that must be letter for letter: a ticket, an address, recovery words. */

import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { ProblemNote } from './problem-note.tsx'
import type { Problem } from './problems.ts'

interface PastedFieldProps {
  label: ComponentChildren
  rows?: number
  placeholder?: string
  value: string
  setValue(value: string): void
  /** Told below it. */
  hint?: string | undefined
  /** What is wrong with the text. */
  problem?: Problem | undefined
}

export function PastedField(props: PastedFieldProps) {
  const { label, rows = 4, placeholder, value, setValue, hint, problem } = props
  const [id, belowId] = [useId(), useId()]
  return (
    <>
      <div class="field">
        <label for={id}>{label}</label>
        <textarea
          id={id}
          class="ticket-text"
          rows={rows}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          placeholder={placeholder}
          value={value}
          aria-invalid={problem ? 'true' : undefined}
          aria-describedby={problem || hint ? belowId : undefined}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        {hint && (
          <span id={problem ? undefined : belowId} class="hint muted">
            {hint}
          </span>
        )}
      </div>
      {problem && <ProblemNote problem={problem} id={belowId} />}
    </>
  )
}
