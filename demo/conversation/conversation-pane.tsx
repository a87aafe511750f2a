/** What is said between you and one other person. */

import type { Link } from 'handfast'
import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { Composer } from './composer.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import type { Conversations } from './use-conversations.ts'
import { Icon } from '../ui/icon.tsx'
import { LinkActions } from '../people/link-actions.tsx'
import { MessageLog } from './message-log.tsx'
import { shortPeer } from '../people/names.ts'
import { Presence } from '../people/presence.tsx'
import { VerifiedMark } from '../people/verified-mark.tsx'
import { Weave } from '../ui/weave.tsx'

const cords = { open: 'cord', idle: 'cord cord-loose', closed: 'cord cord-loose' }

interface ConversationPaneProps {
  link: Link
  called: string
  conversations: Conversations
  title: RefObject<HTMLHeadingElement | null>
  leave(): void
  about(): void
}

export function ConversationPane({
  link,
  called,
  conversations,
  title,
  leave,
  about,
}: ConversationPaneProps) {
  const { entries, unread, notice } = conversations.of(link.peer)

  useEffect(() => {
    if (unread > 0) conversations.markRead(link.peer)
  }, [unread])

  return (
    <section class="card conversation" aria-labelledby="pane-title">
      <header class="conversation-header">
        <button type="button" class="button bare back" aria-label="Back to people" onClick={leave}>
          <Icon name="back" />
        </button>
        <Weave peer={link.peer} size={48} />
        <div class="conversation-who">
          <div class="conversation-name">
            <h2 id="pane-title" ref={title} tabIndex={-1}>
              {called}
              {link.verified && <VerifiedMark size={22} />}
            </h2>
            <span role="status">
              <Presence state={link.state} />
            </span>
          </div>
          <p class="peer-id">
            <code title={link.peer}>{shortPeer(link.peer)}</code>
            <CopyButton bare text={link.peer} what="their whole id" />
          </p>
        </div>
        <div class="conversation-actions">
          <LinkActions link={link} called={called} />
          <button
            type="button"
            class="button bare"
            aria-label={`About ${called}`}
            title={`About ${called}`}
            onClick={about}
          >
            <Icon name="person" />
          </button>
        </div>
      </header>
      <div class={(cords as Partial<Record<string, string>>)[link.state] ?? 'cord cord-moving'} />
      {!link.verified && (
        <p class="unverified">
          <Icon name="shield" />
          <span>Not verified yet</span>
          <button type="button" class="link" onClick={about}>
            Make sure that it is {called}
          </button>
        </p>
      )}
      <MessageLog entries={entries} notice={notice} link={link} called={called} />
      <Composer
        called={called}
        send={(text) => conversations.send(link, text)}
        sendFile={(file) => conversations.sendFile(link, file)}
      />
    </section>
  )
}
