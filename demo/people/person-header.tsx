/** Above whatever is shown of somebody: who they are, how the link stands, and the three views of them. */

import type { Link } from 'handfast'
import type { ComponentChildren, RefObject } from 'preact'
import { CopyButton } from '../ui/copy-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { Weave } from '../ui/weave.tsx'
import { LinkActions } from './link-actions.tsx'
import { shortPeer } from './names.ts'
import { Presence } from './presence.tsx'
import { VerifiedMark } from './verified-mark.tsx'

export type PersonView = 'conversation' | 'tally' | 'person'

/** `beside` the word: what those who hear the page need to know whose view it is. */
const views: { at: PersonView; word: string; beside(called: string): string }[] = [
  { at: 'conversation', word: 'Messages', beside: (called) => `with ${called}` },
  { at: 'tally', word: 'Tally', beside: (called) => `with ${called}` },
  { at: 'person', word: 'About', beside: (called) => called },
]

const cords: Partial<Record<Link['state'], string>> = {
  open: 'cord',
  idle: 'cord cord-loose',
  closed: 'cord cord-loose',
}

interface PersonHeaderProps {
  link: Link
  called: string
  view: PersonView
  /** How much of the tally waits for an answer. */
  waiting: number
  /** This device is shut out. */
  isRevoked: boolean
  /** By which way they are reached. */
  path: ComponentChildren
  show(view: PersonView): void
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function PersonHeader({
  link,
  called,
  view,
  waiting,
  isRevoked,
  path,
  show,
  leave,
  title,
}: PersonHeaderProps) {
  return (
    <header class="card person-header">
      <div class="person-header-top">
        <button type="button" class="button bare back" aria-label="Back to people" onClick={leave}>
          <Icon name="back" />
        </button>
        <Weave peer={link.peer} size={48} />
        <div class="person-header-who">
          <div class="person-header-name">
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
        {!isRevoked && (
          <div class="person-header-actions">
            <LinkActions link={link} called={called} otherwise={path} />
          </div>
        )}
      </div>
      <nav class="views" aria-label={`Views of ${called}`}>
        {views.map(({ at, word, beside }) => {
          const count = at === 'tally' ? waiting : 0
          return (
            <button
              key={at}
              type="button"
              class="view"
              aria-current={at === view ? 'page' : undefined}
              onClick={() => show(at)}
            >
              {word}
              <span class="visually-hidden"> {beside(called)}</span>
              {count > 0 && (
                <span class="badge">
                  {count}
                  <span class="visually-hidden"> waiting for you</span>
                </span>
              )}
            </button>
          )
        })}
      </nav>
      <div class={cords[link.state] ?? 'cord cord-moving'} />
    </header>
  )
}
