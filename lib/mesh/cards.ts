/**
 * Address cards: one's own, and what those of others bring. The relays that one has left are listened at for a while yet: those whose contacts
 * slept through the move come looking there.
 */

import { toBase64url } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import { formerRelaysMs, maxCardRelays } from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { atAnyTime } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { readRecord } from '../storage/reading.ts'
import { strictWrite } from '../storage/store.ts'
import { parseCard, readCard, signCard, type Card } from './card.ts'
import type { Contacts } from './contacts.ts'
import type { Note } from './journal.ts'
import type { Mailroom } from './mailroom.ts'
import { keysOf } from './peer-record.ts'
import type { Roster } from './roster.ts'

/** Record of table `keys`; nothing in it is secret. */
const recordKey = 'card'

interface FormerRelay {
  readonly url: string
  /** Unix ms. */
  readonly untilMs: number
}

interface CardRecord {
  readonly bytes: Uint8Array
  readonly former: readonly FormerRelay[]
}

interface OwnCard {
  readonly card: Card
  /** Left less than `formerRelaysMs` ago, the latest first. */
  readonly formerRelays: readonly string[]
}

/**
 * The card that says where `identity` is now: the one it had, or one with a higher number when its relays have changed.
 * @throws HandfastError `storage-failed`
 */
export async function openOwnCard(
  identity: Identity,
  ownRelays: readonly string[],
): Promise<OwnCard> {
  const { store, runtime, chain } = identity
  const nowMs = runtime.now()
  const nowS = Math.floor(nowMs / 1000)
  const relays = ownRelays.filter(isAllowedRelayUrl).slice(0, maxCardRelays)
  const held = (await readRecord(store, 'keys', recordKey)) as CardRecord | undefined
  const last =
    held && failAs('storage-failed', () => readCard(held.bytes, atAnyTime), 'own card is damaged')

  const left = (last?.relays ?? []).map((url) => ({ url, untilMs: nowMs + formerRelaysMs }))
  const former = [...left, ...(held?.former ?? [])]
    .filter(({ untilMs }) => untilMs > nowMs)
    .filter(({ url }, at, all) => all.findIndex((other) => other.url === url) === at)
    .filter(({ url }) => !ownRelays.includes(url))
    .slice(0, maxCardRelays)
  const formerRelays = former.map(({ url }) => url)
  // The chain ends with the certificate of the device.
  const isSame =
    last && String(last.relays) === String(relays) && String(last.chain) === String(chain)
  if (isSame) return { card: last, formerRelays }

  // Also above the numbers of a profile that was copied or put back, which nobody remembers.
  const number = Math.max((last?.number ?? 0) + 1, nowS)
  const bytes = await signCard(identity, { number, relays, issuedS: nowS })
  const record: CardRecord = { bytes, former }
  await store.transaction(['keys'], strictWrite, (transaction) =>
    transaction.put('keys', recordKey, record),
  )
  return { card: readCard(bytes, atAnyTime), formerRelays }
}

export interface CardsOptions {
  readonly identity: Identity
  readonly relays: readonly string[]
  readonly contacts: Contacts
  readonly mailroom: Mailroom
  readonly roster: Roster
  /** Of the mesh. */
  readonly closing: AbortSignal
  readonly note: Note
}

export class Cards {
  /** One's own. */
  own: Card
  readonly #options: CardsOptions

  constructor(options: CardsOptions, own: Card) {
    this.#options = options
    this.own = own
  }

  /** With the certificates of now. */
  async renew(): Promise<void> {
    const { identity, relays, roster } = this.#options
    this.own = (await openOwnCard(identity, relays)).card
    for (const sessions of roster.all()) sessions.announce()
  }

  /** Takes note of a card of a contact, or of another own device. */
  async learn(card: Card): Promise<void> {
    const { contacts, mailroom, note } = this.#options
    const isNew = !contacts.peers.deviceOf(card.peer, card.deviceKey)
    if (!(await contacts.learn(card))) return
    mailroom.movePeer(card.peer)
    if (isNew) note('device-added', { peer: card.peer, detail: toBase64url(card.deviceKey) })
  }

  /** Likewise of one that was got by hand, as text, and calls the contact. @throws HandfastError `bad-card`, `storage-failed` */
  async take(text: string): Promise<PeerId> {
    const { contacts, identity, roster, closing } = this.#options
    const card = parseCard(text, identity.runtime.now() / 1000)
    const sessions = roster.proven.get(card.peer)
    if (!sessions || !contacts.peers.admits(card.peer, keysOf(card))) {
      throw new HandfastError('bad-card', 'The card is of nobody known')
    }
    if (contacts.cardNumberOf(card) > card.number) {
      throw new HandfastError('bad-card', 'A newer card of that contact is known')
    }
    await this.learn(card)
    closing.throwIfAborted()
    sessions.call()
    return card.peer
  }
}
