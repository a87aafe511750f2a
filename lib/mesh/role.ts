/** What a mesh is in its tab at a time: it leads, or it follows the tab that does. */

import type { Unsubscribe } from '../base/emitter.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Carrier } from '../link/carrier.ts'
import type { RequestOptions } from '../link/within.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { InviteOptions } from './options.ts'
import type { PathState } from './paths.ts'

export interface RoleEvents {
  /** There is a link with a proven contact. */
  link: [peer: PeerId, carrier: Carrier]
  forgotten: [peer: PeerId]
  signaling: []
  'clock-skew': [skewMs: number]
  tickets: []
}

/** Whatever it throws with `not-leading` has had no lasting effect, or may be done again: the next role can be asked instead. */
export interface Role {
  /** Of every proven contact. */
  readonly links: ReadonlyMap<PeerId, Carrier>
  readonly signaling: readonly PathState[]
  readonly tickets: readonly Ticket[]
  on<K extends keyof RoleEvents>(event: K, listener: (...args: RoleEvents[K]) => void): Unsubscribe
  invite(options: InviteOptions, signal: AbortSignal): Promise<Ticket>
  withdraw(tag: Uint8Array, signal: AbortSignal): Promise<void>
  /** `served`: what the peer says first waits for it. */
  accept(ticket: Ticket, options: RequestOptions, served: Promise<void>): Promise<PeerId>
  card(signal: AbortSignal): Promise<string>
  readCard(text: string, signal: AbortSignal): Promise<PeerId>
  forget(peer: PeerId, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
