/**
 * Contacts as an earlier version of this library wrote them, with the peer's one device inside: what is the peer's goes to a record of its
 * own, and how far its log was handled to that of its device, in one transaction with all contacts. Nothing is lost; a record that is damaged stays as it is.
 */

import { toBase64url } from '../base/bytes.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { readRecords } from '../storage/reading.ts'
import { strictWrite } from '../storage/store.ts'
import { deviceOf, withDevice, withoutKnowledge, type PeerRecord } from './peer-record.ts'

/** What of it is the peer's, and what both have; the rest is the contact's. */
interface EarlierRecord {
  readonly pactId: Uint8Array
  readonly peer: PeerId
  readonly peerKey: Uint8Array
  readonly deviceKey: Uint8Array
  readonly boxKey: Uint8Array
  readonly chain: CertificateChain
  readonly relays: readonly string[]
  readonly cardNumber?: number
  readonly provenAtMs: number
}

const isEarlier = (key: string, value: unknown): value is EarlierRecord => {
  const record = value as Partial<EarlierRecord> | null
  const isWhole = Array.isArray(record?.chain) && record.pactId instanceof Uint8Array
  return isWhole && toBase64url(record.pactId!) === key
}

/** @throws HandfastError `storage-failed` */
export async function upgradeContacts({ store, runtime }: Identity): Promise<void> {
  const list = await readRecords(store, 'contacts')
  if (!list.some(({ key, value }) => isEarlier(key, value))) return
  await store.transaction(['contacts', 'peers', 'inbox'], strictWrite, async (transaction) => {
    for (const { key, value } of await transaction.list('contacts')) {
      if (!isEarlier(key, value)) continue
      const { peerKey: _, boxKey, chain, relays, cardNumber = 0, ...contact } = value
      const { peer, deviceKey, provenAtMs } = contact
      const held = (await transaction.get('peers', peer)) as PeerRecord | undefined
      const record = held ?? withoutKnowledge(peer)
      const known = deviceOf(record, deviceKey)
      const lastMetMs = Math.max(known?.lastMetMs ?? 0, provenAtMs || runtime.now())
      // Of several pacts with one device the one with the latest card knows best.
      const where = known && known.cardNumber >= cardNumber ? known : { relays, cardNumber }
      const device = { deviceKey, boxKey, chain, card: null, ...where, lastMetMs }
      await transaction.put('peers', peer, withDevice(record, device))
      await transaction.put('contacts', key, contact)
      // What had been handled was of that device's log.
      const position = await transaction.get('inbox', peer)
      if (position === undefined) continue
      await transaction.put('inbox', `${peer}/${toBase64url(deviceKey)}`, position)
      await transaction.delete('inbox', peer)
    }
  })
}
