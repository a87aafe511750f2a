/** What a mesh is in its tab at a time: it leads, or it follows the tab that does. */

import type { Unsubscribe } from '../base/emitter.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Carrier } from '../link/carrier.ts'
import type { Person } from '../link/person.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Answers } from './answers.ts'
import type { Known } from './known.ts'
import type { AcceptOptions } from './options.ts'
import type { RoleEvents } from './role-events.ts'
import type { TaskResult, Tasks } from './tasks.ts'

/** Whatever it throws with `not-leading` has had no lasting effect, or may be done again: the next role can be asked instead. */
export interface Role extends Known {
  /** Of every proven contact. */
  readonly links: ReadonlyMap<PeerId, Carrier>
  on<K extends keyof RoleEvents>(event: K, listener: (...args: RoleEvents[K]) => void): Unsubscribe
  /** None: not known yet. */
  person(peer: PeerId): Person | undefined
  /** What the leader does in the same way for whichever tab. */
  do<T extends keyof Tasks>(
    task: T,
    params: Parameters<Tasks[T]>,
    signal: AbortSignal,
  ): Promise<TaskResult<T>>
  /** `served`: what the peer says first waits for it. */
  accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId>
  /** Of all that this identity has with others: it holds secrets. */
  snapshot(signal: AbortSignal): Promise<Uint8Array>
  /** What this tab answers to strangers; again whenever that has changed. */
  serve(answers: Answers): void
  close(): Promise<void>
}
