/** Taking back what waits for an answer: asked twice, since it can't be known yet whether it comes in time. */

import { useState } from 'preact/hooks'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import type { Act, EntryId } from './entry.ts'
import { explainDeed } from './wallet-problems.ts'

interface TakeBackProps {
  entry: EntryId
  /** Such as `offer “Lunches”`. */
  what: string
  /** What counts all the same, if it was signed before: `an acceptance`. */
  unless: string
  called: string
  /** Whether their page is known to know such a thing: before books are compared, it is not. */
  isPossible: boolean
  act(act: Act): Promise<unknown>
}

export function TakeBack({ entry, what, unless, called, isPossible, act }: TakeBackProps) {
  const [isOpen, setOpen] = useState(false)
  if (!isPossible) {
    return (
      <span class="muted">
        It can be taken back once {called} has been here with a page as new as yours: theirs may
        have to be reloaded.
      </span>
    )
  }
  return (
    <>
      <button
        type="button"
        class="button"
        aria-label={`Take back: your ${what}…`}
        onClick={() => setOpen(true)}
      >
        Take back…
      </button>
      {isOpen && (
        <TakeBackDialog {...{ entry, what, unless, called, act }} onClose={() => setOpen(false)} />
      )}
    </>
  )
}

function TakeBackDialog({
  entry,
  what,
  unless,
  called,
  act,
  onClose,
}: Omit<TakeBackProps, 'isPossible'> & { onClose(): void }) {
  const { isBusy, problem, run } = useAction(explainDeed)
  return (
    <Modal title={`Take back your ${what}?`} onClose={onClose}>
      {(close) => (
        <>
          <p>
            You sign that, and {called} gets it like everything else. From then on {called} can’t
            answer it any more. But {unless} that {called} has signed before hearing of it counts.
          </p>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button" onClick={close}>
              Let it stand
            </button>
            <button
              type="button"
              class="button danger"
              disabled={isBusy}
              onClick={() =>
                run(() => act({ do: 'withdraw', entry })).then((isDone) => isDone && close())
              }
            >
              Take it back
            </button>
          </div>
        </>
      )}
    </Modal>
  )
}
