/** Ends a link for good, after asking. */

import { useRef } from 'preact/hooks'
import { Icon } from './icon.tsx'

export function ForgetButton({ called, forget }: { called: string; forget(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button
        type="button"
        class="button bare"
        aria-label={`Forget ${called}`}
        title={`Forget ${called}`}
        onClick={() => dialog.current?.showModal()}
      >
        <Icon name="trash" />
      </button>
      <dialog ref={dialog} aria-labelledby="forget-title" aria-describedby="forget-text">
        <form method="dialog" class="stack">
          <h3 id="forget-title">Forget {called}?</h3>
          <p id="forget-text">
            This ends the link for good. What still waits to be sent is lost, and you need a new
            invitation to meet again.
          </p>
          <div class="actions">
            <button type="submit" class="button">
              Keep
            </button>
            <button type="submit" class="button danger" onClick={forget}>
              Forget
            </button>
          </div>
        </form>
      </dialog>
    </>
  )
}
