/** Closing a tally that is settled: one asks, the other agrees. */

import { Icon } from '../ui/icon.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import { otherSide, type Side, type Tally } from './account.ts'
import type { Act } from './entry.ts'
import { explainDeed } from './wallet-problems.ts'

interface ClosingCardProps {
  tally: Tally
  me: Side
  called: string
  act(act: Act): Promise<unknown>
}

export function ClosingCard({ tally, me, called, act }: ClosingCardProps) {
  const { isBusy, problem, run } = useAction(explainDeed)
  const { id, balance, requests, closing } = tally
  const isSettled = balance === 0n && requests.length === 0
  const hasAsked = closing[me] !== null
  const isAsked = closing[otherSide(me)] !== null
  const close = () => run(() => act({ do: 'close', tally: id }))

  return (
    <section class="card" aria-labelledby="closing-title">
      <h3 id="closing-title">
        {isAsked ? `${called} wants to close this tally` : 'Close this tally'}
      </h3>
      <div class="stack">
        {hasAsked ? (
          <p class="status-line" role="status">
            <Icon name="clock" />
            <span>You have asked to close it. Waiting for {called}.</span>
          </p>
        ) : (
          <p class="muted">
            {isSettled
              ? 'Nobody owes anything. When both of you have signed, it is closed, and you can open another.'
              : 'It can be closed when nobody owes anything and no request waits.'}
          </p>
        )}
        {problem && <ProblemNote problem={problem} />}
        {!hasAsked && (
          <div class="actions">
            <button
              type="button"
              class={isAsked ? 'button primary' : 'button'}
              disabled={isBusy || !isSettled}
              onClick={close}
            >
              {isAsked ? 'Agree and close' : 'Close the tally'}
            </button>
            {isAsked && (
              <button
                type="button"
                class="button"
                disabled={isBusy}
                onClick={() => run(() => act({ do: 'keep', tally: id }))}
              >
                Keep it open
              </button>
            )}
          </div>
        )}
      </div>
    </section>
  )
}
