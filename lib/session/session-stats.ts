/** What developers may know of a session: figures, no secret and no content. */

import type { Role } from '../crypto/noise.ts'
import type { PatternName } from '../crypto/patterns.ts'
import type { Route } from '../transport/transport.ts'

/** Since the session began. */
export interface Traffic {
  /** As handed to the channel or received from it: sealed frames, with all that is not the application's. */
  readonly bytes: number
  /** How many. */
  readonly frames: number
}

/** One session with one device of a peer. */
export interface SessionStats {
  /** Names the session, on both sides alike. It is no key, and none can be had from it. */
  readonly id: string
  /** ed25519 key of the device at the other end, as base64url. */
  readonly deviceKey: string
  /** Whether messages go to this device; at most one session of a link. */
  readonly answers: boolean
  /** `initiator`: this side has dialled. */
  readonly role: Role
  /** The Noise pattern: `IKpsk1` where these devices had not met before, `KKpsk0` where they had. */
  readonly handshake: PatternName
  /** Unix ms. */
  readonly openedAtMs: number
  /** As last measured, in ms, with the time that frames wait here before they leave; null before the first answer. */
  readonly roundTripMs: number | null
  /** What this side has sent. */
  readonly sent: Traffic
  /** What this side has received. */
  readonly received: Traffic
  /** What the transport has not sent yet. */
  readonly bufferedBytes: number
  /** Null where the transport can't tell. */
  readonly route: Route | null
}

/** What names a session for developers. */
export type SessionName = Pick<SessionStats, 'id' | 'handshake'>
