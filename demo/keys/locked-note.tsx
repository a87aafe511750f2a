/** Says on every part of the page that the keys are locked, and unlocks them. */

import type { Identity } from 'handfast'
import { useEffect, useRef } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { keepFocus } from '../ui/keep-focus.ts'
import { useAction } from '../ui/use-action.ts'
import { useLock } from './use-lock.ts'
import { Icon } from '../ui/icon.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'

export function LockedNote({ identity }: { identity: Identity }) {
  const isLocked = useLock(identity)
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()
  // Whichever button did it can't be pressed again.
  const wasLocked = useRef(isLocked)
  useEffect(() => {
    if (wasLocked.current !== isLocked) keepFocus()
    wasLocked.current = isLocked
  }, [isLocked])
  if (!isLocked) return null

  const unlock = async () => {
    if (await run(() => identity.unlock())) announce('Your keys are unlocked')
  }
  return (
    <div class="banner" role="status">
      <Icon name="lock" />
      <p>
        <strong>Your keys are locked.</strong> Open connections go on; nobody new gets through, and
        you reach nobody new.
      </p>
      <button type="button" class="button" disabled={isBusy} onClick={unlock}>
        Unlock
      </button>
      {problem && <ProblemNote problem={problem} />}
    </div>
  )
}
