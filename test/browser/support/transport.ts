/** Two pages, one attempt: what a signaling path would do between them. */

import type { Peer } from './browsers.ts'
import type {} from '../pages/transport.ts'

export const transportPage = '/test/browser/pages/transport.html'

/** Connects the attempts of two pages, with all descriptions and candidates carried as bytes. */
export async function connectPages(alice: Peer, bob: Peer): Promise<{ maxMessageBytes: number[] }> {
  await alice.page.exposeFunction('onCandidates', (candidates: string) =>
    bob.page.evaluate((hex) => transport.addCandidates(hex), candidates),
  )
  await bob.page.exposeFunction('onCandidates', (candidates: string) =>
    alice.page.evaluate((hex) => transport.addCandidates(hex), candidates),
  )
  const offer = await alice.page.evaluate(() => transport.begin())
  const answer = await bob.page.evaluate((hex) => transport.begin(hex), offer)
  await alice.page.evaluate((hex) => transport.accept(hex), answer)
  const maxMessageBytes = await Promise.all(
    [alice, bob].map(({ page }) => page.evaluate(() => transport.open())),
  )
  return { maxMessageBytes }
}
