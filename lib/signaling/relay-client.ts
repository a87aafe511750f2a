/**
 * Signaling over a relay, through the platform's WebSocket. It connects when first used and, as long as somebody is
 * subscribed or waits for a publish, connects again whenever the socket dies, with jittered exponential backoff; it then
 * renews all subscriptions and repeats what was not answered.
 *
 *     closed ── subscribe, publish, retry timer, wake ──▶ connecting ── welcome ──▶ open
 *        ▲                                                  │                        │
 *        └──────── socket closed, silent or incoherent ─────┴────────────────────────┘
 *
 * A browser cannot send pings and hears nothing when a laptop sleeps, so silence is tested by asking: an empty publish to
 * a random tag. A relay that owes an answer and says nothing for `relayAnswerTimeoutMs` is taken for dead. One that sends far more than is
 * ever needed is left for a while, longer each time.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import {
  maxPendingPublishes,
  maxRelayLoad,
  maxTagsPerRelayMessage,
  publishTimeoutMs,
  relayAnswerTimeoutMs,
  relayBanHalfLifeMs,
  relayBanMaxMs,
  relayBanMinMs,
  relayConnectTimeoutMs,
  relayLoadBytes,
  relayLoadHalfLifeMs,
  relayProbeIntervalMs,
  relayRetryMaxMs,
  relayRetryMinMs,
  subscribeBatchMs,
  tagBytes,
} from '../base/limits.ts'
import { Backoff, Penalty } from '../base/penalties.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import type { Runtime } from '../base/runtime.ts'
import { Mailboxes, tagKey } from './mailboxes.ts'
import * as verb from './relay-verbs.ts'
import {
  encodeRelayMessage,
  parseRelayMessage,
  readDelivery,
  type RelayMessage,
  relayProtocolVersion,
} from './relay-protocol.ts'
import type { PacketListener, Signaling } from './signaling.ts'

/** What is used of a WebSocket; the platform's and that of the package `ws` both fit. */
export interface RelaySocket {
  /** Is set to `arraybuffer`. */
  binaryType: string
  /** Gets an event whose `data` is an `ArrayBuffer`, or a string for what is no relay's. */
  onmessage: ((event: never) => void) | null
  /** Gets an event when the socket is closed, for whatever reason. */
  onclose: ((event: never) => void) | null
  /** Gets an event when it fails; `onclose` follows. */
  onerror: ((event: never) => void) | null
  /** Sends a binary message; not called before the first message has come. */
  send(message: Uint8Array<ArrayBuffer>): void
  /** Closes it. Idempotent. */
  close(): void
}

/** The platform's `WebSocket`, or one like it. */
export interface RelaySocketConstructor {
  /** Connects to `url`. */
  new (url: string): RelaySocket
}

export type RelayState = 'closed' | 'connecting' | 'open'

export interface RelayClientOptions {
  /** `wss:`, or `ws:` on loopback. */
  url: string
  runtime: Runtime
  /** Default: the platform's. */
  WebSocket?: RelaySocketConstructor
}

interface PendingPublish {
  readonly message: Uint8Array
  readonly resolve: (receivers: number) => void
  readonly reject: (error: HandfastError) => void
  readonly cancelTimeout: () => void
}

/** The id of the publish that only asks for an answer. */
const probeId = 0

export class RelayClient implements Signaling {
  readonly url: string
  readonly #runtime: Runtime
  readonly #WebSocket: RelaySocketConstructor
  readonly #events = new Emitter<{ state: [state: RelayState]; flood: [] }>()
  readonly #mailboxes = new Mailboxes((tag) => this.#noteChange(tag))
  /** Tags to be subscribed or unsubscribed with the next batch. */
  readonly #changed = new Map<string, Uint8Array>()
  /** Publishes not answered, by id, in the order they were made. */
  readonly #publishes = new Map<number, PendingPublish>()
  #lastId = probeId
  #state: RelayState = 'closed'
  #socket: RelaySocket | undefined
  #openedAtMs = Infinity
  #failures = 0
  #clockSkewMs: number | undefined
  /** The relay owes an answer, and the timer runs for it. */
  #owed = false
  /** When it last said something, or began to owe an answer. */
  #heardAtMs = 0
  /** What it has sent of late. */
  readonly #load = new Penalty(relayLoadHalfLifeMs)
  readonly #bans = new Backoff(relayBanMinMs, relayBanMaxMs, relayBanHalfLifeMs)
  /** Not to be connected to before. */
  #bannedUntilMs = -Infinity
  /** To give up the socket or to probe it; while closed, to connect again. */
  #cancelTimer: (() => void) | undefined
  #cancelBatch: (() => void) | undefined

  /** @throws HandfastError `invalid-argument` for a URL that is not allowed, `unsupported` without WebSocket */
  constructor({ url, runtime, WebSocket = globalThis.WebSocket }: RelayClientOptions) {
    if (!isAllowedRelayUrl(url)) {
      throw new HandfastError('invalid-argument', `Not wss:, nor ws: on this machine: ${url}`)
    }
    if (!WebSocket)
      throw new HandfastError('unsupported', 'No WebSocket here: pass one as an option')
    this.url = url
    this.#runtime = runtime
    this.#WebSocket = WebSocket
  }

  get state(): RelayState {
    return this.#state
  }

  /** The relay's clock minus ours, to about a second; known from the first `open` on. */
  get clockSkewMs(): number | undefined {
    return this.#clockSkewMs
  }

  on(event: 'state', listener: (state: RelayState) => void): Unsubscribe
  /** It has sent far too much, and is left for a while. */
  on(event: 'flood', listener: () => void): Unsubscribe
  on(event: 'state' | 'flood', listener: (state: never) => void): Unsubscribe {
    return this.#events.on(event, listener as () => void)
  }

  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    return this.#mailboxes.subscribe(tag, listener)
  }

  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    this.#mailboxes.checkPublish(tag, packet)
    if (this.#publishes.size >= maxPendingPublishes)
      throw new HandfastError('signaling-unavailable')
    this.#lastId = (this.#lastId % 0xffff_ffff) + 1
    const id = this.#lastId
    const message = encodeRelayMessage([verb.publish, id, tag, packet])
    return new Promise((resolve, reject) => {
      const cancelTimeout = this.#runtime.setTimer(publishTimeoutMs, () => {
        this.#publishes.delete(id)
        reject(new HandfastError('signaling-unavailable', 'no answer from the relay'))
      })
      this.#publishes.set(id, { message, resolve, reject, cancelTimeout })
      if (this.#state === 'open') {
        this.#flushChanges()
        this.#ask(message)
      } else {
        this.#connectIfIdle()
      }
    })
  }

  /**
   * For when the device or the tab has woken up or the network changed: connects at once instead of waiting out a backoff,
   * and has an open socket prove itself.
   */
  wake(): void {
    if (this.#state === 'open') this.#probe()
    else if (this.#state === 'closed') this.#connect()
  }

  async close(): Promise<void> {
    this.#mailboxes.close()
    for (const { reject, cancelTimeout } of this.#publishes.values()) {
      cancelTimeout()
      reject(new HandfastError('closed'))
    }
    this.#publishes.clear()
    this.#drop()
    this.#events.clear()
  }

  #isWanted(): boolean {
    return this.#mailboxes.size > 0 || this.#publishes.size > 0
  }

  #setState(state: RelayState): void {
    if (this.#state === state) return
    this.#state = state
    this.#events.emit('state', state)
  }

  #connectIfIdle(): void {
    if (this.#state === 'closed' && !this.#cancelTimer) this.#connect()
  }

  #connect(): void {
    if (!this.#isWanted()) return
    const banMs = this.#bannedUntilMs - this.#runtime.monotonicNow()
    if (banMs > 0) return this.#setTimer(banMs, () => this.#connect())
    let socket: RelaySocket
    try {
      socket = this.#socket = new this.#WebSocket(this.url)
    } catch {
      this.#drop()
      return
    }
    this.#setTimer(relayConnectTimeoutMs, () => this.#drop())
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (socket === this.#socket) this.#receive(data)
    }
    socket.onclose = socket.onerror = () => {
      if (socket === this.#socket) this.#drop()
    }
    this.#setState('connecting')
  }

  /** Leaves the socket, whatever is wrong with it, and plans the next one if there is a reason to. */
  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#cancelBatch?.()
    this.#cancelBatch = undefined
    this.#changed.clear()
    this.#owed = false
    if (this.#runtime.monotonicNow() - this.#openedAtMs >= relayRetryMaxMs) this.#failures = 0
    this.#openedAtMs = Infinity
    if (this.#isWanted()) {
      const ceilingMs = Math.min(relayRetryMaxMs, relayRetryMinMs * 2 ** this.#failures++)
      const delayMs = ceilingMs * (0.5 + this.#runtime.randomBytes(1)[0]! / 512)
      this.#setTimer(delayMs, () => this.#connect())
    }
    this.#setState('closed')
  }

  /** What a flood is made of is read first, and costs least. */
  #receive(data: unknown): void {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array()
    const nowMs = this.#runtime.monotonicNow()
    this.#heardAtMs = nowMs
    if (this.#load.add(nowMs, 1 + bytes.length / relayLoadBytes) > maxRelayLoad) {
      this.#bannedUntilMs = nowMs + this.#bans.next(nowMs)
      this.#drop()
      this.#events.emit('flood')
      return
    }
    const delivery = readDelivery(bytes)
    if (delivery && this.#state === 'open') {
      this.#mailboxes.deliver(...delivery)
      return
    }
    const message = parse(bytes)
    if (!message || (message[0] === verb.welcome) === (this.#state === 'open')) {
      this.#drop()
      return
    }
    if (message[0] === verb.welcome) {
      this.#welcome(message[1], message[2])
    } else if (message[0] === verb.published) {
      const [, id, receivers] = message
      const publish = this.#publishes.get(id)
      this.#publishes.delete(id)
      publish?.cancelTimeout()
      publish?.resolve(receivers)
      this.#owed = this.#publishes.size > 0
      if (!this.#owed) this.#watchSilence()
    }
  }

  #welcome(version: number, nowUnixSeconds: number): void {
    if (version !== relayProtocolVersion) {
      this.#drop()
      return
    }
    // The relay rounds down to a second; half a second is the middle of what it may have meant.
    this.#clockSkewMs = nowUnixSeconds * 1000 + 500 - this.#runtime.now()
    this.#openedAtMs = this.#runtime.monotonicNow()
    this.#sendTags(verb.subscribe, this.#mailboxes.tags())
    this.#watchSilence()
    for (const { message } of this.#publishes.values()) this.#ask(message)
    this.#setState('open')
  }

  #noteChange(tag: Uint8Array): void {
    if (this.#state !== 'open') {
      if (this.#mailboxes.has(tag)) this.#connectIfIdle()
      return
    }
    this.#changed.set(tagKey(tag), tag)
    this.#cancelBatch ??= this.#runtime.setTimer(subscribeBatchMs, () => this.#flushChanges())
  }

  /** Says only what holds by now, in the order that never exceeds the relay's number of tags. */
  #flushChanges(): void {
    this.#cancelBatch?.()
    this.#cancelBatch = undefined
    const tags = [...this.#changed.values()]
    this.#changed.clear()
    const isWanted = (tag: Uint8Array) => this.#mailboxes.has(tag)
    this.#sendTags(
      verb.unsubscribe,
      tags.filter((tag) => !isWanted(tag)),
    )
    this.#sendTags(verb.subscribe, tags.filter(isWanted))
  }

  #sendTags(what: typeof verb.subscribe | typeof verb.unsubscribe, tags: Uint8Array[]): void {
    for (let start = 0; start < tags.length; start += maxTagsPerRelayMessage) {
      this.#send(encodeRelayMessage([what, tags.slice(start, start + maxTagsPerRelayMessage)]))
    }
  }

  #probe(): void {
    const tag = this.#runtime.randomBytes(tagBytes)
    this.#ask(encodeRelayMessage([verb.publish, probeId, tag, new Uint8Array()]))
  }

  /** Sends what the relay answers. */
  #ask(message: Uint8Array): void {
    this.#send(message)
    if (this.#owed) return
    this.#owed = true
    this.#heardAtMs = this.#runtime.monotonicNow()
    this.#watchSilence()
  }

  #send(message: Uint8Array): void {
    this.#socket?.send(message as Uint8Array<ArrayBuffer>)
  }

  /** Whatever comes meanwhile is silence's end, and sets no timer: there may be much of it. */
  #watchSilence(): void {
    const patienceMs = this.#owed ? relayAnswerTimeoutMs : relayProbeIntervalMs
    const restMs = this.#heardAtMs + patienceMs - this.#runtime.monotonicNow()
    if (restMs > 0) this.#setTimer(restMs, () => this.#watchSilence())
    else if (this.#owed) this.#drop()
    else this.#probe()
  }

  #setTimer(delayMs: number, then: () => void): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#runtime.setTimer(delayMs, () => {
      this.#cancelTimer = undefined
      then()
    })
  }
}

function parse(bytes: Uint8Array): RelayMessage | undefined {
  try {
    return parseRelayMessage(bytes)
  } catch {
    return undefined
  }
}
