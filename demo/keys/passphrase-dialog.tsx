/** Setting a passphrase, changing it, and taking it away. */

import type { Identity } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { Modal } from '../ui/modal.tsx'
import { PassphraseField } from '../ui/passphrase-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { codeOf, explain, type Problem } from '../ui/problems.ts'
import { focusFault } from '../ui/text-field.tsx'
import { useAction } from '../ui/use-action.ts'
import { NewPassphrase, useNewPassphrase } from './new-passphrase.tsx'

const tooOld: Problem = {
  title: 'These keys can’t be given a passphrase',
  advice: 'An earlier version of this page made them. Those that a backup brings back can.',
}

interface PassphraseDialogProps {
  identity: Identity
  /** Whether there is one. */
  has: boolean
  onClose(): void
}

export function PassphraseDialog({ identity, has, onClose }: PassphraseDialogProps) {
  const [current, setCurrent] = useState('')
  const [isWrong, setWrong] = useState(false)
  const entry = useNewPassphrase()
  const form = useRef<HTMLFormElement>(null)
  const announce = useAnnounce()
  const { isBusy, problem, run, dismiss } = useAction((error) => {
    setWrong(codeOf(error) === 'wrong-passphrase')
    return codeOf(error) === 'unsupported' ? tooOld : explain(error)
  })
  useEffect(() => {
    if (problem) focusFault(form.current)
  }, [problem])

  const change = async (to: string | null, done: string, close: () => void) => {
    const from = has ? { from: current } : {}
    if (!(await run(() => identity.changePassphrase({ ...from, to })))) return
    announce(done)
    close()
  }
  return (
    <Modal title={has ? 'Change your passphrase' : 'Set a passphrase'} onClose={onClose}>
      {(close) => (
        <form
          class="stack"
          ref={form}
          onInput={dismiss}
          onSubmit={(event) => {
            event.preventDefault()
            if (!entry.isReady) return
            const done = has ? 'Your passphrase is changed' : 'Your passphrase is set'
            void change(entry.passphrase, done, close)
          }}
        >
          <p>
            This browser then asks for it whenever the page opens, and to unlock your keys. It can’t
            be reset: without it, only your recovery words or a backup bring you back.
          </p>
          {has && (
            <PassphraseField
              label="Passphrase up to now"
              value={current}
              setValue={setCurrent}
              problem={isWrong ? problem : undefined}
            />
          )}
          <NewPassphrase
            label="New passphrase"
            entry={entry}
            advice="Open connections go on, in all tabs."
          />
          {problem && !(has && isWrong) && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="submit" class="button primary" disabled={isBusy || !entry.isReady}>
              {isBusy ? 'One moment…' : has ? 'Change it' : 'Set it'}
            </button>
            {has && (
              <button
                type="button"
                class="button danger"
                disabled={isBusy || current === ''}
                onClick={() => change(null, 'No passphrase is asked for any more', close)}
              >
                Take it away
              </button>
            )}
            <button type="button" class="button plain" onClick={close}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </Modal>
  )
}
