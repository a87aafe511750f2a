/**
 * The pictures of the demo in README.md. Everybody who runs it gets the same ones, but for how their machine draws letters and how quick it is: the time stands
 * still, and keys come from a seed.
 */

import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { test } from '../browser/support/browsers.ts'
import { greetEverybody } from '../browser/support/greet.ts'
import {
  button,
  expect,
  heading,
  invite,
  messages,
  openedAs,
  say,
} from '../browser/support/demo.ts'

const wide = { width: 1180, height: 820 }
const phone = { width: 390, height: 760 }

/** What looks like chance, from a seed: the keys, and so the patterns of those who have them, are the same every time. */
function seedRandom(seed: number): void {
  let state = seed
  crypto.getRandomValues = (array) => {
    const bytes = new Uint8Array(array!.buffer, array!.byteOffset, array!.byteLength)
    for (let index = 0; index < bytes.length; index++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
      bytes[index] = state >>> 24
    }
    return array
  }
}

async function take(page: Page, name: string): Promise<void> {
  await page.bringToFront()
  await page.mouse.move(0, 0)
  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const path = fileURLToPath(
      new URL(`../../docs/images/${name}-${colorScheme}.png`, import.meta.url),
    )
    await page.screenshot({ path, caret: 'hide' })
  }
}

test('the pictures in the README', async ({ browser, baseURL }) => {
  const context = await browser.newContext({
    baseURL: baseURL!,
    viewport: wide,
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  await context.clock.setFixedTime('2027-05-01T10:24:00Z')
  await greetEverybody(context)
  const anna = await context.newPage()
  await anna.addInitScript(seedRandom, 1)
  await anna.goto('/?as=Anna')
  const { link } = await invite(anna)
  const ben = await context.newPage()
  await ben.addInitScript(seedRandom, 2)
  await ben.goto(openedAs(link, 'Ben'))
  await button(ben, 'Accept').click()
  await expect(heading(anna, 'Ben')).toBeVisible()
  await say(anna, 'Hello Ben! Did the bread come out well?')
  await expect(messages(ben)).toHaveCount(1)
  await say(ben, 'Very well. You get a loaf tomorrow.')
  await expect(messages(anna)).toHaveCount(2)
  await say(anna, 'Then let us keep a tally. I prune your trees.')
  await expect(messages(anna).last()).toContainText('Delivered')
  await anna.setViewportSize(phone)
  await take(anna, 'phone')
  await anna.setViewportSize(wide)

  await button(anna, 'Tally with Ben').click()
  await anna.getByLabel('What it is about').fill('Bread and garden work')
  await anna.getByLabel(/^Counted in/).fill('hours')
  await anna.getByRole('radio', { name: 'Whole ones' }).check()
  await button(anna, 'Sign and send offer').click()
  await ben.bringToFront()
  await ben.getByRole('button', { name: /^Tally with Anna/ }).click()
  await button(ben, 'Sign and accept').click()
  await pay(anna, 'Ben', '2', 'Two loaves of rye')
  await pay(ben, 'Anna', '5', 'Pruning the apple trees')
  await expect(anna.getByText('Ben paid you').first()).toBeVisible()
  await expect(anna.getByText('Confirmed')).toHaveCount(2)
  await take(anna, 'wide')
})

async function pay(page: Page, to: string, amount: string, note: string): Promise<void> {
  await page.getByLabel(/^Amount in/).fill(amount)
  await page.getByLabel(/^What for/).fill(note)
  await button(page, `Pay ${to}`).click()
  await expect(page.getByText(`You paid ${to}`)).toBeVisible()
  await expect(page.getByLabel(/^Amount in/)).toHaveValue('')
}
