/** Chromium and Firefox, each offering once: compact descriptions have to carry all that the other browser needs. */

import { maxFrameBytes } from '../../lib/base/limits.ts'
import { expect, test } from './support/browsers.ts'
import { connectPages, transportPage } from './support/transport.ts'

for (const [offering, answering] of [
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
] as const) {
  test(`${offering} offers, ${answering} answers`, async ({ openPeer }) => {
    const [alice, bob] = await Promise.all([
      openPeer(offering, { path: transportPage }),
      openPeer(answering, { path: transportPage }),
    ])
    const { maxMessageBytes } = await connectPages(alice, bob)
    expect(maxMessageBytes).toEqual([maxFrameBytes, maxFrameBytes])
    await bob.page.evaluate(() => transport.echo())
    const sizes = Array.from({ length: 200 }, (_, i) => [1, 1_000, 20_000, maxFrameBytes][i % 4]!)
    expect(await alice.page.evaluate((s) => transport.exchange(s), sizes)).toBe(sizes.length)
    await alice.page.evaluate(() => transport.close())
    for (const { page } of [alice, bob]) {
      await expect.poll(() => page.evaluate(() => transport.closedCount)).toBe(1)
    }
  })
}
