/**
 * A `Channel` between two tabs of one origin, over their hub. Each message is answered with a receipt, so that the sender sees what is
 * under way; they are numbered, and one that is missing (a tab that slept in the back-forward cache hears nothing) closes the channel
 * rather than be skipped. What the hub carries that is not of this form is ignored.
 *
 *     [kind, to, from, channel id, argument]
 */

import { toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { Inbox } from '../transport/inbox.ts'
import { Outgoing } from '../transport/outgoing.ts'
import type { Channel } from '../transport/transport.ts'
import type { TabHub } from './tab-hub.ts'

export interface TabChannelOptions {
  readonly hub: TabHub
  readonly runtime: Runtime
}

type Kind = 'open' | 'frame' | 'receipt' | 'ping' | 'close'

const idBytes = 12

/** Opens a channel to another tab. One that takes none, or is gone, shows by `closed` within `tabSilenceMs`. */
export function openTabChannel(options: TabChannelOptions, to: string): Channel {
  const id = toBase64url(options.runtime.randomBytes(idBytes))
  const channel = new TabChannel(options, to, id)
  channel.say('open')
  return channel
}

/** Takes the channels that other tabs open, at most `maxTabChannels` at a time; those beyond are closed. Returns the way to stop. */
export function acceptTabChannels(
  options: TabChannelOptions,
  accept: (channel: Channel, from: string) => void,
): Unsubscribe {
  const { hub } = options
  const open = new Set<string>()
  return hub.onMessage((message) => {
    const opened = parse(message, hub.id)
    if (opened?.kind !== 'open' || open.has(opened.id)) return
    const { from, id } = opened
    if (open.size >= limits.maxTabChannels) return hub.post(['close', from, hub.id, id, 0])
    const channel = new TabChannel(options, from, id)
    open.add(id)
    void channel.closed.then(() => open.delete(id))
    channel.say('receipt')
    accept(channel, from)
  })
}

class TabChannel implements Channel {
  readonly maxMessageBytes = limits.maxFrameBytes
  readonly #hub: TabHub
  readonly #runtime: Runtime
  readonly #other: string
  readonly #id: string
  readonly #closed = deferred<void>()
  readonly closed = this.#closed.promise
  readonly #inbox = new Inbox()
  readonly #stop: Unsubscribe[]
  readonly #watching = new AbortController()
  /** Sizes of what was sent and not received yet, oldest first. */
  readonly #underWay: number[] = []
  #sent = 0
  #received = 0
  #heardMs: number
  #dueMs = 0
  #cancelTimer = () => {}
  readonly #outgoing = new Outgoing()
  #hasClosed = false

  constructor({ hub, runtime }: TabChannelOptions, other: string, id: string) {
    this.#hub = hub
    this.#runtime = runtime
    this.#other = other
    this.#id = id
    this.#heardMs = runtime.monotonicNow()
    this.#stop = [
      hub.onMessage((message) => {
        const said = parse(message, hub.id)
        if (said?.id === id && said.from === other) this.#take(said)
      }),
      runtime.onWake(() => this.say('ping')),
    ]
    hub.whenGone(other, this.#watching.signal).then(
      () => this.#finish(),
      () => {},
    )
    this.#watch()
  }

  get bufferedBytes(): number {
    return this.#outgoing.bytes
  }

  send(message: Uint8Array): void {
    this.#outgoing.enter(message, this.maxMessageBytes, this.#hasClosed)
    this.#underWay.push(message.length)
    // A view would be cloned together with all the memory below it; and some hubs clone later.
    this.say('frame', [this.#sent++, message.slice()])
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#inbox.listen(listener)
  }

  onDrain(listener: () => void): void {
    this.#outgoing.onDrain(listener)
  }

  close(): void {
    if (this.#hasClosed) return
    this.say('close')
    this.#finish()
  }

  say(kind: Kind, argument: unknown = this.#received): void {
    this.#hub.post([kind, this.#other, this.#hub.id, this.#id, argument])
  }

  #take({ kind, argument }: Said): void {
    if (this.#hasClosed) return
    this.#heardMs = this.#runtime.monotonicNow()
    if (kind === 'close') this.#finish()
    else if (kind === 'ping') this.say('receipt')
    else if (kind === 'receipt') this.#takeReceipt(argument)
    else if (kind === 'frame') this.#takeFrame(argument)
  }

  #takeFrame(argument: unknown): void {
    if (!Array.isArray(argument)) return
    const [number, message] = argument as unknown[]
    if (!(message instanceof Uint8Array) || message.length > this.maxMessageBytes) return
    if (number !== this.#received) return this.close()
    this.#received++
    this.say('receipt')
    if (!this.#inbox.push(message)) this.close()
  }

  /** `received`: how many the other side has had. */
  #takeReceipt(received: unknown): void {
    const first = this.#sent - this.#underWay.length
    if (!Number.isInteger(received)) return
    const arrived = (received as number) - first
    if (arrived <= 0 || arrived > this.#underWay.length) return
    this.#outgoing.leave(this.#underWay.splice(0, arrived).reduce((sum, bytes) => sum + bytes, 0))
  }

  /** A timer that is late ran in a tab that slept: it asks before it concludes anything. */
  #watch(): void {
    const delayMs = limits.tabProbeMs
    this.#dueMs = this.#runtime.monotonicNow() + delayMs
    this.#cancelTimer = this.#runtime.setTimer(delayMs, () => {
      const nowMs = this.#runtime.monotonicNow()
      if (nowMs - this.#dueMs > limits.lateTabTimerMs) this.#heardMs = nowMs - limits.tabProbeMs
      const silentMs = nowMs - this.#heardMs
      if (silentMs >= limits.tabSilenceMs) return this.close()
      if (silentMs >= limits.tabProbeMs) this.say('ping')
      this.#watch()
    })
  }

  #finish(): void {
    if (this.#hasClosed) return
    this.#hasClosed = true
    this.#cancelTimer()
    this.#watching.abort()
    for (const stop of this.#stop) stop()
    this.#underWay.length = 0
    this.#closed.resolve()
  }
}

interface Said {
  readonly kind: unknown
  readonly from: string
  readonly id: string
  readonly argument: unknown
}

/** What was said to this tab, if it was. */
function parse(message: unknown, ownId: string): Said | undefined {
  if (!Array.isArray(message) || message.length !== 5) return undefined
  const [kind, to, from, id, argument] = message as unknown[]
  if (to !== ownId || typeof from !== 'string' || typeof id !== 'string') return undefined
  return { kind, from, id, argument }
}
