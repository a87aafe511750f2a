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
}

export function ConversationPane({ link, called, conversations, about }: ConversationPaneProps) {
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
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        sendFiles(event.dataTransfer?.files)
      }}
    >
      {!link.verified && (
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
      <Composer
        called={called}
        send={(text) => conversations.send(link, text)}
        sendFiles={sendFiles}
      />
    </section>
  )
}
