/** The messages, oldest first, each of one's own with how far it got. */

import type { Link } from 'handfast'
import { useEffect, useRef } from 'preact/hooks'
import { FileMessage } from './file-message.tsx'
import { isFileNote } from './files.ts'
import { Icon, type IconName } from '../ui/icon.tsx'
import type { Entry } from './message-history.ts'
import { showValue } from './show-value.ts'

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })

interface MessageLogProps {
  entries: readonly Entry[]
  notice: string | undefined
  link: Link
  called: string
}

export function MessageLog({ entries, notice, link, called }: MessageLogProps) {
  const log = useRef<HTMLDivElement>(null)
  const isOpen = link.state === 'open'
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight })
  }, [entries.length])

  const shownWaiting = entries.filter(({ delivery }) => delivery === 'queued').length
  const waitingFromBefore = Math.max(0, link.queued - shownWaiting)

  return (
    <div class="log" ref={log} role="log" aria-label={`Messages with ${called}`} tabIndex={0}>
      {entries.length === 0 && (
        <p class="log-empty muted">
          {isOpen ? `Say hello to ${called}.` : `Write already: it waits until ${called} is here.`}
        </p>
      )}
      {waitingFromBefore > 0 && (
        <p class="log-note muted">
          <Icon name="clock" size={16} />
          {waitingFromBefore === 1
            ? '1 earlier message waits'
            : `${waitingFromBefore} earlier messages wait`}{' '}
          to be delivered.
        </p>
      )}
      {entries.map((entry) => (
        <article key={entry.key} class={entry.mine ? 'message mine' : 'message'}>
          <p class="message-text">
            <span class="visually-hidden">{entry.mine ? 'You: ' : `${called}: `}</span>
            {isFileNote(entry.value) ? <FileMessage {...entry.value} /> : showValue(entry.value)}
          </p>
          <p class="message-meta">
            <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
            {entry.mine && <Delivery delivery={entry.delivery} isOpen={isOpen} />}
          </p>
        </article>
      ))}
      {notice !== undefined && (
        <p class="log-note" role="alert">
          <Icon name="cross" size={16} />
          {notice}
        </p>
      )}
    </div>
  )
}

function Delivery({ delivery, isOpen }: { delivery: Entry['delivery']; isOpen: boolean }) {
  const { icon, word } = deliveryShown(delivery, isOpen)
  return (
    <span class="delivery">
      <Icon name={icon} size={16} />
      {word}
    </span>
  )
}

function deliveryShown(
  delivery: Entry['delivery'],
  isOpen: boolean,
): { icon: IconName; word: string } {
  if (delivery === 'delivered') return { icon: 'checks', word: 'Delivered' }
  if (delivery === 'refused') return { icon: 'cross', word: 'They don’t take this from you' }
  if (delivery === 'failed') return { icon: 'cross', word: 'Not sent' }
  return isOpen ? { icon: 'check', word: 'Sent' } : { icon: 'clock', word: 'Waiting' }
}
