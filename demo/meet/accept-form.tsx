/** Where an invitation comes in: scanned, pasted, or dropped as a picture of its code. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { restoreLink } from '../page-address.ts'
import { PastedField } from '../ui/pasted-field.tsx'
import type { Problem } from '../ui/problems.ts'
import { ScanButton } from './scan-button.tsx'
import { usePictures } from './use-pictures.ts'

interface AcceptFormProps {
  problem: Problem | undefined
  examine(text: string): Problem | null
  read(text: string): void
  dismiss(): void
}

export function AcceptForm({ problem, examine, read, dismiss }: AcceptFormProps) {
  const [text, setText] = useState('')
  const [isScanning, setScanning] = useState(false)
  const pictures = usePictures(!isScanning, (code) => {
    dismiss()
    read(code)
  })
  const { isOver } = pictures

  const form = useRef<HTMLFormElement>(null)
  useEffect(() => dismiss, [])
  // What was wrong with a link that one has opened is not to be below the edge of a phone.
  useEffect(() => {
    if (problem) form.current?.querySelector('.problem')?.scrollIntoView({ block: 'center' })
  }, [problem])

  const submit = (event: Event) => {
    event.preventDefault()
    if (text.trim() !== '') read(text)
  }

  return (
    <section
      class={isOver ? 'card accept picture-over' : 'card accept'}
      aria-labelledby="accept-title"
      {...pictures.target}
    >
      <h3 id="accept-title">Accept an invitation</h3>
      <form ref={form} class="stack" onSubmit={submit}>
        <ScanButton read={examine} onScanning={setScanning} />
        <PastedField
          label="Link or ticket that you received"
          placeholder="hft1…"
          value={text}
          setValue={(value) => {
            setText(value)
            dismiss()
            pictures.dismiss()
          }}
          hint="Pictures of a code, too: paste one anywhere on this page, or drop it here."
          problem={pictures.problem ?? problem}
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
