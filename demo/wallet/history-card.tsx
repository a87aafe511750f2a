/** Everything in the books with one person, the latest first, and how sure it is that the other side has it. */

import type { PeerId } from 'handfast'
import { useState } from 'preact/hooks'
import { Icon, type IconName } from '../ui/icon.tsx'
import { inOrder, type Books } from './books.ts'
import { inWords, standingOf, type Standing } from './entry-words.ts'

const shownAtOnce = 20

const parts = { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' } as const
const time = new Intl.DateTimeFormat(undefined, parts)
const timeWithYear = new Intl.DateTimeFormat(undefined, { ...parts, year: 'numeric' })
/** By the signer's clock, which may be anything. */
const timeOf = (atMs: number) =>
  (new Date(atMs).getFullYear() === new Date().getFullYear() ? time : timeWithYear).format(atMs)

const standings: Record<Standing, { icon: IconName; word: string }> = {
  waiting: { icon: 'clock', word: 'Waiting' },
  delivered: { icon: 'check', word: 'Delivered' },
  confirmed: { icon: 'checks', word: 'Confirmed' },
}

interface HistoryCardProps {
  books: Books
  me: PeerId
  /** How many of one's own entries they have. */
  held: number
  called: string
}

export function HistoryCard({ books, me, held, called }: HistoryCardProps) {
  const [shown, setShown] = useState(shownAtOnce)
  const entries = inOrder(books.chains).reverse()
  if (entries.length === 0) return null
  return (
    <section class="card" aria-labelledby="history-title">
      <h3 id="history-title">History</h3>
      <ol class="entries">
        {entries.slice(0, shown).map(({ entry }) => {
          const { icon, text, note } = inWords(books, me, called, entry)
          const isMine = entry.from === me
          const standing = isMine ? standings[standingOf(books, me, held, entry)] : null
          return (
            <li key={entry.id} class="entry">
              <Icon name={icon} />
              <span class="entry-text">
                <span>{text}</span>
                {note && <span class="muted">{note}</span>}
              </span>
              <span class="entry-meta">
                <time dateTime={new Date(entry.atMs).toISOString()}>{timeOf(entry.atMs)}</time>
                <span class="delivery">
                  <Icon name={standing?.icon ?? 'shield-check'} size={16} />
                  {standing?.word ?? `Signed by ${called}`}
                </span>
              </span>
            </li>
          )
        })}
      </ol>
      {entries.length > shown && (
        <div class="actions">
          <button type="button" class="button" onClick={() => setShown(shown + shownAtOnce)}>
            Show earlier
          </button>
        </div>
      )}
    </section>
  )
}
