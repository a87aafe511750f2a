/** Real browsers at a hostile relay: what it learns, what it can bring about, and what a stranger can. */

import type { Page } from '@playwright/test'
import type {} from './pages/attack.ts'
import { HostileRelay } from '../unit/attack/hostile-relay.ts'
import * as packetKinds from '../../lib/signaling/packet-kinds.ts'
import { type AttackRelay, startAttackRelay } from './support/attack-relay.ts'
import { expect, test as base } from './support/browsers.ts'

const test = base.extend<{ relay: AttackRelay }>({
  relay: async ({ expectError }, use) => {
    const relay = await startAttackRelay()
    // Its sockets end under the pages: with a reload, and at the end.
    expectError(new RegExp(relay.url))
    await use(relay)
    await relay.close()
  },
})

const pageAt = (relay: AttackRelay) => ({
  path: `/test/browser/pages/attack.html?relay=${encodeURIComponent(relay.url)}`,
})
const peerOf = (page: Page) => page.evaluate(async () => (await attacked).mesh.peer as string)
const peersOf = (page: Page) => page.evaluate(async () => (await attacked).peers)
const receivedBy = (page: Page) => page.evaluate(async () => (await attacked).received)
const invite = (page: Page, memo = '') =>
  page.evaluate(async (text) => (await attacked).invite(text), memo)
const send = (page: Page, message: unknown) =>
  page.evaluate(async (value) => (await attacked).send(value), message)
const accept = (page: Page, ticket: string, attempts = 1) =>
  page.evaluate(
    async ([text, times]) => (await attacked).accept(text as string, times as number),
    [ticket, attempts],
  )
const accepted = (page: Page) => page.evaluate(async () => (await attacked).accepted())

const isIn = (haystack: Uint8Array, needle: Uint8Array) =>
  Buffer.from(haystack).includes(Buffer.from(needle))

/** The forms in which somebody might have let bytes slip. */
function spellings(bytes: Uint8Array): Uint8Array[] {
  const buffer = Buffer.from(bytes)
  const hex = buffer.toString('hex')
  const texts = [
    buffer.toString('base64url'),
    buffer.toString('base64').replace(/=+$/, ''),
    hex,
    hex.toUpperCase(),
  ]
  return [bytes, ...texts.map((text) => Buffer.from(text))]
}

/** The forms of what is text in an SDP. */
function spellingsOfText(text: string): Uint8Array[] {
  const found: Uint8Array[] = [Buffer.from(text), Buffer.from(text.toLowerCase())]
  if (/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(text)) {
    found.push(...spellings(Buffer.from(text.replaceAll(':', ''), 'hex')))
  } else if (text.endsWith('.local')) {
    const name = text.slice(0, -'.local'.length)
    found.push(Buffer.from(name), ...spellings(Buffer.from(name.replaceAll('-', ''), 'hex')))
  } else if (/^\d+(\.\d+){3}$/.test(text)) {
    found.push(Uint8Array.from(text.split('.'), Number))
  }
  return found
}

test('a relay that keeps everything learns no name, key, address, ticket or message', async ({
  openPeer,
  relay,
}) => {
  test.setTimeout(180_000)
  const [{ page: alice }, { page: bob }] = [
    await openPeer(undefined, pageAt(relay)),
    await openPeer(undefined, pageAt(relay)),
  ]
  const message = 'meet me at the old bridge'
  const memo = 'for my dear friend'
  const ticket = await invite(alice, memo)
  await accept(bob, ticket.text)
  await accepted(bob)
  await expect.poll(() => peersOf(alice)).toHaveLength(1)
  for (const page of [alice, bob]) await send(page, message)
  // A known contact's call too.
  await bob.reload()
  await expect
    .poll(() => peersOf(bob), { timeout: 20_000 })
    .toEqual([`${await peerOf(alice)} open`])
  await send(bob, message)
  expect(await receivedBy(alice)).toEqual([message, message])
  const kinds = new Set(relay.published.map(({ packet }) => packet[0]))
  for (const name of ['firstContact', 'knownContact', 'acknowledge'] as const) {
    expect(kinds.has(packetKinds[name]), name).toBe(true)
  }

  const needles: [string, Uint8Array[]][] = []
  for (const [name, page] of Object.entries({ alice, bob })) {
    const { keys, sdpSecrets } = await page.evaluate(async () => {
      const { keys, sdpSecrets } = await attacked
      return { keys, sdpSecrets }
    })
    expect(
      sdpSecrets.length,
      'fingerprints, credentials and candidates of both sides',
    ).toBeGreaterThanOrEqual(8)
    for (const key of keys) needles.push([`a key of ${name}`, spellings(Uint8Array.from(key))])
    for (const text of sdpSecrets) needles.push([text, spellingsOfText(text)])
  }
  for (const bytes of ticket.secrets) needles.push(['ticket', spellings(Uint8Array.from(bytes))])
  const plain = [
    message,
    memo,
    ticket.text,
    ticket.text.toUpperCase(),
    'candidate',
    'a=ice',
    '.local',
    'sha-256',
  ]
  for (const text of plain) needles.push([text, [Buffer.from(text)]])

  const traffic = Buffer.concat(relay.traffic)
  // The search does find what is there: the ticket's mailbox.
  expect(isIn(traffic, Uint8Array.from(ticket.tag))).toBe(true)
  const learnt = needles.filter(([, forms]) => forms.some((form) => isIn(traffic, form)))
  expect(learnt.map(([what]) => what)).toEqual([])
})

test('a stranger gets no peer connection and no answer', async ({ openPeer, relay }) => {
  test.setTimeout(180_000)
  const [{ page: alice }, { page: bob }] = [
    await openPeer(undefined, pageAt(relay)),
    await openPeer(undefined, pageAt(relay)),
  ]
  const first = await invite(alice)
  const second = await invite(alice)
  await expect
    .poll(() => relay.inject({ tag: Uint8Array.from(second.tag), packet: new Uint8Array(1) }))
    .toBe(1)

  // Bob redeems the first ticket; what he sends is the stranger's material, and never arrives.
  relay.rule = () => []
  await accept(bob, first.text)
  await expect.poll(() => relay.published.length).toBeGreaterThan(0)
  const recorded = relay.published[0]!.packet
  const before = relay.published.filter(
    ({ packet }) => packet[0] !== packetKinds.firstContact,
  ).length
  const kinds = Object.values(packetKinds)
  for (let n = 0; n < 300; n++) {
    const packet =
      n % 3 === 0 ? recorded.slice() : crypto.getRandomValues(new Uint8Array(17 + 1 + n * 3))
    packet[0] = kinds[n % kinds.length]!
    packet.set(second.tag, 1)
    relay.inject({ tag: Uint8Array.from(second.tag), packet })
    if (n % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  const seen = await alice.evaluate(async () => {
    const { connections, events, peers } = await attacked
    return { connections, events, peers }
  })
  expect(seen).toEqual({ connections: 0, events: 0, peers: [] })
  expect(
    relay.published.filter(({ packet }) => packet[0] !== packetKinds.firstContact),
  ).toHaveLength(before)

  // What is meant for her does get a connection.
  relay.rule = (parcel) => [parcel]
  await accepted(bob)
  expect(await alice.evaluate(async () => (await attacked).connections)).toBe(1)
})

for (const seed of [1, 2, 3]) {
  test(`two pairs meet over a hostile relay, and each the right one (seed ${seed})`, async ({
    openPeer,
    relay,
  }) => {
    test.setTimeout(240_000)
    const pages: Page[] = []
    for (let n = 0; n < 4; n++) pages.push((await openPeer(undefined, pageAt(relay))).page)
    const [alice, bob, carol, dave] = pages as [Page, Page, Page, Page]
    const hostile = new HostileRelay(
      seed,
      (parcel, afterMs) => void setTimeout(() => relay.inject(parcel), afterMs),
    )
    relay.rule = (parcel) => hostile.handle(parcel)
    const names = await Promise.all(pages.map(peerOf))
    const partner = [1, 0, 3, 2]
    const tickets = [await invite(alice), await invite(carol)]
    hostile.misbehave(12)
    setTimeout(() => hostile.misbehave(0), 4000)
    await accept(bob, tickets[0]!.text, 3)
    await accept(dave, tickets[1]!.text, 3)
    expect(await Promise.all([bob, dave].map(accepted))).toEqual([names[0], names[2]])

    // And again, as known contacts, all of them at once.
    hostile.misbehave(24)
    setTimeout(() => hostile.misbehave(0), 4000)
    await Promise.all(pages.map((page) => page.reload()))
    await Promise.all(
      pages.map((page, index) =>
        expect
          .poll(() => peersOf(page), { timeout: 60_000 })
          .toEqual([`${names[partner[index]!]} open`]),
      ),
    )
    await Promise.all(pages.map((page, index) => send(page, index)))
    expect(await Promise.all(pages.map(receivedBy))).toEqual(partner.map((index) => [index]))
  })
}
