/** Two pages, one attempt: what a signaling path would do between them. */

import type { IceOptions } from '../../../lib/transport/webrtc.ts'
import type { Peer } from './browsers.ts'
import type {} from '../pages/transport.ts'

export const transportPage = '/test/browser/pages/transport.html'

/** Connects the attempts of two pages, with all descriptions and candidates carried as bytes. */
export async function connectPages(
  alice: Peer,
  bob: Peer,
  ice: Pick<IceOptions, 'policy'> & { servers?: RTCIceServer[] } = {},
): Promise<{ maxMessageBytes: number[] }> {
  await alice.page.exposeFunction('onCandidates', (candidates: string) =>
    bob.page.evaluate((hex) => transport.addCandidates(hex), candidates),
  )
  await bob.page.exposeFunction('onCandidates', (candidates: string) =>
    alice.page.evaluate((hex) => transport.addCandidates(hex), candidates),
  )
  const offer = await alice.page.evaluate((own) => transport.begin(undefined, own), ice)
  const answer = await bob.page.evaluate(([hex, own]) => transport.begin(hex, own), [
    offer,
    ice,
  ] as const)
  await alice.page.evaluate((hex) => transport.accept(hex), answer)
  const maxMessageBytes = await Promise.all(
    [alice, bob].map(({ page }) => page.evaluate(() => transport.open())),
  )
  return { maxMessageBytes }
}
