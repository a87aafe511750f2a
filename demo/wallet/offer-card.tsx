/** An offer that waits for an answer: one's own, or one that is one's own to answer. */

import { useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import { useFocusOnChange } from '../ui/use-focus-on-change.ts'
import { otherSide, type Offer, type Side } from './account.ts'
import type { Act, Terms } from './entry.ts'
import { money } from './entry-words.ts'
import { ReasonDialog } from './reason-dialog.tsx'
import { TakeBack } from './take-back.tsx'
import { TermsForm } from './terms-form.tsx'
import { explainDeed } from './wallet-problems.ts'

interface OfferCardProps {
  offer: Offer
  me: Side
  called: string
  /** Whether they have it already. */
  isDelivered: boolean
  canTakeBack: boolean
  act(act: Act): Promise<unknown>
}

export function OfferCard(props: OfferCardProps) {
  const { offer, me, called, isDelivered, canTakeBack, act } = props
  const [step, setStep] = useState<'read' | 'counter' | 'refuse'>('read')
  const { isBusy, problem, run } = useAction(explainDeed)
  const { id, terms, answers, by } = offer
  const back = () => setStep('read')
  const title = useFocusOnChange<HTMLHeadingElement>(step === 'counter' ? 'counter' : 'read')

  if (by === me) {
    return (
      <section class="card" aria-labelledby="offer-title">
        <h3 id="offer-title">
          {answers === null ? 'Your offer' : 'Your counter-offer'}: “{terms.name}”
        </h3>
        <div class="stack">
          <TermsList terms={terms} me={me} called={called} />
          <p class="status-line" role="status">
            <Icon name={isDelivered ? 'check' : 'clock'} />
            <span>
              {isDelivered
                ? `${called} has it. Waiting for an answer.`
                : `Waiting: ${called} gets it as soon as you both are here.`}
            </span>
          </p>
          <div class="actions">
            <TakeBack
              entry={id}
              what={`offer “${terms.name}”`}
              unless="an acceptance"
              called={called}
              isPossible={canTakeBack}
              act={act}
            />
          </div>
        </div>
      </section>
    )
  }
  return (
    <section class="card" aria-labelledby="offer-title">
      <h3 id="offer-title" ref={title} tabIndex={-1}>
        {called} {answers === null ? 'offers you a tally' : 'makes a counter-offer'}: “{terms.name}”
      </h3>
      {step === 'counter' ? (
        <TermsForm
          me={me}
          called={called}
          terms={terms}
          word="Sign and send counter-offer"
          offer={(changed) => act({ do: 'offer', answers: id, terms: changed })}
          cancel={back}
        />
      ) : (
        <div class="stack">
          <TermsList terms={terms} me={me} called={called} />
          <p class="muted">
            {called} has signed this. Accept, and your signature makes it a contract between you
            two.
          </p>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button
              type="button"
              class="button primary"
              disabled={isBusy}
              onClick={() => run(() => act({ do: 'accept', offer: id }))}
            >
              Sign and accept
            </button>
            <button type="button" class="button" onClick={() => setStep('counter')}>
              Change the terms…
            </button>
            <button type="button" class="button danger" onClick={() => setStep('refuse')}>
              Refuse…
            </button>
          </div>
        </div>
      )}
      {step === 'refuse' && (
        <ReasonDialog
          title="Refuse this offer?"
          word="Refuse"
          called={called}
          onClose={back}
          decide={(note) => act({ do: 'refuse', offer: id, note })}
        />
      )}
    </section>
  )
}

interface TermsListProps {
  terms: Terms
  me: Side
  called: string
}

function TermsList({ terms, me, called }: TermsListProps) {
  return (
    <dl class="terms">
      <div>
        <dt>{called} may owe you up to</dt>
        <dd>{money(terms.limits[otherSide(me)], terms)}</dd>
      </div>
      <div>
        <dt>You may owe {called} up to</dt>
        <dd>{money(terms.limits[me], terms)}</dd>
      </div>
    </dl>
  )
}
