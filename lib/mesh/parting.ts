/**
 * Where a mesh parts: from a contact that is forgotten or cut off, and from devices that their identity has revoked. On disk first, then at
 * once: what is live ends, and nothing is listened for any more. What a snapshot brings of either takes the same way.
 */

import { toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import type { CborValue } from '../codec/cbor.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { atAnyTime, verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { revocationLists, type Revocations } from '../identity/revocations.ts'
import { eraseLog, type LogOptions } from '../link/log.ts'
import type { Adopted, Contact, Contacts } from './contacts.ts'
import type { Introductions } from './introductions.ts'
import type { Note } from './journal.ts'
import type { Mailroom } from './mailroom.ts'
import type { PeerRecord } from './peer-record.ts'
import type { Queries } from './queries.ts'
import type { Emit } from './role-events.ts'
import type { Roster } from './roster.ts'

export interface PartingOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly roster: Roster
  readonly mailroom: Mailroom
  readonly introductions: Introductions | undefined
  readonly queries: Queries
  readonly log: LogOptions
  readonly note: Note
  readonly emit: Emit
}

/** As they are said. */
export const revocationRecords = (revocations: Revocations): CborValue[][] =>
  revocationLists(revocations).map((bytes) => [recordKinds.revocations, bytes])

export class Parting {
  readonly #options: PartingOptions

  constructor(options: PartingOptions) {
    this.#options = options
  }

  /** This device is one that its identity has revoked: it calls nobody, and answers nobody. */
  get isRevoked(): boolean {
    const { identity, contacts } = this.#options
    return !contacts.peers.admits(identity.peer, verifyChain(identity.chain, atAnyTime).deviceKeys)
  }

  /** @throws HandfastError `revoked` */
  refuseIfRevoked(): void {
    if (this.isRevoked) throw new HandfastError('revoked', 'This device was revoked')
  }

  /** Forgets a contact; with `cutOff` for good. @throws HandfastError `invalid-argument` for oneself, `storage-failed` */
  async forget(peer: PeerId, cutOff: boolean): Promise<void> {
    const { identity, contacts, roster, note } = this.#options
    if (peer === identity.peer)
      throw new HandfastError('invalid-argument', 'One does not forget oneself: revoke a device')
    const wasSeen = roster.proven.has(peer)
    const forgotten = await contacts.forget(peer, { cutOff })
    if (cutOff) note('contact-cut-off', { peer })
    else if (wasSeen) note('contact-forgotten', { peer })
    await this.#end(peer, forgotten)
  }

  async #end(peer: PeerId, contacts: readonly Contact[]): Promise<void> {
    const { roster, mailroom, introductions, log, emit } = this.#options
    for (const { id } of contacts) mailroom.closeContact(id)
    const wasSeen = roster.proven.has(peer)
    const sessions = roster.remove(peer)
    if (wasSeen) emit('forgotten', peer)
    introductions?.forget(peer)
    // At once: one that is met again meanwhile has nothing of the old log.
    await Promise.all([sessions?.close('forgotten'), eraseLog(log, peer)])
  }

  /** Provisional contacts are no more. */
  dismiss(contacts: readonly Contact[]): void {
    const { roster, mailroom, introductions } = this.#options
    for (const { id, peer } of contacts) {
      mailroom.closeContact(id)
      void roster.remove(peer, 'unproven')?.close('closed')
      if (!roster.proven.has(peer)) introductions?.forget(peer)
    }
  }

  /** Takes note of a list; what it names is cut off at once, and where it is one's own, contacts are told. */
  async revoke(received: Revocations): Promise<void> {
    const { peers } = this.#options.contacts
    const before = peers.get(received.peer)
    if (await peers.revoke(received)) this.#cutOffRevoked(before)
  }

  /** Ends what a snapshot has ended. */
  async merged({ before, removed }: Adopted): Promise<void> {
    const { contacts, mailroom } = this.#options
    const ending: Promise<void>[] = []
    for (const record of before) {
      const { peer } = record
      const gone = removed.filter((contact) => contact.peer === peer)
      if (gone.length > 0 && contacts.of(peer).length === 0) ending.push(this.#end(peer, gone))
      else for (const { id } of gone) mailroom.closeContact(id)
      if (contacts.peers.get(peer).revocations !== record.revocations) this.#cutOffRevoked(record)
    }
    await Promise.all(ending)
  }

  /** `before`: the record of the peer, when its devices were still known. */
  #cutOffRevoked(before: PeerRecord): void {
    const { identity, contacts, roster, mailroom, queries, note, emit } = this.#options
    const { peer } = before
    const lastWords = revocationRecords(contacts.peers.get(peer).revocations!)
    const isRevoked = contacts.peers.revokedSince(before)
    roster.get(peer)?.endDevice(isRevoked, 'revoked', lastWords)
    for (const { deviceKey } of before.devices) {
      if (isRevoked(deviceKey)) note('device-revoked', { peer, detail: toBase64url(deviceKey) })
    }
    mailroom.movePeer(peer)
    if (peer !== identity.peer) return
    for (const sessions of roster.all()) sessions.announce()
    if (!this.isRevoked) return
    mailroom.close()
    for (const sessions of roster.all()) void sessions.suspend('revoked', 'gracefully')
    queries.close()
    emit('known', 'revoked')
  }
}
