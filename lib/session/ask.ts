/**
 * Asking a stranger: a query goes out by relays alone, over connections made for it and closed with it, without identity, storage or
 * WebRTC. Neither side learns the other's IP address, and nothing that is sent tells who asks, or that two questions come from one.
 */

import { equalBytes } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { onAbort } from '../base/on-abort.ts'
import { systemRuntime, type Runtime } from '../base/runtime.ts'
import { ready } from '../crypto/sodium.ts'
import { CombinedSignaling } from '../signaling/combined.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { parsePacket } from '../signaling/packets.ts'
import { RelayClient, type RelayClientOptions } from '../signaling/relay-client.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { Address } from '../ticket/address.ts'
import { networkId } from './handshake.ts'
import { openQuery, type Query } from './query.ts'
import { isForged, republish } from './republish.ts'

/** What `ask` takes. */
export interface AskOptions {
  /** Default 30,000. */
  timeoutMs?: number | undefined
  /** Gives up; `ask` then rejects with its reason. */
  signal?: AbortSignal | undefined
  /** Bytes of the answer, encoded, that there is to be room for. Default 2,048; at most 8,192. */
  answerBytes?: number | undefined
  /** That of the mesh which answers. Default `main`. */
  network?: string | undefined
  /** In place of those that the address names. */
  relays?: readonly string[] | undefined
  /** Paths besides the relays; they are left open. Whoever runs one can tell which questions come by it. */
  signaling?: readonly Signaling[] | undefined
  /** Where the platform has no WebSocket of its own, such as Node 20: that of `ws`. */
  WebSocket?: RelayClientOptions['WebSocket'] | undefined
  /** Clock, timers, randomness. Default: the platform's. */
  runtime?: Runtime | undefined
}

/**
 * Asks whoever published `address`, and resolves with the answer, which that device has signed. `params` and answer are what messages can
 * be, of at most 8 KiB. It may be answered more than once, so a question should change nothing.
 * @throws HandfastError `bad-address`, `address-expired`, `invalid-argument`, `too-large` (the params, or an answer beyond
 * `answerBytes`), `no-handler`, `request-failed`, `timeout` (also when more is asked than is answered), `signaling-unavailable`,
 * `bad-signature`, `bad-packet`, `unsupported`; the reason of `signal`
 */
export async function ask(
  address: Address | string,
  method: string,
  params?: unknown,
  options: AskOptions = {},
): Promise<unknown> {
  const { signal, network = 'main', runtime = systemRuntime, WebSocket } = options
  const { answerBytes = limits.defaultAnswerBytes } = options
  signal?.throwIfAborted()
  await ready()
  const now = runtime.now()
  const to = typeof address === 'string' ? Address.read(address, now / 1000) : address
  if (to.expiresAt.getTime() <= now) {
    throw new HandfastError('address-expired', 'The address has expired; look for a new one')
  }
  const { randomBytes } = runtime
  const parts = { address: to, network: networkId(network), method, params, answerBytes }
  const query = openQuery({ ...parts, randomBytes })
  const { relays = to.relays, signaling = [] } = options
  const clients = relays.map(
    (url) => new RelayClient({ url, runtime, ...(WebSocket ? { WebSocket } : {}) }),
  )
  const path = new CombinedSignaling({ runtime }, [...signaling, ...clients])
  try {
    return await exchange(query, to.tag, path, runtime, options)
  } finally {
    await path.close()
    for (const client of clients) await client.close()
  }
}

/** Publishes the question until the answer is there. */
async function exchange(
  { packet, replyTag, read }: Query,
  tag: Uint8Array,
  path: Signaling,
  runtime: Runtime,
  { signal, timeoutMs = limits.defaultRequestTimeoutMs }: AskOptions,
): Promise<unknown> {
  signal?.throwIfAborted()
  const answer = deferred<unknown>()
  path.subscribe(replyTag, (bytes) => {
    const reply = parsePacket(bytes)
    if (reply?.kind !== packetKinds.acknowledge || !equalBytes(reply.tag, replyTag)) return
    if (bytes.length !== packet.length) return
    try {
      answer.resolve(read(reply))
    } catch (error) {
      if (!isForged(error)) answer.reject(error)
    }
  })

  let failure = new HandfastError('signaling-unavailable', 'No relay of the address was reached')
  const published = () => (failure = new HandfastError('timeout', 'There was no answer in time'))
  const stops = [
    onAbort(signal, () => answer.reject(signal!.reason)),
    runtime.setTimer(timeoutMs, () => answer.reject(failure)),
    republish(runtime, () => path.publish(tag, packet).then(published, () => {})),
  ]
  try {
    return await answer.promise
  } finally {
    for (const stop of stops) stop()
  }
}
