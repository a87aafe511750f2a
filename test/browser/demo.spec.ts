/** The demo, used the way people would: two tabs, two profiles, with and without a relay, by mouse and by keyboard. */

import { cleanName } from '../../demo/people/names.ts'
import { showValue } from '../../demo/conversation/show-value.ts'
import { test } from './support/browsers.ts'
import * as demo from './support/demo.ts'

const { button, converse, expect, heading, invite, meet } = demo
const { messages, openConversation, openedAs, paste, say, setRelays } = demo

test.describe.configure({ timeout: 180_000 })

/** Nothing listens there. */
const deadRelay = 'ws://127.0.0.1:9/relay'

test('two tabs meet by a link and talk', async ({ context }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await anna.getByLabel(/^Note/).fill('Lunch on Friday')
  const { link } = await invite(anna)
  await expect(anna.getByRole('img', { name: 'Your invitation as a QR code' })).toBeVisible()
  await expect(anna.getByText(/^Relay connected/)).toBeVisible()

  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await expect(heading(ben, 'You are invited')).toBeVisible()
  await expect(ben.getByText('Lunch on Friday')).toBeVisible()
  expect(new URL(ben.url()).hash).toBe('')

  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await expect(heading(anna, 'ben')).toBeVisible()
  await converse(anna, ben)

  await button(anna, 'Ping').click()
  await expect(anna.getByText(/^ben answered in [\d.]+ ms$/)).toBeVisible()

  await button(anna, 'Meet someone').click()
  await expect(heading(anna, 'ben accepted')).toBeVisible()
})

test('one click opens a second person', async ({ context }) => {
  const anna = await context.newPage()
  await anna.goto('/')
  const [ben] = await Promise.all([
    context.waitForEvent('page'),
    button(anna, 'Open a second person in a new tab').click(),
  ])
  await button(ben, 'Accept').click()
  await expect(ben.getByRole('log')).toBeVisible()
  await expect(anna.getByRole('log')).toBeVisible()
  await converse(anna, ben)
})

test('two browsers meet by a pasted ticket', async ({ openPeer }) => {
  const { page: anna } = await openPeer(undefined, { path: '/?as=anna' })
  const { page: ben } = await openPeer(undefined, { path: '/?as=ben' })
  const { ticket } = await invite(anna)
  await paste(ben, ticket)
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await expect(heading(anna, 'ben')).toBeVisible()
  await converse(anna, ben)
})

test('without a relay, tabs of one browser still meet', async ({ context, expectError }) => {
  expectError(/127\.0\.0\.1:9/)
  await setRelays(context, [deadRelay])
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  const { link } = await invite(anna)
  await expect(anna.getByText(/^Relay out of reach/)).toBeVisible()
  // The ticket has it.
  expect(new URL(link).search).toBe('')
  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()
  await expect(heading(anna, 'ben')).toBeVisible()
  await converse(anna, ben)
})

test('a name that nobody has is asked about first, unless nobody else is here', async ({
  openPeer,
}) => {
  const { page: anna, newPage } = await openPeer(undefined, { path: '/?as=anna' })
  const { link } = await invite(anna)
  const stranger = await newPage(openedAs(link, 'ben'))
  await expect(heading(stranger, 'Nobody called “ben” is here yet')).toBeFocused()
  const persons = () =>
    stranger.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))
  expect(await persons()).toContain('handfast/anna')
  expect(await persons()).not.toContain('handfast/ben')
  await expect(stranger.getByRole('link', { name: 'Open as anna' })).toHaveAttribute(
    'href',
    /\?as=anna#hft1/,
  )
  await button(stranger, 'Be “ben”, somebody new').click()
  await expect(heading(stranger, 'You are invited')).toBeVisible()
  await button(stranger, 'Accept').click()
  await expect(heading(stranger, 'anna')).toBeVisible()
  await stranger.reload()
  await expect(heading(stranger, 'anna')).toBeVisible()
})

test('a link that names a relay moves nobody to it without a click', async ({
  context,
  expectError,
}) => {
  expectError(/127\.0\.0\.1:9/)
  const sockets: string[] = []
  await context.exposeFunction('noteSocket', (url: string) => sockets.push(url))
  await context.addInitScript(() => {
    const { noteSocket } = globalThis as unknown as { noteSocket(url: string): void }
    globalThis.WebSocket = class extends WebSocket {
      constructor(url: string | URL) {
        noteSocket(String(url))
        super(url)
      }
    }
  })
  const { anna, ben } = await meet(context)
  const hostile = `/?as=ben&relay=${encodeURIComponent(deadRelay)}`
  await ben.goto(hostile)
  const note = ben.getByRole('region', { name: 'Relay' })
  await button(ben, 'Meet someone').click()
  await expect(note).toContainText(deadRelay)
  await openConversation(ben, 'anna')
  await converse(anna, ben)
  expect(sockets.some((url) => url.endsWith('/relay'))).toBe(true)
  expect(sockets).not.toContain(deadRelay)

  await button(ben, 'Meet someone').click()
  await button(ben, 'Don’t use it').click()
  await expect(note).toHaveCount(0)
  await expect(heading(ben, 'Meet someone')).toBeFocused()
  expect(new URL(ben.url()).search).toBe('?as=ben')

  await ben.goto(hostile)
  await button(ben, 'Meet someone').click()
  await button(ben, 'Use this relay').click()
  await expect.poll(() => sockets).toContain(deadRelay)
  await expect(note).toHaveCount(0)
  // One’s own stay.
  await openConversation(ben, 'anna')
  await converse(ben, anna)
})

test('after a reload of either tab, the conversation goes on', async ({ context }) => {
  const { anna, ben } = await meet(context)

  let said = 0
  for (const page of [anna, ben]) {
    await page.reload()
    await expect(messages(page)).toHaveCount(said)
    await converse(anna, ben)
    said += 2
    for (const one of [anna, ben]) await expect(messages(one)).toHaveCount(said)
  }
})

test('what is written to somebody away is delivered when they come', async ({ context }) => {
  const { anna, ben } = await meet(context)
  await ben.goto('about:blank')
  await expect(anna.getByRole('main').getByText(/^(Away|Dialling…)$/)).toBeVisible()
  await say(anna, 'Are you there?')
  await expect(messages(anna).last()).toContainText('Waiting')

  await ben.goto('/?as=ben')
  await openConversation(ben, 'anna')
  await expect(messages(ben)).toContainText('Are you there?')
  await expect(messages(anna).last()).toContainText('Delivered')
})

test('the same person opens in a second tab, and goes on there once the first is closed', async ({
  context,
}) => {
  const anna = await context.newPage()
  await anna.goto('/')
  await expect(heading(anna, 'Meet someone')).toBeVisible()
  const second = await context.newPage()
  await second.goto('/')
  await expect(heading(second, 'Meet someone')).toBeVisible()
  await anna.close()
  const ben = await context.newPage()
  const { link } = await invite(second)
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await converse(second, ben)
})

test('a forgotten person is gone, after asking', async ({ context }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  const { link } = await invite(anna)
  const ben = await context.newPage()
  await ben.goto(openedAs(link, 'ben'))
  await button(ben, 'Accept').click()
  await expect(heading(ben, 'anna')).toBeVisible()

  await button(ben, 'About anna').click()
  await button(ben, 'Remove anna…').click()
  await button(ben, 'Keep').click()
  await expect(button(ben, 'Remove anna…')).toBeFocused()
  await button(ben, 'Remove anna…').click()
  await button(ben, 'Forget').click()
  await expect(ben.getByText('Nobody yet.')).toBeVisible()
  await ben.reload()
  await expect(ben.getByText('Nobody yet.')).toBeVisible()
})

test('what others send is shown whole, bounded and harmless', () => {
  expect(showValue('plain <b>text</b>')).toBe('plain <b>text</b>')
  expect(showValue({ pay: 2n ** 200n, to: null })).toBe(`{"pay": ${2n ** 200n}n, "to": null}`)
  expect(showValue([new Uint8Array([1, 255]), new Map([[1, 'one']])])).toBe(`[h'01ff', {1: "one"}]`)
  expect(showValue('x'.repeat(5000))).toMatch(/^x{4000}… \(1000 more characters\)$/)
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1)
  expect(showValue(deep)).toBe('[[[[[[…]]]]]]')

  expect(cleanName(' Anna\u202e\u0000\n ')).toBe('Anna')
  expect(cleanName('x'.repeat(100))).toHaveLength(24)
  for (const nothing of ['', ' \u200b', 7n, null, ['Anna']]) expect(cleanName(nothing)).toBeNull()
})

test('a stranger asks for a name at a published address', async ({ context, openPeer }) => {
  const anna = await context.newPage()
  await anna.goto('/?as=anna')
  await button(anna, 'Strangers').click()
  await button(anna, 'Publish an address').click()
  const address = await anna.getByLabel('Address', { exact: true }).inputValue()

  const { page: ben } = await openPeer(undefined, { path: '/?as=ben' })
  await button(ben, 'Strangers').click()
  const question = ben.getByLabel('Address that you found')
  await question.fill('nonsense')
  await button(ben, 'Ask for the name').click()
  await expect(ben.getByText('That is not an address')).toBeVisible()
  await question.fill(address)
  await button(ben, 'Ask for the name').click()
  await expect(ben.getByText(/^This is anna, .+, and they are here\.$/)).toBeVisible()

  // Kept over a reload, until it is withdrawn.
  await anna.reload()
  await expect(anna.getByLabel('Address', { exact: true })).toHaveValue(address)
  await button(anna, 'Withdraw').click()
  await expect(button(anna, 'Publish an address')).toBeVisible()
  await button(ben, 'Ask for the name').click()
  await expect(ben.getByText('Nobody answered')).toBeVisible()
})
