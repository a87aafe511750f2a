/**
 * By which way an `RTCPeerConnection` sends, from its statistics (W3C webrtc-stats): the transport names the candidate pair in use; where it
 * does not, as in Firefox, the pair says so itself.
 */

import type { CandidateKind, Route } from './transport.ts'

/** What is read of any statistics object. */
interface Stats {
  readonly id: string
  readonly type: string
  readonly selectedCandidatePairId?: string
  readonly selected?: boolean
  readonly localCandidateId?: string
  readonly remoteCandidateId?: string
  readonly candidateType?: CandidateKind
  readonly protocol?: Route['protocol']
}

/** Null while there is no pair. */
export function routeOf(report: Pick<RTCStatsReport, 'forEach'>): Route | null {
  const all = new Map<string | undefined, Stats>()
  report.forEach((stats: Stats) => all.set(stats.id, stats))
  const find = (isIt: (stats: Stats) => unknown) => [...all.values()].find(isIt)
  const pair =
    all.get(
      find(({ selectedCandidatePairId }) => selectedCandidatePairId)?.selectedCandidatePairId,
    ) ?? find(({ selected }) => selected)
  const { candidateType: local, protocol } = all.get(pair?.localCandidateId) ?? {}
  const { candidateType: remote } = all.get(pair?.remoteCandidateId) ?? {}
  if (!local || !remote || !protocol) return null
  return { via: [local, remote].includes('relay') ? 'turn' : 'direct', local, remote, protocol }
}
