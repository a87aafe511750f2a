/**
 * Books of years: the pane opens, a payment is made and books are compared without the page being frozen. By `npm run campaign` alone: bounds
 * on time mean little beside other tests.
 */

import type { Page } from '@playwright/test'
import { record, tier } from '../support/campaign.ts'
import { test } from './support/browsers.ts'
import { button, expect, meet } from './support/demo.ts'

const payments = 5_000
/** From there on people notice. */
const maxTaskMs = 100

test.describe.configure({ timeout: 600_000 })
test.skip(tier(1, 0) === 1, 'by npm run campaign')
test.skip(({ browserName }) => browserName !== 'chromium', 'one engine tells of long tasks')

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  /** Of the processor, not of the clock: so that other work on the machine does not count. */
  tdur?: number
  args?: { name?: string }
}

/** How long it took, and of the page's tasks the longest. */
async function measured(page: Page, work: () => Promise<unknown>) {
  const browser = page.context().browser()!
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] })
  const begunMs = Date.now()
  await work()
  const tookMs = Date.now() - begunMs
  const trace = await browser.stopTracing()
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  const mains = traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid} ${tid}`)
  const tasks = traceEvents
    .filter(({ ph, pid, tid }) => ph === 'X' && mains.includes(`${pid} ${tid}`))
    .map(({ tdur = 0 }) => tdur / 1000)
  expect(tasks.length).toBeGreaterThan(0)
  return { tookMs, longestMs: Math.round(Math.max(...tasks)) }
}

test(`${payments} payments: nothing freezes`, async ({ context }) => {
  const { anna, ben } = await meet(context)
  await ben.goto('about:blank')
  await anna.goto('/test/browser/pages/wallet.html')
  await anna.evaluate(async ([names, count]) => fillBooks(names, count), [
    ['anna', 'ben'],
    payments,
  ] as const)
  await ben.goto('/?as=ben')
  await anna.goto('/?as=anna')
  const history = anna.getByRole('region', { name: 'History' }).getByRole('listitem')
  const figures: Record<string, number> = { entries: payments + 2 }
  const note = (what: string, { tookMs, longestMs }: { tookMs: number; longestMs: number }) => {
    figures[`${what} ms`] = tookMs
    figures[`${what}, longest task ms`] = longestMs
  }
  await anna.getByRole('button', { name: /^ben/ }).first().click()
  note(
    'opening',
    await measured(anna, async () => {
      await button(anna, 'Tally with ben').click()
      await expect(history.first()).toBeVisible()
    }),
  )
  note(
    'opening again',
    await measured(anna, async () => {
      await anna.reload()
      await expect(history.first()).toBeVisible()
    }),
  )
  await expect(anna.getByText('ben gets it when you both are here.')).toBeHidden()
  note(
    'payment',
    await measured(anna, async () => {
      await anna.getByLabel(/^Amount in/).fill('1')
      await button(anna, 'Pay ben').click()
      await expect(history.first()).toContainText('Delivered')
    }),
  )
  note(
    'comparison',
    await measured(anna, async () => {
      await button(anna, 'Compare books').click()
      await expect(anna.getByText(/^The books agree\./)).toBeVisible({ timeout: 60_000 })
    }),
  )
  record('wallet: books of years', figures)
  const longest = Object.entries(figures).filter(([what]) => what.endsWith('longest task ms'))
  for (const [what, ms] of longest) expect(ms, what).toBeLessThan(maxTaskMs)
})
