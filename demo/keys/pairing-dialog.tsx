/** A device asks to become one of yours: let it in only if it is the one before you. */

import type { Mesh } from 'handfast'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'

export function PairingDialog({ pairing }: { pairing: Mesh['pairings'][number] }) {
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()
  const confirm = async () => {
    if (await run(() => pairing.confirm())) announce('The new device is yours')
  }
  const refuse = () => pairing.refuse().catch(() => {})

  return (
    <Modal title="Is this your new device?" onClose={refuse}>
      {(close) => (
        <>
          <p>
            It must show the same digits. Then confirm on both: it can do whatever you can, until
            you revoke it.
          </p>
          <p class="pairing-code" aria-label="Digits">
            {pairing.code}
          </p>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button danger" disabled={isBusy} onClick={close}>
              Turn it away
            </button>
            <button type="button" class="button primary" disabled={isBusy} onClick={confirm}>
              {isBusy ? 'Waiting for it…' : 'The same: let it in'}
            </button>
          </div>
        </>
      )}
    </Modal>
  )
}
