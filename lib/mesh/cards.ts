/**
 * One's own address card, and the relays that one has left: those whose contacts slept through the move come looking there, so they are
 * listened at for a while yet.
 */

import { failAs } from '../base/errors.ts'
import { formerRelaysMs, maxCardRelays } from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { atAnyTime } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { strictWrite } from '../storage/store.ts'
import { readCard, signCard, type Card } from './card.ts'

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
  const held = (await store.transaction(['keys'], { mode: 'read' }, (transaction) =>
    transaction.get('keys', recordKey),
  )) as CardRecord | undefined
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
