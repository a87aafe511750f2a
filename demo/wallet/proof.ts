/** Entries with their signatures, which prove to anybody who has done what. */

import { verifySigned, type Identity, type PeerId } from 'handfast'
import { encodeEntry, readEntry, type Entry, type EntryBody } from './entry.ts'
import { Refusal } from './refusal.ts'
import type { StoredEntry } from './wallet-store.ts'
import { maxSignedEntryBytes } from './wallet-limits.ts'

const purpose = 'handfast-demo/wallet'

export interface Proven {
  readonly entry: Entry
  readonly stored: StoredEntry
}

/** Signs for the partner named in it. @throws HandfastError as `identity.sign`, Refusal `malformed` for what nobody would take */
export async function proven(identity: Identity, body: EntryBody): Promise<Proven> {
  const message = encodeEntry(body)
  const signed = await identity.sign(purpose, message)
  if (signed.length > maxSignedEntryBytes) throw new Refusal('malformed')
  const { from, to, seq } = body
  const entry = await readEntry(message, from, to)
  return { entry, stored: { partner: to, from, seq, message, signed } }
}

/**
 * What came from anywhere, as an entry that `signer` has signed for the other of the two. However old: what was signed while the device was
 * certified stays signed. @throws Refusal `malformed`, `wrong-party`
 */
export async function prove(
  value: unknown,
  me: PeerId,
  partner: PeerId,
  signer: PeerId,
): Promise<Proven> {
  if (!(value instanceof Uint8Array) || value.length > maxSignedEntryBytes) {
    throw new Refusal('malformed')
  }
  const verified = await verifySigned(purpose, value, { atMs: null }).catch(() => null)
  if (verified?.peer !== signer) throw new Refusal('wrong-party')
  const { message } = verified
  const entry = await readEntry(message, signer, signer === partner ? me : partner)
  const stored = { partner, from: signer, seq: entry.seq, message, signed: value.slice() }
  return { entry, stored }
}
