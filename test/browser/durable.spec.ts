/**
 * Nothing accepted is lost or doubled, whatever happens to tabs and relays. What a handler is given a second time says so, and has
 * the id that it had before.
 */

import { readdir, readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { startRelay, type RunningRelay } from '../../lib/relay/index.ts'
import { tier } from '../support/campaign.ts'
import { seededRandom } from '../support/seeded.ts'
import type { Entry } from './pages/durable.ts'
import { expect, test, type Peer } from './support/browsers.ts'

const pageAt = (relay: string) =>
  `/test/browser/pages/durable.html?relay=${encodeURIComponent(relay)}`

const stateOf = (page: Page) => page.evaluate(async () => (await durable).state)

const expectOpen = (...pages: Page[]) =>
  Promise.all(
    pages.map((page) => expect.poll(() => stateOf(page), { timeout: 20_000 }).toBe('open')),
  )

/** Each number once, in order, but for those that say that they come again. */
function expectWhole(ledger: readonly Entry[], from: number, count: number): void {
  const ids = new Map<string, number>()
  const first: number[] = []
  for (const [n, id, redelivered] of ledger) {
    if (ids.has(id)) {
      expect(ids.get(id), 'the same id is the same message').toBe(n)
      expect(redelivered, `message ${n} came again unannounced`).toBe(true)
      continue
    }
    ids.set(id, n)
    first.push(n)
  }
  expect(first).toEqual(Array.from({ length: count }, (_, index) => from + index))
}

const ledgerOf = (page: Page) => page.evaluate(async () => (await durable).ledger)

/** The ledger once nothing waits any more. */
async function settledLedger(sender: Page, receiver: Page): Promise<Entry[]> {
  const queued = () => sender.evaluate(async () => (await durable).queued)
  await expect.poll(queued, { timeout: 60_000 }).toBe(0)
  return ledgerOf(receiver)
}

async function meet(alice: Page, bob: Page): Promise<void> {
  const ticket = await alice.evaluate(async () => (await durable).invite())
  await bob.evaluate(async (text) => (await durable).accept(text), ticket)
  await expectOpen(alice, bob)
}

test('messages outlive reloads, closed tabs and relays that restart', async ({
  openPeer,
  expectError,
}) => {
  // What browsers say of a relay that is away.
  expectError(/WebSocket|can.t establish a connection|was interrupted/)
  const disconnects = tier(12, 100)
  const perRound = tier(100, 100)
  test.setTimeout(60_000 + disconnects * 20_000)
  let relay: RunningRelay = await startRelay({ host: '127.0.0.1', port: 0 })
  const { port } = relay
  const path = pageAt(relay.url)
  const peers: [Peer, Peer] = await Promise.all([
    openPeer(undefined, { path }),
    openPeer(undefined, { path }),
  ])
  const pages: [Page, Page] = [peers[0].page, peers[1].page]
  await meet(...pages)

  const random = seededRandom(7)
  const restartTab = async (which: 0 | 1) => {
    await pages[which].close()
    pages[which] = await peers[which].newPage()
  }
  const faults = [
    () => pages[0].reload(),
    () => pages[1].reload(),
    () => restartTab(0),
    () => restartTab(1),
    async () => {
      await relay.close()
      await pages[random() < 0.5 ? 0 : 1].reload()
      relay = await startRelay({ host: '127.0.0.1', port })
    },
  ]
  for (let round = 0; round < disconnects; round++) {
    await pages[0].evaluate(
      async ([from, count]) => (await durable).accepted(from!, count!),
      [round * perRound, perRound],
    )
    await faults[round % faults.length]!()
  }
  await expectOpen(...pages)
  expectWhole(await settledLedger(...pages), 0, disconnects * perRound)
  await relay.close()
})

/** Ends a browser the hard way: its main process is the one that was started on the profile. */
async function killBrowser(profile: string): Promise<void> {
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!pid) continue
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (commandLine.includes(profile)) process.kill(pid, 'SIGKILL')
  }
}

test('a browser killed while it sends keeps what it accepted', async ({
  openPeer,
  profileFolder,
  expectError,
}) => {
  test.skip(process.platform !== 'linux', 'finds the process in /proc')
  test.setTimeout(120_000)
  expectError(/WebSocket|can.t establish a connection|was interrupted/)
  const relay = await startRelay({ host: '127.0.0.1', port: 0 })
  const path = pageAt(relay.url)
  const profile = await profileFolder()
  const receiver = await openPeer(undefined, { path })
  let sender = await openPeer(undefined, { path, profile })
  await meet(sender.page, receiver.page)
  // The receiver is away, so that what is accepted can only come from the disk.
  await receiver.page.close()
  await sender.page.evaluate(async () => (await durable).accepted(0, 1000))
  await sender.page.evaluate(async () => (await durable).sendForEver(1000))
  await expect
    .poll(() => sender.page.evaluate(async () => (await durable).queued), { timeout: 20_000 })
    .toBeGreaterThan(1_050)
  await killBrowser(profile)
  await sender.close().catch(() => {})

  sender = await openPeer(undefined, { path, profile })
  const countQueued = () => sender.page.evaluate(async () => (await durable).queued)
  await expect.poll(countQueued).toBeGreaterThanOrEqual(1_000)
  const queued = await countQueued()
  const page = await receiver.newPage()
  await expectOpen(sender.page, page)
  const ledger = await settledLedger(sender.page, page)
  expectWhole(ledger, 0, queued)
  await relay.close()
})
