/** What the demo shows of the library: a tab that is broken on purpose recovers, and everything that happens below can be seen. */

import type { Page } from '@playwright/test'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, converse, expect, meet, messages, say } = demo

test.describe.configure({ timeout: 180_000 })

const drawer = (page: Page) => page.getByRole('complementary', { name: 'Diagnostics' })
const flip = (page: Page, name: string) => drawer(page).getByRole('switch', { name }).click()
const bar = (page: Page, text: RegExp) => page.getByRole('status').filter({ hasText: text })

test('a tab without a relay, without a network, and after a crash', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await anna.bringToFront()
  await anna.keyboard.press('Control+.')
  await expect(drawer(anna).getByRole('heading', { name: 'Diagnostics' })).toBeFocused()

  // Who is here stays here without a relay.
  await flip(anna, 'Relay off')
  await expect(bar(anna, /The relay is off\. ben stays connected/)).toBeVisible()
  await expect(anna.getByText(/^Relay out of reach/)).toBeVisible()
  await converse(anna, ben)
  await button(anna, 'Switch on again').click()
  await expect(bar(anna, /Recovered in .* ben never noticed/)).toBeVisible()
  await expect(anna.getByText(/^Relay connected/)).toBeVisible()

  // Offline, a message waits.
  await flip(anna, 'Offline')
  await expect(bar(anna, /You are offline/)).toBeVisible()
  await expect(ben.getByRole('main').getByText(/^(Away|Dialling…)$/)).toBeVisible()
  await say(anna, 'Into the void')
  await expect(messages(anna).last()).toContainText('Waiting')
  await expect(bar(anna, /1 message waits here/)).toBeVisible()
  await send(anna, 'later.bin', 10)
  await expect(messages(anna).last()).toContainText('waiting for ben')
  await button(anna, 'Cancel later.bin').click()
  await expect(messages(anna).last()).toContainText('Not sent: You cancelled it')
  await flip(anna, 'Offline')
  await expect(messages(ben).last()).toContainText('Into the void')
  await expect(
    bar(anna, /Recovered in .* ben is here again\. 1 message was delivered/),
  ).toBeVisible()
  await button(anna, 'Close').click()
  await anna.keyboard.press('Control+.')
  await expect(drawer(anna)).toHaveCount(0)

  // A crash: everything is there but what was cancelled, and goes on.
  await button(anna, 'Diagnostics').click()
  const said = (await messages(anna).count()) - 1
  await button(anna, 'Crash this tab').click()
  await expect(drawer(anna)).toHaveCount(0)
  await expect(messages(anna)).toHaveCount(said)
  await expect(bar(anna, /Recovered in .* ben is here again/)).toBeVisible()
  await converse(anna, ben)

  // Whose connections another tab holds could only pretend to break them.
  const second = await context.newPage()
  await second.goto('/?as=anna')
  await button(second, 'Diagnostics').click()
  await expect(
    drawer(second)
      .getByText(/^Another tab of yours holds/)
      .last(),
  ).toBeVisible()
  await expect(drawer(second).getByRole('switch', { name: 'Offline' })).toBeDisabled()
  await anna.close()
  await expect(drawer(second).getByRole('switch', { name: 'Offline' })).toBeEnabled()
})

/** Made in the page: it is large. */
async function send(page: Page, name: string, size: number): Promise<void> {
  await page.getByLabel(/^File for/).evaluate(
    (input: HTMLInputElement, [fileName, bytes]) => {
      const files = new DataTransfer()
      files.items.add(new File([new Uint8Array(bytes)], fileName))
      input.files = files.files
      input.dispatchEvent(new Event('change'))
    },
    [name, size] as const,
  )
}

test('files: progress, cancelled from either side, sent again, and pictures', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  // It takes seconds: what is shown meanwhile is looked for at every frame.
  const seen = Promise.all(
    [anna, ben].map((page) =>
      page.waitForFunction(() =>
        [...document.querySelectorAll('[role=log] article:has(progress)')].some(({ textContent }) =>
          / of 64 MB · .+ MB\/s · .+ left/.test(textContent),
        ),
      ),
    ),
  )
  await send(anna, 'film.bin', 64_000_000)
  await seen
  await button(anna, 'Cancel film.bin').click()
  await expect(messages(anna).last()).toContainText('Not sent: You cancelled it')
  await expect(messages(ben).last()).toContainText('Not received: anna cancelled it')

  await button(anna, 'Send film.bin again').click()
  await button(ben, 'Cancel film.bin').click()
  await expect(messages(ben).last()).toContainText('Not received: You cancelled it')
  await expect(messages(anna).last()).toContainText('Not sent: ben cancelled it')
  await converse(anna, ben)

  await send(anna, 'too large.bin', 70_000_000)
  await expect(messages(anna).last()).toContainText('Not sent: Files have at most 64 MB')
  await anna.bringToFront()
  await button(anna, 'Remove too large.bin').press('Enter')
  await expect(button(anna, 'Remove too large.bin')).toHaveCount(0)
  await expect(anna.getByRole('log')).toBeFocused()
  await button(ben, 'Remove film.bin').first().click()
  await expect(button(ben, 'Remove film.bin')).toHaveCount(1)

  const long = `a name that goes on ${'and on '.repeat(5)}to its end.png`
  const picture = await anna.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 200)
    canvas.getContext('2d')!.fillRect(20, 20, 200, 100)
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())]
  })
  await ben
    .getByLabel('File for anna')
    .setInputFiles({ name: long, mimeType: '', buffer: Buffer.from(picture) })
  await expect(messages(ben).last()).toContainText('Delivered')
  await expect(button(anna, `Save ${long}`)).toBeVisible()
  const shown = anna.getByRole('img', { name: `Picture ${long}` })
  await expect
    .poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth))
    .toBeGreaterThan(100)

  // Only heads: whoever decoded them would find out. A bomb is a file; what is large waits for a click.
  const sendHead = (name: string, width: number, height: number) => {
    const head = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1')
    const buffer = Buffer.concat([head, Buffer.alloc(17)])
    buffer.writeUInt32BE(width, 16)
    buffer.writeUInt32BE(height, 20)
    return ben.getByLabel('File for anna').setInputFiles({ name, mimeType: '', buffer })
  }
  await sendHead('bomb.png', 60_000, 60_000)
  await expect(button(anna, 'Save bomb.png')).toBeVisible()
  await sendHead('large.png', 6000, 4000)
  await expect(button(anna, 'Save large.png')).toBeVisible()
  await expect(anna.getByRole('button', { name: /^Show picture/ })).toHaveCount(1)
  const box = messages(anna).last().locator('.file-picture')
  const sizeOf = () => box.evaluate(({ clientWidth, clientHeight }) => [clientWidth, clientHeight])
  const before = await sizeOf()
  await button(anna, 'Show picture large.png').click()
  await expect(box).toHaveText('This picture can’t be shown.')
  expect(await sizeOf()).toEqual(before)
})

test('the diagnostics have the right figures, and the mesh a picture', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await anna.bringToFront()
  await expect(anna.getByText(/^Direct · [\d.]+ ms$/)).toBeVisible()
  await button(anna, 'Diagnostics').click()
  const figure = (name: string) =>
    drawer(anna)
      .locator('dl > div')
      .filter({ hasText: new RegExp(`^${name}`) })
      .locator('dd')
  await expect(figure('Route')).toContainText('Direct, UDP')
  await expect(figure('Round trip')).toHaveText(/^(?!0\.0 )[\d.]+ ms$/)
  await expect(figure('Handshake')).toHaveText(
    'Noise IKpsk1, first contact; the other side dialled',
  )
  await expect(figure('Received')).toContainText(' B')
  await send(ben, 'notes.bin', 3_000_000)
  await expect(figure('Received')).toHaveText(/^3(\.\d)? MB in \d+ frames$/)
  const plot = drawer(anna).getByRole('img', { name: /^Throughput, .* most [\d.]+ [kM]B\/s$/ })
  await expect(plot).toBeVisible()

  // The session has one name on both sides.
  await ben.keyboard.press('Control+.')
  const session = await figure('Session').locator('code').getAttribute('title')
  await expect(drawer(ben).locator(`code[title="${session}"]`)).toBeVisible()

  const events = drawer(anna)
    .getByRole('list', { name: /^Events/ })
    .getByRole('listitem')
  await expect(events.filter({ hasText: 'Connected with ben' })).toHaveCount(1)
  await drawer(anna).getByLabel('About what').selectOption('Messages')
  await expect(events).toHaveText(['Nothing yet.'])
  await say(anna, 'told')
  await expect(events.first()).toContainText('ben has received a message')
  await button(anna, 'Pause').click()
  const before = await events.count()
  await say(anna, 'untold')
  await expect(messages(anna).last()).toContainText('Delivered')
  expect(await events.count()).toBe(before)
  await anna.keyboard.press('Control+.')
  await expect(drawer(anna)).toHaveCount(0)

  await button(anna, 'Mesh').click()
  const person = anna
    .getByRole('main')
    .getByRole('button', { name: /^ben: here, direct, [\d.]+ ms/ })
  await expect(person).toBeVisible()
  await expect(anna.getByRole('main').getByRole('list').last()).toContainText('Relay connected')
  await person.focus()
  await anna.keyboard.press('Enter')
  await expect(messages(anna).last()).toContainText('untold')
})

test('thirty people fit into the picture of the mesh, on a phone, too', async ({ page }) => {
  for (const width of [390, 1000]) {
    await page.setViewportSize({ width, height: 844 })
    await page.goto('/test/browser/pages/mesh-picture.html?people=30')
    const people = page.getByRole('list').getByRole('button')
    await expect(people).toHaveCount(30)
    const boxes = await people.locator('.weave').evaluateAll((weaves) =>
      weaves.map((weave) => {
        const { left, right, top, bottom } = weave.getBoundingClientRect()
        return { left, right, top, bottom }
      }),
    )
    for (const [at, a] of boxes.entries()) {
      expect(a.left).toBeGreaterThan(0)
      expect(a.right).toBeLessThan(width)
      for (const b of boxes.slice(at + 1)) {
        const isApart =
          a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top
        expect(isApart, JSON.stringify([a, b])).toBe(true)
      }
    }
    for (const name of ['Person 1: tied', 'Person 30: tied']) {
      await page.getByRole('button', { name, exact: true }).press('Enter')
      await expect(page.locator('output')).toHaveText(name.split(':')[0]!)
    }
  }
})
