/** One's own keys and devices in the demo: recovery words, the main key, the lock, coming back, a second device and its end. */

import type { Page } from '@playwright/test'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, converse, expect, heading, invite, meet, messages, openConversation } = demo
const { openedAs, say } = demo

test.describe.configure({ timeout: 240_000 })
const dialog = (page: Page) => page.getByRole('dialog')
const devices = (page: Page) =>
  page.getByRole('list', { name: 'Your devices' }).getByRole('listitem')

async function keysOf(page: Page): Promise<void> {
  await page.bringToFront()
  await button(page, 'Keys and devices').click()
  await expect(heading(page, 'Keys and devices')).toBeFocused()
}

async function wordsOf(page: Page): Promise<string[]> {
  await button(page, 'Show the words…').click()
  await expect(dialog(page).getByRole('list', { name: 'Recovery words' })).toHaveCount(0)
  await button(page, 'Show them here').click()
  const words = dialog(page).getByRole('list', { name: 'Recovery words' }).getByRole('listitem')
  await expect(words).toHaveCount(24)
  const shown = await words.allInnerTexts()
  await button(page, 'I have written them down').click()
  await expect(dialog(page)).toHaveCount(0)
  return shown
}

async function removeRoot(page: Page): Promise<void> {
  await button(page, 'Remove it from here…').click()
  await expect(button(page, 'Remove')).toBeDisabled()
  await dialog(page).getByRole('checkbox').check()
  await button(page, 'Remove').click()
  await expect(page.getByText(/^Not in this browser\./)).toBeVisible()
}

const idOf = (page: Page) =>
  page.getByRole('region', { name: 'You are' }).locator('code').getAttribute('title')

test('recovery words bring back the same person, also without the main key left behind', async ({
  context,
  openPeer,
}) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  const id = await idOf(anna)
  await keysOf(anna)
  const words = await wordsOf(anna)
  expect(new Set(words).size).toBeGreaterThan(15)

  const { page: elsewhere } = await openPeer(undefined, { path: '/?restore' })
  await expect(heading(elsewhere, 'Come back')).toBeVisible()
  await elsewhere.getByRole('radio', { name: 'Recovery words' }).check()
  const field = elsewhere.getByLabel(/^The 24 words/)
  await elsewhere.getByLabel(/^A name for yourself/).fill('anna')
  await field.fill([...words.slice(1), words[0]].join(' '))
  await button(elsewhere, 'Restore').click()
  await expect(elsewhere.getByRole('alert')).toContainText('Those are not recovery words')
  await field.fill(` ${words.join('\n').toUpperCase()}`)
  await expect(elsewhere.getByRole('alert')).toHaveCount(0)
  await button(elsewhere, 'Restore').click()
  await expect(heading(elsewhere, 'Meet someone')).toBeVisible()
  expect(await idOf(elsewhere)).toBe(id)
  await keysOf(elsewhere)
  await expect(elsewhere.getByText(/^Not in this browser\./)).toBeVisible()
  await expect(elsewhere.getByRole('button', { name: 'Show the words…' })).toHaveCount(0)

  await elsewhere.goto('/?restore')
  await elsewhere.getByRole('radio', { name: 'Recovery words' }).check()
  await elsewhere.getByLabel(/^A name for yourself/).fill('anna')
  await elsewhere.getByLabel(/^The 24 words/).fill(words.join(' '))
  await button(elsewhere, 'Restore').click()
  await expect(elsewhere.getByRole('alert')).toContainText('in this browser already')
})

test('a backup brings everybody back, with their names and marks', async ({
  context,
  openPeer,
}) => {
  // Not every browser tells a test of its downloads.
  await context.addInitScript(() => {
    const create = URL.createObjectURL
    URL.createObjectURL = (blob) => {
      Object.assign(globalThis, { saved: blob })
      return create.call(URL, blob)
    }
  })
  const { anna } = await meet(context)
  await button(anna, 'About ben').click()
  await anna.getByLabel(/^Your name for them/).fill('Ben from the climbing hall')
  await button(anna, 'Save').click()
  await button(anna, 'Compare safety numbers').click()
  await button(anna, 'All the same').click()
  await expect(dialog(anna)).toHaveCount(0)
  await keysOf(anna)
  const words = await wordsOf(anna)

  const saved: string[] = []
  for (const step of ['with the main key', 'without']) {
    if (step === 'without') await removeRoot(anna)
    await anna.getByLabel('Passphrase').fill('correct horse')
    await expect(button(anna, 'Save a backup')).toBeDisabled()
    await anna.getByLabel('The same again').fill('correct horse')
    await button(anna, 'Save a backup').click()
    await expect(anna.getByText('The backup is saved with your downloads')).toBeAttached()
    saved.push(await anna.evaluate(() => (globalThis as unknown as { saved: Blob }).saved.text()))
  }
  const [whole, withoutRoot] = saved
  expect(whole).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)

  for (const [name, file] of [
    ['anna', whole],
    ['anna again', withoutRoot],
  ] as const) {
    const { page } = await openPeer(undefined, { path: '/?restore' })
    await page.getByLabel('The file').setInputFiles({
      name: 'handfast-anna.age',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(file!),
    })
    await page.getByLabel(/^A name for yourself/).fill(name)
    const passphrase = page.getByLabel('Its passphrase')
    await passphrase.fill('wrong horse')
    await button(page, 'Restore').click()
    await expect(page.getByRole('alert')).toContainText('The passphrase is another one')
    await passphrase.fill('correct horse')
    await button(page, 'Restore').click()
    if (file === withoutRoot) {
      await expect(page.getByRole('alert')).toContainText('Your main key is missing')
      await page.getByLabel(/^The 24 words/).fill(words.join(' '))
      await button(page, 'Restore').click()
    }
    const known = page.getByRole('navigation', { name: 'People' }).getByRole('listitem')
    await expect(known).toHaveCount(1)
    await expect(known.getByRole('button')).toHaveAccessibleName(
      /^Ben from the climbing hall\s*, verified/,
    )
    expect(await idOf(page)).toBe(await idOf(anna))
    await page.close()
  }
})

test('with the main key removed on both sides people meet, talk and come back', async ({
  context,
}) => {
  const anna = await context.newPage()
  const ben = await context.newPage()
  for (const [page, name] of [
    [anna, 'anna'],
    [ben, 'ben'],
  ] as const) {
    await page.goto(`/?as=${name}`)
    await keysOf(page)
    await removeRoot(page)
    await page.reload()
    await expect(page.getByText(/^Not in this browser\./)).toBeVisible()
  }
  await button(anna, 'Meet someone').click()
  const { link } = await invite(anna)
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await expect(heading(anna, 'ben')).toBeVisible()
  await converse(anna, ben)
  await ben.reload()
  await converse(anna, ben)
  await button(anna, 'Security log').click()
  await expect(
    anna.getByText('You removed your main key from this browser', { exact: true }),
  ).toBeVisible()
})

test('locked keys leave open links alone, and need to be unlocked for all else', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  const other = await context.newPage()
  await other.goto('/?as=anna')
  await keysOf(other)
  await keysOf(anna)
  await button(anna, 'Lock now').click()
  for (const page of [anna, other]) {
    await expect(page.getByText('Your keys are locked.')).toBeVisible()
  }
  await expect(button(anna, 'Show the words…')).toBeDisabled()
  await openConversation(anna, 'ben')
  await converse(anna, ben)
  await button(anna, 'Meet someone').click()
  await button(anna, 'Create invitation').or(button(anna, 'New invitation')).click()
  if (await button(anna, 'Create invitation').isVisible()) {
    await button(anna, 'Create invitation').click()
  }
  await expect(anna.getByRole('alert')).toContainText('Your keys are locked')
  for (const page of [other, anna]) {
    await button(page, 'Unlock').click()
    await expect(page.getByText('Your keys are locked.')).toHaveCount(0)
  }
  await invite(anna)
})

test('a second device: the same digits, the same people, and its end', async ({
  context,
  openPeer,
}) => {
  const { anna, ben } = await meet(context)
  await keysOf(anna)
  await expect(devices(anna)).toHaveCount(1)
  await button(anna, 'Add a device…').click()
  const link = await anna.getByLabel('Link for your device').inputValue()

  const { page: phone } = await openPeer(undefined, { path: link })
  await expect(heading(phone, 'A new device of yours')).toBeVisible()
  expect(new URL(phone.url()).hash).toBe('')
  await phone.getByLabel(/^A name for yourself/).fill('anna on the phone')
  await button(phone, 'Go on').click()
  await expect(heading(phone, 'The same on both?')).toBeVisible()
  const digits = await phone.getByLabel('Digits').innerText()
  expect(digits).toMatch(/^\d{4} \d{4}$/)
  await expect(dialog(anna).getByLabel('Digits')).toHaveText(digits)
  await button(phone, 'They are the same').click()
  await button(anna, 'The same: let it in').click()

  await expect(phone.getByRole('navigation', { name: 'People' })).toBeVisible()
  expect(await idOf(phone)).toBe(await idOf(anna))
  // Without saying so in its address: this is who that browser is.
  expect(new URL(phone.url()).search).toBe('')
  const known = phone.getByRole('navigation', { name: 'People' }).getByRole('listitem')
  await expect(known).toHaveCount(1)
  await known.getByRole('button').click()
  await say(phone, 'from the phone')
  await expect(messages(ben).filter({ hasText: 'from the phone' })).toBeVisible()

  await button(anna, 'Done').click()
  await expect(devices(anna)).toHaveCount(2)
  await devices(anna)
    .nth(1)
    .getByRole('button', { name: /^Revoke/ })
    .click()
  await button(anna, 'Keep it').click()
  await devices(anna)
    .nth(1)
    .getByRole('button', { name: /^Revoke/ })
    .click()
  await button(anna, 'Revoke').click()
  await expect(devices(anna)).toHaveCount(1)
  await expect(phone.getByText('This device was revoked.')).toBeVisible()
  await button(phone, 'Meet someone').click()
  await expect(heading(phone, 'This device meets nobody')).toBeVisible()
  await button(phone, 'Strangers').click()
  await expect(heading(phone, 'This device meets nobody')).toBeFocused()
  await openConversation(phone, 'ben')
  await expect(messages(phone)).toHaveCount(1)
  await expect(phone.getByText('Nothing can be sent from this device any more.')).toBeVisible()
  await button(phone, 'Tally with ben').click()
  await expect(button(phone, 'Sign and send offer')).toBeDisabled()
  await button(phone, 'Keys and devices').click()
  await expect(heading(phone, 'Devices')).toBeVisible()
  await expect(button(phone, 'Add a device…')).toHaveCount(0)
  await expect(phone.getByRole('link', { name: 'Come back as a new device' })).toBeVisible()
  await openConversation(anna, 'ben')
  await converse(anna, ben)
})

test('digits that differ on either side keep a device out', async ({ context, openPeer }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await keysOf(anna)
  await button(anna, 'Add a device…').click()
  const link = await anna.getByLabel('Link for your device').inputValue()
  const { page: phone } = await openPeer(undefined, { path: link })
  await phone.getByLabel(/^A name for yourself/).fill('phone')
  await button(phone, 'Go on').click()
  await button(phone, 'They are the same').click()
  await button(anna, 'Turn it away').click()
  await expect(phone.getByRole('alert')).toContainText('The other device said no')
  await expect(devices(anna)).toHaveCount(1)
})

test('a passphrase is set, asked for, changed and taken away, and open links go on', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  const other = await context.newPage()
  await other.goto('/?as=anna')
  await keysOf(anna)
  const [phrase, second] = ['correct horse battery', 'three dogs under water']
  const field = (label: string | RegExp) => dialog(anna).getByLabel(label, { exact: true })

  await button(anna, 'Set a passphrase…').click()
  await expect(heading(anna, 'Set a passphrase')).toBeFocused()
  await expect(field('Passphrase up to now')).toHaveCount(0)
  await field('New passphrase').fill('short')
  await field('The same again').fill('short')
  await expect(dialog(anna).getByText(/^At least 10 characters/)).toBeVisible()
  await expect(button(anna, 'Set it')).toBeDisabled()
  await field('New passphrase').fill(phrase)
  await expect(dialog(anna).getByText('The two are not the same yet.')).toBeVisible()
  await field('The same again').fill(phrase)
  await anna.keyboard.press('Enter')
  await expect(dialog(anna)).toHaveCount(0)
  await expect(button(anna, 'Change the passphrase…')).toBeFocused()

  // Locked, both tabs ask for it; the open link goes on.
  await button(anna, 'Lock now').click()
  for (const page of [other, anna]) {
    await page.bringToFront()
    const note = page.getByLabel('Your passphrase', { exact: true })
    await note.fill('another')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('alert')).toContainText('The passphrase is another one')
    await expect(note).toBeFocused()
    await expect(note).toHaveAttribute('aria-invalid', 'true')
    await note.fill(phrase)
    await page.keyboard.press('Enter')
    await expect(page.getByText('Your keys are locked.')).toHaveCount(0)
  }
  await openConversation(anna, 'ben')
  await converse(anna, ben)

  // And whoever opens the page.
  await anna.reload()
  const asked = anna.getByLabel('Your passphrase', { exact: true })
  await expect(heading(anna, 'Unlock anna')).toBeVisible()
  await expect(asked).toBeFocused()
  await asked.fill('another')
  await anna.keyboard.press('Enter')
  await expect(anna.getByRole('alert')).toContainText('The passphrase is another one')
  // The same once more, by the button, which can't be pressed meanwhile.
  await button(anna, 'Unlock').click()
  await expect(asked).toBeFocused()
  await asked.fill(phrase)
  await anna.keyboard.press('Enter')
  await openConversation(anna, 'ben')
  await converse(anna, ben)

  await keysOf(anna)
  await button(anna, 'Change the passphrase…').click()
  await field('Passphrase up to now').fill('another')
  await field('New passphrase').fill(second)
  await field('The same again').fill(second)
  await button(anna, 'Change it').click()
  await expect(field('Passphrase up to now')).toBeFocused()
  await expect(dialog(anna).getByRole('alert')).toContainText('The passphrase is another one')
  await field('Passphrase up to now').fill(phrase)
  await expect(dialog(anna).getByRole('alert')).toHaveCount(0)
  await button(anna, 'Change it').click()
  await expect(dialog(anna)).toHaveCount(0)

  await button(anna, 'Change the passphrase…').click()
  await expect(button(anna, 'Take it away')).toBeDisabled()
  await field('Passphrase up to now').fill(second)
  await button(anna, 'Take it away').click()
  await expect(button(anna, 'Set a passphrase…')).toBeFocused()
  await anna.reload()
  await openConversation(anna, 'ben')
  await converse(anna, ben)
  await button(anna, 'Security log').click()
  await expect(anna.getByText('You changed what opens your keys', { exact: true })).toHaveCount(3)
})
