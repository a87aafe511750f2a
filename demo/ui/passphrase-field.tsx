/** Where a passphrase is typed, hidden unless one looks. */

import { useId, useState } from 'preact/hooks'

interface PassphraseFieldProps {
  label: string
  value: string
  setValue(value: string): void
  isNew?: boolean
  describedBy?: string | undefined
}

export function PassphraseField({
  label,
  value,
  setValue,
  isNew = false,
  describedBy,
}: PassphraseFieldProps) {
  const [isShown, setShown] = useState(false)
  const id = useId()
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
          aria-describedby={describedBy}
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
    </div>
  )
}
