/** What the mesh did, the latest first: filtered, held still, and to be copied. */

import type { Mesh, PeerId } from 'handfast'
import { useEffect, useReducer, useState } from 'preact/hooks'
import { CopyButton } from '../ui/copy-button.tsx'
import { reportText } from './report.ts'
import { whatIsCut } from './switches.ts'
import type { TraceBook, TraceLine } from './trace-book.ts'
import { areaOfEvent, areas, traceWords, type Area } from './trace-words.ts'
import { useStats } from './use-stats.tsx'

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 1,
  hourCycle: 'h23',
})

const statsIntervalMs = 5000

interface TraceListProps {
  mesh: Mesh
  book: TraceBook
  callPeer(peer: PeerId): string
}

export function TraceList({ mesh, book, callPeer }: TraceListProps) {
  const feed = useStats(statsIntervalMs)
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  useEffect(() => book.onChange(() => redraw()), [book])
  const [held, setHeld] = useState<readonly TraceLine[]>()
  const [area, setArea] = useState<Area | 'all'>('all')
  const [peer, setPeer] = useState<string>('all')

  const all = held ?? book.lines
  const shown = all.filter(
    ({ event }) =>
      (area === 'all' || areaOfEvent(event) === area) &&
      (peer === 'all' || ('peer' in event && event.peer === peer)),
  )
  const copy = () =>
    reportText({
      signaling: mesh.signaling,
      stats: feed.latest,
      cut: whatIsCut(),
      events: shown.map(({ event }) => event),
      browser: navigator.userAgent,
      atMs: Date.now(),
    })

  return (
    <section class="drawer-part" aria-labelledby="trace-title">
      <h3 id="trace-title">What happens</h3>
      <div class="trace-controls">
        <label>
          <span class="visually-hidden">About what</span>
          <select value={area} onChange={(event) => setArea(event.currentTarget.value as Area)}>
            <option value="all">Everything</option>
            {areas.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label>
          <span class="visually-hidden">About whom</span>
          <select value={peer} onChange={(event) => setPeer(event.currentTarget.value)}>
            <option value="all">Everybody</option>
            {[...mesh.links.keys()].map((each) => (
              <option key={each} value={each}>
                {callPeer(each)}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held ? undefined : book.lines)}
        >
          Pause
        </button>
        <button type="button" class="button" onClick={() => book.clear()}>
          Clear
        </button>
        <CopyButton text={copy} what="the diagnostics as text" />
      </div>
      <ol class="trace" tabIndex={0} aria-label="Events, the latest first">
        {shown.length === 0 && <li class="muted">Nothing yet.</li>}
        {shown.toReversed().map(({ id, event }) => (
          <li key={id}>
            <time dateTime={new Date(event.atMs).toISOString()}>{clock.format(event.atMs)}</time>
            <span>{traceWords(event, callPeer)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
