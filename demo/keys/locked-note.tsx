/** Says on every part of the page that the keys are locked, and unlocks them. */

import type { Identity } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { keepFocus } from '../ui/keep-focus.ts'
import { useAction } from '../ui/use-action.ts'
import { useLock } from './use-lock.ts'
import { Icon } from '../ui/icon.tsx'
import { PassphraseField } from '../ui/passphrase-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { focusFault } from '../ui/text-field.tsx'
import { useHasPassphrase } from './use-has-passphrase.ts'

export function LockedNote({ identity }: { identity: Identity }) {
  const isLocked = useLock(identity)
  const [has, look] = useHasPassphrase(identity)
  const [passphrase, setPassphrase] = useState('')
  const form = useRef<HTMLFormElement>(null)
  const { isBusy, problem, run, dismiss } = useAction()
  const announce = useAnnounce()
  // Whichever button did it can't be pressed again.
  const wasLocked = useRef(isLocked)
  useEffect(() => {
    if (wasLocked.current !== isLocked) keepFocus()
    wasLocked.current = isLocked
    setPassphrase('')
    void look()
  }, [isLocked])
  useEffect(() => {
    if (problem) focusFault(form.current)
  }, [problem])
  if (!isLocked) return null

  const unlock = async (event: Event) => {
    event.preventDefault()
    const isDone = await run(() => identity.unlock(has ? passphrase : undefined))
    if (isDone) announce('Your keys are unlocked')
    // Another tab may have set one meanwhile.
    else await look()
  }
  return (
    <section class="banner" aria-label="Locked keys">
      <Icon name="lock" />
      <p role="status">
        <strong>Your keys are locked.</strong> Open connections go on; nobody new gets through, and
        you reach nobody new.
      </p>
      <form class="copyable" ref={form} onSubmit={unlock} onInput={dismiss}>
        {has && (
          <PassphraseField
            label="Your passphrase"
            value={passphrase}
            setValue={setPassphrase}
            problem={problem}
          />
        )}
        <button type="submit" class="button" disabled={isBusy || (has && passphrase === '')}>
          Unlock
        </button>
      </form>
      {problem && !has && <ProblemNote problem={problem} />}
    </section>
  )
}
