/** Where a passphrase is typed, hidden unless one looks. */

import { useId, useState } from 'preact/hooks'
import { ProblemNote } from './problem-note.tsx'
import type { Problem } from './problems.ts'

interface PassphraseFieldProps {
  label: string
  value: string
  setValue(value: string): void
  isNew?: boolean
  describedBy?: string | undefined
  /** What is wrong with it. */
  problem?: Problem | undefined
}

export function PassphraseField({
  label,
  value,
  setValue,
  isNew = false,
  describedBy,
  problem,
}: PassphraseFieldProps) {
  const [isShown, setShown] = useState(false)
  const [id, problemId] = [useId(), useId()]
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="copyable">
        <input
          id={id}
          type={(isShown ? 'text' : 'password') as 'password'}
          autocomplete={isNew ? 'new-password' : 'current-password'}
          spellcheck={false}
          autocapitalize="off"
          value={value}
          aria-invalid={problem ? 'true' : undefined}
          aria-describedby={problem ? problemId : describedBy}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button
          type="button"
          class="button"
          aria-pressed={isShown}
          onClick={() => setShown(!isShown)}
        >
          {isShown ? 'Hide' : 'Show'}
        </button>
      </span>
      {problem && <ProblemNote problem={problem} id={problemId} />}
    </div>
  )
}
