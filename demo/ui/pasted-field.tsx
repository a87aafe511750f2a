/** Where text goes that must be letter for letter: a ticket, an address, recovery words. */

import type { ComponentChildren } from 'preact'
import { ProblemNote } from './problem-note.tsx'
import type { Problem } from './problems.ts'

interface PastedFieldProps {
  label: ComponentChildren
  rows?: number
  placeholder?: string
  value: string
  setValue(value: string): void
  /** What is wrong with the text. */
  problem?: { readonly id: string; readonly shown: Problem | undefined }
  children?: ComponentChildren
}

export function PastedField(props: PastedFieldProps) {
  const { label, rows = 4, placeholder, value, setValue, problem, children } = props
  const shown = problem?.shown
  return (
    <>
      <label class="field">
        <span>{label}</span>
        <textarea
          class="ticket-text"
          rows={rows}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          placeholder={placeholder}
          value={value}
          aria-invalid={shown ? 'true' : undefined}
          aria-describedby={shown ? problem?.id : undefined}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        {children}
      </label>
      {shown && <ProblemNote problem={shown} id={problem!.id} />}
    </>
  )
}
