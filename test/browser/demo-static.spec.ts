/** The built demo on a plain host, below a sub-path, with a relay elsewhere: strict policy, nothing asked of anybody else, soon there. */

import type { BrowserContext, Page } from '@playwright/test'
import { fastest } from '../support/fastest.ts'
import { test } from './support/browsers.ts'
import { button, converse, expect, heading, invite, setRelays } from './support/demo.ts'
import { startStaticDemo, type StaticDemo } from './support/static-demo.ts'

test.describe.configure({ timeout: 180_000, mode: 'serial' })

/** Nothing listens there. */
const deadRelay = 'ws://127.0.0.1:9/relay'
/** All that a page loads up to a conversation, compressed; of it, libsodium is 153 kB and simple-peer 28 kB. */
const budgetBytes = 400_000
const promptMs = 1000

let demo: StaticDemo

test.beforeAll(async () => {
  demo = await startStaticDemo()
})

test.afterAll(() => demo.close())

/** Notes whom pages ask for anything, and what breaks the policy. */
async function watch(context: BrowserContext) {
  const asked = new Set<string>()
  const violations: string[] = []
  // Firefox tells of a WebSocket as the request that it begins with.
  context.on('request', (request) => asked.add(request.url().replace(/^http(.*\/relay)$/, 'ws$1')))
  context.on('page', (page) => page.on('websocket', (socket) => asked.add(socket.url())))
  await context.exposeFunction('noteViolation', (text: string) => violations.push(text))
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      const note = (globalThis as unknown as { noteViolation(text: string): void }).noteViolation
      note(`${event.effectiveDirective}: ${event.blockedURI} ${event.sourceFile}`)
    })
  })
  return { asked, violations }
}

const pathsOf = (urls: Iterable<string>) => [...urls].map((url) => new URL(url).pathname)

const nameOf = (page: Page) => page.locator('.you-name').innerText()
const onlyTabs = (page: Page) => page.getByText(/^No relay is set/)

test('two people meet and talk; nobody else is asked for anything', async ({
  context,
  openPeer,
  browserName,
}) => {
  const annas = await watch(context)
  const anna = await context.newPage()
  await anna.goto(demo.url)
  await expect(onlyTabs(anna)).toBeVisible()
  await button(anna, 'name a relay').click()
  const card = anna.getByRole('region', { name: 'Relays' })
  const save = async (address: string) => {
    await card.getByLabel(/^Addresses/).fill(address)
    await card.getByRole('button', { name: 'Save' }).click()
  }
  await save('ws://relay.example')
  await expect(card.getByRole('alert')).toContainText('is no relay’s address')
  await save(demo.relay)
  await expect(anna.getByText(/^Relay: connects when/)).toBeVisible()
  await button(anna, 'Meet someone').click()
  await expect(onlyTabs(anna)).toHaveCount(0)
  const { link } = await invite(anna)

  const { page: ben, context: benContext } = await openPeer(undefined, { path: 'about:blank' })
  const bens = await watch(benContext)
  // Anybody can send a link, and put a relay into it: nothing is asked of that one, now or later.
  await ben.goto(link.replace('#', `?relay=${encodeURIComponent(deadRelay)}#`))
  await expect(ben.getByText('They are found by the relay')).toContainText(new URL(demo.relay).host)
  expect([...bens.asked].filter((url) => url.startsWith('ws'))).toEqual([])
  await button(ben, 'Accept').click()
  await expect(heading(ben, await nameOf(anna))).toBeVisible()
  await converse(anna, ben)
  // Found again by the relay of the one who invited, and after a click it is one's own.
  await ben.goto(demo.url)
  await ben.getByRole('navigation', { name: 'People' }).getByRole('listitem').first().click()
  await converse(ben, anna)
  await button(ben, 'Meet someone').click()
  await expect(ben.getByText(/^No relay of your own is set/)).toContainText(demo.relay)
  await button(ben, 'Use this relay').click()
  await expect(ben.getByText(/^Relay connected/)).toBeVisible()
  await expect(ben.getByText(/^No relay of your own is set/)).toHaveCount(0)

  const { origin } = new URL(demo.url)
  const loaded = new Set([...annas.asked, ...bens.asked])
  const elsewhere = [...loaded].filter((url) => !url.startsWith(origin) && url !== demo.relay)
  expect(elsewhere, 'asked of others').toEqual([])
  expect([...annas.violations, ...bens.violations, ...demo.reports], 'violations').toEqual([])
  expect(
    demo.missing.filter((path) => path !== '/favicon.ico'),
    'not there',
  ).toEqual([])
  expect(
    await ben.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length),
  ).toBe(0)

  if (browserName === 'firefox') return
  const own = pathsOf([...loaded].filter((url) => url.startsWith(origin)))
  const bytes = [...new Set(own)].reduce((sum, path) => sum + demo.gzipBytes(path), 0)
  console.log(`transferred for a conversation: ${(bytes / 1000).toFixed(1)} kB, compressed`)
  expect(bytes).toBeLessThan(budgetBytes)
})

test('the policy is in force', async ({ context, expectError }) => {
  expectError(/\bCSP\b|Content.Security.Policy|EvalError|Trusted/)
  const { violations } = await watch(context)
  const page = await context.newPage()
  await page.goto(demo.url)
  await page.evaluate(() => {
    const image = new Image()
    image.src = 'http://127.0.0.1:9/pixel.png'
    document.body.append(image)
  })
  await expect.poll(() => violations.join()).toContain('img-src')
  await expect.poll(() => demo.reports.splice(0).join()).toContain('img-src')
})

test('painted and ready within a second, whatever the relay does', async ({
  context,
  browserName,
  expectError,
}) => {
  test.skip(browserName !== 'chromium', 'one browser tells how long its own page takes')
  expectError(/127\.0\.0\.1:9/)
  await setRelays(context, [deadRelay])
  const page = await context.newPage()
  await page.addInitScript(() => {
    const note = () => {
      const isReady = [...document.querySelectorAll('button')].some(
        ({ textContent, disabled }) => textContent === 'Create invitation' && !disabled,
      )
      if (!isReady) return requestAnimationFrame(note)
      return performance.mark('ready')
    }
    requestAnimationFrame(note)
  })
  let visitors = 0
  const visit = async () => {
    await page.goto(`${demo.url}?as=visitor${visitors++}`)
    await expect(button(page, 'Create invitation')).toBeEnabled()
    const [paint, ready] = await page.evaluate(() =>
      ['first-contentful-paint', 'ready'].map(
        (name) => performance.getEntriesByName(name)[0]!.startTime,
      ),
    )
    console.log(`painted after ${paint!.toFixed(0)} ms, ready after ${ready!.toFixed(0)} ms`)
    return Math.max(paint!, ready!)
  }
  expect(await fastest(promptMs, visit, 10)).toBeLessThan(promptMs)
  // Out of reach is no reason to wait: an invitation is made, and says what it waits for.
  await invite(page)
  await expect(page.getByText(/^The relay is out of reach: till it is back/)).toBeVisible()
})
