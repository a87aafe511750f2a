/** What an application says to a mesh, and hears from it. */

import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Scopes } from '../identity/scopes.ts'
import type { Link } from '../link/link.ts'
import type { RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import type { IceOptions } from '../transport/webrtc.ts'
import type { SecurityEvent } from './journal.ts'
import type { TabHub } from './tab-hub.ts'
import type { TraceEvent } from './trace.ts'

/** What `Mesh.open` takes. */
export interface MeshOptions {
  /** Who one is. It can be in one mesh at a time; several tabs may each have one. */
  identity: Identity
  /**
   * URLs of relays, `wss:` (or `ws:` on loopback). Default: none; tabs of one browser find each other all the same. Contacts learn of
   * the first four; those that an earlier mesh had are listened at for 30 days more.
   */
  relays?: readonly string[] | undefined
  /** Peers of different networks can't meet. Default `main`. */
  network?: string | undefined
  /** How peers find a way to each other. Default: no STUN or TURN server. */
  ice?: IceOptions | undefined
  /** Sessions that one answered are ended when nothing has moved for so long. Default 300,000; from 1,000 to 86,400,000. */
  idleTimeoutMs?: number | undefined
  /** What carries frames. Default: WebRTC. */
  transport?: Transport | undefined
  /** Paths besides the relays, in place of the tabs of this browser. */
  signaling?: readonly Signaling[] | undefined
  /** Where the platform has no WebSocket of its own, such as Node 20: that of `ws`. */
  WebSocket?: RelayClientOptions['WebSocket'] | undefined
  /**
   * When what a handler has handled is stored: `batch` (default) after 64 messages or 20 ms, so that a crash gives some again, marked
   * `redelivered`; `each` before the next message is handed over.
   */
  receive?:
    | {
        /** Default `batch`. */
        commit: 'batch' | 'each'
      }
    | undefined
  /**
   * Whether to pass signaling between contacts, and to be found through them where no relay leads to a contact any more. They learn how many
   * contacts one has, and may learn who two of theirs are that look for each other. Default true.
   */
  introductions?: boolean | undefined
  /** @internal How tabs of this identity agree which of them leads. Default: Web Locks and BroadcastChannel. */
  tabs?: TabHub | undefined
}

/** What `mesh.invite` takes. */
export interface InviteOptions {
  /** Default 600,000; at most 30 days. */
  expiresInMs?: number | undefined
  /** How many different peers may use it. Default 1, at most 1,000. */
  uses?: number | undefined
  /** The only peer that may use it. Default: whoever has it. */
  for?: PeerId | string | undefined
  /** A name that the application branches on, at most 32 bytes. Default `contact`. With `device` it is for a
   * further device of one's own, which redeems it with `joinIdentity`; one use. */
  purpose?: string | undefined
  /** A word to the invited, at most 128 bytes. */
  memo?: string | undefined
  /**
   * What those that use it may do here, unless they are contacts already. Default `['*']`, everything; see `Link.allow`. With purpose `device`: what
   * the new device may do in this identity's name, as far as this one may.
   */
  scopes?: Scopes | undefined
}

/** What `mesh.accept` takes. */
export interface AcceptOptions {
  /** Gives up; `accept` then rejects with its reason. */
  signal?: AbortSignal | undefined
  /** Default 20,000. */
  timeoutMs?: number | undefined
  /** What the peer may do here, unless it is a contact already. Default `['*']`, everything; see `Link.allow`. */
  scopes?: Scopes | undefined
}

/** What `mesh.address` takes. */
export interface AddressOptions {
  /** Default 30 days; at most 365. */
  expiresInMs?: number | undefined
}

/** What `mesh.answer` takes. */
export interface AnswerOptions {
  /** How many questions the handler is given in any second, at most. Default 10; from 1 to 1,000. Others wait until they are repeated. */
  perSecond?: number | undefined
}

/** What `mesh.exportBackup` takes. */
export interface BackupOptions {
  /** Whoever guesses it has the identity: six random words of a list, or as much. */
  passphrase: string
  /** The recovery words, where the root is not kept here and the backup is to bring the identity back by itself. */
  words?: string | undefined
}

/** What `mesh.on` tells of, with the arguments of the listener. */
export interface MeshEvents {
  /**
   * The certificate of this device ends at that time, in less than 30 days (or has ended), and the root has to renew it:
   * `identity.renewCertificate`. Once a day.
   */
  'certificate-expiring': [expiresAt: Date]
  /** There is a new link. */
  link: [link: Link]
  /** A contact was forgotten. */
  forgotten: [peer: PeerId]
  /** A device waits to be let in (`mesh.pairings`), or does no more. */
  pairings: []
  /** `mesh.devices` are others, or one of them was met. */
  devices: []
  /** A signaling path has come up or gone down. */
  signaling: []
  /** This device was revoked by its identity: it reaches nobody any more. */
  revoked: []
  /** A relay's clock differs from ours by so many ms that contacts may not be found. */
  'clock-skew': [skewMs: number]
  /** Something has happened to keys, contacts or rights; `mesh.securityLog` has it from now on. */
  security: [event: SecurityEvent]
  /** What the tab that leads does, step by step, for developers; a listener that was there before misses nothing. No secret is in it. */
  trace: [event: TraceEvent]
}
