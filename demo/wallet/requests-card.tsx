/** Requests that wait for an answer, theirs first. */

import { useState } from 'preact/hooks'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import { spendable, type Request, type Side, type Tally } from './account.ts'
import type { Act } from './entry.ts'
import { money } from './entry-words.ts'
import { ReasonDialog } from './reason-dialog.tsx'
import { explainDeed } from './wallet-problems.ts'

interface RequestsCardProps {
  tally: Tally
  me: Side
  called: string
  act(act: Act): Promise<unknown>
}

export function RequestsCard({ tally, me, called, act }: RequestsCardProps) {
  const [declining, setDeclining] = useState<Request | null>(null)
  const { isBusy, problem, run } = useAction(explainDeed)
  const { id, terms, requests } = tally
  const theirs = requests.filter(({ by }) => by !== me)
  const own = requests.filter(({ by }) => by === me)
  const left = spendable(tally, me)
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
    <section class="card" aria-labelledby="requests-title">
      <h3 id="requests-title">Requests</h3>
      <ul class="requests">
        {theirs.map((request) => (
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
                onClick={() => pay(request)}
              >
                Pay
              </button>
              <button
                type="button"
                class="button"
                aria-label={`Decline ${money(request.amount, terms)}…`}
                onClick={() => setDeclining(request)}
              >
                Decline…
              </button>
            </span>
          </li>
        ))}
        {own.map((request) => (
          <li key={request.id} class="request">
            <span class="request-text">
              <span>You asked for {money(request.amount, terms)}</span>
              <span class="muted">{request.note || 'Waiting for an answer'}</span>
            </span>
          </li>
        ))}
      </ul>
      {problem && <ProblemNote problem={problem} />}
      {declining && (
        <ReasonDialog
          title={`Decline ${money(declining.amount, terms)}?`}
          word="Decline"
          called={called}
          onClose={() => setDeclining(null)}
          decide={(note) => act({ do: 'decline', tally: id, request: declining.id, note })}
        />
      )}
    </section>
  )
}
