/**
 * What a mesh says of its own accord on every session with a contact or another device of one's own, and what it makes of what they say:
 * where one's devices are (cards), which of them are no more (revocations), and what the other side may do (grants). One's own devices tell
 * each other all that they know of contacts.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import {
  certificateClockToleranceS,
  maxCardBytes,
  maxRevocationsBytes,
  maxSnapshotItemBytes,
} from '../base/limits.ts'
import type { CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import type { Record } from '../codec/records.ts'
import { atAnyTime, verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { readRevocations } from '../identity/revocations.ts'
import { covers, deviceScopes } from '../identity/scopes.ts'
import type { Announcements } from '../link/conversation.ts'
import { readCard } from './card.ts'
import type { Cards } from './cards.ts'
import type { Contacts } from './contacts.ts'
import type { Grants } from './grants.ts'
import type { Kin } from './kin.ts'
import { revocationRecords, type Parting } from './parting.ts'
import { report } from './report.ts'
import { encodePeers } from './snapshot.ts'

export interface AnnouncerOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly cards: Cards
  readonly grants: Grants
  readonly parting: Parting
  readonly kin: Kin
}

export class Announcer {
  readonly #options: AnnouncerOptions

  constructor(options: AnnouncerOptions) {
    this.#options = options
  }

  /** On the sessions with one peer. */
  with(peer: PeerId): Announcements {
    return {
      own: () => this.#own(peer),
      take: (record, deviceKey) => this.#take(peer, record, deviceKey),
    }
  }

  /** Revocations first: a card may be of a device that was revoked. */
  #own(peer: PeerId): CborValue[][] {
    const { identity, contacts, cards: held, grants } = this.#options
    const { revocations, devices } = contacts.peers.get(identity.peer)
    const cards = [held.own.bytes, ...devices.flatMap((device) => device.card ?? [])]
    const own: CborValue[][] = cards.map((bytes) => [recordKinds.card, bytes])
    if (revocations) own.unshift(...revocationRecords(revocations))
    if (peer !== identity.peer) return [...own, ...grants.own(peer)]
    const known = encodePeers(identity, contacts, held.own)
    return [...own, ...known.map((each) => [recordKinds.sync, each])]
  }

  #take(peer: PeerId, record: Record, deviceKey: Uint8Array): void {
    const { cards, kin, parting, identity, grants, contacts } = this.#options
    const fields = new Fields(record, 2, 'protocol')
    const kind = fields.any()
    if (kind === recordKinds.grant) return void grants.take(peer, fields).catch(report)
    if (kind === recordKinds.sync) {
      if (peer !== identity.peer) fields.fail('peer')
      const known = fields.bytes(1, maxSnapshotItemBytes)
      // Whoever may not make contacts has no say in them.
      const chain = contacts.peers.deviceOf(peer, deviceKey)?.chain
      const scopes = chain ? verifyChain(chain, atAnyTime).scopes : []
      // A copy: what came is a view of its frame.
      if (covers(scopes, deviceScopes.introduce)) kin.take(known.slice())
      return
    }
    if (kind === recordKinds.card) {
      const card = readCard(fields.bytes(1, maxCardBytes), atAnyTime)
      if (card.peer !== peer) throw new HandfastError('bad-card')
      // One that has expired is no news, and no fault of whoever passes it on.
      const isOver = card.notAfterS + certificateClockToleranceS < identity.runtime.now() / 1000
      const isOwn = equalBytes(card.deviceKey, identity.device.key)
      if (!isOver && !isOwn) cards.learn(card).catch(report)
      return
    }
    // Those of one's own identity may come by a contact: to a device that they name, as the last thing it hears.
    const revocations = readRevocations(fields.bytes(1, maxRevocationsBytes))
    if (revocations.peer !== peer && revocations.peer !== identity.peer) fields.fail('peer')
    parting.revoke(revocations).catch(report)
  }
}
