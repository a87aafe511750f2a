/**
 * What an application signs in its user's name: a message, for a purpose of the application's own. It carries the certificates that it
 * needs, so whoever has it can tell who said it, at any time, of whomever it came. Form: `docs/protocol.md`, "Signed messages".
 */

import { utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxSignedBytes, maxSignedMessageBytes, maxSigningPurposeBytes } from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { ready } from '../crypto/sodium.ts'
import { atAnyTime, verifyChain, type CertificateChain } from './certificate.ts'
import type { Device } from './device.ts'
import type { PeerId } from './peer-id.ts'
import { covers, deviceScopes, type Scopes } from './scopes.ts'
import { readStatement, signStatement, type StatementKind } from './statement.ts'

const kind: StatementKind = {
  label: signatureLabels.application,
  maxBytes: maxSignedBytes,
  code: 'bad-signature',
}

/** What `verifySigned` has found to be so. */
export interface VerifiedMessage {
  /** Whose device has signed it. */
  readonly peer: PeerId
  /** ed25519, 32 bytes: which device of theirs. */
  readonly deviceKey: Uint8Array
  /** The same of all devices on the way from their root to that one, which is the last. */
  readonly deviceKeys: readonly Uint8Array[]
  /** What was signed. */
  readonly message: Uint8Array
}

/** What `verifySigned` takes. */
export interface VerifyOptions {
  /**
   * Unix time in milliseconds at which the signer's certificates have to be valid, give or take 48 hours: when the message came. Null for
   * any time: what was verified before, or is older than one's own knowledge of it. Default: now.
   */
  readonly atMs?: number | null
}

const mayFor = (scopes: Scopes, purpose: string): boolean =>
  covers(scopes, `${deviceScopes.sign}:${purpose}`)

/** An identity, as far as it signs. */
interface Signatory {
  readonly publicKey: Uint8Array
  readonly device: Device
  readonly chain: CertificateChain
}

/** @throws HandfastError `invalid-argument`, `too-large`, `forbidden` for a device that may not, `locked` */
export async function signMessage(
  purpose: string,
  message: Uint8Array,
  { device, chain, publicKey }: Signatory,
): Promise<Uint8Array> {
  const purposeBytes = typeof purpose === 'string' ? utf8(purpose).length : 0
  if (purposeBytes < 1 || purposeBytes > maxSigningPurposeBytes) {
    throw new HandfastError(
      'invalid-argument',
      `A purpose has 1 to ${maxSigningPurposeBytes} bytes`,
    )
  }
  if (!(message instanceof Uint8Array)) {
    throw new HandfastError('invalid-argument', 'A message is bytes')
  }
  if (message.length > maxSignedMessageBytes) {
    throw new HandfastError('too-large', `At most ${maxSignedMessageBytes} bytes are signed`)
  }
  if (!mayFor(verifyChain(chain, atAnyTime).scopes, purpose)) {
    throw new HandfastError('forbidden', 'This device may not sign that')
  }
  return signStatement(kind, [publicKey, purpose, message], device, chain)
}

/**
 * Reads what `identity.sign` has made: who signed which message, for exactly this purpose. Says nothing of when, of how often it was
 * seen, or whether that device was revoked since: see `mesh.hasRevoked`. One message can come as different bytes, each of which
 * holds (with other certificates, say): tell copies by `peer` and `message`, not by what is signed.
 * @throws HandfastError `bad-signature`: not for this purpose, forged, altered, or by a device that may not; `invalid-argument` for a
 * time that is none; `unsupported`
 */
export async function verifySigned(
  purpose: string,
  signed: Uint8Array,
  { atMs = systemRuntime.now() }: VerifyOptions = {},
): Promise<VerifiedMessage> {
  if (atMs !== null && !Number.isFinite(atMs)) {
    throw new HandfastError('invalid-argument', 'A time is a finite number of milliseconds')
  }
  await ready()
  const nowS = atMs === null ? atAnyTime : atMs / 1000
  return readStatement(kind, signed, 4, nowS, ({ device, fields }) => {
    if (fields.any() !== purpose || !mayFor(device.scopes, purpose)) fields.fail('purpose')
    const message = fields.bytes(0, maxSignedMessageBytes).slice()
    const deviceKeys = device.deviceKeys.map((key) => key.slice())
    return { peer: device.peer, deviceKey: deviceKeys.at(-1)!, deviceKeys, message }
  })
}
