/**
 * An address: where a device answers strangers. It may be published, is signed by the device and holds no secret: whoever has it can ask,
 * and know who answers. Form: `docs/protocol.md`, "Addresses".
 */

import { equalBytes } from '../base/bytes.ts'
import { maxAddressBytes, maxAddressRelays, tagBytes } from '../base/limits.ts'
import { textForm } from '../codec/text-form.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { ready } from '../crypto/sodium.ts'
import { atAnyTime, type DeviceBinding } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { readStatement, signStatement, type StatementKind } from '../identity/statement.ts'

const form = /* @__PURE__ */ textForm(
  'hfa1',
  maxAddressBytes,
  'bad-address',
  'not an address, or not all of it',
)

const kind: StatementKind = {
  label: signatureLabels.address,
  maxBytes: maxAddressBytes,
  code: 'bad-address',
}

interface AddressBody {
  /** The mailbox. */
  readonly tag: Uint8Array
  readonly relays: readonly string[]
  /** Unix seconds. */
  readonly expiresS: number
}

/** Where a device answers strangers. It may be published: it is signed by the device and holds no secret. `mesh.address` makes one, `ask` takes it. */
export class Address {
  readonly #bytes: Uint8Array
  readonly #body: AddressBody
  readonly #device: DeviceBinding

  private constructor(bytes: Uint8Array, body: AddressBody, device: DeviceBinding) {
    this.#bytes = bytes
    this.#body = body
    this.#device = device
  }

  /** @internal Signs one as the device of `identity`. */
  static async sign(identity: Identity, { tag, relays, expiresS }: AddressBody): Promise<Address> {
    const { device, chain, publicKey, runtime } = identity
    const said = [publicKey, device.boxKey, tag, [...relays], expiresS] as const
    const bytes = await signStatement(kind, said, device, chain)
    return Address.fromBytes(bytes, runtime.now() / 1000)
  }

  /**
   * Reads an address from its text, in any case, or from a link that holds it in its fragment. Checks its form and its signature;
   * whether it has expired is checked where a clock is known, on use. Needs no identity to be open.
   * @throws HandfastError `bad-address`, `unsupported`
   */
  static async parse(text: string): Promise<Address> {
    await ready()
    return Address.read(text, atAnyTime)
  }

  /** @internal The same, once libsodium is there. */
  static read(text: string, nowS: number): Address {
    return form.read(text, (bytes) => Address.fromBytes(bytes, nowS))
  }

  /** @internal @throws HandfastError `bad-address` */
  static fromBytes(bytes: Uint8Array, nowS: number): Address {
    return readStatement(kind, bytes, 6, nowS, ({ device, fields }) => {
      const boxKey = fields.bytes(32)
      const body: AddressBody = {
        tag: fields.bytes(tagBytes),
        relays: fields.relays(maxAddressRelays),
        expiresS: fields.integer(1, 2 ** 40),
      }
      if (!equalBytes(boxKey, device.boxKey)) fields.fail('box key')
      return new Address(bytes.slice(), body, device)
    })
  }

  /** Who answers. */
  get peer(): PeerId {
    return this.#device.peer
  }
  /** When it is good no more. */
  get expiresAt(): Date {
    return new Date(this.#body.expiresS * 1000)
  }
  /** Where questions go, at most four. */
  get relays(): readonly string[] {
    return this.#body.relays
  }

  /** `hfa1` and base32, lower-case. */
  toString(): string {
    return form.write(this.#bytes)
  }

  /** The same in upper case, for a QR code's alphanumeric mode. */
  toQRText(): string {
    return this.toString().toUpperCase()
  }

  /** As `toString`. */
  toJSON(): string {
    return this.toString()
  }

  /** @internal */
  get bytes(): Uint8Array {
    return this.#bytes
  }
  /** @internal */
  get tag(): Uint8Array {
    return this.#body.tag
  }
  /** @internal */
  get device(): DeviceBinding {
    return this.#device
  }
}
