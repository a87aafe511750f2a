/**
 * Becoming a further device of an identity: the new device's side of pairing. It meets the other device by its ticket, under a key made for that
 * alone; once both have confirmed it has its own certificate, the contacts, and no identity key.
 */

import { equalBytes } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import { ready } from '../crypto/sodium.ts'
import { countersign, verifyChain, type CertificateChain } from '../identity/certificate.ts'
import type { Device } from '../identity/device.ts'
import { Identity } from '../identity/identity.ts'
import { newDevice } from '../identity/making.ts'
import type { IdentityOptions } from '../identity/options.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { within } from '../link/within.ts'
import { dial } from '../session/dial.ts'
import { networkId } from '../session/handshake.ts'
import { Intake } from '../session/intake.ts'
import { openFirstContact } from '../session/openings.ts'
import type { Session } from '../session/session.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import { Ticket } from '../ticket/ticket.ts'
import { WebRtcTransport } from '../transport/webrtc.ts'
import { Dialogue } from './dialogue.ts'
import type { AcceptOptions, MeshOptions } from './options.ts'
import {
  commitmentTo,
  devicePurpose,
  pairingCode,
  pairingNonceBytes,
  pairingWords,
  type PairingParties,
} from './pairing.ts'
import { readSnapshot, snapshotStream } from './snapshot-stream.ts'
import { Paths } from './paths.ts'

/** What `joinIdentity` takes: what `Identity.open` does, and how to reach the other device. */
export interface JoinOptions
  extends
    IdentityOptions,
    AcceptOptions,
    Pick<MeshOptions, 'relays' | 'network' | 'ice' | 'transport' | 'signaling' | 'WebSocket'> {}

/**
 * Meets the device that made `ticket`, and asks to join. Resolves when both show the same digits.
 * @throws HandfastError `bad-ticket` (also one that is not for devices), `ticket-expired`, `timeout` (also for a spent ticket),
 * `transport-failed`, `unsupported`; the reason of `signal`
 */
export async function joinIdentity(
  ticket: Ticket | string,
  options: JoinOptions = {},
): Promise<Joining> {
  const { runtime = systemRuntime, relays = [], network = 'main', signal, timeoutMs } = options
  signal?.throwIfAborted()
  await ready()
  const parsed = typeof ticket === 'string' ? Ticket.read(ticket, runtime.now() / 1000) : ticket
  if (parsed.purpose !== devicePurpose) {
    throw new HandfastError('bad-ticket', 'The ticket is not for a device: use mesh.accept')
  }
  if (parsed.expiresAt.getTime() <= runtime.now()) {
    throw new HandfastError('ticket-expired', 'The ticket has expired; ask for a new one')
  }
  // Nobody that anyone has to know again: with nothing of what is for the identity to be.
  const { wrappingKey } = options
  const guest = await Identity.open({
    store: new MemoryStore(),
    runtime,
    ...(wrappingKey ? { wrappingKey } : {}),
  })
  const { ice, signaling, WebSocket } = options
  const transport = options.transport ?? new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) })
  const paths = new Paths({ runtime, relays, signaling, WebSocket })
  const close = async () => {
    await paths.close()
    await guest.close()
  }
  try {
    const device = await newDevice(options)
    const session = await dial({
      identity: guest,
      transport,
      signaling: paths.through(parsed.relays),
      intake: new Intake(runtime),
      idleTimeoutMs: limits.pairingTimeoutMs,
      tag: parsed.tag,
      open: (description, replyTag) =>
        openFirstContact(guest, networkId(network), parsed, description, replyTag),
      ...(signal ? { signal } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    const between = {
      ticketHash: parsed.hash,
      hostKey: parsed.issuerDevice.peerKey,
      guestKey: guest.publicKey,
    }
    const parts = { session, between, device, peer: parsed.issuer, options, close }
    return await Joining.meet(parts)
  } catch (error) {
    await close()
    throw error
  }
}

interface JoiningParts {
  readonly session: Session
  readonly between: PairingParties
  readonly device: Device
  readonly peer: PeerId
  readonly options: JoinOptions
  readonly close: () => Promise<void>
}

/** Becoming a further device: compare `code` with the other screen, then `confirm`, or `cancel`. */
export class Joining {
  /** Whose device this is to be. */
  readonly peer: PeerId
  /** Eight digits, the same on both devices. */
  code = ''
  readonly #parts: JoiningParts
  readonly #dialogue: Dialogue
  readonly #decision = deferred<void>()
  readonly #closing = new AbortController()
  #chain: Promise<CertificateChain> | undefined
  #closed: Promise<void> | undefined

  private constructor(parts: JoiningParts) {
    this.peer = parts.peer
    this.#parts = parts
    this.#decision.promise.catch(() => {})
    this.#dialogue = new Dialogue(parts.session, {
      handlers: new Map([[pairingWords.countersign, (body: unknown) => this.#countersign(body)]]),
      acceptStream: () => false,
    })
    void this.#dialogue.ended.then(() => this.cancel())
  }

  /** @internal With digits to show. @throws HandfastError `timeout`, `interrupted`, `protocol`; the reason of the signal */
  static async meet(parts: JoiningParts): Promise<Joining> {
    const joining = new Joining(parts)
    try {
      await joining.#ask()
      return joining
    } catch (error) {
      await joining.cancel()
      throw error
    }
  }

  async #ask(): Promise<void> {
    const { device, between, options } = this.#parts
    const { runtime = systemRuntime } = options
    const nonce = runtime.randomBytes(pairingNonceBytes)
    const params = [1, device.key, device.boxKey, commitmentTo(nonce)]
    const hostNonce = await within(runtime, options, new Set(), (signal) =>
      this.#dialogue.request(pairingWords.join, params, signal),
    )
    const isNonce = hostNonce instanceof Uint8Array && hostNonce.length === pairingNonceBytes
    if (!isNonce) throw new HandfastError('protocol')
    this.code = pairingCode(between, hostNonce, nonce)
    const answer = this.#dialogue.request(pairingWords.reveal, nonce, this.#closing.signal)
    this.#chain = answer.then((chain) => this.#check(chain))
    this.#chain.catch(() => {})
  }

  /**
   * Confirms, waits until the other device has done so, and keeps what it is given, under the name in `JoinOptions`.
   * @throws HandfastError `refused`, `interrupted`, `protocol`, `bad-certificate`, `identity-exists`, `storage-failed`
   */
  async confirm(): Promise<Identity> {
    this.#decision.resolve()
    try {
      const chain = await this.#chain!
      const snapshot = await readSnapshot(this.#dialogue.openStream(snapshotStream))
      const { device, options } = this.#parts
      const identity = await Identity.install({ device, chain, snapshot }, options)
      // It is a device of that identity, whether the other hears of it or not.
      await this.#dialogue.request(pairingWords.done, null, this.#closing.signal).catch(() => {})
      return identity
    } finally {
      await this.cancel()
    }
  }

  /** Gives up. Idempotent. */
  cancel(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const error = new HandfastError('interrupted', 'Pairing was given up')
    this.#closing.abort(error)
    this.#decision.reject(error)
    await this.#dialogue.close('closed')
    await this.#parts.close()
  }

  /** Only a certificate that makes the device what its person has agreed to, and only then. */
  async #countersign(body: unknown): Promise<Uint8Array> {
    const { device, peer } = this.#parts
    if (!(body instanceof Uint8Array)) throw new HandfastError('protocol')
    await this.#decision.promise
    return countersign(device, body, peer)
  }

  #check(value: unknown): CertificateChain {
    const { device, peer, options } = this.#parts
    const { runtime = systemRuntime } = options
    const binding = verifyChain(value, runtime.now() / 1000)
    const isOurs =
      binding.peer === peer &&
      equalBytes(binding.deviceKey, device.key) &&
      equalBytes(binding.boxKey, device.boxKey)
    if (!isOurs) throw new HandfastError('bad-certificate')
    return value as CertificateChain
  }
}
