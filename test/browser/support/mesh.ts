/** The whole story of two peers, told in whichever browsers a test gives it. */

import type { Page } from '@playwright/test'
import type {} from '../pages/mesh.ts'
import { expect } from './browsers.ts'

export const meshPage = '/test/browser/pages/mesh.html'

const streamBytes = 64 * 1024 * 1024
const messages = 1000

const expectOpen = (page: Page) =>
  expect
    .poll(() => page.evaluate(async () => (await peer).states), { timeout: 20_000 })
    .toEqual(['open'])

async function link(alice: Page, bob: Page): Promise<void> {
  const ticket = await alice.evaluate(async () => (await peer).invite())
  await bob.evaluate(async (text) => (await peer).accept(text), ticket)
  await Promise.all([expectOpen(alice), expectOpen(bob)])
}

async function exchange(alice: Page, bob: Page, from: number, count: number): Promise<void> {
  const send = (page: Page) =>
    page.evaluate(async ([first, many]) => (await peer).send(first!, many!), [from, count])
  await Promise.all([send(alice), send(bob)])
  for (const page of [alice, bob]) {
    expect(
      await page.evaluate(
        async ([first, many]) => (await peer).hasReceived(first!, many!),
        [from, count],
      ),
    ).toBe(true)
    await page.evaluate(async () => void ((await peer).received.length = 0))
  }
}

export async function wholeStory(alice: Page, bob: Page): Promise<void> {
  await link(alice, bob)
  await exchange(alice, bob, 0, messages)
  expect(await bob.evaluate(async () => (await peer).double('21'))).toBe('42')
  const [sent, received] = await alice.evaluate(
    async (bytes) => (await peer).stream(bytes),
    streamBytes,
  )
  expect(received).toBe(sent)

  await lookAtFigures(alice, bob)
  const log = await switchLogOn(bob)

  for (const page of [bob, alice]) {
    await page.reload()
    await Promise.all([expectOpen(alice), expectOpen(bob)])
    await exchange(alice, bob, messages, 10)
  }

  for (const kind of ['leading', 'signaling-open path=ws://', 'session-open peer=', 'link-state']) {
    expect(log.join('\n')).toContain(` ${kind}`)
  }
  expect(log.join('\n')).not.toContain('"n"')
}

/** Each side knows the same session, that its frames go straight to the other, and how long they take. */
async function lookAtFigures(...pages: Page[]): Promise<void> {
  const all = await Promise.all(
    pages.map((page) => page.evaluate(async () => (await peer).mesh.stats())),
  )
  const sessions = all.map(({ links }) => links[0]!.sessions[0]!)
  expect(new Set(sessions.map(({ id }) => id)).size).toBe(1)
  expect(sessions.map(({ role }) => role).sort()).toEqual(['initiator', 'responder'])
  for (const { roundTripMs, route, sent, received } of sessions) {
    expect(route).toMatchObject({ via: 'direct', protocol: 'udp' })
    expect(roundTripMs).toBeGreaterThan(0)
    expect(roundTripMs).toBeLessThan(1_000)
    expect(Math.max(sent.bytes, received.bytes)).toBeGreaterThan(streamBytes)
  }
}

const isLoaded = (page: Page) =>
  page.evaluate(() =>
    performance.getEntriesByType('resource').some(({ name }) => name.includes('debug-log')),
  )

/** From the next reload on each event is a line; until then not even the code for that is there. */
async function switchLogOn(page: Page): Promise<string[]> {
  expect(await isLoaded(page)).toBe(false)
  const lines: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'debug' && message.text().startsWith('handfast ')) {
      lines.push(message.text())
    }
  })
  await page.evaluate(() => localStorage.setItem('handfast:debug', '1'))
  return lines
}
