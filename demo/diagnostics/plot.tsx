/** A small plot of the last two minutes, with its figures in words beside it. */

import { keptMs } from './stats-feed.ts'

export interface Line {
  /** Class of the line. */
  kind: 'in' | 'out' | 'trip'
  word: string
  /** Oldest first. */
  points: readonly Point[]
}

/** Null where nothing was measured. */
export interface Point {
  atMs: number
  value: number | null
}

interface PlotProps {
  title: string
  lines: readonly Line[]
  say(value: number): string
  /** The top of the plot is at least this. */
  least: number
}

const width = 400
const height = 72

export function Plot({ title, lines, say, least }: PlotProps) {
  const values = lines.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []))
  const top = Math.max(least, ...values) * 1.1
  const words = lines.map(({ word, points }) => {
    const last = points.at(-1)?.value ?? null
    return `${word} ${last === null ? '–' : say(last)}`
  })
  const most = values.length > 0 ? `most ${say(Math.max(...values))}` : 'nothing measured yet'
  return (
    <figure class="plot">
      <figcaption>
        <span class="eyebrow">{title}</span>
        {lines.map((line, at) => (
          <span key={line.kind} class={`plot-key plot-key-${line.kind}`}>
            {words[at]}
          </span>
        ))}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}, the last two minutes: ${words.join(', ')}; ${most}`}
      >
        <path class="plot-grid" d={`M0 ${height - 0.5}H${width}M0 ${height / 2}H${width}`} />
        {lines.map(({ kind, points }) => (
          <path key={kind} class={`plot-line plot-${kind}`} d={pathOf(points, top)} />
        ))}
      </svg>
      <span class="plot-most muted" aria-hidden="true">
        {most}
      </span>
    </figure>
  )
}

/** The latest at the right edge; broken where nothing was measured. */
export function pathOf(points: readonly Point[], top: number): string {
  const endMs = points.at(-1)?.atMs ?? 0
  let isDown = false
  return points
    .map(({ atMs, value }) => {
      if (value === null) {
        isDown = false
        return ''
      }
      const verb = isDown ? 'L' : 'M'
      isDown = true
      const x = Math.max(0, width - ((endMs - atMs) / keptMs) * width).toFixed(1)
      return `${verb}${x} ${(height - (value / top) * (height - 2) - 1).toFixed(1)}`
    })
    .join('')
}
