/** Requests that wait for an answer: theirs, before all else, and one's own. */

import { useState } from 'preact/hooks'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import { useSettled } from '../ui/use-settled.ts'
import { spendable, type Request, type Side, type Tally } from './account.ts'
import type { Act, EntryId } from './entry.ts'
import { money } from './entry-words.ts'
import { ReasonDialog } from './reason-dialog.tsx'
import { TakeBack } from './take-back.tsx'
import { explainDeed } from './wallet-problems.ts'

interface RequestsCardProps {
  tally: Tally
  me: Side
  called: string
  act(act: Act): Promise<unknown>
}

export function TheirRequestsCard({ tally, me, called, act }: RequestsCardProps) {
  const [declining, setDeclining] = useState<EntryId | null>(null)
  const { isBusy, problem, run } = useAction(explainDeed)
  const { id, terms } = tally
  const requests = tally.requests.filter(({ by }) => by !== me)
  const left = spendable(tally, me)
  // It comes in above what one may be about to press.
  const isSettled = useSettled(requests.map((request) => request.id).join())
  // Taken back while it is asked why, it needs no answer any more.
  const declined = requests.find((request) => request.id === declining)
  if (requests.length === 0) return null

  const pay = (request: Request) =>
    run(() =>
      act({
        do: 'pay',
        tally: id,
        amount: request.amount,
        note: request.note,
        request: request.id,
      }),
    )
  return (
    <section class="card" aria-labelledby="their-requests-title">
      <h3 id="their-requests-title">Waiting for your answer</h3>
      <ul class="requests">
        {requests.map((request) => (
          <li key={request.id} class="request">
            <span class="request-text">
              <strong>
                {called} asks you for {money(request.amount, terms)}
              </strong>
              {request.note && <span class="muted">{request.note}</span>}
              {request.amount > left && (
                <span class="muted">You can pay {money(left, terms)} at most.</span>
              )}
            </span>
            <span class="actions">
              <button
                type="button"
                class="button primary"
                aria-label={`Pay ${money(request.amount, terms)}`}
                disabled={isBusy || request.amount > left}
                aria-disabled={!isSettled}
                onClick={() => isSettled && pay(request)}
              >
                Pay
              </button>
              <button
                type="button"
                class="button"
                aria-label={`Decline ${money(request.amount, terms)}…`}
                aria-disabled={!isSettled}
                onClick={() => isSettled && setDeclining(request.id)}
              >
                Decline…
              </button>
            </span>
          </li>
        ))}
      </ul>
      {problem && <ProblemNote problem={problem} />}
      {declined && (
        <ReasonDialog
          title={`Decline ${money(declined.amount, terms)}?`}
          word="Decline"
          called={called}
          onClose={() => setDeclining(null)}
          decide={(note) => act({ do: 'decline', tally: id, request: declined.id, note })}
        />
      )}
    </section>
  )
}

export function OwnRequestsCard({
  tally,
  me,
  called,
  canTakeBack,
  act,
}: RequestsCardProps & { canTakeBack: boolean }) {
  const requests = tally.requests.filter(({ by }) => by === me)
  if (requests.length === 0) return null
  return (
    <section class="card" aria-labelledby="own-requests-title">
      <h3 id="own-requests-title">You have asked for</h3>
      <ul class="requests">
        {requests.map(({ id, amount, note }) => (
          <li key={id} class="request">
            <span class="request-text">
              <span>{money(amount, tally.terms)}</span>
              <span class="muted">{note || `Waiting for ${called}`}</span>
            </span>
            <span class="actions">
              <TakeBack
                entry={id}
                what={`request for ${money(amount, tally.terms)}`}
                unless="a payment"
                called={called}
                isPossible={canTakeBack}
                act={act}
              />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
