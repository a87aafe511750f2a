/** Where a ticket, or a link with one, is pasted. */

import { useEffect, useState } from 'preact/hooks'
import { restoreLink } from '../page-address.ts'
import { PastedField } from '../ui/pasted-field.tsx'
import type { Problem } from '../ui/problems.ts'

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
        <PastedField
          label="Link or ticket that you received"
          placeholder="hft1…"
          value={text}
          setValue={(value) => {
            setText(value)
            dismiss()
          }}
          problem={{ id: 'accept-problem', shown: problem }}
        />
        <div class="actions">
          <button type="submit" class="button" disabled={text.trim() === ''}>
            Continue
          </button>
        </div>
        <div class="try-out">
          <p class="muted">Lost a browser, or starting over?</p>
          <a class="button" href={restoreLink()}>
            Come back with words or a backup
          </a>
        </div>
      </form>
    </section>
  )
}
