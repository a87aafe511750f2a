/**
 * A ticket: what two people hand over once, as a link, a QR code or text, so that their wallets can make first contact.
 * It names its issuer and carries a secret that never crosses the network. Form: `docs/protocol.md`, "Tickets".
 */

import { utf8 } from '../base/bytes.ts'
import * as limits from '../base/limits.ts'
import type { Fields } from '../codec/fields.ts'
import { textForm } from '../codec/text-form.ts'
import { blake2b } from '../crypto/hash.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import { sodium } from '../crypto/sodium.ts'
import { atAnyTime, type CertificateChain, type DeviceBinding } from '../identity/certificate.ts'
import type { Device } from '../identity/device.ts'
import { keyFromPeerId, peerIdFromKey, type PeerId } from '../identity/peer-id.ts'
import { readStatement, signStatement, type StatementKind } from '../identity/statement.ts'

const form = /* @__PURE__ */ textForm(
  'hft1',
  limits.maxTicketBytes,
  'bad-ticket',
  'not a ticket, or not all of it',
)

const kind: StatementKind = {
  label: signatureLabels.ticket,
  maxBytes: limits.maxTicketBytes,
  code: 'bad-ticket',
}

/** What a ticket says; the form is the order of these in a CBOR array. */
export interface TicketBody {
  readonly issuer: PeerId
  /** X25519; its secret half is the issuer's until the ticket is spent or expired. */
  readonly ticketKey: Uint8Array
  /** 16 bytes, shared by hand alone. */
  readonly secret: Uint8Array
  /** Unix seconds. */
  readonly expiresS: number
  readonly relays: readonly string[]
  readonly uses: number
  readonly for: PeerId | null
  readonly purpose: string
  readonly memo: string
}

/** An invitation: who has it may meet its issuer. `mesh.invite` makes one, `mesh.accept` redeems it. As text or link it is a secret; in a console it shows none. */
export class Ticket {
  readonly #bytes: Uint8Array
  readonly #body: TicketBody
  readonly #issuerDevice: DeviceBinding

  private constructor(bytes: Uint8Array, body: TicketBody, issuerDevice: DeviceBinding) {
    this.#bytes = bytes
    this.#body = body
    this.#issuerDevice = issuerDevice
  }

  /** @internal Signs a body as its issuer's device. */
  static async sign(
    body: TicketBody,
    device: Device,
    chain: CertificateChain,
    nowS: number,
  ): Promise<Ticket> {
    const said = [
      keyFromPeerId(body.issuer),
      body.ticketKey,
      body.secret,
      body.expiresS,
      [...body.relays],
      body.uses,
      body.for && keyFromPeerId(body.for),
      body.purpose,
      body.memo,
    ] as const
    return Ticket.fromBytes(await signStatement(kind, said, device, chain), nowS)
  }

  /**
   * Reads a ticket from its text, in any case, or from a link that holds it in its fragment. Checks its form and its signature;
   * whether it has expired is checked where a clock is known, on use.
   * @throws HandfastError `bad-ticket`; `wrong-phase` where nothing is open yet and `ready` was not awaited
   */
  static parse(text: string): Ticket {
    return Ticket.read(text, atAnyTime)
  }

  /** @internal The same, by certificates that are good at that time. */
  static read(text: string, nowS: number): Ticket {
    sodium()
    return form.read(text, (bytes) => Ticket.fromBytes(bytes, nowS))
  }

  /** @internal @throws HandfastError `bad-ticket` */
  static fromBytes(bytes: Uint8Array, nowS: number): Ticket {
    return readStatement(
      kind,
      bytes,
      10,
      nowS,
      ({ device, fields }) => new Ticket(bytes.slice(), parseBody(device.peer, fields), device),
    )
  }

  /** Who made it. */
  get issuer(): PeerId {
    return this.#body.issuer
  }
  /** When it is good no more. */
  get expiresAt(): Date {
    return new Date(this.#body.expiresS * 1000)
  }
  /** How many different peers may use it. */
  get uses(): number {
    return this.#body.uses
  }
  /** The only peer that may use it, or null. */
  get for(): PeerId | null {
    return this.#body.for
  }
  /** What the issuer's application called it, `contact` by default; `device` is for a further device of the issuer's own. */
  get purpose(): string {
    return this.#body.purpose
  }
  /** A word from the issuer, shown before accepting; a claim like any other. */
  get memo(): string {
    return this.#body.memo
  }
  /** Where the issuer listens; accepting connects there. */
  get relays(): readonly string[] {
    return this.#body.relays
  }

  /** `hft1` and base32, lower-case. Whoever reads it can use it. */
  toString(): string {
    return form.write(this.#bytes)
  }

  /** The same in upper case: a QR code's alphanumeric mode holds it in a third less space. */
  toQRText(): string {
    return this.toString().toUpperCase()
  }

  /** A link with the ticket in its fragment, which no web server gets to see. */
  toURL(base: string | URL): string {
    const url = new URL(base)
    url.hash = this.toString()
    return url.href
  }

  /** What consoles and `JSON.stringify` show: never the secret. */
  toJSON(): object {
    const { issuer, expiresAt, uses, purpose, memo } = this
    return { issuer, expiresAt, uses, for: this.for, purpose, memo }
  }

  /** @internal */
  get bytes(): Uint8Array {
    return this.#bytes
  }
  /** @internal X25519. */
  get ticketKey(): Uint8Array {
    return this.#body.ticketKey
  }
  /** @internal */
  get issuerDevice(): DeviceBinding {
    return this.#issuerDevice
  }
  /** @internal BLAKE2b-256 of the encoded ticket: what the handshake and the pact are bound to. */
  get hash(): Uint8Array {
    return blake2b(this.#bytes, 32)
  }
  /** @internal The handshake's pre-shared key. */
  get psk(): Uint8Array {
    return blake2b(utf8(derivationLabels.ticketPsk), 32, this.#body.secret)
  }
  /** @internal The mailbox where the issuer waits. */
  get tag(): Uint8Array {
    return blake2b(utf8(derivationLabels.ticketTag), limits.tagBytes, this.#body.secret)
  }
}

function parseBody(issuer: PeerId, fields: Fields): TicketBody {
  return {
    issuer,
    ticketKey: fields.bytes(32),
    secret: fields.bytes(16),
    expiresS: fields.integer(1, 2 ** 40),
    relays: fields.relays(limits.maxTicketRelays),
    uses: fields.integer(1, limits.maxTicketUses),
    for: fields.nullable(() => peerIdFromKey(fields.bytes(32))),
    purpose: fields.text(limits.maxPurposeBytes),
    memo: fields.text(limits.maxMemoBytes),
  }
}
