/** What a mesh is in its tab at a time: it leads, or it follows the tab that does. */

import type { Unsubscribe } from '../base/emitter.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Revocations } from '../identity/revocations.ts'
import type { Carrier } from '../link/carrier.ts'
import type { Person, PersonChange } from '../link/person.ts'
import type { Address } from '../ticket/address.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Answers } from './answers.ts'
import type { EventAbout, SecurityEvent, SecurityEventKind, SecurityLogOptions } from './journal.ts'
import type { AcceptOptions, AddressOptions, InviteOptions } from './options.ts'
import type { OwnDevice } from './own-devices.ts'
import type { PathState } from './paths.ts'

export interface RoleEvents {
  /** There is a link with a proven contact. */
  link: [peer: PeerId, carrier: Carrier]
  forgotten: [peer: PeerId]
  /** What is known of somebody is another. */
  person: [peer: PeerId, person: Person]
  signaling: []
  'clock-skew': [skewMs: number]
  /** Or addresses. */
  tickets: []
  /** A device waits to be let in, or does no more. */
  pairings: []
  devices: []
  /** This device was revoked by its identity. */
  revoked: []
  security: [event: SecurityEvent]
}

/** Whatever it throws with `not-leading` has had no lasting effect, or may be done again: the next role can be asked instead. */
export interface Role {
  /** Of every proven contact. */
  readonly links: ReadonlyMap<PeerId, Carrier>
  readonly signaling: readonly PathState[]
  readonly tickets: readonly Ticket[]
  /** Devices that wait to be let in: the code of each, by its id. */
  readonly pairings: ReadonlyMap<string, string>
  readonly devices: readonly OwnDevice[]
  /** This device is one that its identity has revoked: it calls nobody. */
  readonly isRevoked: boolean
  readonly addresses: readonly Address[]
  on<K extends keyof RoleEvents>(event: K, listener: (...args: RoleEvents[K]) => void): Unsubscribe
  invite(options: InviteOptions, signal: AbortSignal): Promise<Ticket>
  /** Lets a device in, or turns it away. */
  settlePairing(id: string, isWelcome: boolean, signal: AbortSignal): Promise<void>
  /** A ticket or an address. */
  withdraw(tag: Uint8Array, signal: AbortSignal): Promise<void>
  address(options: AddressOptions, signal: AbortSignal): Promise<Address>
  /** What this tab answers to strangers; again whenever that has changed. */
  serve(answers: Answers): void
  /** `served`: what the peer says first waits for it. */
  accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId>
  card(signal: AbortSignal): Promise<string>
  readCard(text: string, signal: AbortSignal): Promise<PeerId>
  /** `cutOff`: for good. */
  forget(peer: PeerId, cutOff: boolean, signal: AbortSignal): Promise<void>
  /** Those of one's own identity, as signed. */
  revocations(signal: AbortSignal): Promise<Revocations | null>
  revoke(revocations: Revocations, signal: AbortSignal): Promise<void>
  /** None: not known yet. */
  person(peer: PeerId): Person | undefined
  changePerson(peer: PeerId, change: PersonChange, signal: AbortSignal): Promise<void>
  /** Notes what this tab has done. */
  note(kind: SecurityEventKind, about: EventAbout, signal: AbortSignal): Promise<void>
  /** Of all that this identity has with others: it holds secrets. */
  snapshot(signal: AbortSignal): Promise<Uint8Array>
  securityLog(options: SecurityLogOptions, signal: AbortSignal): Promise<SecurityEvent[]>
  close(): Promise<void>
}
