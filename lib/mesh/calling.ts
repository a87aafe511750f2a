/**
 * Calling a contact: its devices one after the other, the last met first, until one has answered; the others are then given up. So many
 * calls at a time, each in the mailbox of the day where its device is most likely to listen.
 */

import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Identity } from '../identity/identity.ts'
import type { CertificateChain } from '../identity/certificate.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { refuseRevoked } from '../identity/revocations.ts'
import { dial, type DialOptions } from '../session/dial.ts'
import type { Intake } from '../session/intake.ts'
import { openKnownContact, type Outcome } from '../session/openings.ts'
import { openUnmet } from '../session/unmet.ts'
import { contactTag, utcDay } from '../session/pact.ts'
import type { Session } from '../session/session.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import type { Contacts } from './contacts.ts'
import type { Introductions } from './introductions.ts'
import type { Monitor } from './monitor.ts'
import type { KnownDevice } from './peer-record.ts'
import { knownPeer, Targets, type Target } from './targets.ts'

export interface CallingOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly contacts: Contacts
  readonly transport: Transport
  readonly intake: Intake
  readonly idleTimeoutMs: number
  readonly introductions: Introductions | undefined
  /** The paths that lead to a contact. */
  readonly mailroom: { signalingOf(contactId: string): Signaling }
  readonly closing: AbortSignal
  readonly monitor: Monitor
  /** Of one's own, those that are not connected are to be called. */
  readonly devices: { isConnected(device: KnownDevice): boolean }
}

/** A call that was answered. */
export interface Called extends Target {
  readonly session: Session
  /** As the device showed it. */
  readonly chain: CertificateChain
}

/** What differs from one dial to the next. */
export type OneDial = Omit<
  DialOptions,
  'identity' | 'transport' | 'intake' | 'idleTimeoutMs' | 'onSent'
>

export class Calling {
  readonly #options: CallingOptions
  readonly #targets: Targets
  readonly #places = new Semaphore(limits.maxConcurrentDials)

  constructor(options: CallingOptions) {
    this.#options = options
    this.#targets = new Targets(options.identity, options.contacts)
  }

  /** One attempt, as long as the mesh is open. @throws HandfastError as `dial` does; `locked`, `certificate-expired` */
  async dial(peer: PeerId, device: Uint8Array, one: OneDial): Promise<Session> {
    const { identity, transport, intake, idleTimeoutMs, closing, monitor } = this.#options
    identity.assertUsable()
    const signal = one.signal ? AbortSignal.any([closing, one.signal]) : closing
    return monitor.dial(peer, device, (onSent) =>
      dial({ ...one, identity, transport, intake, idleTimeoutMs, signal, onSent }),
    )
  }

  /** A place is held until the peer has answered, or for a short while: those who are there answer at once. */
  async call(peer: PeerId, signal: AbortSignal): Promise<Called> {
    const called = deferred<Called>()
    called.promise.catch(() => {})
    await this.#places.run(async () => {
      this.#race(peer, signal).then(called.resolve, called.reject)
      const patience = deferred<void>()
      const { runtime } = this.#options.identity
      const cancel = runtime.setTimer(limits.dialPlaceMs, () => patience.resolve())
      await Promise.race([called.promise.catch(() => {}), patience.promise])
      cancel()
    })
    return called.promise
  }

  /** @throws HandfastError as `dial` does, for the last of the devices; `closed` where none is known */
  async #race(peer: PeerId, signal: AbortSignal): Promise<Called> {
    const { identity, devices } = this.#options
    const isOwn = peer === identity.peer
    let waiting = this.#targets.of(peer, (device) => !isOwn || !devices.isConnected(device))
    const running = new Map<AbortController, Target>()
    const result = deferred<Called>()
    let answered: AbortController | undefined
    let cancelNext = () => {}
    const begin = () => {
      const target = waiting.shift()
      if (!target) return
      const attempt = new AbortController()
      running.set(attempt, target)
      let { chain } = target.device
      const onAnswer = (outcome: Outcome) => {
        if (answered) throw new HandfastError('closed', 'Another device was first')
        answered = attempt
        chain = outcome.chain
        cancelNext()
        running.delete(attempt)
        for (const other of running.keys()) other.abort()
        // Its channel may never open: then it is their turn again.
        waiting = [...running.values(), ...waiting]
        running.clear()
      }
      const onEnd = (error: unknown) => {
        running.delete(attempt)
        if (answered === attempt) answered = undefined
        else if (attempt.signal.aborted) return
        if (answered) return
        cancelNext()
        if (waiting.length > 0 && !signal.aborted) begin()
        else if (running.size === 0) result.reject(error)
      }
      this.#callDevice(target, AbortSignal.any([signal, attempt.signal]), onAnswer).then(
        (session) => result.resolve({ ...target, session, chain }),
        onEnd,
      )
      cancelNext = identity.runtime.setTimer(limits.racingDialMs, begin)
    }
    begin()
    return result.promise.finally(() => cancelNext())
  }

  async #callDevice(
    target: Target,
    signal: AbortSignal,
    onAnswer: (outcome: Outcome) => void,
  ): Promise<Session> {
    const { identity, network, contacts, introductions, mailroom } = this.#options
    const { contact, device } = target
    const day = this.#targets.dayOf(target)
    const today = utcDay(identity.runtime.now())
    const tag = contactTag(contact.pactSecret, device.deviceKey, today + day)
    const route = mailroom.signalingOf(contact.id)
    const peer = knownPeer(contact, device)
    const isAsMet = this.#targets.isCalledAsMet(target)
    const { peerChain } = contacts.peers.get(contact.peer)
    const dialled = this.dial(contact.peer, device.deviceKey, {
      signaling: introductions?.detour(route, contact.peer, tag) ?? route,
      tag,
      open: (description, replyTag) =>
        isAsMet
          ? openKnownContact(identity, network, peer, tag, description, replyTag)
          : openUnmet(identity, network, peer, peerChain, tag, description, replyTag),
      onAcknowledged: async (outcome) => {
        refuseRevoked(contacts.peers.get(contact.peer).revocations, outcome.sender)
        onAnswer(outcome)
      },
      signal,
    })
    dialled
      .then(({ confirmed }) => confirmed)
      .then(
        () => this.#targets.note(target, day, true),
        // Given up for another, it was not in vain.
        () => signal.aborted || this.#targets.note(target, day, false),
      )
    return dialled
  }
}
