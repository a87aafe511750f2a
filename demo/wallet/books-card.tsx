/** Whether the books of both agree: asked of the other side, and every signature checked here. */

import type { PeerId } from 'handfast'
import { useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { useAction } from '../ui/use-action.ts'
import type { Side } from './account.ts'
import { inOrder, sideIn, type Books } from './books.ts'
import { summaryOf, type Comparison } from './comparison.ts'
import type { Position } from './entry.ts'
import { money, owing } from './entry-words.ts'
import type { Wallet } from './wallet.ts'
import { explainDeed, explainRefusal } from './wallet-problems.ts'

interface BooksCardProps {
  wallet: Wallet
  partner: PeerId
  called: string
}

interface Outcome {
  comparison: Comparison
  /** Entries here whose signature and rules hold. */
  verified: number
}

export function BooksCard({ wallet, partner, called }: BooksCardProps) {
  const { books, note, unread } = wallet.of(partner)
  const [checked, setChecked] = useState<string | null>(null)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const { isBusy, problem, run } = useAction(explainDeed)
  const me = sideIn(books, wallet.me)
  const forks = note.forks.map((fork) => ({ ...fork, isOwn: fork.from === wallet.me }))
  const count = books.chains[0].length + books.chains[1].length

  const since = outcome && changeSince(outcome.comparison, books, me, note.held, called)

  const compareBooks = () =>
    run(async () => {
      setOutcome(null)
      setChecked(null)
      const comparison = await wallet.compareWith(partner)
      const verified = await wallet.verify(partner, (done, all) => {
        if (done % shownEach === 0) setChecked(`${done} of ${all} signatures checked…`)
      })
      setOutcome({ comparison, verified })
    })

  return (
    <section class="card" aria-labelledby="books-title">
      <h3 id="books-title">Books</h3>
      <div class="stack">
        <p class="muted">
          Both of you keep the same books. Every entry is signed, and names the one before it.
        </p>
        {(unread ?? note.fault) && (
          <ProblemNote problem={explainRefusal((unread ?? note.fault)!)} />
        )}
        {note.isRefused && (
          <ProblemNote
            problem={{
              title: `${called} does not take entries from you`,
              advice: 'They have not let you send messages. What you enter waits here.',
            }}
          />
        )}
        {forks.map(({ from, seq, isOwn, isSettled }) => (
          <ProblemNote
            key={`${from} ${seq}`}
            problem={
              isSettled
                ? {
                    title: `${isOwn ? 'You have' : `${called} has`} signed two entries number ${seq}`,
                    advice:
                      'You both go on with the one in your books. The other is kept here as proof.',
                  }
                : isOwn
                  ? {
                      title: `Your entry ${seq} is another one in ${called}’s books`,
                      advice:
                        'This browser was set back to an older copy, or another device of yours has signed at the same time. Nothing more is entered until you take over theirs.',
                    }
                  : {
                      title: `${called} has signed two entries number ${seq}`,
                      advice:
                        'One is in your books, the other in theirs. Both are kept here as proof. Nothing more is entered until you two have found out why.',
                    }
            }
          />
        ))}
        {outcome && !since && (
          <Outcomes books={books} me={me} called={called} count={count} outcome={outcome} />
        )}
        {outcome && since && (
          <p class="muted" role="status">
            {since}
          </p>
        )}
        {problem && <ProblemNote problem={problem} />}
        <div class="actions">
          <button type="button" class="button" disabled={isBusy} onClick={compareBooks}>
            Compare books
          </button>
          {forks.some(({ isOwn, isSettled }) => isOwn && !isSettled) && (
            <button
              type="button"
              class="button danger"
              disabled={isBusy}
              onClick={() => run(() => wallet.takeTheirs(partner))}
            >
              Take over theirs
            </button>
          )}
          <span class="muted" role="status">
            {isBusy && (checked ?? `Asking ${called}…`)}
          </span>
        </div>
        {count > 0 && <EveryEntry books={books} me={wallet.me} called={called} />}
      </div>
    </section>
  )
}

/** So many signatures are checked before that is said again. */
const shownEach = 500

/** Why what was found may not be so any more. */
function changeSince(
  { books: compared, agrees, ahead }: Comparison,
  books: Books,
  me: Side,
  held: number,
  called: string,
): string | null {
  if (compared !== books) return 'There are new entries since you compared.'
  const wasOnItsWay = !agrees && ahead.some(({ side }) => side === me)
  return wasOnItsWay && held >= books.chains[me].length
    ? `What was on its way to ${called} has arrived since you compared.`
    : null
}

const shortId = (position: Position | null) => (position ? position.id.slice(0, 8) : 'none')

interface OutcomesProps {
  books: Books
  me: Side
  called: string
  count: number
  outcome: Outcome
}

function Outcomes({ books, me, called, count, outcome }: OutcomesProps) {
  const { comparison, verified } = outcome
  const { theirs } = comparison
  const own = summaryOf(books, books.parties[me])
  const terms = books.account.tally?.terms
  const said = (balance: bigint) => (terms ? money(balance < 0n ? -balance : balance, terms) : '–')
  const rows: [word: string, here: string, there: string][] = [
    ['Your entries', `${own.mine?.seq ?? 0}`, `${theirs.yours?.seq ?? 0}`],
    ['your latest', shortId(own.mine), shortId(theirs.yours)],
    [`${called}’s entries`, `${own.yours?.seq ?? 0}`, `${theirs.mine?.seq ?? 0}`],
    ['their latest', shortId(own.yours), shortId(theirs.mine)],
    [
      'Balance',
      `${owing(own.balance, called)} ${said(own.balance)}`,
      theirs.tally === own.tally
        ? `${owing(-theirs.balance, called)} ${said(theirs.balance)}`
        : 'of another tally',
    ],
  ]
  return (
    <>
      <p class="status-line" role="status">
        <Icon name={comparison.agrees ? 'checks' : 'warning'} />
        <span>
          {comparison.agrees
            ? `The books agree. All ${count} entries are signed as they should be: ${verified} checked.`
            : whyNot(comparison, called)}
        </span>
      </p>
      <table class="comparison">
        <thead>
          <tr>
            <td />
            <th scope="col">Here</th>
            <th scope="col">There</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([word, here, there], at) => (
            <tr key={at}>
              <th scope="row">{word}</th>
              <td>{here}</td>
              <td>{there}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function whyNot({ forks, missing, ahead }: Comparison, called: string): string {
  if (forks.length > 0) return 'The books do not agree: two different entries have one number.'
  if (missing.length > 0) {
    return `The books do not agree: ${called} has entries that could not be taken in here.`
  }
  return ahead.length > 0
    ? `Not the same yet: some entries are still on their way to ${called}.`
    : `The books do not agree: the entries are the same, but ${called} says that they come to something else.`
}

const listedAtOnce = 50

function EveryEntry({ books, me, called }: { books: Books; me: PeerId; called: string }) {
  const [listed, setListed] = useState(listedAtOnce)
  const entries = inOrder(books.chains).reverse()
  return (
    <details class="every-entry">
      <summary>Every entry, with its signer and number</summary>
      <ol class="entry-ids">
        {entries.slice(0, listed).map(({ entry }) => (
          <li key={entry.id}>
            <span>
              {entry.from === me ? 'You' : called}, {entry.seq}
            </span>
            <code>{entry.id}</code>
          </li>
        ))}
      </ol>
      {entries.length > listed && (
        <button type="button" class="button" onClick={() => setListed(listed + listedAtOnce)}>
          List more
        </button>
      )}
    </details>
  )
}
