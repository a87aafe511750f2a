/** Where a ticket, or a link with one, is pasted. */

import { useEffect, useState } from 'preact/hooks'
import { ProblemNote } from './problem-note.tsx'
import type { Problem } from './problems.ts'

interface AcceptFormProps {
  problem: Problem | undefined
  read(text: string): void
  dismiss(): void
}

export function AcceptForm({ problem, read, dismiss }: AcceptFormProps) {
  const [text, setText] = useState('')

  useEffect(() => dismiss, [])

  const submit = (event: Event) => {
    event.preventDefault()
    if (text.trim() !== '') read(text)
  }

  return (
    <section class="card" aria-labelledby="accept-title">
      <h3 id="accept-title">Accept an invitation</h3>
      <form class="stack" onSubmit={submit}>
        <label class="field">
          <span>Link or ticket that you received</span>
          <textarea
            class="ticket-text"
            rows={4}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            placeholder="hft1…"
            value={text}
            aria-invalid={problem ? 'true' : undefined}
            aria-describedby={problem ? 'accept-problem' : undefined}
            onInput={(event) => {
              setText(event.currentTarget.value)
              dismiss()
            }}
          />
        </label>
        {problem && <ProblemNote problem={problem} id="accept-problem" />}
        <div class="actions">
          <button type="submit" class="button" disabled={text.trim() === ''}>
            Continue
          </button>
        </div>
      </form>
    </section>
  )
}
