/** Everybody this identity has a link with, and the way to make another. */

import type { Link, PeerId } from 'handfast'
import type { Conversations } from './hooks/use-conversations.ts'
import { Icon } from './icon.tsx'
import { shortPeer } from './names.ts'
import { Presence } from './presence.tsx'
import { Weave } from './weave.tsx'

interface PeopleProps {
  links: readonly Link[]
  conversations: Conversations
  selected: PeerId | null
  select(peer: PeerId | null): void
}

export function People({ links, conversations, selected, select }: PeopleProps) {
  return (
    <nav class="people" aria-labelledby="people-title">
      <h2 id="people-title" class="eyebrow">
        People
      </h2>
      {links.length === 0 && (
        <p class="people-empty muted">Nobody yet. Your first link starts with an invitation.</p>
      )}
      <ul>
        {links.map((link) => {
          const name = conversations.nameOf(link.peer)
          const { unread } = conversations.of(link.peer)
          return (
            <li key={link.peer}>
              <button
                type="button"
                class="person"
                aria-current={link.peer === selected ? 'page' : undefined}
                onClick={() => select(link.peer)}
              >
                <Weave peer={link.peer} />
                <span class="person-text">
                  <span class="person-name">{name ?? shortPeer(link.peer)}</span>
                  <Presence state={link.state} />
                </span>
                {unread > 0 && (
                  <span class="badge">
                    {unread}
                    <span class="visually-hidden"> new</span>
                  </span>
                )}
              </button>
            </li>
          )
        })}
      </ul>
      <button
        type="button"
        class="person person-new"
        aria-current={selected === null ? 'page' : undefined}
        onClick={() => select(null)}
      >
        <span class="person-plus">
          <Icon name="plus" />
        </span>
        <span class="person-name">Meet someone</span>
      </button>
    </nav>
  )
}
