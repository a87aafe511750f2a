/** What tests of durable peers share: how to open them, disturb them, and say that nothing was lost or doubled. */

import type { Page } from '@playwright/test'
import type { Entry } from '../pages/durable.ts'
import { tier } from '../../support/campaign.ts'
import { expect, test as base } from './browsers.ts'
import { relayProcesses, type StartRelayProcess } from './relay-process.ts'

export { expect } from './browsers.ts'

/** How long a link may take to be there again, once the relay is. A machine that runs other tests besides is no measure. */
export const reconnectMs = tier(25_000, 10_000)

/** `name`: of the identity; `slow`: how many ms longer its outbox takes to write. */
export const durablePage = (relay: string, { name = 'test', slow = 0 } = {}) =>
  `/test/browser/pages/durable.html?${new URLSearchParams({ relay, name, slow: String(slow) }).toString()}`

/** What the helpers below ask, wherever it runs. */
type Asked = Pick<Page, 'evaluate'>

export const test = base.extend<{ away: void }, { startRelayProcess: StartRelayProcess }>({
  startRelayProcess: [
    async ({}, use) => {
      const { start, close } = await relayProcesses()
      await use(start)
      await close()
    },
    { scope: 'worker' },
  ],
  /** What browsers say of a relay that is away. */
  away: [
    async ({ expectError }, use) => {
      expectError(/WebSocket|can.t establish a connection|was interrupted/)
      await use()
    },
    { auto: true },
  ],
})

const stateOf = (page: Asked) => page.evaluate(async () => (await durable).state)

/** All of them, within `timeoutMs`. */
export async function expectOpen(pages: readonly Asked[], timeoutMs = reconnectMs): Promise<void> {
  const options = { timeout: timeoutMs, intervals: [50, 100] }
  await Promise.all(pages.map((page) => expect.poll(() => stateOf(page), options).toBe('open')))
}

export async function meet(alice: Asked, bob: Asked): Promise<void> {
  const ticket = await alice.evaluate(async () => (await durable).invite())
  await bob.evaluate(async (text) => (await durable).accept(text), ticket)
  await expectOpen([alice, bob])
}

export const send = (page: Asked, from: number, count: number) =>
  page.evaluate(async ([first, many]) => (await durable).send(first!, many!), [from, count])

/** A few at a time, until all are sent or the page dies: nobody waits for them. */
export const sendOn = (page: Asked, from: number, count: number) =>
  page.evaluate(
    async ([first, many]) => void (await durable).send(first!, many!, 10),
    [from, count],
  )

/** Nothing waits any more. */
export async function expectSettled(...pages: Asked[]): Promise<void> {
  const options = { timeout: 60_000, intervals: [50, 100, 250] }
  for (const page of pages) {
    const queued = () => page.evaluate(async () => (await durable).queued)
    await expect.poll(queued, options).toBe(0)
  }
}

/** All that was accepted, each once and in order, but for what says that it comes again. Returns how many did. */
export function expectWhole(ledger: readonly Entry[], accepted: readonly number[]): number {
  const ids = new Map<string, number>()
  const first: number[] = []
  for (const [n, id, redelivered] of ledger) {
    if (!ids.has(id)) {
      ids.set(id, n)
      first.push(n)
      continue
    }
    expect(ids.get(id), 'the same id is the same message').toBe(n)
    expect(redelivered, `message ${n} came again unannounced`).toBe(true)
  }
  const disorder = first.flatMap((n, at) =>
    at > 0 && n <= first[at - 1]! ? [[first[at - 1], n]] : [],
  )
  expect(disorder, 'out of order or doubled').toEqual([])
  const handled = new Set(first)
  expect(
    accepted.filter((n) => !handled.has(n)),
    'lost',
  ).toEqual([])
  return ledger.length - first.length
}

/** Whatever `sender` has accepted, `receiver` was given. Returns how much was accepted. */
export async function expectDelivered(sender: Asked, receiver: Asked): Promise<number> {
  const accepted = await sender.evaluate(async () => (await durable).accepted)
  expectWhole(await receiver.evaluate(async () => (await durable).ledger), accepted)
  return accepted.length
}
