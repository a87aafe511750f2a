/**
 * The mailboxes that a mesh listens at: one a ticket until it expires, and one a contact, under a tag that changes daily and is heard from
 * yesterday's to tomorrow's, so that clocks may differ by a day. What each takes from each path is limited by the paths.
 */

import { toBase64url } from '../base/bytes.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Answerer, Reception } from '../session/answer.ts'
import { contactTag, dayMs, utcDay } from '../session/pact.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Contact, Contacts } from './contacts.ts'
import type { Introductions } from './introductions.ts'
import type { Monitor } from './monitor.ts'
import type { Paths, Route } from './paths.ts'

/** Where a packet came in. */
export interface Slot {
  readonly tag: Uint8Array
  readonly signaling: Signaling
  /** When nobody listens at this tag any more. */
  readonly expiresAtMs: number
  /** Whose mailbox it is; none for a ticket's. */
  readonly contactId?: string
}

interface Receptions {
  at(slot: Slot): Reception | undefined
}

export interface MailroomOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly paths: Paths
  readonly introductions: Introductions | undefined
  /** What is done with packets that come to a slot: by the first that has something to do with it. */
  readonly pairings: Receptions
  readonly callers: Receptions
  readonly answerer: Answerer
  readonly monitor: Monitor
}

interface ContactMailbox {
  readonly signaling: Route
  /** By day. */
  readonly open: Map<number, () => void>
  readonly openDay: (day: number) => () => void
}

export class Mailroom {
  readonly #options: MailroomOptions
  /** How to close each, by tag. */
  readonly #tickets = new Map<string, () => void>()
  /** By contact id. */
  readonly #contacts = new Map<string, ContactMailbox>()

  constructor(options: MailroomOptions) {
    this.#options = options
  }

  openTicket(tag: Uint8Array, expiresAtMs: number): void {
    const signaling = this.#options.paths.through([])
    const unsubscribe = this.#listen({ tag, signaling, expiresAtMs })
    this.#tickets.set(toBase64url(tag), () => {
      unsubscribe()
      void signaling.close()
    })
  }

  closeTicket(tag: Uint8Array): void {
    const key = toBase64url(tag)
    this.#tickets.get(key)?.()
    this.#tickets.delete(key)
  }

  openContact({ id, peer, pactSecret }: Contact): void {
    if (this.#contacts.has(id)) return
    const { identity, contacts, paths, introductions } = this.#options
    const signaling = paths.through(contacts.peers.relaysOf(peer), peer)
    const openDay = (day: number) => {
      const tag = contactTag(pactSecret, identity.device.key, day)
      const slot: Slot = { tag, signaling, expiresAtMs: (day + 2) * dayMs, contactId: id }
      const close = this.#listen(slot)
      // Answered through whom it came.
      const closeToOthers = introductions?.listen(tag, peer, (packet, introducer) =>
        this.#receive({ ...slot, signaling: introducer }, packet, introducer),
      )
      return () => (close(), closeToOthers?.())
    }
    this.#contacts.set(id, { signaling, open: new Map(), openDay })
    this.turn()
  }

  /** The devices of a peer may be found at other relays than before. */
  movePeer(peer: PeerId): void {
    const { contacts } = this.#options
    const relays = contacts.peers.relaysOf(peer)
    for (const { id } of contacts.of(peer)) this.#contacts.get(id)?.signaling.use(relays)
  }

  closeContact(id: string): void {
    const mailbox = this.#contacts.get(id)
    this.#contacts.delete(id)
    for (const close of mailbox?.open.values() ?? []) close()
    void mailbox?.signaling.close()
  }

  /** The paths that lead to a contact. */
  signalingOf(contactId: string): Signaling {
    return this.#contacts.get(contactId)!.signaling
  }

  /** Listens at the tags of the three days around today, and no others. */
  turn(): void {
    const today = utcDay(this.#options.identity.runtime.now())
    const days = [today - 1, today, today + 1]
    for (const { open, openDay } of this.#contacts.values()) {
      for (const [day, close] of open) {
        if (days.includes(day)) continue
        close()
        open.delete(day)
      }
      for (const day of days) if (!open.has(day)) open.set(day, openDay(day))
    }
  }

  close(): void {
    for (const close of this.#tickets.values()) close()
    this.#tickets.clear()
    for (const id of [...this.#contacts.keys()]) this.closeContact(id)
  }

  #listen(slot: Slot): () => void {
    return slot.signaling.subscribe(slot.tag, (packet, path) => this.#receive(slot, packet, path))
  }

  /** `path`: by which of them it came. */
  #receive(slot: Slot, packet: Uint8Array, path: unknown): void {
    const { pairings, callers, contacts, answerer, monitor } = this.#options
    const reception = pairings.at(slot) ?? callers.at(slot)
    if (!reception) return
    const peer = contacts.get(slot.contactId ?? '')?.peer
    answerer.receive(slot.tag, packet, path, monitor.watchReception(reception, peer))
  }
}
