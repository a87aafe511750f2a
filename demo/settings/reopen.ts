/** Settings that a mesh is opened with take effect when the page opens anew: here at once, and in the other tabs of this browser. */

import type { Problem } from '../ui/problems.ts'
import { changeSettings, onOtherTab, readSettings, type Settings } from './settings.ts'

export const notKept: Problem = {
  title: 'This browser keeps nothing for this page',
  advice: 'Allow this site to store data, or leave the private window, then try again.',
}

/** Ends the page, unless the change could not be kept. */
export function reopenWith(change: Partial<Settings>): Problem | undefined {
  if (!changeSettings(change)) return notKept
  location.reload()
  return undefined
}

const howToReach = ({ relays, iceServers, relayOnly }: Settings): string =>
  JSON.stringify([relays, iceServers, relayOnly])

/** Tabs work as one: whichever leads must know the relays that were set in any of them. */
export function reopenWithOtherTabs(): void {
  const opened = howToReach(readSettings())
  onOtherTab((settings) => {
    if (howToReach(settings) !== opened) location.reload()
  })
}
