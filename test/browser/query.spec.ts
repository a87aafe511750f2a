/** Strangers ask at a published address, over a relay that keeps everything. */

import type { Page } from '@playwright/test'
import * as packetKinds from '../../lib/signaling/packet-kinds.ts'
import type {} from './pages/query.ts'
import { type AttackRelay, startAttackRelay } from './support/attack-relay.ts'
import { expect, test as base } from './support/browsers.ts'

const path = '/test/browser/pages/query.html'
const queries = 1000
const perSecond = 100

const test = base.extend<{ relay: AttackRelay }>({
  relay: async ({ expectError }, use) => {
    const limits = {
      publishesPerSecondPerTag: 1000,
      messagesPerSecond: 10_000,
      bytesPerSecond: 2 ** 24,
    }
    const relay = await startAttackRelay(limits)
    // Its sockets end under the pages.
    expectError(new RegExp(relay.url))
    await use(relay)
    await relay.close()
  },
})

const refereeAt = (relay: AttackRelay) => ({
  path: `${path}?name=referee&relay=${encodeURIComponent(relay.url)}`,
})
const answer = (page: Page, name: string) =>
  page.evaluate(
    async ([most, text]) => (await queryPage).answer(most as number, text as string),
    [perSecond, name],
  )
const publish = (page: Page) => page.evaluate(async () => (await queryPage).publish())
const askMany = (page: Page, address: string, count: number, atATime: number, name: string) =>
  page.evaluate(
    async ([text, n, places, by]) =>
      (await queryPage).askMany(text as string, n as number, places as number, by as string),
    [address, count, atATime, name],
  )
const ask = (page: Page, address: string, n: number) =>
  page.evaluate(
    async ([text, params]) => (await queryPage).ask(text as string, params as number),
    [address, n],
  )
const askedOf = (page: Page) => page.evaluate(async () => (await queryPage).askedAtMs.length)
const connectionsOf = (page: Page) => page.evaluate(async () => (await queryPage).connections)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const kindsIn = (relay: AttackRelay, kind: number) =>
  relay.published.filter(({ packet }) => packet[0] === kind)

test('1,000 strangers are answered, and the relay sees nothing of who they are', async ({
  openPeer,
  relay,
}) => {
  test.setTimeout(240_000)
  const { page: referee } = await openPeer(undefined, refereeAt(relay))
  // Somebody with an identity asks too: it is not to be seen, either.
  const { page: wallet } = await openPeer(undefined, {
    path: `${path}?name=wallet&relay=${encodeURIComponent(relay.url)}`,
  })
  const { page: stranger } = await openPeer(undefined, { path })
  await answer(referee, 'referee')
  const address = await publish(referee)
  await wallet.evaluate(async () => void (await (await queryPage).mesh!.invite()))
  const half = queries / 2
  const [first, second] = await Promise.all([
    askMany(wallet, address.text, half, 8, 'referee'),
    askMany(stranger, address.text, half, 8, 'referee'),
  ])
  expect([...first, ...second]).toEqual([])
  expect(await askedOf(referee)).toBe(queries)
  expect(await referee.evaluate(async () => (await queryPage).densest)).toBeLessThanOrEqual(
    perSecond,
  )
  for (const page of [referee, wallet, stranger]) expect(await connectionsOf(page)).toBe(0)
  expect(await stranger.evaluate(async () => (await queryPage).databases())).toEqual([])

  // No connection carries two questions: each listens at one tag and sends one packet, perhaps again. A question has the same tag and packet
  // where its connection fell silent, and it took another; that is rare.
  const asking = relay.connections.filter(({ published }) =>
    published.some(({ packet }) => packet[0] === packetKinds.query),
  )
  const mailbox = hex(Uint8Array.from(address.tag))
  const packetOf = new Map<string, string>()
  const sizes = new Set<number>()
  const headers = new Set<string>()
  for (const { subscribed, published, headers: sent } of asking) {
    expect(subscribed).toHaveLength(1)
    const tag = hex(subscribed[0]!)
    for (const { tag: to, packet } of published) {
      expect(hex(to)).toBe(mailbox)
      expect(hex(packet.subarray(0, 17))).toBe(`51${mailbox}`)
      sizes.add(packet.length)
      const sealed = hex(packet.subarray(17))
      expect(packetOf.get(tag) ?? sealed).toBe(sealed)
      packetOf.set(tag, sealed)
    }
    const { 'sec-websocket-key': _, ...rest } = sent
    headers.add(JSON.stringify(rest))
  }
  const packets = new Set(packetOf.values())
  expect([packetOf.size, packets.size, [...sizes]]).toEqual([queries, queries, [3072]])
  expect(asking.length).toBeLessThan(queries * 1.1)
  // Random for each, but for what every page of the same browser says alike.
  expect(headers.size).toBe(1)
  expect([...headers][0]).not.toMatch(/cookie|authorization|referer/i)
  const ephemerals = new Set([...packets].map((packet) => packet.slice(0, 64)))
  expect(ephemerals.size).toBe(queries)

  // No key of anybody, in whichever form.
  const traffic = Buffer.concat([
    ...relay.traffic,
    Buffer.from(relay.connections.map((each) => JSON.stringify(each.headers)).join()),
  ])
  expect(traffic.includes(Buffer.from(address.tag))).toBe(true)
  for (const page of [referee, wallet]) {
    const keys = await page.evaluate(async () => (await queryPage).keys)
    expect(keys).toHaveLength(3)
    for (const key of keys.map((each) => Buffer.from(each))) {
      const texts = [key.toString('hex'), key.toString('base64url'), key.toString('base64')]
      for (const form of [key, ...texts]) expect(traffic.includes(form)).toBe(false)
    }
  }
})

test('what a hostile relay repeats, alters and swaps is neither answered nor believed', async ({
  openPeer,
  relay,
}) => {
  const { page: referee } = await openPeer(undefined, refereeAt(relay))
  const { page: stranger } = await openPeer(undefined, { path })
  await answer(referee, 'referee')
  const address = await publish(referee)
  expect(await ask(stranger, address.text, 3)).toEqual(['referee', 9])
  const [question] = kindsIn(relay, packetKinds.query)
  const [reply] = kindsIn(relay, packetKinds.acknowledge)

  // The same question again: the identical answer, and no handler sees it.
  for (let n = 0; n < 20; n++) relay.inject(question!)
  await expect.poll(() => kindsIn(relay, packetKinds.acknowledge).length).toBe(21)
  for (const { packet } of kindsIn(relay, packetKinds.acknowledge)) {
    expect(Buffer.from(packet).equals(reply!.packet)).toBe(true)
  }
  expect(await askedOf(referee)).toBe(1)

  // Altered questions, and whatever else comes to the mailbox: silence.
  const before = relay.published.length
  for (let n = 0; n < 150; n++) {
    const packet =
      n % 2 === 0 ? question!.packet.slice() : crypto.getRandomValues(new Uint8Array(3072))
    packet.set(question!.packet.subarray(0, 17))
    packet[17 + ((n * 31) % 3000)]! ^= 1
    relay.inject({ tag: question!.tag, packet })
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect([relay.published.length - before, await askedOf(referee)]).toEqual([0, 1])

  // Old answers and altered ones before the true one.
  relay.rule = (parcel) => {
    if (parcel.packet[0] !== packetKinds.acknowledge) return [parcel]
    const { tag } = parcel
    const old = reply!.packet.slice()
    old.set(tag, 1)
    const altered = parcel.packet.slice()
    altered[500]! ^= 4
    return [{ tag, packet: old }, { tag, packet: altered }, { tag, packet: old.slice(1) }, parcel]
  }
  expect(await ask(stranger, address.text, 4)).toEqual(['referee', 16])

  // Nothing but old ones: no answer is better than a wrong one.
  relay.rule = (parcel) => {
    if (parcel.packet[0] !== packetKinds.acknowledge) return [parcel]
    const packet = reply!.packet.slice()
    packet.set(parcel.tag, 1)
    return [{ tag: parcel.tag, packet }]
  }
  const code = await stranger.evaluate(
    async (text) =>
      (await queryPage).ask(text, 5, 2_500).catch((error: { code: string }) => error.code),
    address.text,
  )
  expect(code).toBe('timeout')
})

test('a tab that follows answers, and the next one when the tab that leads has gone', async ({
  openPeer,
  relay,
}) => {
  const alice = await openPeer(undefined, refereeAt(relay))
  const address = await publish(alice.page)
  const follower = await alice.newPage()
  const { page: stranger } = await openPeer(undefined, { path })
  await answer(follower, 'follower')
  expect(await ask(stranger, address.text, 5)).toEqual(['follower', 25])
  await answer(alice.page, 'leader')
  expect(await ask(stranger, address.text, 6)).toEqual(['leader', 36])
  await alice.page.close()
  expect(await ask(stranger, address.text, 7)).toEqual(['follower', 49])
  // And after a reload, at the same address.
  await follower.reload()
  await answer(follower, 'again')
  expect(await ask(stranger, address.text, 8)).toEqual(['again', 64])
  expect(await connectionsOf(follower)).toBe(0)
})
