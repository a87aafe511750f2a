/** Two ways to part with somebody: forget them, or cut them off for good. Asked twice, since neither can be taken back. */

import type { Link, Mesh } from 'handfast'
import { useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { Tick } from '../ui/tick.tsx'

interface RemoveDialogProps {
  mesh: Mesh
  link: Link
  called: string
  /** What one owes the other, in words. */
  debt: string | null
  onClose(): void
}

export function RemoveDialog({ mesh, link, called, debt, onClose }: RemoveDialogProps) {
  const [how, setHow] = useState<'forget' | 'cut-off'>('forget')
  const [isSure, setSure] = useState(false)
  const { isBusy, problem, run } = useAction()
  const isForGood = how === 'cut-off'

  const remove = () => (isForGood ? mesh.cutOff(link.peer) : mesh.forget(link.peer))
  return (
    <Modal title={`Remove ${called}?`} onClose={onClose}>
      {(close) => (
        <>
          <p>
            The link ends at once, on every device of yours. What waits to be sent is lost, and so
            is this conversation.
          </p>
          {debt && (
            <p class="note">
              <strong>{debt}.</strong> That is not undone: your books with them stay, in your
              wallet.
            </p>
          )}
          <fieldset class="options">
            <legend class="visually-hidden">How</legend>
            <label class="option">
              <input
                type="radio"
                name="how"
                checked={!isForGood}
                onChange={() => setHow('forget')}
              />
              <span>
                <strong>Forget</strong>
                <span class="muted">You can meet again later, with a new invitation.</span>
              </span>
            </label>
            <label class="option">
              <input
                type="radio"
                name="how"
                checked={isForGood}
                onChange={() => setHow('cut-off')}
              />
              <span>
                <strong>Cut off for good</strong>
                <span class="muted">
                  Never again with this key, whatever they send; not even a backup brings them back.
                </span>
              </span>
            </label>
          </fieldset>
          {isForGood && (
            <Tick isTicked={isSure} setTicked={setSure}>
              I know that this can’t be undone
            </Tick>
          )}
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button" onClick={close}>
              Keep
            </button>
            <button
              type="button"
              class="button danger"
              disabled={isBusy || (isForGood && !isSure)}
              onClick={() => run(remove)}
            >
              {isForGood ? 'Cut off for good' : 'Forget'}
            </button>
          </div>
        </>
      )}
    </Modal>
  )
}
