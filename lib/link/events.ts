/** What becomes of a link and of its messages, as told to whoever listens. */

import type { SessionEnd } from '../session/session-end.ts'
import type { Session } from '../session/session.ts'
import type { LinkState } from './state.ts'

/** Numbers of messages that can't be had any more, ends included. */
export interface Gap {
  /** The first that is missing. */
  readonly from: number
  /** The last that is missing. */
  readonly to: number
}

/** A message whose handler keeps throwing. It stays first in line. */
export interface Stuck {
  /** As in `MessageInfo`. */
  readonly id: string
  /** The message. */
  readonly message: unknown
  /** What the handler threw last. */
  readonly error: unknown
  /** How often it was tried; told from the fifth time on. */
  readonly attempts: number
}

/** What a carrier reports. */
export interface CarrierEvents {
  /** `closed`: for good, and the link with it. */
  state: [state: LinkState]
  /** How many messages wait for the peer. */
  queued: [count: number]
  /** The peer has handled a message. */
  delivered: [id: string]
  /** The peer has refused a message, as one that may not be sent to it. */
  refused: [id: string]
  /** Messages of the peer are missing here for good. Comes in order, before the next message; needs a `message` handler. */
  gap: [gap: Gap]
  /** This storage was set back or copied: what waited goes out under new ids, and the peer may get some of it twice. */
  rollback: []
  /** A handler has failed five times or more with the same message, which holds up all others. */
  stuck: [stuck: Stuck]
  /** Storage failed. It is tried again. */
  error: [error: unknown]
}

/** In the tab that leads. */
export interface SessionsEvents extends CarrierEvents {
  /** Draft `n` of a tab has become a message with an id; none: it was refused, for there are no more numbers. */
  adopted: [tab: string, n: number, id: string | null]
  /** So many messages were stored. */
  stored: [count: number]
  /** One is proven; with a reason: it has ended, proven or not. */
  session: [session: Session, end?: SessionEnd]
}
