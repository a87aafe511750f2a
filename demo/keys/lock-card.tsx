/** Locking the keys while the page stays open. */

import type { Identity } from 'handfast'
import { useAnnounce } from '../ui/announcer.tsx'

export function LockCard({ identity, isLocked }: { identity: Identity; isLocked: boolean }) {
  const announce = useAnnounce()
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
        <div class="actions">
          <button type="button" class="button" disabled={isLocked} onClick={lock}>
            {isLocked ? 'Locked' : 'Lock now'}
          </button>
        </div>
      </div>
    </section>
  )
}
