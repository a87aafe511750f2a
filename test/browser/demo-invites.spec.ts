/**
 * Invitations as people share them: a code that a camera or a picture brings, a link, the system's share sheet; and every invitation that is
 * of no use, explained.
 */

import type { Page } from '@playwright/test'
import { startRelay } from '../../lib/relay/node.ts'
import { issueTicket, openIdentity } from '../unit/attack/adversary.ts'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, expect, heading, invite, meet, openedAs, paste, setRelays } = demo

test.describe.configure({ timeout: 180_000 })

const tenMinutesMs = 600_000
/** A picture of nothing. */
const onePixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
)
const problem = (page: Page) => page.getByRole('alert')
const dialog = (page: Page, name: string) => page.getByRole('dialog', { name })

/** What somebody who photographs the screen has, of 660 pixels. Drawn, since a screenshot takes a style that the page forbids. */
async function photoOfCode(page: Page): Promise<Buffer> {
  const code = page.getByRole('img', { name: 'Your invitation as a QR code' })
  const url = await code.evaluate((svg) => {
    const [paper, ink] = [...svg.children]
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 660
    const context = canvas.getContext('2d')!
    const side = 660 / (svg as SVGSVGElement).viewBox.baseVal.width
    context.scale(side, side)
    context.fillStyle = getComputedStyle(paper!).fill
    context.fillRect(0, 0, 660, 660)
    context.fillStyle = getComputedStyle(ink!).fill
    context.fill(new Path2D(ink!.getAttribute('d')!))
    return canvas.toDataURL('image/png')
  })
  return Buffer.from(url.split(',')[1]!, 'base64')
}

/** Gives the page a camera that sees a picture, or fails as the platform would. Two of them, the front one first. */
async function giveCamera(page: Page, sees: Buffer | null, error?: string): Promise<void> {
  await page.evaluate(
    async ([picture, failure]) => {
      const scope = globalThis as unknown as { cameras: MediaStream[]; asked: unknown[] }
      scope.cameras = []
      scope.asked = []
      const { mediaDevices } = navigator
      mediaDevices.enumerateDevices = async () =>
        ['front', 'rear'].map((deviceId) => ({
          deviceId,
          groupId: '',
          kind: 'videoinput' as const,
          label: `The ${deviceId} camera`,
          toJSON: () => ({}),
        }))
      mediaDevices.getUserMedia = async (constraints) => {
        scope.asked.push(constraints?.video)
        if (failure) throw new DOMException('', failure)
        const canvas = document.createElement('canvas')
        canvas.width = 1280
        canvas.height = 720
        const context = canvas.getContext('2d')!
        const bytes = picture && Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))
        const image = bytes && (await createImageBitmap(new Blob([bytes], { type: 'image/png' })))
        // As a hand holds it: turned a little, on a table.
        const draw = () => {
          context.resetTransform()
          context.fillStyle = '#8a7a66'
          context.fillRect(0, 0, 1280, 720)
          context.translate(640, 360)
          context.rotate(0.06)
          if (image) context.drawImage(image, -330, -330, 660, 660)
        }
        draw()
        setInterval(draw, 100)
        const stream = canvas.captureStream(10)
        scope.cameras.push(stream)
        return stream
      }
    },
    [sees && sees.toString('base64'), error] as const,
  )
}

async function ticketForSomebodyElse(): Promise<string> {
  const [issuer, invited] = [await openIdentity(), await openIdentity()]
  const { ticket } = await issueTicket(issuer, { for: invited.peer })
  return String(ticket)
}

const camerasOn = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      (globalThis as unknown as { cameras: MediaStream[] }).cameras.filter(({ active }) => active)
        .length,
  )

test('a code is shown by one and scanned by the other, who is then connected', async ({
  context,
  openPeer,
}) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await anna.getByLabel(/^Note/).fill('Über den Tisch: 好')
  const { ticket } = await invite(anna)
  const photo = await photoOfCode(anna)

  const { page: ben } = await openPeer(undefined, { path: '/?as=ben' })
  await giveCamera(ben, null)
  // Whoever never scans never loads the decoder.
  const decoders = () =>
    ben.evaluate(
      () =>
        performance.getEntriesByType('resource').filter(({ name }) => name.includes('qr-reader'))
          .length,
    )
  expect(await decoders()).toBe(0)
  const scanning = dialog(ben, 'Scan a code')
  const scan = button(ben, 'Scan a code')
  await scan.click()
  await expect(scanning.getByText(/^Looking for a code/)).toBeVisible()
  expect(await camerasOn(ben)).toBe(1)
  await expect.poll(decoders).toBeGreaterThan(0)
  const asked = await ben.evaluate(() => (globalThis as unknown as { asked: unknown[] }).asked)
  expect(asked).toMatchObject([{ facingMode: { ideal: 'environment' } }])
  await ben.getByRole('combobox', { name: 'Camera' }).selectOption('The rear camera')
  await expect
    .poll(() => ben.evaluate(() => (globalThis as unknown as { asked: unknown[] }).asked.at(-1)))
    .toMatchObject({ deviceId: { exact: 'rear' } })
  await expect.poll(() => camerasOn(ben)).toBe(1)
  await ben.keyboard.press('Escape')
  await expect(scanning).toHaveCount(0)
  await expect(scan).toBeFocused()
  await expect.poll(() => camerasOn(ben)).toBe(0)

  await giveCamera(ben, photo)
  await scan.press('Enter')
  await expect(heading(ben, 'You are invited')).toBeVisible()
  await expect(ben.getByText('Über den Tisch: 好')).toBeVisible()
  await expect.poll(() => camerasOn(ben)).toBe(0)
  const second = await ben.context().newPage()
  await second.goto(`/?as=ben#${ticket}`)
  await expect(heading(second, 'You are invited')).toBeVisible()
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await expect(heading(anna, 'ben')).toBeVisible()
  await expect(heading(second, 'You know anna already')).toBeVisible()
  await second.close()

  // Its own light is off as soon as the page is not seen.
  await button(ben, 'Meet someone').click()
  await giveCamera(ben, null)
  await button(ben, 'Scan a code').click()
  await expect.poll(() => camerasOn(ben)).toBe(1)
  await ben.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await expect(scanning.getByText(/^The camera is off/)).toBeVisible()
  await expect.poll(() => camerasOn(ben)).toBe(0)
  await ben.keyboard.press('Escape')

  // A link to somebody whom one knows leads to them.
  await paste(ben, `Hi!\n> ${ticket.slice(0, 70)}\n> ${ticket.slice(70)}\n\nsee you`)
  await expect(heading(ben, 'You know anna already')).toBeFocused()
  await button(ben, 'Open the conversation').click()
  await expect(ben.getByRole('log')).toBeVisible()
})

test('without a camera there are words, and a picture of the code', async ({ context, page }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await invite(anna)
  const photo = await photoOfCode(anna)

  await page.goto('/?as=ben')
  const scanning = dialog(page, 'Scan a code')
  const why = {
    NotAllowedError: 'This page may not use the camera',
    NotFoundError: 'No camera was found',
    NotReadableError: 'The camera is in use',
  }
  for (const [error, words] of Object.entries(why)) {
    await giveCamera(page, null, error)
    const isOpen = await scanning.isVisible()
    await button(page, isOpen ? 'Try again' : 'Scan a code').click()
    await expect(scanning.getByRole('alert')).toContainText(words)
  }
  const file = page.getByLabel('Picture of a code')
  const choose = (buffer: Buffer, mimeType = 'image/png') =>
    file.setInputFiles({ name: 'code', mimeType, buffer })
  await choose(Buffer.from('no picture'))
  await expect(problem(page).last()).toContainText('can’t be opened as a picture')
  await choose(onePixel)
  await expect(problem(page).last()).toContainText('no code to be read')
  await choose(photo)
  await expect(heading(page, 'You are invited')).toBeVisible()
  await button(page, 'Not now').click()

  await expect(heading(page, 'Accept an invitation')).toBeVisible()

  // Pasted as a picture, wherever the focus is; and dropped.
  for (const way of ['paste', 'drop']) {
    await page.evaluate(
      ([kind, picture]) => {
        const bytes = Uint8Array.from(atob(picture!), (letter) => letter.charCodeAt(0))
        const data = new DataTransfer()
        data.items.add(new File([bytes], 'code.png', { type: 'image/png' }))
        const event = new Event(kind!, { bubbles: true, cancelable: true })
        const name = kind === 'paste' ? 'clipboardData' : 'dataTransfer'
        Object.defineProperty(event, name, { value: data })
        document.getElementById('accept-title')!.dispatchEvent(event)
      },
      [way, photo.toString('base64')],
    )
    await expect(heading(page, 'You are invited')).toBeVisible()
    await button(page, 'Not now').click()
  }
})

test('an invitation is shown large, shared, counted down, and found again', async ({ context }) => {
  const anna = await context.newPage()
  await anna.clock.install()
  await anna.addInitScript(() => {
    const outcomes = ['', 'AbortError', 'NotAllowedError']
    const scope = globalThis as unknown as { shared: ShareData[] }
    scope.shared = []
    navigator.canShare = () => true
    navigator.share = async (data) => {
      scope.shared.push(data!)
      const outcome = outcomes[scope.shared.length - 1]
      if (outcome) throw new DOMException('', outcome)
    }
  })
  await anna.goto('/?as=anna')
  await anna.getByLabel(/^Note/).fill('x'.repeat(100) + '好'.repeat(10))
  await expect(button(anna, 'Create invitation')).toBeDisabled()
  await anna.getByLabel(/^Note/).fill('Lunch')
  const { link, ticket } = await invite(anna)

  await button(anna, 'Show it large').click()
  const large = dialog(anna, 'Scan to accept')
  const { width } = (await large.getByRole('img').boundingBox())!
  expect(width).toBeGreaterThan(450)
  // Sharp: every module is as many whole pixels.
  const modules = await large
    .getByRole('img')
    .evaluate((svg) => (svg as SVGSVGElement).viewBox.baseVal.width)
  expect(width % modules).toBeLessThan(0.01)
  await anna.keyboard.press('Escape')
  await expect(large).toHaveCount(0)

  const failed = anna.getByText(/^Sharing did not work/)
  const share = button(anna, 'Share')
  await share.click()
  await share.click()
  await expect(failed).toHaveCount(0)
  await share.click()
  await expect(failed).toBeVisible()
  const shared = await anna.evaluate(
    () => (globalThis as unknown as { shared: ShareData[] }).shared,
  )
  expect(shared).toHaveLength(3)
  expect(shared[0]).toMatchObject({ url: link, text: expect.stringContaining('“Lunch”') })

  await anna.reload()
  const open = anna.getByRole('region', { name: 'Still open' })
  await expect(open).toContainText('Lunch')
  await open.getByRole('button', { name: 'Show' }).click()
  await expect(anna.getByLabel('Ticket', { exact: true })).toHaveValue(ticket)

  const timer = anna.getByRole('timer')
  const said = anna.getByText(/^Your invitation holds for another/)
  await expect(timer).toContainText(/^(10|9) min/)
  await anna.clock.fastForward(tenMinutesMs / 2)
  await expect(said).toHaveText(/five minutes/)
  await anna.clock.fastForward(tenMinutesMs / 2 - 40_000)
  await expect(said).toHaveText(/one minute/)
  await anna.clock.fastForward(60_000)
  await expect(heading(anna, 'The invitation has expired')).toBeVisible()
  await button(anna, 'New invitation').click()
  await expect(open).toHaveCount(0)
})

test('whatever is no invitation for one is explained', async ({ context }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  const { link, ticket } = await invite(anna)

  const ben = await context.newPage()
  await ben.goto('/?as=ben')
  const damaged = `${ticket.slice(0, 300)}${ticket[300] === 'a' ? 'b' : 'a'}${ticket.slice(301)}`
  for (const [text, words] of [
    [damaged, 'This invitation is damaged'],
    [ticket.slice(0, -30), 'This invitation is damaged'],
    [link.split('#')[0]!, 'There is no invitation in this link'],
    [`hfa1${ticket.slice(4)}`, 'This is an address'],
    [Array(24).fill('abandon').join(' '), 'These look like recovery words'],
    ['lunch?', 'That is not an invitation'],
    [await ticketForSomebodyElse(), 'This invitation is for somebody else'],
  ] as const) {
    await paste(ben, text)
    await expect(problem(ben)).toContainText(words)
  }
  await ben.getByLabel('Link or ticket that you received').fill('something else')
  await expect(problem(ben)).toHaveCount(0)

  // One's own: a way to try it.
  await paste(anna, ticket)
  await expect(problem(anna)).toContainText('This is your own invitation')
  await problem(anna).getByRole('link').click()
  await expect(heading(anna, 'You are invited')).toBeVisible()

  // As another one of this browser.
  await ben.goto(openedAs(link, 'ben'))
  await ben.getByText(/^You would accept as ben/).click()
  await expect(ben.getByRole('link', { name: 'Open it as anna' })).toBeVisible()

  await ben.clock.setFixedTime(Date.now() + tenMinutesMs + 1000)
  await expect(problem(ben)).toContainText('This invitation has expired')
  await expect(button(ben, 'Accept')).toHaveCount(0)
  await ben.goto('about:blank')
  await ben.goto(openedAs(link, 'ben'))
  await expect(problem(ben)).toContainText('This invitation has expired')
  expect(new URL(ben.url()).hash).toBe('')

  // Where a device is to join.
  await ben.clock.setFixedTime(Date.now())
  const join = (text: string) => `/?join#${text}`
  for (const [text, words] of [
    [damaged, 'This invitation is damaged'],
    [ticket, 'This invitation is to meet somebody'],
  ] as const) {
    await ben.goto('about:blank')
    await ben.goto(join(text))
    await expect(problem(ben)).toContainText(words)
  }
  await problem(ben).getByRole('link', { name: 'Open it to accept' }).click()
  await expect(heading(ben, 'You are invited')).toBeVisible()

  // Of the people in this browser, one is who it opens as.
  await button(ben, 'Not now').click()
  await button(ben, 'Settings').click()
  const usual = ben.getByRole('group', { name: 'This page opens as' })
  await usual.getByRole('radio', { name: /^anna/ }).check()
  await ben.goto('/')
  await expect(ben.locator('.you-name')).toHaveText('anna')
})

test('a used and a withdrawn invitation look alike, and the words say so', async ({ context }) => {
  const { anna } = await meet(context)
  await anna.bringToFront()
  await button(anna, 'Meet someone').click()
  await button(anna, 'New invitation').click()
  const { link } = await invite(anna)
  await button(anna, 'Withdraw').click()
  await expect(heading(anna, 'Invitation withdrawn')).toBeFocused()
  await expect(anna.getByLabel('Link', { exact: true })).toHaveCount(0)

  const carol = await context.newPage()
  await carol.clock.install()
  await carol.goto(openedAs(link, 'carol'))
  await button(carol, 'Accept').click()
  await expect(carol.getByText(/^Their page must be open/)).toBeVisible()
  await carol.clock.fastForward(10_000)
  await expect(carol.getByText(/used or withdrawn, which looks the same/)).toBeVisible()
  await button(carol, 'Cancel').click()
  await expect(heading(carol, 'You are invited')).toBeVisible()
  await button(carol, 'Accept').click()
  await carol.clock.fastForward(61_000)
  await expect(problem(carol)).toContainText('Nobody answered')
  await expect(problem(carol)).toContainText('used or withdrawn')
  await expect(button(carol, 'Try again')).toBeVisible()
})

test('with the relay down an accepted invitation waits, says so, and goes on by itself', async ({
  openPeer,
  expectError,
}) => {
  const gone = await startRelay({ host: '127.0.0.1', port: 0 })
  const { url } = gone
  await gone.close()
  expectError(new RegExp(new URL(url).host))
  const openWithRelay = async (path: string) => {
    const { context, newPage } = await openPeer(undefined, { path: 'about:blank' })
    await setRelays(context, [url])
    return newPage(path)
  }
  const anna = await openWithRelay('/?as=anna')
  const { link } = await invite(anna)
  const ben = await openWithRelay(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await expect(ben.getByText(/^The relay is out of reach. This waits/)).toBeVisible()
  const relay = await startRelay({ host: '127.0.0.1', port: Number(new URL(url).port) })
  try {
    await expect(heading(ben, 'anna')).toBeVisible({ timeout: 45_000 })
    await expect(heading(anna, 'ben')).toBeVisible()
  } finally {
    await relay.close()
  }
})
