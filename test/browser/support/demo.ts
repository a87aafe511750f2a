/** What people do with the demo, for the tests of its parts. */

import type { BrowserContext, Page } from '@playwright/test'
import { expect as baseExpect } from './browsers.ts'

// Two pages, each with its keys, its storage and its connection: on a busy machine that takes a while.
export const expect = baseExpect.configure({ timeout: 15_000 })

export const heading = (page: Page, name: string | RegExp) =>
  page.getByRole('heading', { name, exact: true })
export const button = (page: Page, name: string | RegExp) =>
  page.getByRole('button', { name, exact: true })

export async function invite(page: Page): Promise<{ link: string; ticket: string }> {
  await button(page, 'Create invitation').click()
  return {
    link: await page.getByLabel('Link', { exact: true }).inputValue(),
    ticket: await page.getByLabel('Ticket', { exact: true }).inputValue(),
  }
}

/** The same link, opened as another person of this browser. */
export function openedAs(link: string, name: string): string {
  const url = new URL(link)
  url.searchParams.set('as', name)
  return url.href
}

/** As if set in Settings, for all pages that are opened from now on. */
export const setRelays = (context: BrowserContext, relays: readonly string[]): Promise<unknown> =>
  context.addInitScript((settings) => {
    // What is there before the page has no storage.
    if (origin.startsWith('http')) localStorage.setItem('handfast-demo/settings', settings)
  }, JSON.stringify({ relays }))

export async function paste(page: Page, text: string): Promise<void> {
  await page.getByLabel('Link or ticket that you received').fill(text)
  await button(page, 'Continue').click()
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: /^Message to/ }).fill(text)
  await button(page, 'Send').click()
}

export const messages = (page: Page) => page.getByRole('log').getByRole('article')

let spoken = 100

/** Sends one message each way and waits until each side knows of it. */
export async function converse(anna: Page, ben: Page): Promise<void> {
  for (const [from, to] of [
    [anna, ben],
    [ben, anna],
  ] as const) {
    const text = `Hello ${++spoken}`
    await say(from, text)
    await expect(messages(to).filter({ hasText: text })).toBeVisible()
    await expect(messages(from).filter({ hasText: text })).toContainText('Delivered')
  }
}

export async function openConversation(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'People' }).getByRole('button', { name }).click()
  await expect(heading(page, name)).toBeVisible()
}

/** Two people of one browser with a link, each in a tab with the conversation open. */
export async function meet(context: BrowserContext): Promise<{ anna: Page; ben: Page }> {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  const { link } = await invite(anna)
  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await expect(heading(anna, 'ben')).toBeVisible()
  return { anna, ben }
}
