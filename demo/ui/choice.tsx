/** One of a few, all of them seen. */

import type { ComponentChildren } from 'preact'

interface ChoiceProps<T extends string | number> {
  legend: ComponentChildren
  name: string
  options: readonly { readonly label: string; readonly value: T }[]
  value: T
  setValue(value: T): void
}

export function Choice<T extends string | number>(props: ChoiceProps<T>) {
  const { legend, name, options, value, setValue } = props
  return (
    <fieldset class="field">
      <legend>{legend}</legend>
      <div class="choice">
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => setValue(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
