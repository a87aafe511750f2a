/** The people behind links: what the user calls them, whether their numbers were compared, what they may do; and what follows of a change. */

import { HandfastError } from '../base/errors.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, type PeerId } from '../identity/peer-id.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import { isSameList, type Person, type PersonChange } from '../link/person.ts'
import type { Grants } from './grants.ts'
import type { Note } from './journal.ts'
import type { PeerRecord } from './peer-record.ts'
import type { Peers } from './peers.ts'
import type { Roster } from './roster.ts'

export interface PeopleOptions {
  readonly identity: Identity
  readonly peers: Peers
  readonly roster: Roster
  readonly grants: Grants
  readonly note: Note
  /** Something is known of that peer that was not, or of one's own devices. */
  readonly onChange: (peer: PeerId) => void
  readonly onError: (error: unknown) => void
}

export class People {
  readonly #options: PeopleOptions

  constructor(options: PeopleOptions) {
    this.#options = options
  }

  get(peer: PeerId): Person {
    const record = this.#options.peers.get(peer)
    const { name, scopes, grantedScopes } = record
    return { name, verified: this.#isVerified(record), scopes, grantedScopes }
  }

  /** @throws HandfastError `closed` for nobody known, `storage-failed` */
  async change(peer: PeerId, change: PersonChange): Promise<void> {
    const { peers, roster } = this.#options
    if (!roster.proven.has(peer)) throw new HandfastError('closed', 'The link is closed')
    await peers.say(peer, change)
  }

  /** What is known of a peer has changed, by whatever way: another device of one's own may have said so. */
  follow(now: PeerRecord, before: PeerRecord): void {
    const { identity, roster, grants, onChange, onError } = this.#options
    const { peer } = now
    // Its sessions are about to be closed.
    if (now.forgottenAtMs !== before.forgottenAtMs) return
    if (roster.proven.has(peer)) this.#log(now, before)
    const sessions = roster.get(peer)
    const isGranted = isSameList(now.scopes, before.scopes)
    if (!isGranted) grants.refresh(peer).catch(onError)
    if (!isGranted || !isSameList(now.grantedScopes, before.grantedScopes)) sessions?.reviewRights()
    sessions?.announce()
    onChange(peer)
    if (peer !== identity.peer || now.revocations === before.revocations) return
    // What a device that is no more has certified has to be certified anew.
    for (const contact of roster.proven.keys()) grants.refresh(contact).catch(onError)
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
