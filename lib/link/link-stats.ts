/** What developers may know of a link: figures, no secret and no content. */

import type { PeerId } from '../identity/peer-id.ts'
import type { SessionStats } from '../session/session-stats.ts'
import type { LinkState } from './state.ts'

/** How a link stands, as figures for developers. */
export interface LinkStats {
  /** Whose link. */
  readonly peer: PeerId
  /** As `Link.state`. */
  readonly state: LinkState
  /** In the outbox. */
  readonly waiting: {
    /** Messages that the peer has not handled. */
    readonly messages: number
    /** As they count against the 64 MiB that may wait. */
    readonly bytes: number
  }
  /** One for each device of the peer; for a moment two, when both sides have dialled. */
  readonly sessions: readonly SessionStats[]
}
