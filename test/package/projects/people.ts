/** People in Chromium, each with a browser profile of their own, and whatever their pages complain about. */

import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test'
import { launchOptions } from '../../browser/support/launch.ts'

export interface Person {
  readonly context: BrowserContext
  readonly page: Page
  /** Warnings, errors, and violations of the Content-Security-Policy, of all pages. */
  readonly complaints: readonly string[]
}

export const launch = (): Promise<Browser> => chromium.launch(launchOptions('chromium', true, true))

export async function openPerson(browser: Browser): Promise<Person> {
  const context = await browser.newContext()
  const complaints: string[] = []
  // Browsers ask for one where the page names none; these have none.
  await context.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }))
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  await context.exposeFunction('complain', (text: string) => complaints.push(text))
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      const { complain } = globalThis as unknown as { complain(text: string): void }
      complain(`${violatedDirective}: ${blockedURI}`)
    })
  })
  return { page: await context.newPage(), context, complaints }
}

/** On a machine that is busy with several projects at once. */
export const within = { timeout: 30_000 }
