/** What one is called here, before there is an identity to say so. */

import { maxNameLength } from '../people/names.ts'

interface OwnNameFieldProps {
  value: string
  setValue(value: string): void
}

export function OwnNameField({ value, setValue }: OwnNameFieldProps) {
  return (
    <label class="field">
      <span>
        A name for yourself <span class="muted">(as you introduce yourself here)</span>
      </span>
      <input
        type="text"
        autocomplete="off"
        maxLength={maxNameLength}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
    </label>
  )
}
