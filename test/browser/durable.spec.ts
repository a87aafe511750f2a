/**
 * Nothing accepted is lost or doubled, whatever happens to tabs, browsers and relays. What a handler is given a second time says so, and
 * has the id that it had before.
 */

import { readdir, readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { record, tier } from '../support/campaign.ts'
import { seededRandom } from '../support/seeded.ts'
import type { Entry } from './pages/durable.ts'
import type { Peer } from './support/browsers.ts'
import {
  durablePage,
  expect,
  expectDelivered,
  expectOpen,
  expectSettled,
  expectWhole,
  meet,
  send,
  sendOn,
  test,
} from './support/durable.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('messages outlive reloads, tabs that are closed or crash, and relays that are killed @once', async ({
  openPeer,
  startRelayProcess,
  browserName,
}) => {
  const disconnects = tier(12, 100)
  const perRound = 50
  test.setTimeout(180_000 + disconnects * 20_000)
  const relay = await startRelayProcess()
  const path = durablePage(relay.url)
  const peers: Peer[] = [await openPeer(undefined, { path }), await openPeer(undefined, { path })]
  const pages = peers.map(({ page }) => page) as [Page, Page]
  await meet(...pages)

  const random = seededRandom(7)
  const reopen = async (which: 0 | 1) => {
    pages[which] = await peers[which]!.newPage()
  }
  const closeTab = async (which: 0 | 1) => {
    await pages[which].close()
    await reopen(which)
  }
  /** No event runs in it, and nobody says goodbye. */
  const crashTab = async (which: 0 | 1) => {
    const devtools = await peers[which]!.context.newCDPSession(pages[which])
    devtools.send('Page.crash').catch(() => {})
    await pages[which].waitForEvent('crash')
    await pages[which].close()
    await reopen(which)
  }
  const reconnectedMs: number[] = []
  const killRelay = async (meanwhile: () => Promise<unknown>) => {
    await relay.kill()
    await Promise.all([meanwhile(), pause(random() * tier(500, 3_000))])
    await relay.restart()
    const returnedMs = performance.now()
    await expectOpen(pages)
    reconnectedMs.push(Math.round(performance.now() - returnedMs))
  }
  const faults = [
    () => pages[0].reload(),
    () => closeTab(1),
    () => killRelay(async () => {}),
    () => pages[1].reload(),
    () => killRelay(() => pages[0].reload()),
    () => (browserName === 'chromium' ? crashTab(0) : closeTab(0)),
    () => killRelay(() => closeTab(1)),
  ]
  for (let round = 0; round < disconnects; round++) {
    const from = round * 1_000
    await Promise.all(pages.map((page) => send(page, from, perRound)))
    for (const page of pages) await sendOn(page, from + perRound, 100)
    await pause(random() * 30)
    await faults[round % faults.length]!()
    if (random() < 0.3) await expectOpen(pages)
  }
  await expectOpen(pages)
  await Promise.all(pages.map((page) => send(page, disconnects * 1_000, 10)))
  await expectSettled(...pages)
  const accepted = (await expectDelivered(...pages)) + (await expectDelivered(pages[1], pages[0]))
  expect(accepted).toBeGreaterThanOrEqual(disconnects * 2 * perRound)
  for (const page of pages) {
    const writes = await page.evaluate(async () => (await durable).writes)
    expect(Object.keys(writes)).toEqual(expect.arrayContaining(['outbox', 'inbox']))
  }
  record(`tabs and relays disturbed in ${browserName}`, {
    disconnects,
    'messages accepted, all handled once and in order': accepted,
    'longest ms from the relay’s return to open links': Math.max(...reconnectedMs),
  })
})

/** Ends a browser the hard way: its main process is the one that was started on the profile. */
async function killBrowser(profile: string): Promise<void> {
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!pid) continue
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (!commandLine.includes(profile)) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already, with those before it.
    }
  }
}

test('browsers killed while they send and receive lose nothing that was accepted @once', async ({
  openPeer,
  profileFolder,
  startRelayProcess,
  browserName,
}) => {
  test.skip(process.platform !== 'linux', 'finds the process in /proc')
  test.setTimeout(tier(180_000, 900_000))
  const relay = await startRelayProcess()
  // Something is always on its way to the disk.
  const path = durablePage(relay.url, { slow: 100 })
  const accepted: number[] = []
  const ledger: Entry[] = []
  const open = async (profile: string) => {
    const peer = await openPeer(undefined, { path: 'about:blank', profile })
    await peer.context.exposeFunction('noteAccepted', (n: number) => void accepted.push(n))
    await peer.context.exposeFunction('enterLedger', (entry: Entry) => void ledger.push(entry))
    const page = await peer.newPage(path)
    return { ...peer, page }
  }
  const profiles = [await profileFolder(), await profileFolder()] as const
  let sender = await open(profiles[0])
  let receiver = await open(profiles[1])
  await meet(sender.page, receiver.page)

  const killSender = async () => {
    await killBrowser(profiles[0])
    await sender.close().catch(() => {})
    sender = await open(profiles[0])
  }
  const killReceiver = async () => {
    await killBrowser(profiles[1])
    await receiver.close().catch(() => {})
    receiver = await open(profiles[1])
  }
  const killBoth = () => Promise.all([killSender(), killReceiver()])
  const kills = [killBoth, killSender, killReceiver]
  const rounds = tier(1, 9)
  let again = 0
  for (let round = 0; round < rounds; round++) {
    const from = round * 100_000
    await sendOn(sender.page, from, 100_000)
    await expect.poll(() => accepted.at(-1), { timeout: 20_000 }).toBeGreaterThan(from + 100)
    const kill = kills[round % kills.length]!
    await kill()
    // What still goes on sending would go on for long.
    if (kill === killReceiver) await sender.page.reload()
    await expectOpen([sender.page, receiver.page])
    await expectSettled(sender.page)
    again = expectWhole(ledger, accepted)
  }
  record(`browsers killed in ${browserName}`, {
    rounds,
    'messages accepted, all handled in order': accepted.length,
    'given to a handler again, marked': again,
  })
})
