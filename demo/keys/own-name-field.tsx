/** What one is called here, before there is an identity to say so. */

import { maxNameLength } from '../people/names.ts'
import { TextField } from '../ui/text-field.tsx'

interface OwnNameFieldProps {
  value: string
  setValue(value: string): void
}

export function OwnNameField({ value, setValue }: OwnNameFieldProps) {
  return (
    <TextField
      label="A name for yourself"
      note="as you introduce yourself here"
      maxLength={maxNameLength}
      value={value}
      setValue={setValue}
    />
  )
}
