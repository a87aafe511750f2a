/** What an application says to a mesh, and hears from it. */

import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Link } from '../link/link.ts'
import type { RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import type { IceOptions } from '../transport/webrtc.ts'
import type { TabHub } from './tab-hub.ts'

export interface MeshOptions {
  identity: Identity
  /**
   * URLs of relays, `wss:` (or `ws:` on loopback). Default: none; tabs of one browser find each other all the same. Contacts learn of
   * the first four; those that an earlier mesh had are listened at for 30 days more.
   */
  relays?: readonly string[]
  /** Peers of different networks can't meet. Default `main`. */
  network?: string
  /** How peers find a way to each other. Default: no STUN or TURN server. */
  ice?: IceOptions
  /** Sessions that one answered are ended when nothing has moved for so long. Default 300,000; from 1,000 to 86,400,000. */
  idleTimeoutMs?: number
  /** What carries frames. Default: WebRTC. */
  transport?: Transport
  /** Paths besides the relays, in place of the tabs of this browser. */
  signaling?: readonly Signaling[]
  /** Where the platform has no WebSocket of its own. */
  WebSocket?: RelayClientOptions['WebSocket']
  /**
   * When what a handler has handled is stored: `batch` (default) after 64 messages or 20 ms, so that a crash gives some again, marked
   * `redelivered`; `each` before the next message is handed over.
   */
  receive?: { commit: 'batch' | 'each' }
  /**
   * Whether to pass signaling between contacts, and to be found through them where no relay leads to a contact any more. They learn how many
   * contacts one has, and may learn who two of theirs are that look for each other. Default true.
   */
  introductions?: boolean
  /** @internal How tabs of this identity agree which of them leads. Default: Web Locks and BroadcastChannel. */
  tabs?: TabHub
}

export interface InviteOptions {
  /** Default 600,000; at most 30 days. */
  expiresInMs?: number
  /** How many different peers may use it. Default 1, at most 1,000. */
  uses?: number
  /** The only peer that may use it. Default: whoever has it. */
  for?: PeerId | string
  /** A name that the application branches on, at most 32 bytes. Default `contact`. */
  purpose?: string
  /** A word to the invited, at most 128 bytes. */
  memo?: string
}

export interface AcceptOptions {
  signal?: AbortSignal
  /** Default 20,000. */
  timeoutMs?: number
}

export interface MeshEvents {
  /** There is a new link. */
  link: [link: Link]
  /** A contact was forgotten. */
  forgotten: [peer: PeerId]
  /** A signaling path has come up or gone down. */
  signaling: []
  /** A relay's clock differs from ours by so many ms that contacts may not be found. */
  'clock-skew': [skewMs: number]
}
