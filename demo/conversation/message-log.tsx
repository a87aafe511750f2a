/** The messages, oldest first, each of one's own with how far it got. */

import type { Link } from 'handfast'
import { useEffect, useRef } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { FileMessage } from './file-message.tsx'
import { isFileNote } from './file-note.ts'
import type { Conversations } from './use-conversations.ts'
import { Icon, type IconName } from '../ui/icon.tsx'
import type { Entry } from './message-history.ts'
import { showValue } from './show-value.ts'

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })

interface MessageLogProps {
  entries: readonly Entry[]
  notice: string | undefined
  link: Link
  called: string
  conversations: Conversations
}

export function MessageLog({ entries, notice, link, called, conversations }: MessageLogProps) {
  const log = useRef<HTMLDivElement>(null)
  const announce = useAnnounce()
  const isOpen = link.state === 'open'
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight })
    // A file that has come may have grown to a picture.
  }, [entries.length, entries.at(-1)?.value])

  const remove = (key: string) => {
    conversations.removeFile(link.peer, key)
    announce('Removed from the list')
    log.current?.focus()
  }

  const shownWaiting = entries.filter(
    ({ delivery, value }) => delivery === 'queued' && !isFileNote(value),
  ).length
  const waitingFromBefore = Math.max(0, link.queued - shownWaiting)

  return (
    <div
      class="log"
      ref={log}
      role="log"
      aria-label={`Messages with ${called}`}
      aria-busy={!conversations.isLoaded}
      tabIndex={0}
    >
      {entries.length === 0 && conversations.isLoaded && (
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
            {isFileNote(entry.value) ? (
              <FileMessage
                {...entry.value}
                entryKey={entry.key}
                called={called}
                transfers={conversations.transfers}
                sendAgain={
                  entry.delivery === 'failed' ? conversations.sendAgain(link, entry.key) : undefined
                }
                remove={hasFailed(entry) ? () => remove(entry.key) : undefined}
              />
            ) : (
              showValue(entry.value)
            )}
          </p>
          <p class="message-meta">
            <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
            <Delivery entry={entry} isOpen={isOpen} />
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

const hasFailed = ({ delivery }: Entry): boolean => delivery === 'failed' || delivery === 'refused'

function Delivery({ entry, isOpen }: { entry: Entry; isOpen: boolean }) {
  const shown = deliveryShown(entry, isOpen)
  return (
    shown && (
      <span class="delivery">
        <Icon name={shown.icon} size={16} />
        {shown.word}
      </span>
    )
  )
}

function deliveryShown(
  { mine, delivery, value, why }: Entry,
  isOpen: boolean,
): { icon: IconName; word: string } | undefined {
  if (delivery === 'failed') {
    const what = mine ? 'Not sent' : 'Not received'
    return { icon: 'cross', word: why === undefined ? what : `${what}: ${why}` }
  }
  if (!mine) return undefined
  if (delivery === 'delivered') return { icon: 'checks', word: 'Delivered' }
  if (delivery === 'refused') return { icon: 'cross', word: 'They don’t take this from you' }
  // A file says itself how far it is.
  if (isFileNote(value)) return undefined
  return isOpen ? { icon: 'check', word: 'Sent' } : { icon: 'clock', word: 'Waiting' }
}
