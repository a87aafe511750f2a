/** A line of text with its name, and below it what is wrong with it. Where that may come, there is room for it, so nothing moves. */

import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { ProblemNote } from './problem-note.tsx'
import type { Problem } from './problems.ts'

/** To the first field of a form that has something wrong with it. */
export const focusFault = (form: HTMLElement | null): void =>
  form?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()

interface TextFieldProps {
  label: string
  /** Said in brackets, after the name. */
  note?: string
  value: string
  setValue(value: string): void
  /** Null where there may be one, but is none. */
  fault?: string | null | undefined
  problem?: Problem | undefined
  /** Told while nothing is wrong. */
  hint?: string
  placeholder?: string | undefined
  maxLength?: number
  isAmount?: boolean
  /** A button beside it. */
  children?: ComponentChildren
}

export function TextField(props: TextFieldProps) {
  const { label, note, value, setValue, fault, problem, hint, isAmount = false, children } = props
  const [id, belowId] = [useId(), useId()]
  const below = problem ? (
    <ProblemNote problem={problem} id={belowId} />
  ) : (
    (fault !== undefined || hint !== undefined) && (
      <span
        id={belowId}
        class={fault ? 'field-below field-fault' : 'field-below muted'}
        role={fault ? 'alert' : undefined}
      >
        {fault ?? hint}
      </span>
    )
  )
  const input = (
    <input
      id={id}
      type="text"
      inputMode={isAmount ? 'decimal' : 'text'}
      class={isAmount ? 'amount-input' : undefined}
      autocomplete="off"
      placeholder={props.placeholder}
      maxLength={props.maxLength}
      value={value}
      aria-invalid={fault || problem ? 'true' : undefined}
      aria-describedby={below ? belowId : undefined}
      onInput={(event) => setValue(event.currentTarget.value)}
    />
  )
  return (
    <div class="field">
      <label for={id}>
        {label}
        {note && <span class="muted"> ({note})</span>}
      </label>
      {children ? (
        <span class="copyable">
          {input}
          {children}
        </span>
      ) : (
        input
      )}
      {below}
    </div>
  )
}
