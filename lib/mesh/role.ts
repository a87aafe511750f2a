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
import type { LeaderStats } from './monitor.ts'
import type { AcceptOptions, AddressOptions, InviteOptions, MeshOptions } from './options.ts'
import type { OwnDevice } from './own-devices.ts'
import type { PathState } from './paths.ts'
import type { Tracer } from './tracer.ts'

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

/** What a role is made of. */
export interface RoleOptions extends MeshOptions {
  readonly tracer: Tracer
}

/** What a tab that follows has its leader do, with these params and this result. */
export interface Tasks {
  /** Lets a device in, or turns it away. */
  settlePairing(id: string, isWelcome: boolean): Promise<void>
  /** A ticket or an address. */
  withdraw(tag: Uint8Array): Promise<void>
  card(): Promise<string>
  readCard(text: string): Promise<PeerId>
  /** `cutOff`: for good. */
  forget(peer: PeerId, cutOff: boolean): Promise<void>
  /** Those of one's own identity, as signed. */
  revocations(): Promise<Revocations | null>
  revoke(revocations: Revocations): Promise<void>
  changePerson(peer: PeerId, change: PersonChange): Promise<void>
  /** Notes what the tab has done. */
  note(kind: SecurityEventKind, about: EventAbout): Promise<void>
  securityLog(options: SecurityLogOptions): Promise<SecurityEvent[]>
  stats(): Promise<LeaderStats>
}

export type TaskResult<T extends keyof Tasks> = Awaited<ReturnType<Tasks[T]>>

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
  address(options: AddressOptions, signal: AbortSignal): Promise<Address>
  /** What this tab answers to strangers; again whenever that has changed. */
  serve(answers: Answers): void
  /** `served`: what the peer says first waits for it. */
  accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId>
  /** None: not known yet. */
  person(peer: PeerId): Person | undefined
  /** Of all that this identity has with others: it holds secrets. */
  snapshot(signal: AbortSignal): Promise<Uint8Array>
  /** What the leader does in the same way for whichever tab. */
  do<T extends keyof Tasks>(
    task: T,
    params: Parameters<Tasks[T]>,
    signal: AbortSignal,
  ): Promise<TaskResult<T>>
  close(): Promise<void>
}
