/** Locking the keys while the page stays open, and the passphrase that opens them. */

import type { Identity } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { PassphraseDialog } from './passphrase-dialog.tsx'
import { useHasPassphrase } from './use-has-passphrase.ts'

export function LockCard({ identity, isLocked }: { identity: Identity; isLocked: boolean }) {
  const announce = useAnnounce()
  const [has, look] = useHasPassphrase(identity)
  const [isOpen, setOpen] = useState(false)
  const lock = () => {
    identity.lock()
    announce('Your keys are locked')
  }
  return (
    <section class="card" aria-labelledby="lock-title">
      <h3 id="lock-title">Lock</h3>
      <div class="stack">
        <p class="muted">
          All tabs forget the keys, and each has to be unlocked anew. Open connections go on; nobody
          new gets through.
        </p>
        <p class="muted">
          {has
            ? 'Whoever uses this browser needs your passphrase to be you.'
            : 'Without a passphrase anybody who uses this browser can unlock them.'}
        </p>
        <div class="actions">
          <button type="button" class="button" disabled={isLocked} onClick={lock}>
            {isLocked ? 'Locked' : 'Lock now'}
          </button>
          <button
            type="button"
            class="button"
            disabled={isLocked || has === undefined}
            onClick={() => setOpen(true)}
          >
            {has ? 'Change the passphrase…' : 'Set a passphrase…'}
          </button>
        </div>
      </div>
      {isOpen && has !== undefined && (
        <PassphraseDialog
          identity={identity}
          has={has}
          onClose={() => {
            setOpen(false)
            void look()
          }}
        />
      )}
    </section>
  )
}
