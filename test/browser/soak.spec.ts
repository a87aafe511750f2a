/**
 * Fifty links in one tab, under traffic and with peers that come and go: nothing lost or doubled, all links open, and neither memory
 * nor storage grows. Measured in rounds, whenever all that was sent has been handled.
 */

import type { CDPSession, Page } from '@playwright/test'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { maxAnswered, pruneLogMs } from '../../lib/base/limits.ts'
import { tier } from '../support/campaign.ts'
import type { Storage, Tally } from './pages/soak.ts'
import { expect, test } from './support/browsers.ts'
import { residentBytes } from './support/resident.ts'

const soakPage = '/test/browser/pages/soak.html'
const links = 50
const rounds = 12
/** The first find things to set up, compile and cache. */
const warmUpRounds = 4
const durationMs = tier(30_000, 600_000)
const reopenEveryMs = 1_000

/** What a heap may grow by in any case (compiled code, mostly), and what may be left of a message: less than a number. */
const heapNoiseBytes = 600_000
const leftPerMessageBytes = 1
/** Where no heap can be read: what the memory of all processes may grow by, of which the heaps of the pages are a part. */
const residentShare = 0.15
/** LevelDB and SQLite compact their files when they see fit; what is sent is a multiple of this. */
const storageNoiseBytes = 32_000_000

interface Round {
  readonly hub: Tally
  readonly peers: Tally
  /** Bytes after garbage collection; Chromium only: others tell nobody. */
  readonly heaps: readonly number[]
  /** Of the browser, all its processes, after garbage collection; Linux only. */
  readonly residentBytes: number | undefined
  readonly storage: Storage
}

/** What is in use, in JavaScript and behind it. */
async function heapBytes(session: CDPSession): Promise<number> {
  const usage: Record<string, number> = { ...(await session.send('Runtime.getHeapUsage')) }
  const { usedSize = 0, embedderHeapUsedSize = 0, backingStorageSize = 0 } = usage
  return usedSize + embedderHeapUsedSize + backingStorageSize
}

const tallyOf = (page: Page) => page.evaluate(() => soak.tally())

/** One peer after the other is closed and opened again, until `until`. */
async function comeAndGo(peers: Page, until: number, from: number): Promise<number> {
  let which = from
  while (Date.now() < until) {
    await peers.evaluate((it) => soak.reopen(it), which++ % links)
    await new Promise((resolve) => setTimeout(resolve, reopenEveryMs))
  }
  return which
}

test('fifty links under traffic: memory and storage stay flat @once', async ({
  openPeer,
  browserName,
}, testInfo) => {
  test.setTimeout(120_000 + 3 * durationMs)
  const options = { path: soakPage }
  const [{ page: hub }, { page: peers }] = await Promise.all([
    openPeer(undefined, options),
    openPeer(undefined, options),
  ])
  const pages = [hub, peers]
  const ticket = await hub.evaluate((it) => soak.invite(it), links)
  for (let made = 0; made < links; made++) await peers.evaluate((it) => soak.join(it), ticket)
  const sessions =
    browserName === 'chromium'
      ? await Promise.all(pages.map((page) => page.context().newCDPSession(page)))
      : []

  const measured: Round[] = []
  for (let round = 0, reopened = 0; round < rounds; round++) {
    const lastsMs = durationMs / rounds
    const until = Date.now() + lastsMs
    const chatting = pages.map((page) => page.evaluate((it) => soak.chat(it), lastsMs))
    reopened = await comeAndGo(peers, until, reopened)
    await Promise.all(chatting)
    for (const page of pages) {
      await expect.poll(async () => (await tallyOf(page)).open, { timeout: 20_000 }).toBe(links)
    }
    const [ofHub, ofPeers] = await Promise.all([tallyOf(hub), tallyOf(peers)])
    expect([...ofHub.wrong, ...ofPeers.wrong]).toEqual([])
    // Acknowledged messages are deleted a little later.
    await new Promise((resolve) => setTimeout(resolve, 2 * pruneLogMs))
    // What one collection frees, the next finds to hold more.
    for (let i = 0; i < 3; i++) for (const page of pages) await page.requestGC()
    const heaps: number[] = []
    for (const session of sessions) heaps.push(await heapBytes(session))
    const storage = await hub.evaluate(() => soak.storage())
    const resident = await residentBytes()
    measured.push({ hub: ofHub, peers: ofPeers, heaps, residentBytes: resident, storage })
  }
  const report = { browserName, links, durationMs, measured }
  const file = testInfo.outputPath('soak.json')
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, JSON.stringify(report, null, 1))

  const counted = measured.slice(warmUpRounds)
  const [first, last] = [counted[0]!, counted.at(-1)!]
  const handled = ({ hub: a, peers: b }: Round) => a.handled + b.handled
  const messages = handled(last) - handled(first)
  expect(messages).toBeGreaterThan(0)
  for (const which of sessions.keys()) {
    const grown = growth(counted.map(({ heaps }) => heaps[which]!))
    expect(grown, `heap of page ${which}, bytes`).toBeLessThan(
      heapNoiseBytes + leftPerMessageBytes * messages,
    )
  }
  const resident = counted.flatMap(({ residentBytes: bytes }) => bytes ?? [])
  if (sessions.length === 0 && resident.length > 0) {
    expect(growth(resident), 'memory of the browser').toBeLessThan(residentShare * resident[0]!)
  }
  expect(growth(counted.map(({ storage }) => storage.bytes)), 'storage').toBeLessThan(
    storageNoiseBytes,
  )
  // A head and a position each, and what one segment a link may hold until the next write.
  for (const { storage } of counted) {
    expect(storage.records['outbox']).toBeLessThanOrEqual(2 * links)
    expect(storage.records['inbox']).toBeLessThanOrEqual(links)
    expect(storage.records['contacts']).toBe(links)
    // Grows with each dial that was answered, up to its bound.
    expect(storage.records['answered']).toBeLessThanOrEqual(maxAnswered)
  }
})

/** From the first value to the last, along the straight line that fits best. */
function growth(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let rise = 0
  let run = 0
  for (const [at, value] of values.entries()) {
    rise += (at - middle) * (value - mean)
    run += (at - middle) ** 2
  }
  return (rise / run) * (values.length - 1)
}
