/**
 * The relay's process is killed at each step of signalling: as a packet comes to it, as soon as it has passed it on, and before the first
 * frame leaves. Once it is back the peers connect, and nothing is lost or doubled.
 */

import type { Page } from '@playwright/test'
import { record, tier } from '../support/campaign.ts'
import {
  durablePage,
  expect,
  expectDelivered,
  expectOpen,
  expectSettled,
  reconnectMs,
  send,
  test,
} from './support/durable.ts'
import type { Cut, RelayProcess } from './support/relay-process.ts'

type Step = Pick<Cut, 'when' | 'packet'> | 'first frame'

const cuts = (...packets: Cut['packet'][]): Step[] =>
  packets.flatMap((packet): Step[] => [
    { when: 'published', packet },
    { when: 'delivered', packet },
  ])

/** Reduced, each browser takes one side of each step. */
const stepsFor = (browserName: string, message1: 'I' | 'N'): Step[] => {
  const all = [...cuts(message1, 'A', 'T'), 'first frame' as const]
  const half = browserName === 'chromium' ? 'published' : 'delivered'
  return all.filter((step) => tier(0, 1) || step === 'first frame' || step.when === half)
}

const nameOf = (step: Step) => (step === 'first frame' ? step : `${step.packet} ${step.when}`)

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The relay dies at that step of what `run` begins, and comes back. Returns how long it then took until `done`. */
async function cutAt(
  step: Step,
  relay: RelayProcess,
  pages: readonly Page[],
  run: () => Promise<unknown>,
  done: () => Promise<unknown>,
): Promise<number> {
  if (step === 'first frame') {
    for (const page of pages) {
      await page.route('**/cut', async (route) => {
        await relay.kill()
        await route.fulfill({ contentType: 'text/plain', body: 'cut' })
      })
    }
    await pages[0]!.evaluate(async () => (await durable).cutBeforeFirstFrame())
  } else await relay.dieAt({ ...step, count: 1 })
  const begun = run()
  begun.catch(() => {})
  await Promise.race([
    relay.dead(),
    pause(15_000).then(() => {
      throw new Error(`${nameOf(step)} never came`)
    }),
  ])
  await pause(300)
  await relay.restart()
  const returnedMs = performance.now()
  await test.step(`after ${nameOf(step)}`, async () => {
    await begun
    await done()
  })
  return Math.round(performance.now() - returnedMs)
}

test('a call to a known contact outlives the death of the relay at every step @once', async ({
  openPeer,
  startRelayProcess,
  browserName,
}) => {
  test.setTimeout(180_000)
  const relay = await startRelayProcess()
  const path = durablePage(relay.url)
  const alice = (await openPeer(undefined, { path })).page
  const bob = (await openPeer(undefined, { path })).page
  const ticket = await alice.evaluate(async () => (await durable).invite())
  await bob.evaluate(async (text) => (await durable).accept(text), ticket)
  await expectOpen([alice, bob])
  const took: Record<string, number> = {}
  let from = 0
  for (const step of stepsFor(browserName, 'N')) {
    took[nameOf(step)] = await cutAt(
      step,
      relay,
      [alice, bob],
      () => alice.reload(),
      async () => {
        await Promise.all([send(alice, from, 10), send(bob, from, 10)])
        await expectOpen([alice, bob])
        await expectSettled(alice, bob)
      },
    )
    expect(took[nameOf(step)]).toBeLessThan(reconnectMs)
    from += 10
  }
  await expectDelivered(alice, bob)
  await expectDelivered(bob, alice)
  record(`relay killed at each step of a call in ${browserName}, ms from its return`, took)
})

test('first contact outlives the death of the relay at every step @once', async ({
  openPeer,
  startRelayProcess,
  browserName,
}) => {
  test.setTimeout(180_000)
  const relay = await startRelayProcess()
  const took: Record<string, number> = {}
  const peers = [await openPeer(), await openPeer()]
  for (const step of stepsFor(browserName, 'I')) {
    const path = durablePage(relay.url, { name: nameOf(step) })
    const [alice, bob] = await Promise.all(peers.map(({ newPage }) => newPage(path)))
    const ticket = await alice!.evaluate(async () => (await durable).invite())
    took[nameOf(step)] = await cutAt(
      step,
      relay,
      [bob!, alice!],
      () => bob!.evaluate(async (text) => (await durable).accept(text), ticket),
      async () => {
        await expectOpen([alice!, bob!])
        await Promise.all([send(alice!, 0, 10), send(bob!, 0, 10)])
        await expectSettled(alice!, bob!)
      },
    )
    expect.soft(took[nameOf(step)], nameOf(step)).toBeLessThan(reconnectMs)
    await expectDelivered(alice!, bob!)
    await expectDelivered(bob!, alice!)
    await alice!.close()
    await bob!.close()
  }
  record(`relay killed at each step of first contact in ${browserName}, ms from its return`, took)
})
