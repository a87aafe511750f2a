/** Two devices of one identity against one contact: pairing, either reaches, both at once, and one that is revoked. */

import type { Page } from '@playwright/test'
import type {} from './pages/devices.ts'
import { fastest } from '../support/fastest.ts'
import { expect, test, type Peer } from './support/browsers.ts'

const path = '/test/browser/pages/devices.html'
const patience = { timeout: 20_000 }
const cutMs = 1_000

const links = (page: Page) => page.evaluate(async () => (await device).links)
const numbers = (page: Page) => page.evaluate(async () => (await device).numbers)
const peerOf = (page: Page) => page.evaluate(async () => (await device).peer)
const send = (page: Page, n: number) => page.evaluate(async (m) => (await device).send(m), n)
const who = (page: Page) => page.evaluate(async () => (await device).who())

const expectOpen = async (page: Page) =>
  expect.poll(async () => (await links(page)).map(([, state]) => state), patience).toEqual(['open'])

/** A phone, with Bob for a contact, and a laptop that has joined it. */
async function paired(
  openPeer: (name?: undefined, options?: { path: string }) => Promise<Peer>,
): Promise<{ phone: Peer; laptop: Peer; bob: Peer }> {
  const [phone, laptop, bob] = await Promise.all([
    openPeer(undefined, { path: `${path}?name=phone` }),
    openPeer(undefined, { path: `${path}?name=laptop&join` }),
    openPeer(undefined, { path: `${path}?name=bob` }),
  ])
  const ticket = await phone.page.evaluate(async () => (await device).invite())
  await bob.page.evaluate(async (text) => (await device).accept(text), ticket)
  await expectOpen(phone.page)

  const pairing = await phone.page.evaluate(async () => (await device).invite('device'))
  const shown = await laptop.page.evaluate(async (text) => (await device).join(text), pairing)
  const compared = await phone.page.evaluate(async () => (await device).waiting())
  expect(shown).toMatch(/^\d{4} \d{4}$/)
  expect(compared).toBe(shown)
  const welcome = phone.page.evaluate(async () => (await device).welcome())
  const joined = laptop.page.evaluate(async () => (await device).confirmJoining())
  await welcome
  expect(await joined).toBe(await peerOf(phone.page))
  return { phone, laptop, bob }
}

test('a second device reaches the contact, and is reached, without having met it', async ({
  openPeer,
}) => {
  test.setTimeout(240_000)
  const { phone, laptop, bob } = await paired(openPeer)
  await expectOpen(laptop.page)
  expect(await links(laptop.page)).toEqual([[await peerOf(bob.page), 'open']])
  expect(await links(bob.page)).toEqual([[await peerOf(phone.page), 'open']])

  // Both at once: each is heard, and the one that was there first answers.
  await Promise.all([send(phone.page, 1), send(laptop.page, 2)])
  expect((await numbers(bob.page)).toSorted((a, b) => a - b)).toEqual([1, 2])
  expect(await who(bob.page)).toBe('phone')
  await send(bob.page, 3)
  expect(await numbers(phone.page)).toEqual([3])
  expect(await numbers(laptop.page)).toEqual([])

  // The phone is switched off: the laptop answers.
  await phone.close()
  await expect.poll(() => who(bob.page), patience).toBe('laptop')
  await send(bob.page, 4)
  expect(await numbers(laptop.page)).toEqual([4])

  // Alone it is reached again after a reload.
  await laptop.page.goto(`${path}?name=laptop`)
  await expectOpen(laptop.page)
  await send(bob.page, 5)
  await send(laptop.page, 6)
  expect(await numbers(laptop.page)).toEqual([5])
  expect(await numbers(bob.page)).toContain(6)
})

test('a device that is revoked while it is connected is cut at once, and stays out', async ({
  openPeer,
}) => {
  test.setTimeout(240_000)
  let people: Awaited<ReturnType<typeof paired>>
  const revoke = async () => {
    people = await paired(openPeer)
    const { phone, laptop } = people
    await expectOpen(laptop.page)
    await send(laptop.page, 1)
    const words = await phone.page.evaluate(async () => (await device).takeRootAway())
    const [key] = await phone.page.evaluate(async () => (await device).others)
    const cut = laptop.page.evaluate(async () => (await device).cutOffAt())
    const beganAt = await phone.page.evaluate(
      async ([lost, root]) => (await device).revoke(lost!, root!),
      [key!, words],
    )
    return (await cut) - beganAt
  }
  expect(await fastest(cutMs, revoke)).toBeLessThan(cutMs)
  const { phone, laptop, bob } = people!
  await expect
    .poll(() => laptop.page.evaluate(async () => (await device).isRevoked), patience)
    .toBe(true)
  expect(await phone.page.evaluate(async () => (await device).others)).toEqual([])

  // Neither what it says now nor after a reload reaches anybody; the phone goes on.
  await laptop.page.goto(`${path}?name=laptop`)
  await laptop.page.evaluate(async () => (await device).store(2).catch(() => {}))
  await send(phone.page, 3)
  await laptop.page.waitForTimeout(5_000)
  expect((await links(laptop.page)).map(([, state]) => state)).not.toContain('open')
  expect(await numbers(bob.page)).toEqual([1, 3])
  await send(bob.page, 4)
  expect(await numbers(phone.page)).toEqual([4])
})

test('what one device learns of contacts, the other knows, too', async ({ openPeer }) => {
  test.setTimeout(240_000)
  const [{ phone, laptop, bob }, carol] = await Promise.all([
    paired(openPeer),
    openPeer(undefined, { path: `${path}?name=carol` }),
  ])
  const ticket = await laptop.page.evaluate(async () => (await device).invite())
  await carol.page.evaluate(async (text) => (await device).accept(text), ticket)
  const people = [await peerOf(bob.page), await peerOf(carol.page)].toSorted()
  for (const { page } of [phone, laptop]) {
    await expect
      .poll(async () => (await links(page)).map(String).toSorted(), patience)
      .toEqual(people.map((peer) => `${peer},open`))
  }
})
