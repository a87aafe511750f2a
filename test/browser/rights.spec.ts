/** What a peer may do, in real browsers: granted and taken on a live session, in whichever tab, over reloads. */

import type { Page } from '@playwright/test'
import type { Deed } from './pages/rights.ts'
import { fastest } from '../support/fastest.ts'
import { expect, test, type Peer } from './support/browsers.ts'

const path = '/test/browser/pages/rights.html'
test.setTimeout(240_000)

const patience = { timeout: 20_000 }
const deeds: readonly Deed[] = ['message', 'message:pay', 'request:pay', 'stream:file']

const attempt = (page: Page, deed: Deed, what?: string) =>
  page.evaluate(async ([of, text]) => (await rightsPeer).try(of, text), [deed, what] as const)
const allow = (page: Page, scopes: string[]) =>
  page.evaluate(async (of) => (await rightsPeer).allow(of), scopes)
const rightsOf = (page: Page) => page.evaluate(async () => (await rightsPeer).rights)
const doneAt = (page: Page) => page.evaluate(async () => (await rightsPeer).done)
const statesOf = (page: Page) => page.evaluate(async () => (await rightsPeer).states)
const eventsOf = (page: Page) => page.evaluate(async () => (await rightsPeer).events)

const expectGranted = (page: Page, scopes: string[]) =>
  expect.poll(async () => (await rightsOf(page)).granted, patience).toEqual(scopes)

/** The first grants. */
async function pair(
  openPeer: (name?: undefined, options?: { path: string }) => Promise<Peer>,
  { serve = '', invite = undefined as string[] | undefined } = {},
): Promise<[granter: Peer, guest: Peer]> {
  const [granter, guest] = await Promise.all([
    openPeer(undefined, { path: `${path}?name=granter${serve}` }),
    openPeer(undefined, { path: `${path}?name=guest&serve` }),
  ])
  const ticket = await granter.page.evaluate(async (of) => (await rightsPeer).invite(of), invite)
  await guest.page.evaluate(async (text) => (await rightsPeer).accept(text), ticket)
  await expect
    .poll(async () => (await statesOf(granter.page)).at(-1) ?? 'open', patience)
    .toBe('open')
  return [granter, guest]
}

test('each kind of record is refused without its scope, and the session goes on', async ({
  openPeer,
}) => {
  const [granter, guest] = await pair(openPeer, { serve: '&serve' })
  for (const deed of deeds) expect(await attempt(guest.page, deed)).toBe('done')
  const before = await statesOf(guest.page)
  for (const deed of deeds) {
    // Everything but this one.
    const others = deeds.filter((other) => !deed.startsWith(other))
    await allow(granter.page, others)
    expect(await attempt(guest.page, deed)).toBe('forbidden')
    for (const other of others) expect(await attempt(guest.page, other)).toBe('done')
    await expectGranted(guest.page, others)
    await allow(granter.page, [deed])
    expect(await attempt(guest.page, deed)).toBe('done')
  }
  await allow(granter.page, [])
  const count = (await doneAt(granter.page)).length
  for (const deed of deeds) expect(await attempt(guest.page, deed)).toBe('forbidden')
  expect(await doneAt(granter.page)).toHaveLength(count)
  // The other way nothing has changed, and it is the same session still.
  for (const deed of deeds) expect(await attempt(granter.page, deed)).toBe('done')
  expect(await statesOf(guest.page)).toEqual(before)
})

test('a stream is cut the moment its right is taken', async ({ openPeer }) => {
  const [granter, guest] = await pair(openPeer, { serve: '&serve' })
  const echoes = () => guest.page.evaluate(async () => (await rightsPeer).echoes)
  const takeRight = async () => {
    const before = await echoes()
    const cut = guest.page.evaluate(async () => (await rightsPeer).streamUntilCut())
    await expect.poll(echoes).toBeGreaterThan(before + 10)
    await allow(granter.page, ['message'])
    const start = Date.now()
    expect(await cut).toBe('forbidden')
    const tookMs = Date.now() - start
    expect(await attempt(guest.page, 'message')).toBe('done')
    await allow(granter.page, ['*'])
    await expectGranted(guest.page, ['*'])
    return tookMs
  }
  expect(await fastest(1_000, takeRight)).toBeLessThan(1_000)
})

test('a ticket says what its bearer may do', async ({ openPeer }) => {
  const [granter, guest] = await pair(openPeer, { serve: '&serve', invite: ['message:pay'] })
  await expectGranted(guest.page, ['message:pay'])
  expect(await attempt(guest.page, 'message')).toBe('forbidden')
  expect(await attempt(guest.page, 'message:pay', 'five')).toBe('done')
  expect(await doneAt(granter.page)).toEqual(['message:pay five'])
})

test('rights are the same in every tab, whichever changes them and whichever leads', async ({
  openPeer,
}) => {
  // The second tab alone takes what comes.
  const [granter, guest] = await pair(openPeer)
  const second = await granter.newPage(`${path}?name=granter&serve`)
  await expect.poll(async () => (await rightsOf(second)).scopes, patience).toEqual(['*'])
  // Its handler is known to the tab that leads a moment later.
  await expect.poll(() => attempt(guest.page, 'request:pay'), patience).toBe('done')

  await allow(second, ['message:pay', 'stream'])
  expect((await rightsOf(granter.page)).scopes).toEqual(['message:pay', 'stream'])
  await expectGranted(guest.page, ['message:pay', 'stream'])
  const expected: [Deed, string][] = [
    ['message', 'forbidden'],
    ['message:pay', 'done'],
    ['request:pay', 'forbidden'],
    ['stream:file', 'done'],
  ]
  for (const [deed, code] of expected) expect(await attempt(guest.page, deed)).toBe(code)
  expect(await doneAt(second)).toEqual(['request:pay', 'message:pay x', 'stream:file'])

  // The tab that leads is closed; then the other is reloaded.
  await granter.page.close()
  await expect.poll(() => attempt(guest.page, 'message:pay', 'next'), patience).toBe('done')
  for (const [deed, code] of expected) expect(await attempt(guest.page, deed)).toBe(code)
  await second.reload()
  await expect.poll(() => attempt(guest.page, 'message:pay', 'after'), patience).toBe('done')
  for (const [deed, code] of expected) expect(await attempt(guest.page, deed)).toBe(code)
  expect((await rightsOf(second)).scopes).toEqual(['message:pay', 'stream'])
})

test('a refusal reaches a tab that follows, and is not forgotten over a reload of both', async ({
  openPeer,
}) => {
  const [granter, guest] = await pair(openPeer, { serve: '&serve' })
  const second = await guest.newPage(`${path}?name=guest`)
  await expect.poll(async () => (await rightsOf(second)).granted, patience).toEqual(['*'])
  await allow(granter.page, ['message:pay'])
  await expectGranted(second, ['message:pay'])
  expect(await attempt(second, 'message')).toBe('forbidden')
  expect(await attempt(second, 'message:pay')).toBe('done')
  const heard = async (page: Page) => (await eventsOf(page)).map(([event]) => event)
  for (const page of [guest.page, second]) {
    await expect.poll(() => heard(page)).toEqual(['refused', 'delivered'])
  }

  // Sent while the other is away, and refused when it is back: the page that sent it is gone by then.
  await second.close()
  await granter.page.goto('about:blank')
  const id = await guest.page.evaluate(async () => (await rightsPeer).store('late'))
  await guest.page.reload()
  await granter.page.goto(`${path}?name=granter&serve`)
  await expect.poll(() => eventsOf(guest.page), patience).toEqual([['refused', id]])
  expect(await doneAt(granter.page)).toEqual([])
  expect(await attempt(guest.page, 'message:pay', 'goes on')).toBe('done')
})
