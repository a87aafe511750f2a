/** Which of a link's sessions messages go out on, and what becomes of two with one device. */

import { compareBytes, equalBytes } from '../base/bytes.ts'
import { glareMs } from '../base/limits.ts'
import type { Conversation } from './conversation.ts'

/**
 * The session in use stays, unless it is not proven and another is; one that is ending until it has, if there is no other. Of those that are
 * proven, one with a device that messages can go to as things are comes first.
 */
export function choose(
  all: readonly Conversation[],
  current: Conversation | undefined,
  isOpenTo: (device: Uint8Array) => boolean,
): Conversation | undefined {
  const open = all.filter(({ session }) => session.isOpen)
  const proven = open.filter(({ isProven }) => isProven)
  if (current && open.includes(current) && (current.isProven || proven.length === 0)) return current
  const isBound = ({ device }: Conversation) => isOpenTo(device)
  const best = proven.find(isBound) ?? proven[0] ?? open.find(isBound)
  return best ?? all.find((each) => each === current)
}

export const isSameDevice = (one: Conversation, other: Conversation): boolean =>
  equalBytes(one.device, other.device)

/**
 * Two sessions with one device are proven. One side dialled again: it has given up the older one. Each side dialled: the one dialled by the
 * lower device key stays, unless it is silent or turns out to be dead. One that is older than two dials at once can account for is
 * likely dead: until it shows, the newer one is used. `replace`: the newer takes the place of the older.
 */
export function settle(
  { session: older }: Conversation,
  { session: newer }: Conversation,
  replace: () => void,
): void {
  const order = compareBytes(newer.diallerKey, older.diallerKey)
  if (order <= 0 || older.isSilent) {
    replace()
    void older.close(order === 0 ? 'replaced' : 'glare')
    return
  }
  if (older.ageMs >= glareMs) replace()
  older.ping().then(
    () => newer.close('glare'),
    () => {
      if (newer.isOpen) replace()
      older.abandon('lost')
    },
  )
}
