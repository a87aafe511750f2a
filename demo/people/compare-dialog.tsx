/** Two people compare a number, to be sure that nobody stands between them; or find out that somebody may. */

import type { Link } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { Icon } from '../ui/icon.tsx'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'

interface CompareDialogProps {
  link: Link
  called: string
  onClose(): void
  /** Asks whether to remove them. */
  remove(): void
}

export function CompareDialog({ link, called, onClose, remove }: CompareDialogProps) {
  const [isUnequal, setUnequal] = useState(false)
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()

  if (isUnequal) {
    return (
      <Modal title="The numbers differ" onClose={onClose}>
        {(close) => (
          <>
            <div class="note problem" role="alert">
              <Icon name="warning" />
              <div>
                <p class="note-title">Somebody may stand between you and {called}</p>
                <p>
                  Or one of you looked at another person’s number: check that the name at the top of
                  both screens is right. If it is, tell {called} by other means, remove this link,
                  and meet again with an invitation that you hand over in person.
                </p>
              </div>
            </div>
            <div class="actions">
              <button type="button" class="button" onClick={close}>
                Close
              </button>
              <button
                type="button"
                class="button danger"
                onClick={() => {
                  close()
                  remove()
                }}
              >
                Remove {called}…
              </button>
            </div>
          </>
        )}
      </Modal>
    )
  }
  return (
    <Modal title={`Compare with ${called}`} wide onClose={onClose}>
      {(close) => (
        <>
          <p>
            Ask {called} to open “Compare safety numbers”, too, beside you or on a call where you
            know their voice. Not in this conversation: whoever stood between you would answer
            there.
          </p>
          <SafetyNumber digits={link.safetyNumber} />
          {problem && <ProblemNote problem={problem} />}
          {link.verified ? (
            <div class="actions">
              <button
                type="button"
                class="button"
                disabled={isBusy}
                onClick={async () => {
                  if (!(await run(() => link.unverify()))) return
                  announce(`${called} is not marked as verified any more`)
                  close()
                }}
              >
                Take the mark away
              </button>
              <button type="button" class="button primary" onClick={close}>
                Done
              </button>
            </div>
          ) : (
            <div class="actions">
              <button type="button" class="button" onClick={close}>
                Later
              </button>
              <button type="button" class="button danger" onClick={() => setUnequal(true)}>
                They differ
              </button>
              <button
                type="button"
                class="button primary"
                disabled={isBusy}
                onClick={async () => {
                  if (!(await run(() => link.verify(link.safetyNumber)))) return
                  announce(`${called} is verified`)
                  close()
                }}
              >
                All the same
              </button>
            </div>
          )}
        </>
      )}
    </Modal>
  )
}

/** Twelve groups, read line by line. */
function SafetyNumber({ digits }: { digits: string }) {
  return (
    <ol class="safety-digits" aria-label="Safety number">
      {digits.split(' ').map((group, index) => (
        <li key={index}>
          {/* Spoken digit by digit. */}
          <span aria-hidden="true">{group}</span>
          <span class="visually-hidden">{group.split('').join(' ')}</span>
        </li>
      ))}
    </ol>
  )
}
