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

  for (const page of [bob, alice]) {
    await page.reload()
    await Promise.all([expectOpen(alice), expectOpen(bob)])
    await exchange(alice, bob, messages, 10)
  }
}
