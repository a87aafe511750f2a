/**
 * What is due with time in the tab that leads: at the next expiry or change of day what is over is forgotten, mailboxes turn to the
 * tags of the day, and a certificate near its end is renewed.
 */

import type { Identity } from '../identity/identity.ts'
import { msUntilNextDay } from '../session/pact.ts'
import type { TicketBook } from '../ticket/book.ts'
import type { Contacts } from './contacts.ts'
import type { Note } from './journal.ts'
import type { Mailroom } from './mailroom.ts'
import type { Parting } from './parting.ts'
import type { Queries } from './queries.ts'
import { isExpiring, renewCertificate } from './renewal.ts'
import { report } from './report.ts'
import type { Emit } from './role-events.ts'
import type { Roster } from './roster.ts'

export interface HousekeepingOptions {
  readonly identity: Identity
  readonly book: TicketBook
  readonly contacts: Contacts
  readonly mailroom: Mailroom
  readonly parting: Parting
  readonly queries: Queries
  readonly roster: Roster
  readonly underWay: Set<AbortController>
  /** Of the mesh. */
  readonly closing: AbortSignal
  readonly note: Note
  readonly emit: Emit
}

export class Housekeeping {
  readonly #options: HousekeepingOptions
  #cancel: () => void = () => {}

  constructor(options: HousekeepingOptions) {
    this.#options = options
  }

  /** Again whenever there is something that ends. */
  schedule(): void {
    const { identity, book, contacts, queries, closing } = this.#options
    const { runtime } = identity
    if (closing.aborted) return
    const now = runtime.now()
    const ends = [now + msUntilNextDay(now)]
    for (const { expiresAtMs } of book.values()) ends.push(expiresAtMs)
    for (const { provisionalUntilMs } of contacts.values()) {
      ends.push(provisionalUntilMs ?? Infinity)
    }
    for (const { expiresAt } of queries.addresses) ends.push(expiresAt.getTime())
    this.stop()
    this.#cancel = runtime.setTimer(Math.max(0, Math.min(...ends) - now), () => {
      this.#run().catch(report)
    })
  }

  stop(): void {
    this.#cancel()
  }

  /** For the log. */
  noteExpiry(): void {
    const { identity, note } = this.#options
    const { certificateExpiresAt: end } = identity
    if (isExpiring(identity)) note('certificate-expiring', { detail: end!.toISOString() })
  }

  async #run(): Promise<void> {
    const { identity, book, contacts, mailroom, parting, queries } = this.#options
    const { roster, underWay, emit } = this.#options
    try {
      for (const { tag } of await book.prune()) mailroom.closeTicket(tag)
      parting.dismiss(await contacts.prune())
      await queries.prune()
      mailroom.turn()
      renewCertificate(identity, roster.get(identity.peer), underWay)
      this.noteExpiry()
      emit('known', 'tickets')
      emit('known', 'addresses')
    } finally {
      this.schedule()
    }
  }
}
