/** Whether anybody outside of this browser can be reached at the moment. */

import type { Mesh } from 'handfast'

/** Relays there are, and none of them answers. */
export function isOutOfReach(paths: Mesh['signaling']): boolean {
  const relays = paths.filter(({ path }) => path !== 'tabs')
  return relays.length > 0 && relays.every(({ state }) => state !== 'open')
}
