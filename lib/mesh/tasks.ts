/**
 * What any tab has the tab that leads do: a row a task. One that follows asks for it by its name, so what goes in and comes out is what
 * CBOR carries. A new task is a row here, and what `Mesh` shows of it.
 */

import { HandfastError } from '../base/errors.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Revocations } from '../identity/revocations.ts'
import type { PersonChange } from '../link/person.ts'
import { cardText } from './card.ts'
import type { EventAbout, SecurityEventKind, SecurityLogOptions } from './journal.ts'
import type { AddressOptions, InviteOptions } from './options.ts'
import type { Parts } from './parts.ts'

export const tasksOf = (parts: Parts) => {
  const { identity, contacts, book, journal, queries, emit } = parts
  return {
    /** The ticket, as text. */
    invite: async (options: InviteOptions) => String(await parts.meeting.invite(options)),
    /** The address, as text. */
    address: async (options: AddressOptions) => {
      parts.parting.refuseIfRevoked()
      const address = await queries.publish(options)
      parts.housekeeping.schedule()
      emit('known', 'addresses')
      return String(address)
    },
    /** A ticket or an address. */
    withdraw: async (tag: Uint8Array) => {
      parts.mailroom.closeTicket(tag)
      await book.withdraw(tag)
      await queries.withdraw(tag)
      emit('known', 'tickets')
      emit('known', 'addresses')
    },
    /** Lets a device in, or turns it away. */
    settlePairing: async (id: string, isWelcome: boolean) => {
      const pairing = parts.pairings.waiting.get(id)
      if (!pairing) throw new HandfastError('interrupted', 'The new device has gone')
      await (isWelcome ? pairing.confirm() : pairing.refuse())
    },
    card: async () => cardText(parts.cards.own),
    readCard: (text: string) => parts.cards.take(text),
    /** `cutOff`: for good. */
    forget: (peer: PeerId, cutOff: boolean) => parts.parting.forget(peer, cutOff),
    /** What is known of those of an identity. */
    revocations: async (peer: PeerId) => contacts.peers.get(peer).revocations,
    revoke: (revocations: Revocations) => parts.parting.revoke(revocations),
    changePerson: (peer: PeerId, change: PersonChange) => parts.people.change(peer, change),
    /** Notes what a tab has done. */
    note: async (kind: SecurityEventKind, about: EventAbout) => parts.note(kind, about),
    securityLog: (options: SecurityLogOptions) => journal.list(options),
    stats: () => parts.monitor.stats(parts.roster.proven.values(), parts.roster.get(identity.peer)),
  }
}

export type Tasks = ReturnType<typeof tasksOf>

export type TaskResult<T extends keyof Tasks> = Awaited<ReturnType<Tasks[T]>>
