/**
 * Where relays are offered: those that the page's address names, or, where none is set, those of one's people. None is used before
 * one has said so, since whoever runs it sees when one is online. Without any, why only tabs of this browser can be met.
 */

import type { Mesh } from 'handfast'
import { useState } from 'preact/hooks'
import { dropProposal, proposedRelays, relays } from '../page-address.ts'
import { Icon } from '../ui/icon.tsx'
import { keepFocus } from '../ui/keep-focus.ts'
import { ProblemNote } from '../ui/problem-note.tsx'
import type { Problem } from '../ui/problems.ts'
import { reopenWith } from './reopen.ts'
import { isRelay, maxRelays } from './settings.ts'

const list = new Intl.ListFormat('en', { type: 'conjunction' })

interface RelayNoteProps {
  mesh: Mesh
  openSettings(): void
}

export function RelayNote({ mesh, openSettings }: RelayNoteProps) {
  const [isAnswered, setAnswered] = useState(proposedRelays.length === 0)
  const [problem, setProblem] = useState<Problem>()
  const hasNone = relays.length === 0
  if (isAnswered && !hasNone) return null

  const proposed = isAnswered ? [] : proposedRelays
  const good = proposed.filter(isRelay)
  // Of people, or of one's own once: somebody may look for one there.
  const used =
    mesh.links.size === 0
      ? []
      : mesh.signaling.flatMap(({ path }) => (path === 'tabs' ? [] : [path]))
  const offered = proposed.length > 0 ? good : used
  const drop = () => {
    dropProposal()
    setAnswered(true)
    // The button is gone with the question.
    requestAnimationFrame(() => keepFocus())
  }
  const use = () => {
    dropProposal()
    setProblem(reopenWith({ relays: [...offered, ...relays].slice(0, maxRelays) }))
  }
  const what = list.format(proposed.length > good.length ? proposed : offered)
  const nameOne = (
    <button type="button" class="link" onClick={openSettings}>
      name a relay
    </button>
  )

  return (
    <section class="note no-relay" aria-label="Relay">
      <Icon name={hasNone ? 'away' : 'relay'} />
      <div class="stack">
        {proposed.length > good.length ? (
          <p>
            The address of this page names <code>{what}</code> as a relay, but a relay’s address
            starts with wss://.
          </p>
        ) : proposed.length > 0 ? (
          <p>
            The address of this page names a relay: <code>{what}</code>. It is not used unless you
            say so: whoever runs it sees when you are online, though not what you say.
          </p>
        ) : offered.length > 0 ? (
          <p>
            No relay of your own is set, so only tabs of this browser can use your invitations.
            People you know are found by <code>{what}</code>: make it yours, too, or {nameOne}.
          </p>
        ) : (
          <p>
            No relay is set, so you meet somebody new in other tabs of this browser only. Try it
            with a second person, or {nameOne} to meet people elsewhere.
          </p>
        )}
        {(proposed.length > 0 || offered.length > 0) && (
          <div class="actions">
            {offered.length > 0 && (
              <button type="button" class="button" onClick={use}>
                Use {offered.length === 1 ? 'this relay' : 'these relays'}
              </button>
            )}
            {proposed.length > 0 && (
              <button type="button" class="button plain" onClick={drop}>
                {offered.length > 0 ? 'Don’t use it' : 'Close'}
              </button>
            )}
          </div>
        )}
        {problem && <ProblemNote problem={problem} />}
      </div>
    </section>
  )
}
