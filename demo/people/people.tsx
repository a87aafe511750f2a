/** Everybody this identity has a link with, and the way to make another. */

import type { Link, PeerId } from 'handfast'
import { Icon } from '../ui/icon.tsx'
import { Presence } from './presence.tsx'
import { VerifiedMark } from './verified-mark.tsx'
import { Weave } from '../ui/weave.tsx'

interface PeopleProps {
  links: readonly Link[]
  /** How many messages of theirs have not been seen. */
  unreadOf(peer: PeerId): number
  callPeer(peer: PeerId): string
  selected: PeerId | null
  isMeeting: boolean
  select(peer: PeerId): void
  meet(): void
}

export function People(props: PeopleProps) {
  const { links, unreadOf, callPeer, selected, isMeeting, select, meet } = props
  return (
    <nav class="people" aria-labelledby="people-title">
      <h2 id="people-title" class="eyebrow" tabIndex={-1}>
        People
      </h2>
      {links.length === 0 && (
        <p class="people-empty muted">Nobody yet. Your first link starts with an invitation.</p>
      )}
      {links.length > 0 && (
        <ul>
          {links.map((link) => {
            const unread = unreadOf(link.peer)
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
                    <span class="person-name">
                      <span>{callPeer(link.peer)}</span>
                      {link.verified && <VerifiedMark />}
                    </span>
                    <span class="person-standing">
                      <Presence state={link.state} />
                      {link.state !== 'open' && link.queued > 0 && (
                        <span class="muted">{link.queued} waiting</span>
                      )}
                    </span>
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
      )}
      <button
        type="button"
        class="person person-new"
        aria-current={isMeeting ? 'page' : undefined}
        onClick={meet}
      >
        <span class="person-plus">
          <Icon name="plus" />
        </span>
        <span class="person-name">Meet someone</span>
      </button>
    </nav>
  )
}
