/** The budgets, held against what was measured. Each is a ratio of samples of the same round: its median, and the interval beside. */

import { largeBytes, messageSizes, metric, rawLarge, smallBytes, storedSizes } from './measure.ts'
import type { BrowserName } from '../browser/support/installed.ts'
import type { Samples } from './samples.ts'
import type { Sizes } from './size.ts'
import { type Estimate, estimate, ratios } from './stats.ts'
import { competitors } from './subjects.ts'

export interface Verdict {
  readonly what: string
  /** The bound and its direction. */
  readonly goal: number
  readonly sense: 'at least' | 'at most'
  readonly measured: Estimate
  readonly unit: '×' | 'ms' | 'KB'
  readonly pass: boolean
}

/** None where one of its parts was not measured. */
type Values = readonly number[] | undefined

const own = 'handfast'
const ownStream = 'handfast-stream'
const stored = [
  { subject: 'handfast-stored', goal: 0.9, how: '' },
  { subject: 'handfast-stored-slow', goal: 0.6, how: ', 15 ms a commit' },
]

export function judge(
  browser: BrowserName,
  samples: Samples,
  sizes: Sizes | undefined,
  relayDelayMs: number,
): Verdict[] {
  const verdicts: Verdict[] = []
  const inFirefox = browser === 'firefox'

  function line(
    what: string,
    sense: Verdict['sense'],
    goal: number,
    values: Values,
    unit: Verdict['unit'] = '×',
  ): void {
    if (!values) return
    const measured = estimate(values)
    const pass = sense === 'at least' ? measured.median >= goal : measured.median <= goal
    verdicts.push({ what, goal, sense, measured, unit, pass })
  }
  const ratio = (it: string, a: string, b: string, of = it): Values => {
    const [x, y] = [samples.get(it, a), samples.get(of, b)]
    return x && y && ratios(x, y)
  }

  const bulk = inFirefox ? 0.9 : 0.95
  for (const messageBytes of messageSizes.filter((size) => size > smallBytes)) {
    const it = metric.bytesPerSecond(messageBytes)
    line(
      `stream, ${sized(messageBytes)} writes ÷ raw 64 KiB`,
      'at least',
      bulk,
      ratio(it, ownStream, rawLarge),
    )
  }
  const largest = messageSizes.at(-1)!
  for (const messageBytes of [largeBytes, largest]) {
    const it = metric.bytesPerSecond(messageBytes)
    line(
      `messages of ${sized(messageBytes)} ÷ raw 64 KiB`,
      'at least',
      bulk,
      ratio(it, own, rawLarge),
    )
  }

  const perSecond = metric.messagesPerSecond(256)
  line(
    'messages of 256 B ÷ raw sends',
    'at least',
    inFirefox ? 1.3 : 1.7,
    ratio(perSecond, own, 'raw'),
  )
  line('messages of 1 KiB ÷ min(1.5 × raw, raw 64 KiB)', 'at least', 0.95, againstSmaller(samples))

  for (const { subject, goal, how } of stored) {
    for (const messageBytes of storedSizes) {
      line(
        `stored messages of ${sized(messageBytes)} ÷ raw sends${how}`,
        'at least',
        goal,
        ratio(metric.storedPerSecond(messageBytes), subject, 'raw'),
      )
    }
  }

  const trips = [samples.get(metric.roundTrip, own), samples.get(metric.roundTrip, 'raw')]
  const [trip, rawTrip] = trips
  if (!inFirefox && trip && rawTrip) {
    const over = trip.map((ms, round) => ms - (rawTrip[round] ?? NaN))
    line('round trip of 64 B − raw', 'at most', 0.2, over, 'ms')
  }

  line('set-up ÷ raw', 'at most', 1.5, ratio(metric.setUp(0), own, 'raw'))
  if (relayDelayMs > 0) {
    const it = metric.setUp(relayDelayMs)
    line(`set-up ÷ raw, ${relayDelayMs} ms relay delay`, 'at most', 1.3, ratio(it, own, 'raw'))
  }

  const rivals: [what: string, it: string, goal: number, moreIsBetter: boolean][] = [
    ...messageSizes.map((messageBytes): [string, string, number, boolean] => [
      `messages of ${sized(messageBytes)}`,
      metric.bytesPerSecond(messageBytes),
      messageBytes <= smallBytes ? 1 : 0.95,
      true,
    ]),
    ['round trip of 64 B', metric.roundTrip, 0.95, false],
    ['set-up', metric.setUp(0), 1, false],
    [`set-up, ${relayDelayMs} ms relay delay`, metric.setUp(relayDelayMs), 1, false],
  ]
  for (const [what, it, goal, moreIsBetter] of rivals) {
    const best = bestRival(samples, it, moreIsBetter)
    if (!best) continue
    const values = moreIsBetter ? ratio(it, own, best) : ratio(it, best, own)
    line(`${what}: speed ÷ best of others (${best})`, 'at least', goal, values)
  }

  const bytes = sizes?.handfast
  if (bytes) {
    line('size of our own code', 'at most', 25, [bytes.own / 1000], 'KB')
    line('size without libsodium', 'at most', 66, [bytes.withoutLibsodium / 1000], 'KB')
  }
  return verdicts
}

/** Messages of 1 KiB: bytes a second over the smaller of one and a half times raw, and raw in 64 KiB sends. */
function againstSmaller(samples: Samples): Values {
  const it = metric.bytesPerSecond(smallBytes)
  const [ours, raw, large] = [own, 'raw', rawLarge].map((subject) => samples.get(it, subject))
  if (!ours || !raw || !large) return undefined
  return ratios(
    ours,
    raw.map((small, round) => Math.min(1.5 * small, large[round] ?? NaN)),
  )
}

function bestRival(samples: Samples, it: string, moreIsBetter: boolean): string | undefined {
  const medians = competitors.flatMap((name) => {
    const values = samples.get(it, name)
    return values ? [{ name, median: estimate(values).median }] : []
  })
  medians.sort((a, b) => (moreIsBetter ? b.median - a.median : a.median - b.median))
  return medians[0]?.name
}

function sized(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1_048_576 ? `${bytes / 1024} KiB` : `${bytes / 1_048_576} MiB`
}
