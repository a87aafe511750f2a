/**
 * A further device of one's own, as the device that lets it in sees it. The new one has used a ticket of purpose `device`; both people, or
 * the one person at both, see the same digits and confirm; then it gets its certificate, and what this one knows of contacts.
 */

import { concat, equalBytes, utf8 } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { Fields } from '../codec/fields.ts'
import { blake2b } from '../crypto/hash.ts'
import * as derivationLabels from '../crypto/derivation-labels.ts'
import type { SignatureLabel } from '../crypto/labels.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { Session } from '../session/session.ts'
import { Dialogue } from './dialogue.ts'
import { sendSnapshot, snapshotStream } from './snapshot-stream.ts'

/** The purpose of tickets by which devices join. */
export const devicePurpose = 'device'

/** A device that wants to join, until that is settled. */
export interface Pairing {
  /** Eight digits, the same on both devices. */
  readonly code: string
  /**
   * Lets it in. Resolves when it has all it needs.
   * @throws HandfastError `interrupted` when it has gone, `storage-failed`, `bad-certificate` when this device may not certify others
   */
  confirm(): Promise<void>
  /** Turns it away. */
  refuse(): Promise<void>
}

/** The other device's keys, and how it signs. */
export interface NewDevice {
  readonly key: Uint8Array
  readonly boxKey: Uint8Array
  sign(label: SignatureLabel, message: Uint8Array): Promise<Uint8Array>
}

export interface HostedPairingOptions {
  readonly session: Session
  readonly runtime: Runtime
  readonly between: PairingParties
  readonly certify: (device: NewDevice) => Promise<CertificateChain>
  readonly snapshot: () => Promise<Uint8Array>
}

/** What the two say to each other, and what they answer. */
export const pairingWords = {
  /** New device: `[1, device key, box key, commitment]`. The host's nonce. */
  join: 'join',
  /** New device: its nonce. Once confirmed: its certificate chain. */
  reveal: 'reveal',
  /** Its host: a certificate body. The device's signature, once confirmed there, too. */
  countersign: 'countersign',
  /** New device: it has stored what it got. */
  done: 'done',
} as const

const groupDigits = 4

export const pairingNonceBytes = 16
const commitmentBytes = 32

/** Who meet, by which ticket. */
export interface PairingParties {
  readonly ticketHash: Uint8Array
  readonly hostKey: Uint8Array
  readonly guestKey: Uint8Array
}

const derive = (label: string, bytes: number, ...parts: Uint8Array[]): Uint8Array =>
  blake2b(concat(utf8(label), Uint8Array.of(0), ...parts), bytes)

/** The guest's word for its nonce, before it has heard the host's. */
export const commitmentTo = (nonce: Uint8Array): Uint8Array =>
  derive(derivationLabels.pairingCommitment, commitmentBytes, nonce)

/**
 * The same on both sides. Whoever stands in between, with a ticket of their own, has two pairings with digits of their own: each side
 * chooses its nonce before it knows the other's, so nobody can search for one that makes the two alike.
 */
export function pairingCode(
  { ticketHash, hostKey, guestKey }: PairingParties,
  hostNonce: Uint8Array,
  guestNonce: Uint8Array,
): string {
  const parts = [ticketHash, hostKey, guestKey, hostNonce, guestNonce]
  const digest = derive(derivationLabels.pairingCode, 16, ...parts)
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % 100_000_000n
  const digits = String(number).padStart(2 * groupDigits, '0')
  return `${digits.slice(0, groupDigits)} ${digits.slice(groupDigits)}`
}

export class HostedPairing implements Pairing {
  /** None before it has asked. */
  code = ''
  /** Resolves when it has asked: now people decide. */
  readonly asked: Promise<void>
  /** Resolves with the new device's key once it has stored all; rejects otherwise. */
  readonly joined: Promise<Uint8Array>
  readonly #options: HostedPairingOptions
  readonly #dialogue: Dialogue
  readonly #asked = deferred<void>()
  readonly #decision = deferred<void>()
  readonly #joined = deferred<Uint8Array>()
  readonly #closing = new AbortController()
  readonly #nonce: Uint8Array
  #device: Pick<NewDevice, 'key' | 'boxKey'> | undefined
  #commitment: Uint8Array | undefined
  #isCertified = false

  constructor(options: HostedPairingOptions) {
    this.#options = options
    this.#nonce = options.runtime.randomBytes(pairingNonceBytes)
    this.asked = this.#asked.promise
    this.joined = this.#joined.promise
    this.joined.catch(() => {})
    this.#decision.promise.catch(() => {})
    this.#dialogue = new Dialogue(options.session, {
      handlers: new Map<string, (params: unknown) => unknown>([
        [pairingWords.join, (params) => this.#join(params)],
        [pairingWords.reveal, (params) => this.#reveal(params)],
        [pairingWords.done, () => this.#finish()],
      ]),
      acceptStream: ({ name, writable }) => {
        if (name !== snapshotStream || !this.#isCertified) return false
        void sendSnapshot(writable, this.#options.snapshot)
        return true
      },
    })
    const cancel = options.runtime.setTimer(limits.pairingTimeoutMs, () => void this.refuse())
    void this.#dialogue.ended.then(() => {
      cancel()
      this.#end(this.#gone())
    })
  }

  async confirm(): Promise<void> {
    this.#decision.resolve()
    await this.joined
  }

  async refuse(): Promise<void> {
    const refused = new HandfastError('refused', 'The other device was not let in')
    this.#end(this.#isCertified ? this.#gone() : refused)
    // The answer is there before the session ends.
    await this.#options.session.ping().catch(() => {})
    await this.#dialogue.close('closed')
  }

  #end(error: HandfastError): void {
    this.#closing.abort(error)
    this.#decision.reject(error)
    this.#joined.reject(error)
  }

  #gone(): HandfastError {
    const word = this.#isCertified
      ? 'The new device has gone with its certificate'
      : 'The new device has gone'
    return new HandfastError('interrupted', word)
  }

  #join(params: unknown): Uint8Array {
    const fields = new Fields(params, 4, 'protocol')
    fields.constant(1)
    const key = fields.bytes(32).slice()
    const boxKey = fields.bytes(32).slice()
    const commitment = fields.bytes(commitmentBytes).slice()
    if (this.#device) throw new HandfastError('protocol')
    this.#device = { key, boxKey }
    this.#commitment = commitment
    return this.#nonce
  }

  async #reveal(nonce: unknown): Promise<CertificateChain> {
    const commitment = this.#commitment
    // Once, whether it was right or not.
    this.#commitment = undefined
    const isRight =
      nonce instanceof Uint8Array &&
      nonce.length === pairingNonceBytes &&
      commitment !== undefined &&
      equalBytes(commitmentTo(nonce), commitment)
    if (!isRight) {
      void this.refuse()
      throw new HandfastError('protocol')
    }
    this.code = pairingCode(this.#options.between, this.#nonce, nonce)
    this.#asked.resolve()
    await this.#decision.promise
    const { key, boxKey } = this.#device!
    const sign = async (_label: SignatureLabel, body: Uint8Array) =>
      (await this.#dialogue.request(
        pairingWords.countersign,
        body,
        this.#closing.signal,
      )) as Uint8Array
    try {
      const chain = await this.#options.certify({ key, boxKey, sign })
      this.#isCertified = true
      return [...chain]
    } catch (error) {
      this.#joined.reject(error)
      throw error
    }
  }

  #finish(): void {
    if (!this.#isCertified) throw new HandfastError('protocol')
    this.#joined.resolve(this.#device!.key)
    // Whether it hangs up or not.
    void this.refuse()
  }
}
