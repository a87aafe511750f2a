/** What happened to your keys, your people and their rights. */

import type { Mesh, PeerId, SecurityEvent } from 'handfast'
import type { RefObject } from 'preact'
import { useSecurityLog } from './use-security-log.ts'
import { Icon } from '../ui/icon.tsx'
import { PaneHeader } from '../ui/pane-header.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { inWords } from './security-words.ts'

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

interface LogPaneProps {
  mesh: Mesh
  callPeer(peer: PeerId): string
  leave(): void
  /** Opens the diagnostics. */
  diagnose(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function LogPane({ mesh, callPeer, leave, diagnose, title }: LogPaneProps) {
  const { events, problem, hasMore, readMore } = useSecurityLog(mesh)
  const days = byDay(events ?? [])

  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Security log
          </h2>
          <p class="muted">What happened to your keys, your people and their rights.</p>
        </div>
      </PaneHeader>
      <section class="card" aria-labelledby="pane-title" aria-busy={events === undefined}>
        {events === undefined && !problem && <p class="muted">Reading…</p>}
        {events?.length === 0 && (
          <p class="muted">
            Nothing yet. Whom you meet, verify and remove, what others are refused, and what is done
            with your keys will be here.
          </p>
        )}
        {days.map(([name, ofDay]) => (
          <div key={name} class="log-day">
            <h3 class="eyebrow">{name}</h3>
            <ol>
              {ofDay.map((event) => {
                const { icon, text, isAlarm } = inWords(
                  event,
                  event.peer === undefined ? 'somebody' : callPeer(event.peer),
                )
                return (
                  <li key={event.id} class={isAlarm ? 'event alarming' : 'event'}>
                    <Icon name={icon} />
                    <span>{text}</span>
                    <time dateTime={new Date(event.atMs).toISOString()}>
                      {clock.format(event.atMs)}
                    </time>
                  </li>
                )
              })}
            </ol>
          </div>
        ))}
        {problem && <ProblemNote problem={problem} />}
        {(hasMore || problem) && (
          <div class="actions">
            <button type="button" class="button" onClick={readMore}>
              {problem ? 'Try again' : 'Show earlier'}
            </button>
          </div>
        )}
      </section>
      <p class="muted">
        Calls, connections and messages, as they happen:{' '}
        <button type="button" class="link" onClick={diagnose}>
          diagnostics
        </button>
      </p>
    </>
  )
}

function byDay(events: readonly SecurityEvent[]): [day: string, events: SecurityEvent[]][] {
  const days = new Map<string, SecurityEvent[]>()
  for (const event of events) {
    const name = day.format(event.atMs)
    days.set(name, [...(days.get(name) ?? []), event])
  }
  return [...days]
}
