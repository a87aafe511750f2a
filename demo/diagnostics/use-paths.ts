/** By which ways this tab is found; none while it is cut off from everything. */

import type { Mesh } from 'handfast'
import { useCut } from './use-cut.ts'

export function usePaths(mesh: Mesh): Mesh['signaling'] {
  const isOffline = useCut().has('network')
  return isOffline
    ? mesh.signaling.map(({ path }) => ({ path, state: 'closed' as const }))
    : mesh.signaling
}
