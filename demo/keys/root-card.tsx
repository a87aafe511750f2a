/** Taking the main key out of this browser: what is stolen from it then is one device, not you. */

import type { Identity } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { Icon } from '../ui/icon.tsx'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { Tick } from '../ui/tick.tsx'

interface RootCardProps {
  identity: Identity
  isLocked: boolean
  onRemoved(): void
}

export function RootCard({ identity, isLocked, onRemoved }: RootCardProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <section class="card" aria-labelledby="root-title">
      <h3 id="root-title">Main key</h3>
      <div class="stack">
        {identity.hasRoot ? (
          <>
            <p class="muted">
              It is in this browser. Take it out once your words or a backup are safe: everything
              you do every day goes on with this device’s own key.
            </p>
            <div class="actions">
              <button
                type="button"
                class="button danger"
                disabled={isLocked}
                onClick={() => setOpen(true)}
              >
                Remove it from here…
              </button>
            </div>
          </>
        ) : (
          <p class="status-line">
            <Icon name="shield-check" size={24} />
            <span>
              Not in this browser. Only to revoke a device, or to renew one, you will be asked for
              your words.
            </span>
          </p>
        )}
      </div>
      {isOpen && (
        <RemoveRootDialog
          identity={identity}
          onRemoved={onRemoved}
          onClose={() => setOpen(false)}
        />
      )}
    </section>
  )
}

interface RemoveRootDialogProps {
  identity: Identity
  onRemoved(): void
  onClose(): void
}

function RemoveRootDialog({ identity, onRemoved, onClose }: RemoveRootDialogProps) {
  const [isKept, setKept] = useState(false)
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()

  const remove = async (close: () => void) => {
    if (!(await run(() => identity.removeRoot()))) return
    announce('Your main key is not in this browser any more')
    close()
    onRemoved()
  }
  return (
    <Modal title="Remove your main key?" onClose={onClose}>
      {(close) => (
        <>
          <p>
            If neither the words nor a backup are kept anywhere, it is gone for good: you could
            never revoke a lost device, nor come back after losing this one.
          </p>
          <Tick isTicked={isKept} setTicked={setKept}>
            I have my recovery words or a backup in a safe place
          </Tick>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button" onClick={close}>
              Keep it here
            </button>
            <button
              type="button"
              class="button danger"
              disabled={!isKept || isBusy}
              onClick={() => remove(close)}
            >
              Remove
            </button>
          </div>
        </>
      )}
    </Modal>
  )
}
