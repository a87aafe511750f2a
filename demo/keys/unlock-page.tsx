/** Asks for the passphrase without which the keys do not open. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { ownName, restoreLink } from '../page-address.ts'
import { PassphraseField } from '../ui/passphrase-field.tsx'
import { explain, type Problem } from '../ui/problems.ts'
import { focusFault } from '../ui/text-field.tsx'

interface UnlockPageProps {
  /** Resolves with what is wrong, or not before the page is another. */
  open(passphrase: string): Promise<Problem | undefined>
}

export function UnlockPage({ open }: UnlockPageProps) {
  const [passphrase, setPassphrase] = useState('')
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current?.querySelector('input')?.focus(), [])
  useEffect(() => {
    if (problem) focusFault(form.current)
  }, [problem])

  const unlock = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    // The same once more is told once more.
    setProblem(undefined)
    setProblem(await open(passphrase).catch(explain))
    setBusy(false)
  }
  return (
    <main class="narrow" aria-labelledby="unlock-title">
      <section class="card">
        <h2 id="unlock-title">Unlock {ownName}</h2>
        <form class="stack" ref={form} onSubmit={unlock} onInput={() => setProblem(undefined)}>
          <p class="lead">Your keys are under a passphrase in this browser.</p>
          <PassphraseField
            label="Your passphrase"
            value={passphrase}
            setValue={setPassphrase}
            problem={problem}
          />
          <div class="actions">
            <button type="submit" class="button primary" disabled={isBusy || passphrase === ''}>
              {isBusy ? 'Opening…' : 'Unlock'}
            </button>
            <a class="button plain" href={restoreLink()}>
              Forgotten? Come back by words or a backup…
            </a>
          </div>
        </form>
      </section>
    </main>
  )
}
