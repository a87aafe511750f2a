/** The recovery words, behind a question: whoever sees them is you. */

import type { Identity } from 'handfast'
import { useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { Icon } from '../ui/icon.tsx'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'

export function WordsCard({ identity, isLocked }: { identity: Identity; isLocked: boolean }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <section class="card" aria-labelledby="words-title">
      <h3 id="words-title">Recovery words</h3>
      <div class="stack">
        <p class="muted">
          Twenty-four words that are your main key. On paper, in a safe place, they bring you back
          when every device is lost.
        </p>
        {identity.hasRoot ? (
          <div class="actions">
            <button type="button" class="button" disabled={isLocked} onClick={() => setOpen(true)}>
              Show the words…
            </button>
          </div>
        ) : (
          <p class="status-line">
            <Icon name="check" size={24} />
            <span>They are not in this browser any more, only where you keep them.</span>
          </p>
        )}
      </div>
      {isOpen && <WordsDialog identity={identity} onClose={() => setOpen(false)} />}
    </section>
  )
}

function WordsDialog({ identity, onClose }: { identity: Identity; onClose(): void }) {
  const [words, setWords] = useState<string[]>()
  const { isBusy, problem, run } = useAction()
  const show = () => run(async () => setWords((await identity.words()).split(' ')))

  return (
    <Modal title={words ? 'Your recovery words' : 'Is nobody looking?'} wide onClose={onClose}>
      {(close) =>
        words ? (
          <>
            <p>Write them down in this order, by hand. No screenshot, no cloud, no chat.</p>
            <ol class="words" aria-label="Recovery words">
              {words.map((word, index) => (
                <li key={index}>{word}</li>
              ))}
            </ol>
            <div class="actions">
              <button type="button" class="button primary" onClick={close}>
                I have written them down
              </button>
            </div>
          </>
        ) : (
          <>
            <p>
              Whoever has these words is you, for good: they can read what comes, write in your
              name, and shut you out. Nobody who helps you ever needs them.
            </p>
            {problem && <ProblemNote problem={problem} />}
            <div class="actions">
              <button type="button" class="button" onClick={close}>
                Not now
              </button>
              <button type="button" class="button danger" disabled={isBusy} onClick={show}>
                Show them here
              </button>
            </div>
          </>
        )
      }
    </Modal>
  )
}
