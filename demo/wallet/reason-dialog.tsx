/** Saying no, and why, if one likes. */

import { useState } from 'preact/hooks'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useAction } from '../ui/use-action.ts'
import { cleanText } from './entry.ts'
import { explainDeed } from './wallet-problems.ts'
import { maxNoteLength } from './wallet-limits.ts'

interface ReasonDialogProps {
  title: string
  word: string
  called: string
  onClose(): void
  decide(note: string): Promise<unknown>
}

export function ReasonDialog({ title, word, called, onClose, decide }: ReasonDialogProps) {
  const [reason, setReason] = useState('')
  const { isBusy, problem, run } = useAction(explainDeed)
  return (
    <Modal title={title} onClose={onClose}>
      {(close) => (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault()
            void run(() => decide(cleanText(reason, maxNoteLength))).then(
              (isDone) => isDone && close(),
            )
          }}
        >
          <TextField
            label="Why (optional)"
            hint={`${called} will see it, with your signature.`}
            maxLength={maxNoteLength}
            value={reason}
            setValue={setReason}
          />
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button" onClick={close}>
              Back
            </button>
            <button type="submit" class="button danger" disabled={isBusy}>
              {word}
            </button>
          </div>
        </form>
      )}
    </Modal>
  )
}
