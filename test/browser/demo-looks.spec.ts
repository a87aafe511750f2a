/**
 * How the demo looks and behaves to those who see little, hear it, or have keys alone: every screen and dialog by axe, in light and dark, on
 * a desk and on a phone; targets, reflow, focus, motion, and that nothing jumps.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Locator, Page } from '@playwright/test'
import { tier } from '../support/campaign.ts'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, expect, heading, invite, messages, openedAs, say } = demo

test.describe.configure({ timeout: tier(180_000, 400_000) })

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Otherwise each of axe’s rules is applied once to every screen, that on colours twice. */
const isThorough = tier(0, 1) === 1
const wide = { width: 1200, height: 860 }
const phone = { width: 390, height: 844 }
/** What is left of 1280 pixels at 400 %. */
const narrow = { width: 320, height: 640 }
/** Of the height and the width of the page; below 0.1 counts as good. */
const maxShift = 0.02

async function violations(page: Page, rules?: string[]): Promise<string[]> {
  const { violations } = await page.evaluate(
    (only) =>
      (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run(
        only ? { runOnly: only } : { resultTypes: ['violations'] },
      ),
    rules,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

/** Controls that a finger would miss. */
const smallTargets = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('button, a[href], select, summary, input, textarea, label')]
      .filter((element) => !element.matches('.link, label:not(.tick, .option, .switch)'))
      .filter(
        (element) => !(element instanceof HTMLInputElement && element.closest('label:not(.field)')),
      )
      .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height > 1)
      .filter((element) => element.getBoundingClientRect().height < 43.5)
      .map((element) => `small: ${element.outerHTML.slice(0, 120)}`),
  )

/** What sticks out, where the page has to be scrolled sideways; `fontSize`: as the reader has set it in their browser. */
const overflowing = (page: Page, fontSize = '') =>
  page.evaluate((size) => {
    const { style, clientWidth } = document.documentElement
    style.fontSize = size
    const isWide = document.documentElement.scrollWidth > clientWidth
    const found = isWide
      ? [...document.querySelectorAll('body *')]
          .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
          .slice(0, 3)
          .map((element) => `sticks out: ${element.outerHTML.slice(0, 120)}`)
      : []
    style.fontSize = ''
    return found
  }, fontSize)

/** The one that can be made to want stillness. */
const isChromium = (page: Page): boolean =>
  page.context().browser()?.browserType().name() === 'chromium'

/** What moves although one wants stillness. */
const moving = (page: Page) =>
  page.evaluate(() => document.getAnimations().map(({ id }) => `moves: ${id}`))

/** Looks at what a page shows now, in every way that people do. */
async function inspect(page: Page, screen: string): Promise<string[]> {
  const found: string[] = []
  const note = (how: string, what: string[]) =>
    found.push(...what.map((text) => `${screen}, ${how}: ${text}`))

  note('wide', await violations(page))
  if (isChromium(page)) note('still', await moving(page))
  await page.emulateMedia({ colorScheme: 'dark' })
  note('dark', await violations(page, isThorough ? undefined : ['color-contrast']))
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize(phone)
  if (isThorough) note('phone', await violations(page))
  note('phone', await smallTargets(page))
  note('large text', await overflowing(page, '200%'))
  await page.setViewportSize(narrow)
  note('narrow', await overflowing(page))
  await page.setViewportSize(wide)
  return found
}

/** Goes on by Tab to a control, each of those on the way to be seen, and presses a key there. */
async function press(page: Page, target: Locator, key: string): Promise<void> {
  for (let tabs = 0; tabs < 60; tabs++) {
    if (await target.evaluate((element) => element === document.activeElement)) break
    await page.keyboard.press('Tab')
    const unseen = await page.evaluate(() => {
      const focused = document.activeElement
      if (!focused || focused === document.body) return null
      const shown = focused.matches('.choice input') ? focused.nextElementSibling! : focused
      const { outlineStyle, outlineWidth } = getComputedStyle(shown)
      const isSeen = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
      return isSeen ? null : focused.outerHTML.slice(0, 120)
    })
    expect(unseen, 'has the focus and does not show it').toBeNull()
  }
  await expect(target).toBeFocused()
  await page.keyboard.press(key)
}

/** How much has moved without being asked to, as browsers reckon it. A new screen is no jump, whoever has brought it about. */
const watchShifts = () => {
  let changedAt = -Infinity
  const { pushState } = history
  history.pushState = function (...to) {
    changedAt = performance.now()
    pushState.apply(this, to)
  }
  const shifts: string[] = []
  Object.assign(globalThis, { shifts, shifted: 0 })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & {
      value: number
      hadRecentInput: boolean
      sources: { node: Element | null }[]
    })[]) {
      if (entry.hadRecentInput || Math.abs(entry.startTime - changedAt) < 500) continue
      ;(globalThis as unknown as { shifted: number }).shifted += entry.value
      const what = entry.sources.map(({ node }) => node?.className || node?.nodeName)
      shifts.push(`${entry.value.toFixed(4)}: ${what.join(', ')}`)
    }
  }).observe({ type: 'layout-shift', buffered: true })
}

async function expectNoShift(page: Page, when: string): Promise<void> {
  const { shifted, shifts } = await page.evaluate(() => {
    const { shifted, shifts } = globalThis as unknown as { shifted: number; shifts: string[] }
    return { shifted, shifts }
  })
  expect(shifted, `${when}: ${shifts.join('; ')}`).toBeLessThan(maxShift)
}

test('by keyboard alone, from invitation to settings; and nothing jumps', async ({
  context,
  browserName,
}) => {
  test.skip(browserName !== 'chromium', 'one browser tells how much has moved')
  await context.addInitScript(watchShifts)
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await press(anna, button(anna, 'Create invitation'), 'Enter')
  await expect(heading(anna, 'Your invitation')).toBeFocused()
  const link = await anna.getByLabel('Link', { exact: true }).inputValue()
  await expectNoShift(anna, 'opening')

  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await press(ben, button(ben, 'Accept'), 'Enter')
  await expect(heading(ben, 'anna')).toBeFocused()
  await press(ben, ben.getByRole('textbox', { name: 'Message to anna' }), 'H')
  await ben.keyboard.type('ello by keys')
  await ben.keyboard.press('Enter')
  await expect(messages(ben)).toContainText('Delivered')

  await anna.bringToFront()
  await expect(heading(anna, 'ben')).toBeFocused()
  await expect(messages(anna)).toContainText('Hello by keys')
  await expectNoShift(anna, 'meeting')
  await expectNoShift(ben, 'accepting')

  await press(anna, button(anna, 'Tally with ben'), 'Enter')
  await press(anna, anna.getByLabel('What it is about'), 'L')
  await anna.keyboard.type('unches')
  await press(anna, button(anna, 'Sign and send offer'), 'Enter')
  await ben.bringToFront()
  await press(ben, ben.getByRole('button', { name: /^Tally with anna/ }), 'Enter')
  await press(ben, button(ben, 'Sign and accept'), 'Enter')
  await press(ben, ben.getByLabel(/^Amount in/), '5')
  await ben.keyboard.press('Enter')
  await expect(ben.getByText('You owe anna')).toBeVisible()
  await anna.bringToFront()
  await expect(anna.getByText('ben owes you')).toBeVisible()

  await press(anna, button(anna, 'About ben'), 'Enter')
  await expect(button(anna, 'About ben')).toBeFocused()
  await press(anna, button(anna, 'Compare safety numbers'), 'Enter')
  await expect(heading(anna, 'Compare with ben')).toBeFocused()
  await press(anna, button(anna, 'All the same'), 'Enter')
  await expect(heading(anna, /^ben ?, verified$/)).toBeVisible()
  await expect(button(anna, 'Show the safety number')).toBeFocused()
  await press(anna, button(anna, 'Remove ben…'), 'Enter')
  await expect(anna.getByRole('dialog', { name: 'Remove ben?' })).toBeVisible()
  await anna.keyboard.press('Escape')
  await expect(button(anna, 'Remove ben…')).toBeFocused()

  await anna.keyboard.press('Control+.')
  await expect(heading(anna, 'Diagnostics')).toBeFocused()
  await press(anna, anna.getByRole('switch', { name: /^Relay off/ }), 'Space')
  await expect(anna.getByRole('switch', { name: /^Relay off/ })).toBeChecked()
  await anna.keyboard.press('Escape')
  await expect(button(anna, 'Remove ben…')).toBeFocused()
  await press(anna, button(anna, 'Settings'), 'Enter')
  await expect(heading(anna, 'Settings')).toBeFocused()
  await press(anna, anna.getByRole('radio', { name: 'Like the system' }), 'ArrowLeft')
  const ground = () => anna.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await expect(anna.getByRole('radio', { name: 'Dark' })).toBeChecked()
  const dark = await ground()
  await anna.keyboard.press('ArrowLeft')
  await expect(anna.getByRole('radio', { name: 'Light' })).toBeChecked()
  expect(await ground()).not.toBe(dark)
  await anna.reload()
  await anna.emulateMedia({ colorScheme: 'dark' })
  await expect(anna.getByRole('radio', { name: 'Light' })).toBeChecked()
  expect(await ground()).not.toBe(dark)
  await expectNoShift(anna, 'opening again')
})

test('every screen and dialog, by axe and by measure', async ({
  context,
  openPeer,
  browserName,
}) => {
  test.skip(browserName !== 'chromium' && !isThorough, 'takes minutes: npm run campaign')
  await context.addInitScript({ content: axe })
  const anna = await context.newPage()
  await anna.setViewportSize(wide)
  await anna.emulateMedia({ reducedMotion: 'reduce' })
  const found: string[] = []
  const look = async (screen: string) => found.push(...(await inspect(anna, screen)))

  for (const [screen, path, title] of [
    ['restore', '/?restore', 'Come back'],
    ['join', '/?join', 'A new device of yours'],
    ['empty', '/?as=anna', 'Meet someone'],
    ['a relay proposed', '/?as=anna&relay=wss://relay.example', 'Meet someone'],
  ] as const) {
    await anna.goto(path)
    await expect(heading(anna, title)).toBeVisible()
    await look(screen)
  }
  const { context: others, page: lone, newPage } = await openPeer(undefined, { path: '/?as=anna' })
  await expect(heading(lone, 'Meet someone')).toBeVisible()
  await others.addInitScript({ content: axe })
  const stranger = await newPage('/?as=nobody')
  const lookAside = async (screen: string, title: string) => {
    await expect(heading(stranger, title)).toBeVisible()
    await stranger.setViewportSize(wide)
    await stranger.emulateMedia({ reducedMotion: 'reduce' })
    found.push(...(await inspect(stranger, screen)))
  }
  await lookAside('somebody unknown', 'Nobody called “nobody” is here yet')
  await others.addInitScript('delete globalThis.RTCPeerConnection')
  await stranger.reload()
  await lookAside('failure', 'This browser can’t connect to others directly')
  await others.close()

  await anna.evaluate(() => localStorage.setItem('handfast-demo/settings', '{"relays":[]}'))
  await anna.goto('/?as=anna')
  await expect(anna.getByText(/^No relay is set/)).toBeVisible()
  await look('no relay')
  await anna.evaluate(() => localStorage.removeItem('handfast-demo/settings'))
  await anna.goto('/?as=anna')
  await expect(button(anna, 'Create invitation')).toBeVisible()
  const dialog = anna.getByRole('dialog')
  const inDialog = async (opener: Locator, screen: string) => {
    await opener.click()
    await expect(dialog).toBeVisible()
    await look(screen)
    await anna.keyboard.press('Escape')
    await expect(dialog).toHaveCount(0)
  }
  await inDialog(button(anna, 'Scan a code'), 'scan')
  const { link } = await invite(anna)
  await look('invitation')
  await inDialog(button(anna, 'Show it large'), 'large code')

  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await ben.bringToFront()
  await ben.setViewportSize(wide)
  await expect(heading(ben, 'You are invited')).toBeVisible()
  found.push(...(await inspect(ben, 'invited')))
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await say(ben, 'Hello')
  await anna.bringToFront()
  await expect(heading(anna, 'ben')).toBeVisible()
  await say(anna, 'Hello, too')
  await expect(messages(anna)).toHaveCount(2)
  await look('conversation')

  await button(anna, 'Tally with ben').click()
  await expect(anna.getByLabel('What it is about')).toBeVisible()
  await look('terms')
  await anna.getByLabel('What it is about').fill('Lunches')
  await button(anna, 'Sign and send offer').click()
  await expect(heading(anna, /^Your offer/)).toBeVisible()
  await look('offer')
  // Of two pages the one that is not in front is drawn, and so clicked, once a second.
  await ben.bringToFront()
  await ben.getByRole('button', { name: /^Tally with anna/ }).click()
  await expect(button(ben, 'Refuse…')).toBeVisible()
  found.push(...(await inspect(ben, 'offered')))
  await button(ben, 'Sign and accept').click()
  await ben.getByLabel(/^Amount in/).fill('2')
  await button(ben, 'Pay anna').click()
  await expect(ben.getByText('You paid anna')).toBeVisible()
  await expect(ben.getByLabel(/^Amount in/)).toHaveValue('')
  await ben.getByLabel(/^Amount in/).fill('1')
  await button(ben, 'Ask for it').click()
  await anna.bringToFront()
  await expect(anna.getByRole('button', { name: /^Decline/ })).toBeVisible()
  await look('tally')
  await inDialog(anna.getByRole('button', { name: /^Decline/ }), 'decline')
  await button(anna, 'About ben').click()
  await look('about')
  await inDialog(button(anna, 'Compare safety numbers'), 'compare')
  await inDialog(button(anna, 'Remove ben…'), 'remove')
  for (const place of [
    'Wallet',
    'Keys and devices',
    'Security log',
    'Strangers',
    'Mesh',
    'Settings',
  ]) {
    await anna.getByRole('button', { name: new RegExp(`^${place}`) }).click()
    await expect(heading(anna, place)).toBeFocused()
    await look(place)
  }
  await button(anna, 'Keys and devices').click()
  await inDialog(button(anna, 'Show the words…'), 'words')
  await button(anna, 'Set a passphrase…').click()
  for (const label of ['New passphrase', 'The same again']) {
    await dialog.getByLabel(label, { exact: true }).fill('correct horse')
  }
  await button(anna, 'Set it').click()
  await inDialog(button(anna, 'Change the passphrase…'), 'passphrase')
  await button(anna, 'Lock now').click()
  await expect(anna.getByLabel('Your passphrase', { exact: true })).toBeVisible()
  await look('locked')
  await anna.reload()
  await expect(heading(anna, 'Unlock anna')).toBeVisible()
  await look('unlock')
  await anna.getByLabel('Your passphrase', { exact: true }).fill('correct horse')
  await anna.keyboard.press('Enter')
  await expect(button(anna, 'Diagnostics')).toBeVisible()
  await button(anna, 'Diagnostics').click()
  await anna.getByRole('switch', { name: /^Relay off/ }).check()
  await look('diagnostics')
  await anna.keyboard.press('Control+.')
  await look('relay off')

  // Pages of their own on phones alone.
  await anna.setViewportSize(phone)
  for (const place of ['People', 'More']) {
    await button(anna, place).click()
    await anna.setViewportSize(phone)
    found.push(...(await violations(anna)).map((text) => `${place}: ${text}`))
    found.push(...(await smallTargets(anna)).map((text) => `${place}: ${text}`))
  }
  expect(found).toEqual([])
})
