/** What a role tells the mesh of its tab; the tab that leads tells those that follow, too. */

import type { PeerId } from '../identity/peer-id.ts'
import type { Carrier } from '../link/carrier.ts'
import type { Person } from '../link/person.ts'
import type { SecurityEvent } from './journal.ts'
import type { Known } from './known.ts'

export interface RoleEvents {
  /** There is a link with a proven contact. */
  link: [peer: PeerId, carrier: Carrier]
  forgotten: [peer: PeerId]
  /** What is known of somebody is another. */
  person: [peer: PeerId, person: Person]
  /** That part is another. */
  known: [part: keyof Known]
  'clock-skew': [skewMs: number]
  security: [event: SecurityEvent]
}

export type Emit = <K extends keyof RoleEvents>(event: K, ...args: RoleEvents[K]) => void
