/** The wallet of this page, open as long as the page is; draws again whenever the books change. */

import type { Identity, Mesh, PeerId } from 'handfast'
import { useEffect, useReducer, useState } from 'preact/hooks'
import { identityName } from '../page-address.ts'
import { useAnnounce } from '../ui/announcer.tsx'
import { inWords } from './entry-words.ts'
import { Wallet } from './wallet.ts'

/** @param callPeer what somebody is called, for the news of what they did */
export function useWallet(
  mesh: Mesh,
  identity: Identity,
  callPeer: (peer: PeerId) => string,
): Wallet {
  const [wallet] = useState(() => new Wallet(mesh, identity, identityName))
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  const announce = useAnnounce()

  useEffect(() => {
    const stops = [
      wallet.onChange(() => redraw()),
      wallet.onNews((partner, entry) => {
        const called = callPeer(partner)
        announce(inWords(wallet.of(partner).books, wallet.me, called, entry).text)
      }),
    ]
    wallet.ready.then(
      () => redraw(),
      () => redraw(),
    )
    return () => stops.forEach((stop) => stop())
  }, [wallet])
  useEffect(() => () => wallet.close(), [wallet])
  return wallet
}
