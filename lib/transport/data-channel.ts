/**
 * An `RTCDataChannel` as a `Channel`: nothing between the caller and the platform but the checks. Whoever made it says
 * when it has ended.
 */

import { HandfastError } from '../base/errors.ts'
import { channelLowWaterBytes, maxChannelBufferBytes, maxFrameBytes } from '../base/limits.ts'
import { Inbox } from './inbox.ts'
import type { Channel } from './transport.ts'

export interface DataChannelOwner {
  readonly closed: Promise<void>
  /** Aborted when the channel has ended. */
  readonly ended: AbortSignal
  close(): void
  fail(cause: Error): void
}

export class DataChannel implements Channel {
  /** Known for sure once the channel is open. */
  maxMessageBytes = maxFrameBytes
  readonly closed: Promise<void>
  readonly #owner: DataChannelOwner
  readonly #channel: RTCDataChannel
  readonly #inbox = new Inbox()

  /** Takes over a channel that is not open yet, with whatever handlers it has. */
  constructor(channel: RTCDataChannel, owner: DataChannelOwner) {
    this.closed = owner.closed
    this.#owner = owner
    this.#channel = channel
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = channelLowWaterBytes
    channel.onbufferedamountlow = null
    channel.onmessage = null
    channel.addEventListener('message', ({ data }) => this.#onMessage(data), {
      signal: owner.ended,
    })
  }

  get bufferedBytes(): number {
    return this.#channel.bufferedAmount
  }

  send(message: Uint8Array): void {
    const channel = this.#channel
    if (message.length > this.maxMessageBytes) {
      throw new HandfastError('too-large', `The peer takes ${this.maxMessageBytes} bytes at most`)
    }
    if (this.#owner.ended.aborted || channel.readyState !== 'open') {
      throw new HandfastError('closed', 'The channel is closed')
    }
    if (channel.bufferedAmount + message.length > maxChannelBufferBytes) {
      throw new HandfastError('queue-full', 'Wait for onDrain before sending more')
    }
    channel.send(message as Uint8Array<ArrayBuffer>)
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#inbox.listen(listener)
  }

  onDrain(listener: () => void): void {
    this.#channel.onbufferedamountlow = () => listener()
  }

  close(): void {
    this.#owner.close()
  }

  #onMessage(data: ArrayBuffer | string): void {
    if (typeof data === 'string' || data.byteLength > maxFrameBytes) {
      this.#owner.fail(new Error('The peer sent what cannot be a frame'))
    } else if (!this.#inbox.push(new Uint8Array(data))) {
      this.#owner.fail(new Error('Nobody took the messages of this channel'))
    }
  }
}
