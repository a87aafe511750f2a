/**
 * What a device says for its identity to whoever comes by it: tickets, addresses and cards. `[body, chain, signature]`, where the body is
 * an array that begins with its version and the identity's key. Form: `docs/protocol.md`.
 */

import { failAs, HandfastError, type ErrorCode } from '../base/errors.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes, verify } from '../crypto/ed25519.ts'
import type { SignatureLabel } from '../crypto/labels.ts'
import { verifyChain, type CertificateChain, type DeviceBinding } from './certificate.ts'
import type { Device } from './device.ts'
import { peerIdFromKey } from './peer-id.ts'

export interface StatementKind {
  readonly label: SignatureLabel
  readonly maxBytes: number
  /** Of what is wrong with one, whatever it is. */
  readonly code: ErrorCode
}

/** One that holds. */
export interface Statement {
  readonly device: DeviceBinding
  readonly chain: CertificateChain
  /** What the body says after version and identity. */
  readonly fields: Fields
}

/** Signs what follows the version in the body, the identity's key first. */
export async function signStatement(
  { label }: StatementKind,
  said: readonly [peerKey: Uint8Array, ...CborValue[]],
  device: Device,
  chain: CertificateChain,
): Promise<Uint8Array> {
  const body = encode([1, ...said])
  return encode([body, [...chain], await device.sign(label, body)])
}

/**
 * Verifies one, and returns what `parse` makes of it.
 * @param length of the array that is the body
 * @param nowS Unix seconds, for the certificates
 * @throws HandfastError the code of its kind
 */
export function readStatement<T>(
  { label, maxBytes, code }: StatementKind,
  bytes: Uint8Array,
  length: number,
  nowS: number,
  parse: (statement: Statement) => T,
): T {
  return failAs(code, () => {
    if (bytes.length > maxBytes) throw new HandfastError('too-large')
    const outer = new Fields(decode(bytes), 3, code)
    const body = outer.bytes(1, maxBytes)
    const chain = outer.any() as CertificateChain
    const device = verifyChain(chain, nowS)
    const signature = outer.bytes(signatureBytes)
    const fields = new Fields(decode(body), length, code)
    fields.constant(1)
    const isTheirs = peerIdFromKey(fields.bytes(32)) === device.peer
    if (!isTheirs || !verify(label, body, signature, device.deviceKey)) {
      throw new HandfastError('bad-signature')
    }
    return parse({ device, chain, fields })
  })
}
