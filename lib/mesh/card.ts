/**
 * An address card: where a peer is to be found from now on, signed by its device. It outlives every relay it names: whoever has an
 * older one needs but one path that still leads there. Form: `docs/protocol.md`, "Cards".
 */

import { maxCardBytes, maxCardRelays } from '../base/limits.ts'
import { textForm } from '../codec/text-form.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { readStatement, signStatement, type StatementKind } from '../identity/statement.ts'

const form = /* @__PURE__ */ textForm(
  'hfc1',
  maxCardBytes,
  'bad-card',
  'not a card, or not all of it',
)

const kind: StatementKind = {
  label: signatureLabels.card,
  maxBytes: maxCardBytes,
  code: 'bad-card',
}

interface CardBody {
  /** Of two cards of a device, the one with the higher number holds. */
  readonly number: number
  readonly relays: readonly string[]
  /** Unix seconds. */
  readonly issuedS: number
}

export interface Card extends CardBody {
  readonly peer: PeerId
  readonly deviceKey: Uint8Array
  readonly boxKey: Uint8Array
  readonly chain: CertificateChain
  /** Of the chain, Unix seconds; Infinity without end. */
  readonly notAfterS: number
  readonly bytes: Uint8Array
}

/** Signs a card as the device of `identity`. */
export function signCard(
  { device, chain, publicKey }: Identity,
  { number, relays, issuedS }: CardBody,
): Promise<Uint8Array> {
  return signStatement(kind, [publicKey, number, [...relays], issuedS], device, chain)
}

/** @param nowS Unix seconds, for the certificate. @throws HandfastError `bad-card` */
export function readCard(bytes: Uint8Array, nowS: number): Card {
  return readStatement(kind, bytes, 5, nowS, ({ device, chain, fields }) => ({
    number: fields.integer(1),
    relays: fields.relays(maxCardRelays),
    issuedS: fields.integer(1, 2 ** 40),
    peer: device.peer,
    notAfterS: device.notAfterS,
    deviceKey: device.deviceKey.slice(),
    boxKey: device.boxKey.slice(),
    chain: chain.map((certificate) => certificate.slice()),
    bytes: bytes.slice(),
  }))
}

/** `hfc1` and base32, lower-case. */
export const cardText = ({ bytes }: Card): string => form.write(bytes)

/** Reads a card from its text, in any case. @throws HandfastError `bad-card` */
export const parseCard = (text: string, nowS: number): Card =>
  form.read(text, (bytes) => readCard(bytes, nowS))
