/**
 * Dialling: one attempt of the initiator, from the offer to an open session. Message 1 leaves at once with the candidates there are, and
 * is published again until the answer comes; what is not the called peer's answer changes nothing.
 */

import { deferred } from '../base/deferred.ts'
import { dialTimeoutMs } from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import type { Identity } from '../identity/identity.ts'
import type { Signaling } from '../signaling/signaling.ts'
import type { Transport } from '../transport/transport.ts'
import { Exchange } from './exchange.ts'
import type { Intake } from './intake.ts'
import type { Opening, Outcome } from './openings.ts'
import { isForged, republish } from './republish.ts'
import type { Session } from './session.ts'

export interface DialOptions {
  readonly identity: Identity
  readonly signaling: Signaling
  readonly transport: Transport
  readonly intake: Intake
  readonly idleTimeoutMs: number
  /** Writes message 1. Its cryptography has time until the description is known. */
  readonly open: (description: Promise<unknown>, replyTag: Uint8Array) => Promise<Opening>
  /** The mailbox message 1 goes to. */
  readonly tag: Uint8Array
  /** Message 1 has gone out, to so many, as the paths say. */
  readonly onSent?: (receivers: number) => void
  /** Stores what must outlive a crash; the session begins when it is done. */
  readonly onAcknowledged?: (outcome: Outcome) => Promise<void>
  /** Default `dialTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Resolves with an open session: the peer has proven who it is; it has not yet shown to be live on the channel
 * (`session.confirmed`).
 * @throws HandfastError `timeout`, `signaling-unavailable`, `transport-failed`, `bad-signature`, `bad-packet`,
 * `bad-description`; the reason of `signal`
 */
export async function dial(options: DialOptions): Promise<Session> {
  const { identity, transport, signal, onAcknowledged, idleTimeoutMs } = options
  const { timeoutMs = dialTimeoutMs } = options
  const { runtime } = identity
  signal?.throwIfAborted()
  const attempt = transport.offer()
  return Exchange.run({ ...options, attempt, role: 'initiator', timeoutMs }, async (exchange) => {
    const { replyTag, undo } = exchange
    undo.push(onAbort(signal, () => exchange.fail(signal!.reason)))
    // The transport first: its platform then works beside our cryptography.
    await exchange.orFail(new Promise<void>((resolve) => runtime.setTimer(0, resolve)))
    const opening = await exchange.orFail(options.open(attempt.description, replyTag))
    const { handshake } = opening

    // A path that is down may come back within the time of the dial: only the time-out ends it.
    const stop = republish(runtime, () =>
      exchange.publish(options.tag, opening.packet, options.onSent),
    )
    undo.push(stop)

    const acknowledged = deferred<Outcome>()
    exchange.onAcknowledge = (packet) => {
      try {
        const { payload, outcome } = opening.finish(packet)
        attempt.accept(payload.description)
        exchange.onAcknowledge = undefined
        stop()
        exchange.connect(handshake, payload.replyTag)
        acknowledged.resolve(outcome)
      } catch (error) {
        if (!isForged(error)) exchange.fail(error)
      }
    }
    const outcome = await exchange.orFail(acknowledged.promise)
    const ready = onAcknowledged?.(outcome)
    return exchange.session(handshake, outcome.peer.deviceKey, idleTimeoutMs, ready)
  })
}
