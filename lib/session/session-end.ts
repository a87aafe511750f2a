/** Why sessions end, and how a `bye` says so. */

/** Why a session ended: the reason of a `bye`, or what went wrong. */
export type SessionEnd =
  /** The mesh of either side was closed. */
  | 'closed'
  /** Nothing has moved for a while; the next message dials. */
  | 'idle'
  /** Both sides had dialled: the other session goes on. */
  | 'glare'
  /** A newer session with that device has come. */
  | 'replaced'
  /** The contact was forgotten or cut off. */
  | 'forgotten'
  /** The page is being left, or another tab leads now. */
  | 'suspended'
  /** The other side broke the protocol. */
  | 'protocol'
  /** It was 24 hours old. */
  | 'aged'
  /** The device was revoked. */
  | 'revoked'
  /** No word any more, or the channel has gone. */
  | 'lost'

/** In the order of their codes. [protocol] */
export const byeReasons: readonly SessionEnd[] = [
  'closed',
  'idle',
  'glare',
  'replaced',
  'forgotten',
  'suspended',
  'protocol',
  'aged',
  'revoked',
]
