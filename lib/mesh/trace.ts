/**
 * What a mesh does, event by event, for developers who want to know why nothing happens. Names, states, counts and error codes: no secret,
 * and nothing of what applications send.
 */

import type { ErrorCode } from '../base/errors.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { LinkState } from '../link/state.ts'
import type { SessionEnd } from '../session/session-end.ts'
import type { SessionStats } from '../session/session-stats.ts'

/** @inline */
interface Device {
  /** Whose device. */
  readonly peer: PeerId
  /** Its ed25519 key, as base64url. */
  readonly deviceKey: string
}

/** @inline */
interface OfSession extends Device {
  /** The id that `SessionStats` has, too. */
  readonly session: string
}

/** Each kind of event, and what it tells besides `atMs` and `kind`. */
export interface TraceDetails {
  /** This tab leads: it dials, answers and holds the sessions of all tabs. */
  leading: object
  /** This tab works through another, which leads; what that one does is told here. */
  following: object
  /** A path is open: a relay's URL, `tabs` or `custom`. */
  'signaling-open': {
    /** As in `PathState`. */
    readonly path: string
  }
  /** It is gone, or could not be had; it is tried again. */
  'signaling-lost': {
    /** As in `PathState`. */
    readonly path: string
  }
  /** A device of a peer is being called, or the issuer of a ticket. */
  dial: Device
  /** The call has gone out, and goes out again until it is answered. Receivers as the paths say: where 0, the peer listens on none of them. */
  'dial-sent': Device & {
    /** How many listen where the peer should. */
    readonly receivers: number
  }
  /** Nothing has come of the call; the next follows as long as something waits for the peer. */
  'dial-failed': Device & {
    /** Why; `other` for what is no error of this library. */
    readonly reason: ErrorCode | 'other'
  }
  /** A device's call is being answered. */
  answer: Device
  /** It has not shown to be live on a channel. */
  'answer-failed': Device
  /** A call was met with silence: forged, of nobody known, revoked, too late, or beyond what its ticket allows. */
  'refused-packet': {
    /** Whose mailbox it came to; none for a ticket's. */
    readonly peer?: PeerId
    /** Why; `other` for what is no error of this library. */
    readonly reason: ErrorCode | 'other'
  }
  /** The other device has shown to be live. */
  'session-open': OfSession & Pick<SessionStats, 'role' | 'handshake'>
  /** Also of one that was never open. */
  'session-end': OfSession & {
    /** Why. */
    readonly reason: SessionEnd
  }
  /** A link is in another state. */
  'link-state': {
    /** Whose link. */
    readonly peer: PeerId
    /** The new state. */
    readonly state: LinkState
  }
  /** Messages are on disk and will go out. */
  'message-stored': {
    /** To whom. */
    readonly peer: PeerId
    /** How many. */
    readonly count: number
    /** How many wait in all. */
    readonly waiting: number
  }
  /** The peer has handled a message. */
  'message-delivered': {
    /** By whom. */
    readonly peer: PeerId
    /** As `Delivery.stored` gave it. */
    readonly id: string
  }
  /** The peer has refused it, as one that may not be sent to it. */
  'message-refused': {
    /** By whom. */
    readonly peer: PeerId
    /** As `Delivery.stored` gave it. */
    readonly id: string
  }
  /** Events before this one were not told to this tab: there were too many at once. */
  missed: {
    /** How many. */
    readonly count: number
  }
}

/** What an event can be; see each in `TraceDetails`. */
export type TraceKind = keyof TraceDetails

/** One event, with the details of its kind. */
export type TraceEvent = {
  [K in TraceKind]: {
    /** Unix ms. */
    readonly atMs: number
    /** What happened. */
    readonly kind: K
  } & TraceDetails[K]
}[TraceKind]
