/** Figures as words. */

import type { LinkStats, Route, SessionStats } from 'handfast'
import { answering } from './stats-feed.ts'

/** Where a round trip is that short, a tenth counts. */
const preciseBelowMs = 10

export const millisecondsOf = (ms: number): string =>
  `${ms < preciseBelowMs ? ms.toFixed(1) : Math.round(ms)} ms`

export const viaWords = (route: Route | null): string | undefined =>
  route === null ? undefined : route.via === 'turn' ? 'Through a TURN server' : 'Direct'

const candidateWords: Record<Route['local'], string> = {
  host: 'own address',
  srflx: 'address of its router',
  prflx: 'address of its router',
  relay: 'TURN server',
}

/** This side first. */
export const routeWords = (route: Route): string =>
  `${viaWords(route)}, ${route.protocol.toUpperCase()} (${candidateWords[route.local]} ↔ ${candidateWords[route.remote]})`

export const handshakeWords = ({ handshake, role }: SessionStats): string =>
  `Noise ${handshake}, ${handshake === 'IKpsk1' ? 'first contact' : 'known to each other'}; ${role === 'initiator' ? 'this side dialled' : 'the other side dialled'}`

const waitingWords = (count: number): string | undefined =>
  count === 0 ? undefined : `${count} waiting`

/** How a link stands, in short: “Direct · 1.2 ms · 2 waiting”. */
export function linkWords(link: LinkStats | undefined, waiting: number): string {
  const session = link && answering(link)
  const roundTripMs = session?.roundTripMs ?? null
  return [
    session && viaWords(session.route),
    roundTripMs !== null && millisecondsOf(roundTripMs),
    waitingWords(waiting),
  ]
    .filter(Boolean)
    .join(' · ')
}
