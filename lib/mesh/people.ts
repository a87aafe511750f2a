/** The people behind links: what the user calls them, whether their numbers were compared, what they may do; and what follows of a change. */

import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, type PeerId } from '../identity/peer-id.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import { linkClosed } from '../link/carrier.ts'
import { isSameList, type Person, type PersonChange } from '../link/person.ts'
import type { Contacts } from './contacts.ts'
import type { Grants } from './grants.ts'
import type { Note } from './journal.ts'
import type { PeerRecord } from './peer-record.ts'
import { report } from './report.ts'
import type { Emit } from './role-events.ts'
import type { Roster } from './roster.ts'

export interface PeopleOptions {
  readonly identity: Identity
  readonly roster: Roster
  readonly grants: Grants
  readonly contacts: Contacts
  readonly note: Note
  readonly emit: Emit
}

export class People {
  readonly #options: PeopleOptions

  constructor(options: PeopleOptions) {
    this.#options = options
  }

  get(peer: PeerId): Person {
    const record = this.#options.contacts.peers.get(peer)
    const { name, scopes, grantedScopes } = record
    return { name, verified: this.#isVerified(record), scopes, grantedScopes }
  }

  /** @throws HandfastError `closed` for nobody known, `storage-failed` */
  async change(peer: PeerId, change: PersonChange): Promise<void> {
    const { contacts, roster } = this.#options
    if (!roster.proven.has(peer)) throw linkClosed()
    await contacts.peers.say(peer, change)
  }

  /** What is known of a peer has changed, by whatever way: another device of one's own may have said so. */
  follow(now: PeerRecord, before: PeerRecord): void {
    const { identity, roster, grants, emit } = this.#options
    const { peer } = now
    // Its sessions are about to be closed.
    if (now.forgottenAtMs !== before.forgottenAtMs) return
    if (roster.proven.has(peer)) this.#log(now, before)
    const sessions = roster.get(peer)
    const isGranted = isSameList(now.scopes, before.scopes)
    if (!isGranted) grants.refresh(peer).catch(report)
    if (!isGranted || !isSameList(now.grantedScopes, before.grantedScopes)) sessions?.reviewRights()
    sessions?.announce()
    if (peer !== identity.peer) return this.tell(peer)
    emit('known', 'devices')
    if (now.revocations === before.revocations) return
    // What a device that is no more has certified has to be certified anew.
    for (const contact of roster.proven.keys()) grants.refresh(contact).catch(report)
  }

  /** What is known of a peer by now. */
  tell(peer: PeerId): void {
    this.#options.emit('person', peer, this.get(peer))
  }

  #log(now: PeerRecord, before: PeerRecord): void {
    const { peer, scopes } = now
    const { note } = this.#options
    const isVerified = this.#isVerified(now)
    if (isVerified !== this.#isVerified(before))
      note(isVerified ? 'verified' : 'unverified', { peer })
    if (!isSameList(scopes, before.scopes)) {
      note('rights-changed', { peer, detail: scopes.join(' ') })
    }
  }

  /** Only the number of this very link counts. */
  #isVerified({ peer, verified }: PeerRecord): boolean {
    const { identity } = this.#options
    return verified !== null && verified === safetyNumber(identity.publicKey, keyFromPeerId(peer))
  }
}
