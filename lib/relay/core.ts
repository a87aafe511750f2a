/**
 * The relay: publish and subscribe on opaque tags, and nothing else. It knows no identities, stores nothing and has nothing
 * to lose on a restart. No I/O and no timers here: an adapter (Node, a dev server, a simulation) owns the sockets, calls
 * these methods and `tick()` now and then.
 *
 * Who breaks a rule is closed with a code of `closeCode`; nobody else notices. A publisher's own connection is no receiver
 * of what it publishes. What a busy tag takes beyond its rate is dropped, and 0 receivers reported.
 */

import { HandfastError } from '../base/errors.ts'
import { relayLimits } from '../base/limits.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { Runtime } from '../base/runtime.ts'
import { tagKey } from '../signaling/mailboxes.ts'
import * as verb from '../signaling/relay-verbs.ts'
import {
  closeCode,
  type ClientMessage,
  encodeRelayMessage,
  parseClientMessage,
  type RelayMessage,
  relayProtocolVersion,
} from '../signaling/relay-protocol.ts'
import { type CloseReason, RelayMetrics } from './metrics.ts'

/** What a relay bounds, each by itself to be changed. */
export interface RelayLimits {
  /** Connections in all. Default 10,000. */
  readonly maxConnections: number
  /** Connections of one IPv4 address or IPv6 /64. Default 256. */
  readonly maxConnectionsPerAddress: number
  /** Tags that one connection may subscribe to. Default 4,096. */
  readonly maxTagsPerConnection: number
  /** Tags in all. Default 1,000,000. */
  readonly maxTags: number
  /** Subscriptions of one tag; beyond them the oldest gives way. Default 16. */
  readonly maxSubscribersPerTag: number
  /** What one connection may send in the long run; beyond it is closed. Default 100. */
  readonly messagesPerSecond: number
  /** What one connection may send at once. Default 500. */
  readonly messageBurst: number
  /** Bytes that one connection may send in the long run; beyond it is closed. Default 262,144. */
  readonly bytesPerSecond: number
  /** Bytes that one connection may send at once. Default 2,097,152. */
  readonly byteBurst: number
  /** What one tag takes in the long run; what is beyond is dropped. Default 20. */
  readonly publishesPerSecondPerTag: number
  /** What one tag takes at once. Default 100. */
  readonly publishBurstPerTag: number
  /** Bytes on their way to one reader, above which it is closed as too slow. Default 262,144. */
  readonly maxBufferedBytes: number
  /** Silence after which a connection is pinged. Default 30,000. */
  readonly pingAfterMs: number
  /** Silence after which a connection is closed. Default 75,000. */
  readonly idleTimeoutMs: number
}

/** One connection, as its adapter presents it. None of the methods may throw. */
export interface RelayConnection {
  /** Whom `maxConnectionsPerAddress` counts as one; used for nothing else. */
  readonly address: string
  /** Bytes handed to `send` and not yet on their way. */
  readonly bufferedBytes: number
  /** Sends a binary message. */
  send(message: Uint8Array): void
  /** Asks for a sign of life: the adapter reports it by `alive`. */
  ping(): void
  /** Closes with a code of `closeCode`. The core has forgotten the connection by then. */
  close(code: number, reason: string): void
}

/** What a relay's core takes. */
export interface RelayCoreOptions {
  /** Clocks. It sets no timers: call `tick`. */
  runtime: Pick<Runtime, 'now' | 'monotonicNow'>
  /** What differs from the defaults. */
  limits?: Partial<RelayLimits>
}

interface Peer {
  readonly tags: Set<string>
  readonly messages: TokenBucket
  readonly bytes: TokenBucket
  heardAtMs: number
  pinged: boolean
}

interface Topic {
  /** Oldest subscription first. */
  readonly subscribers: Set<RelayConnection>
  readonly publishes: TokenBucket
}

/** A relay without a network: an adapter owns the sockets, calls these methods for what happens on them, and `tick` every few seconds. */
export class RelayCore {
  /** What is in force. */
  readonly limits: Readonly<RelayLimits>
  /** What it has counted since it was made. */
  readonly metrics = new RelayMetrics()
  readonly #runtime: Pick<Runtime, 'now' | 'monotonicNow'>
  readonly #peers = new Map<RelayConnection, Peer>()
  readonly #perAddress = new Map<string, number>()
  readonly #topics = new Map<string, Topic>()
  #draining = false

  constructor({ runtime, limits }: RelayCoreOptions) {
    this.#runtime = runtime
    this.limits = { ...relayLimits, ...limits }
  }

  /** How many there are now. */
  get connections(): number {
    return this.#peers.size
  }

  /** Whether `close` was called. */
  get draining(): boolean {
    return this.#draining
  }

  /** A new connection: welcomed, or closed at once where there is no place. */
  connect(connection: RelayConnection): void {
    const { address } = connection
    const sameAddress = this.#perAddress.get(address) ?? 0
    if (this.#draining) return this.#refuse(connection, 'shutdown')
    if (
      this.#peers.size >= this.limits.maxConnections ||
      sameAddress >= this.limits.maxConnectionsPerAddress
    ) {
      return this.#refuse(connection, 'full')
    }
    const nowMs = this.#runtime.monotonicNow()
    const { messagesPerSecond, messageBurst, bytesPerSecond, byteBurst } = this.limits
    this.#perAddress.set(address, sameAddress + 1)
    this.#peers.set(connection, {
      tags: new Set(),
      messages: new TokenBucket(messageBurst, messagesPerSecond, nowMs),
      bytes: new TokenBucket(byteBurst, bytesPerSecond, nowMs),
      heardAtMs: nowMs,
      pinged: false,
    })
    const nowUnixSeconds = Math.floor(this.#runtime.now() / 1000)
    this.#send(connection, [verb.welcome, relayProtocolVersion, nowUnixSeconds])
  }

  /** A message arrived; text, which the protocol does not have, is passed as a string. */
  receive(connection: RelayConnection, bytes: Uint8Array | string): void {
    const peer = this.#peers.get(connection)
    if (!peer) return
    this.alive(connection)
    const nowMs = peer.heardAtMs
    this.metrics.messagesIn++
    this.metrics.bytesIn += bytes.length
    if (!peer.messages.take(nowMs) || !peer.bytes.take(nowMs, bytes.length)) {
      this.#drop(connection, 'rate')
      return
    }
    let message: ClientMessage
    try {
      if (typeof bytes === 'string') throw new HandfastError('bad-encoding', 'text')
      message = parseClientMessage(bytes)
    } catch (error) {
      const tooLarge = error instanceof HandfastError && error.code === 'too-large'
      this.#drop(connection, tooLarge ? 'tooLarge' : 'malformed')
      return
    }
    switch (message[0]) {
      case verb.subscribe:
        this.#subscribe(connection, peer, message[1])
        break
      case verb.unsubscribe:
        for (const tag of message[1]) this.#unsubscribe(connection, peer, tagKey(tag))
        break
      case verb.publish: {
        const [, id, tag, packet] = message
        this.#send(connection, [verb.published, id, this.#publish(connection, tag, packet)])
      }
    }
  }

  /** A sign of life that is no message: a pong. */
  alive(connection: RelayConnection): void {
    const peer = this.#peers.get(connection)
    if (!peer) return
    peer.heardAtMs = this.#runtime.monotonicNow()
    peer.pinged = false
  }

  /** The connection has ended. Idempotent; also after the core closed it. */
  disconnect(connection: RelayConnection): void {
    if (this.#forget(connection)) this.metrics.closed.gone++
  }

  /** Pings who is silent and closes who stays so. To be called every `relayTickMs` or so. */
  tick(): void {
    const nowMs = this.#runtime.monotonicNow()
    for (const [connection, peer] of this.#peers) {
      const silentMs = nowMs - peer.heardAtMs
      if (silentMs >= this.limits.idleTimeoutMs) {
        this.#drop(connection, 'idle')
      } else if (silentMs >= this.limits.pingAfterMs && !peer.pinged) {
        peer.pinged = true
        connection.ping()
      }
    }
  }

  /** Closes every connection and takes no more. Idempotent. */
  close(): void {
    this.#draining = true
    for (const connection of this.#peers.keys()) this.#drop(connection, 'shutdown')
  }

  /** The counters as Prometheus text. */
  renderMetrics(): string {
    return this.metrics.render(this.#peers.size, this.#topics.size)
  }

  #subscribe(connection: RelayConnection, peer: Peer, tags: readonly Uint8Array[]): void {
    const { maxTagsPerConnection, maxTags, maxSubscribersPerTag } = this.limits
    for (const tag of tags) {
      const key = tagKey(tag)
      if (peer.tags.has(key)) continue
      if (peer.tags.size >= maxTagsPerConnection) return this.#drop(connection, 'tooLarge')
      let topic = this.#topics.get(key)
      if (!topic) {
        if (this.#topics.size >= maxTags) return this.#drop(connection, 'full')
        const { publishesPerSecondPerTag, publishBurstPerTag } = this.limits
        const publishes = new TokenBucket(
          publishBurstPerTag,
          publishesPerSecondPerTag,
          peer.heardAtMs,
        )
        topic = { subscribers: new Set(), publishes }
        this.#topics.set(key, topic)
      }
      topic.subscribers.add(connection)
      peer.tags.add(key)
      if (topic.subscribers.size > maxSubscribersPerTag) {
        const [oldest] = topic.subscribers
        topic.subscribers.delete(oldest!)
        this.#peers.get(oldest!)?.tags.delete(key)
        this.metrics.subscriptionsDropped++
      }
    }
  }

  #unsubscribe(connection: RelayConnection, peer: Peer, key: string): void {
    if (!peer.tags.delete(key)) return
    const topic = this.#topics.get(key)
    topic?.subscribers.delete(connection)
    if (topic?.subscribers.size === 0) this.#topics.delete(key)
  }

  /** Returns how many got it. */
  #publish(publisher: RelayConnection, tag: Uint8Array, packet: Uint8Array): number {
    const topic = this.#topics.get(tagKey(tag))
    if (!topic) return 0
    if (!topic.publishes.take(this.#runtime.monotonicNow())) {
      this.metrics.publishesDropped++
      return 0
    }
    const message = encodeRelayMessage([verb.deliver, tag, packet])
    let receivers = 0
    for (const subscriber of [...topic.subscribers]) {
      if (subscriber !== publisher && this.#sendBytes(subscriber, message)) receivers++
    }
    return receivers
  }

  #send(connection: RelayConnection, message: RelayMessage): void {
    this.#sendBytes(connection, encodeRelayMessage(message))
  }

  /** Returns whether it was taken. A connection that reads too slowly is closed instead. */
  #sendBytes(connection: RelayConnection, message: Uint8Array): boolean {
    if (!this.#peers.has(connection)) return false
    if (connection.bufferedBytes + message.length > this.limits.maxBufferedBytes) {
      this.#drop(connection, 'slow')
      return false
    }
    this.metrics.messagesOut++
    this.metrics.bytesOut += message.length
    connection.send(message)
    return true
  }

  #drop(connection: RelayConnection, reason: Exclude<CloseReason, 'gone'>): void {
    if (this.#forget(connection)) this.#refuse(connection, reason)
  }

  #refuse(connection: RelayConnection, reason: Exclude<CloseReason, 'gone'>): void {
    this.metrics.closed[reason]++
    connection.close(closeCode[reason], reason)
  }

  #forget(connection: RelayConnection): boolean {
    const peer = this.#peers.get(connection)
    if (!peer) return false
    this.#peers.delete(connection)
    for (const key of peer.tags) this.#unsubscribe(connection, peer, key)
    const left = this.#perAddress.get(connection.address)! - 1
    if (left > 0) this.#perAddress.set(connection.address, left)
    else this.#perAddress.delete(connection.address)
    return true
  }
}
