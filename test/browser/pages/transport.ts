/**
 * The WebRTC transport under test: the checks of its contract between two transports of this page, and one attempt
 * with another page, whose descriptions leave and come as hexadecimal CBOR, as they would in a packet.
 */

import { decode, encode } from 'cbor-x/index-no-eval'
import { channelHighWaterBytes } from '../../../lib/base/limits.ts'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import type { Attempt, Channel, Route } from '../../../lib/transport/transport.ts'
import { type IceOptions, WebRtcTransport } from '../../../lib/transport/webrtc.ts'
import { connect, transportChecks } from '../../conformance/transport.ts'

/** Peer connections made, and not closed yet, by this page. */
const connections = new Set<RTCPeerConnection>()
const Native = RTCPeerConnection
globalThis.RTCPeerConnection = class extends Native {
  constructor(configuration?: RTCConfiguration) {
    super(configuration)
    connections.add(this)
  }

  override close(): void {
    connections.delete(this)
    super.close()
  }
}

const toHex = (value: unknown): string =>
  Array.from(encode(value) as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join('')
const fromHex = (hex: string): unknown =>
  decode(Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16)))

const make = (ice: IceOptions = {}) => ({
  alice: new WebRtcTransport({ runtime, ice }),
  bob: new WebRtcTransport({ runtime, ice }),
})

let attempt: Attempt
let channel: Channel
let closed = 0

const page = {
  runtime,
  WebRtcTransport,
  connect,
  make,

  get connectionCount(): number {
    return connections.size
  },

  get closedCount(): number {
    return closed
  },

  async check(name: string): Promise<void> {
    await transportChecks.find((check) => check.name === name)!.run(make)
  },

  /** Begins this page's attempt; later candidates go to `onCandidates`, a function the test exposed. */
  async begin(offer?: string, ice: IceOptions = {}): Promise<string> {
    const transport = new WebRtcTransport({ runtime, ice })
    attempt = offer === undefined ? transport.offer() : transport.answer(fromHex(offer))
    attempt.onCandidates((candidates) => {
      const { onCandidates } = globalThis as unknown as { onCandidates?: (hex: string) => void }
      onCandidates?.(toHex(candidates))
    })
    return toHex(await attempt.description)
  },

  accept(answer: string): void {
    attempt.accept(fromHex(answer))
  },

  addCandidates(candidates: string): void {
    attempt.addCandidates(fromHex(candidates))
  },

  async open(): Promise<number> {
    channel = await attempt.channel
    void channel.closed.then(() => closed++)
    return channel.maxMessageBytes
  },

  async route(): Promise<Route | null> {
    return channel.route!()
  },

  close(): void {
    attempt.close()
  },

  /** Sends back whatever comes, as fast as the channel takes it. */
  echo(): void {
    const waiting: Uint8Array[] = []
    const flush = () => {
      while (waiting.length > 0 && channel.bufferedBytes < channelHighWaterBytes)
        channel.send(waiting.shift()!)
    }
    channel.onDrain(flush)
    channel.onMessage((message) => {
      waiting.push(message)
      flush()
    })
  },

  /** Resolves with how many of `sizes` came back unchanged and in order. */
  async exchange(sizes: number[]): Promise<number> {
    const messages = sizes.map((size) => {
      const message = new Uint8Array(size)
      for (let at = 0; at < size; at += 65_536) {
        crypto.getRandomValues(message.subarray(at, at + 65_536))
      }
      return message
    })
    let intact = 0
    const done = new Promise<void>((resolve) => {
      channel.onMessage((message) => {
        const expected = messages[intact]!
        if (message.length === expected.length && message.every((b, i) => b === expected[i]))
          intact++
        if (intact === messages.length) resolve()
      })
    })
    let resume = () => {}
    channel.onDrain(() => resume())
    for (const message of messages) {
      if (channel.bufferedBytes >= channelHighWaterBytes)
        await new Promise<void>((r) => (resume = r))
      channel.send(message)
    }
    await done
    return intact
  },
}

declare global {
  var transport: typeof page
}

globalThis.transport = page
