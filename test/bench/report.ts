/** The tables that people read. */

import type { Verdict } from './budgets.ts'
import type { Samples } from './samples.ts'
import type { Sizes } from './size.ts'
import { type Estimate, estimate, ratios } from './stats.ts'

function table(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
    )
    console.log(cells.join('  ').trimEnd())
  }
}

const heading = (text: string) =>
  console.log(`\n── ${text} ${'─'.repeat(Math.max(2, 96 - text.length))}\n`)

function shown(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3)
}

const interval = ({ low, high }: Estimate) => `[${shown(low)}, ${shown(high)}]`

/** Bytes read easier in millions. */
const scaled = (metric: string) =>
  metric.startsWith('bytes/s')
    ? { label: metric.replace('bytes/s', 'MB/s'), by: 1e-6 }
    : { label: metric, by: 1 }

export function printMetrics(browser: string, samples: Samples): void {
  heading(`${browser}: medians, and intervals of 95 % (all, below six rounds)`)
  const rows = [['', 'subject', 'median', 'interval', '÷ raw', 'interval', 'n']]
  for (const metric of samples.metrics()) {
    const { label, by } = scaled(metric)
    const raw = samples.get(metric, 'raw')
    let first = label
    for (const subject of samples.subjects(metric)) {
      const values = samples.get(metric, subject)
      if (!values) continue
      const it = estimate(values.map((value) => value * by))
      const ratio = raw && subject !== 'raw' ? estimate(ratios(values, raw)) : undefined
      rows.push([
        first,
        subject,
        shown(it.median),
        interval(it),
        ratio ? shown(ratio.median) : '',
        ratio ? interval(ratio) : '',
        String(it.count),
      ])
      first = ''
    }
  }
  table(rows)
}

export function printBudgets(browser: string, verdicts: readonly Verdict[], quick: boolean): void {
  if (verdicts.length === 0) return
  heading(`${browser}: budgets${quick ? '; a quick run says nothing about times' : ''}`)
  const rows = [['', 'goal', 'measured', 'interval', 'n', '']]
  for (const { what, sense, goal, measured, unit, pass } of verdicts) {
    rows.push([
      what,
      `${sense === 'at least' ? '≥' : '≤'} ${goal} ${unit}`,
      shown(measured.median),
      measured.count > 1 ? interval(measured) : '',
      String(measured.count),
      pass ? 'PASS' : 'SHORT',
    ])
  }
  table(rows)
}

export function printSizes({ total, handfast }: Sizes): void {
  heading('size, minified and gzipped, KB')
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1)
  const rows = Object.entries(total).map(([name, bytes]) => [name, kilobytes(bytes)])
  if (handfast) {
    rows.push(
      ['handfast: own code', kilobytes(handfast.own)],
      ['handfast: without libsodium', kilobytes(handfast.withoutLibsodium)],
      [
        `handfast: libsodium, ${handfast.libsodiumAlone ? 'a chunk of its own' : 'NOT a chunk of its own'}`,
        kilobytes(handfast.libsodium),
      ],
      ['handfast: loaded at once', kilobytes(handfast.initial)],
    )
  }
  table(rows)
}
