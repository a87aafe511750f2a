/** What is said between you and one other person. */

import type { Link } from 'handfast'
import { useEffect, useState } from 'preact/hooks'
import { Composer } from './composer.tsx'
import type { Conversations } from './use-conversations.ts'
import { Icon } from '../ui/icon.tsx'
import { MessageLog } from './message-log.tsx'

interface ConversationPaneProps {
  link: Link
  called: string
  conversations: Conversations
  about(): void
  /** This device is shut out: what is here can be read. */
  isRevoked: boolean
}

export function ConversationPane(props: ConversationPaneProps) {
  const { link, called, conversations, about, isRevoked } = props
  const { entries, unread, notice } = conversations.of(link.peer)

  useEffect(() => {
    if (unread > 0) conversations.markRead(link.peer)
  }, [unread])

  const [isOver, setOver] = useState(false)
  const sendFiles = (files: Iterable<File> | undefined) => {
    for (const file of files ?? []) conversations.sendFile(link, file)
  }

  return (
    <section
      class={isOver ? 'card conversation dropping' : 'card conversation'}
      aria-labelledby="pane-title"
      onDragOver={(event) => {
        if (isRevoked || !event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        if (!isRevoked) sendFiles(event.dataTransfer?.files)
      }}
    >
      {!link.verified && !isRevoked && (
        <p class="unverified">
          <Icon name="shield" />
          <span>Not verified yet</span>
          <button type="button" class="link" onClick={about}>
            Make sure that it is {called}
          </button>
        </p>
      )}
      <MessageLog
        entries={entries}
        notice={notice}
        link={link}
        called={called}
        conversations={conversations}
      />
      {isRevoked ? (
        <p class="composer muted">Nothing can be sent from this device any more.</p>
      ) : (
        <Composer
          called={called}
          send={(text) => conversations.send(link, text)}
          sendFiles={sendFiles}
        />
      )}
    </section>
  )
}
