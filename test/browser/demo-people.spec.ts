/** People in the demo: names, verified marks, rights, parting with somebody, and the log of it all. */

import type { Page } from '@playwright/test'
import { cleanFileName } from '../../demo/conversation/file-name.ts'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, expect, heading, invite, meet, messages, openedAs, paste, say } = demo

test.describe.configure({ timeout: 180_000 })
const inList = (page: Page) => page.getByRole('navigation', { name: 'People' }).getByRole('button')
const dialog = (page: Page) => page.getByRole('dialog')
const events = (page: Page) => page.getByRole('main').getByRole('listitem')

async function about(page: Page, name: string): Promise<void> {
  await button(page, `About ${name}`).click()
  await expect(heading(page, 'Is it really them?')).toBeVisible()
}

async function numberOf(page: Page): Promise<string[]> {
  const number = dialog(page).getByRole('list', { name: 'Safety number' })
  return number.getByRole('listitem').locator('[aria-hidden]').allInnerTexts()
}

test('two people compare safety numbers; the mark is in all tabs and stays', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  const other = await context.newPage()
  await other.goto('/?as=anna')
  await expect(inList(other).first()).toContainText('ben')

  for (const [page, name] of [
    [anna, 'ben'],
    [ben, 'anna'],
  ] as const) {
    await expect(page.getByText('Not verified yet')).toBeVisible()
    await about(page, name)
    await button(page, 'Compare safety numbers').click()
  }
  const number = await numberOf(anna)
  expect(number).toHaveLength(12)
  for (const group of number) expect(group).toMatch(/^\d{5}$/)
  expect(await numberOf(ben)).toEqual(number)

  await anna.bringToFront()
  await button(anna, 'Later').click()
  await expect(anna.getByText(/^Not verified yet/)).toBeVisible()
  await button(anna, 'Compare safety numbers').click()
  await button(anna, 'All the same').click()
  await expect(dialog(anna)).toHaveCount(0)
  await expect(button(anna, 'Show the safety number')).toBeFocused()
  for (const page of [anna, other]) {
    await expect(inList(page).first()).toHaveAccessibleName(/ben\s*, verified/)
  }
  await anna.reload()
  await expect(anna.getByText(/^Verified: you have compared/)).toBeVisible()
  // What Anna has seen says nothing of what Ben has.
  await button(ben, 'Later').click()
  await expect(ben.getByText(/^Not verified yet/)).toBeVisible()

  await button(anna, 'Show the safety number').click()
  await button(anna, 'Take the mark away').click()
  await expect(inList(other).first()).toHaveAccessibleName(/^ben(?!.*verified)/)
})

test('numbers that differ raise the alarm and lead to parting', async ({ context }) => {
  const { anna } = await meet(context)
  await about(anna, 'ben')
  await button(anna, 'Compare safety numbers').click()
  await button(anna, 'They differ').click()
  await expect(dialog(anna).getByRole('alert')).toContainText('Somebody may stand between you')
  await dialog(anna).getByRole('button', { name: 'Remove ben…' }).click()
  await expect(anna.getByRole('dialog', { name: 'Remove ben?' })).toBeVisible()
})

test('a name of one’s own replaces the claimed one, in all tabs', async ({ context }) => {
  const { anna, ben } = await meet(context)
  const other = await context.newPage()
  await other.goto('/?as=anna')
  await about(anna, 'ben')
  const name = anna.getByLabel(/^Your name for them/)
  await expect(button(anna, 'Save')).toBeDisabled()
  await name.fill('Ben from the climbing hall')
  await name.press('Enter')
  for (const page of [anna, other]) {
    await expect(inList(page).first()).toContainText('Ben from the climbing hall')
  }
  await expect(anna.getByText(/^They call themselves ben\./)).toBeVisible()
  await expect(heading(ben, 'anna')).toBeVisible()

  await name.fill('right \u202e left')
  await button(anna, 'Save').click()
  await expect(anna.getByRole('alert')).toContainText('name')
  await expect(inList(other).first()).toContainText('Ben from the climbing hall')

  await name.fill('')
  await button(anna, 'Save').click()
  await expect(inList(other).first()).toContainText(/^ben/)
})

test('rights count at once, on the open link', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await say(ben, 'before')
  await expect(messages(anna)).toContainText('before')
  await about(anna, 'ben')
  const allowed = (word: string) => anna.getByRole('switch', { name: new RegExp(`^${word}`) })
  await expect(allowed('Messages')).toBeChecked()
  await allowed('Messages').click()
  await expect(allowed('Messages')).not.toBeChecked()
  await allowed('Requests').click()
  await expect(allowed('Requests')).not.toBeChecked()

  await say(ben, 'unwanted')
  await expect(messages(ben).last()).toContainText('They don’t take this from you')
  await button(ben, 'Ping').click()
  await expect(ben.getByText('They do not let you do that')).toBeVisible()

  await anna.reload()
  await expect(allowed('Messages')).not.toBeChecked()
  await allowed('Messages').click()
  await expect(allowed('Messages')).toBeChecked()
  await say(ben, 'welcome')
  await expect(messages(ben).last()).toContainText('Delivered')
  await button(anna, 'Messages with ben').click()
  await expect(messages(anna).last()).toContainText('welcome')
  await expect(anna.getByText('unwanted')).toHaveCount(0)
})

test('files go over, unless the right was taken away', async ({ context }) => {
  const { anna, ben } = await meet(context)
  const size = 3_000_000
  const send = (name: string) =>
    ben.getByLabel('File for anna').setInputFiles({
      name,
      mimeType: 'text/html',
      buffer: Buffer.alloc(size, 'x'),
    })
  await send('holiday.html')
  await expect(messages(ben).last()).toContainText('Delivered')
  await expect(messages(anna).last()).toContainText('holiday.html')
  await expect(messages(anna).last()).toContainText('3 MB')
  await expect(button(anna, 'Save holiday.html')).toBeVisible()
  await anna.reload()
  await expect(button(anna, 'Save holiday.html')).toBeVisible()

  await about(anna, 'ben')
  await anna.getByRole('switch', { name: /^Files/ }).click()
  await expect(anna.getByRole('switch', { name: /^Files/ })).not.toBeChecked()
  await send('again.html')
  await expect(messages(ben).last()).toContainText('They don’t take this from you')
  await say(ben, 'words still do')
  await expect(messages(ben).last()).toContainText('Delivered')
})

test('somebody cut off for good is met no more, also by a new invitation', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await about(anna, 'ben')
  await button(anna, 'Remove ben…').click()
  await anna.getByRole('radio', { name: /^Cut off for good/ }).check()
  await expect(button(anna, 'Cut off for good')).toBeDisabled()
  await anna.getByRole('checkbox', { name: /can’t be undone/ }).check()
  await button(anna, 'Cut off for good').click()
  await expect(heading(anna, 'Meet someone')).toBeVisible()
  await expect(anna.getByText('Nobody yet.')).toBeVisible()

  await button(ben, 'Meet someone').click()
  const { ticket } = await invite(ben)
  await paste(anna, ticket)
  await button(anna, 'Accept').click()
  await expect(anna.getByRole('alert')).toContainText('You have cut this person off for good')
})

test('with somebody verified, too, one sees what is said', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await about(anna, 'ben')
  await button(anna, 'Compare safety numbers').click()
  await button(anna, 'All the same').click()
  await button(anna, 'Messages with ben').click()
  await say(ben, 'do you see me?')
  await expect(messages(anna).last().getByText('do you see me?')).toBeInViewport({ ratio: 1 })
})

test('the focus stays where one is working, or at the title of what is shown', async ({
  context,
}) => {
  const { anna } = await meet(context)
  await anna.bringToFront()
  await about(anna, 'ben')
  const files = anna.getByRole('switch', { name: /^Files/ })
  await files.press('Space')
  await expect(files).not.toBeChecked()
  await expect(files).toBeFocused()
  await button(anna, 'Compare safety numbers').press('Enter')
  await expect(heading(anna, 'Compare with ben')).toBeFocused()
  await button(anna, 'They differ').press('Enter')
  await expect(heading(anna, 'The numbers differ')).toBeFocused()
  await anna.keyboard.press('Escape')
  await expect(button(anna, 'Compare safety numbers')).toBeFocused()
  await button(anna, 'Keys and devices').press('Enter')
  await button(anna, 'Lock now').press('Enter')
  await expect(heading(anna, 'Keys and devices')).toBeFocused()
  await button(anna, 'Unlock').press('Enter')
  await expect(anna.getByText('Your keys are locked.')).toHaveCount(0)
  await expect(heading(anna, 'Keys and devices')).toBeFocused()
  await button(anna, 'Show the words…').press('Enter')
  await button(anna, 'Show them here').press('Enter')
  await expect(heading(anna, 'Your recovery words')).toBeFocused()
  await anna.keyboard.press('Escape')
  await expect(button(anna, 'Show the words…')).toBeFocused()
})

test('who is forgotten and met again has neither name nor mark', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await about(anna, 'ben')
  await anna.getByLabel(/^Your name for them/).fill('An old friend')
  await button(anna, 'Save').click()
  await button(anna, 'Compare safety numbers').click()
  await button(anna, 'All the same').click()
  await expect(inList(anna).first()).toHaveAccessibleName(/An old friend\s*, verified/)
  await button(anna, 'Remove An old friend…').click()
  await button(anna, 'Forget').click()
  await expect(anna.getByText('Nobody yet.')).toBeVisible()

  await button(anna, 'New invitation').click()
  const { link } = await invite(anna)
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept again').click()
  await expect(heading(anna, 'ben')).toBeVisible()
  await expect(anna.getByText('Not verified yet')).toBeVisible()
  await expect(inList(anna).first()).not.toHaveAccessibleName(/verified/)
})

test('the security log tells what happened, in plain words and as it happens', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  await anna.bringToFront()
  await button(anna, 'Security log').click()
  await expect(heading(anna, 'Security log')).toBeFocused()
  await expect(events(anna)).toHaveCount(2)
  await expect(events(anna).nth(0)).toContainText('You met ben')
  await expect(events(anna).nth(1)).toContainText('ben used an invitation of yours')

  const other = await context.newPage()
  await other.goto('/?as=anna')
  await inList(other).first().click()
  await about(other, 'ben')
  await button(other, 'Compare safety numbers').click()
  await button(other, 'All the same').click()
  await expect(events(anna).first()).toContainText('You compared safety numbers with ben')
  await other.getByRole('switch', { name: /^Messages/ }).click()
  await expect(events(anna).first()).toContainText('You changed what ben may do')
  await say(ben, 'unwanted')
  await expect(events(anna).first()).toContainText('ben tried what you do not allow')

  await anna.reload()
  await expect(events(anna)).toHaveCount(5)
  await anna.goto('/?as=carol')
  await button(anna, 'Security log').click()
  await expect(anna.getByText(/^Nothing yet\./)).toBeVisible()
})

test('names of files are bounded and harmless', () => {
  expect(cleanFileName('../../etc/pass\u0000wd')).toBe('....etcpasswd')
  expect(cleanFileName('C:\\photo\u202egnp.exe')).toBe('C:photognp.exe')
  expect(cleanFileName(`${'x'.repeat(100)}.jpg`)).toMatch(/^x{67}…x{8}\.jpg$/)
  for (const nothing of ['', '/', ' \u200b ']) expect(cleanFileName(nothing)).toBe('file')
})
