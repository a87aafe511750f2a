/**
 * An open `RTCDataChannel` as a `Channel`: nothing between the caller and the platform but the checks. Whoever made it
 * says when it has ended.
 */

import { channelLowWaterBytes, maxFrameBytes } from '../base/limits.ts'
import { Inbox } from './inbox.ts'
import { checkSend } from './outgoing.ts'
import type { Channel } from './transport.ts'

export interface DataChannelOwner {
  readonly closed: Promise<void>
  readonly ended: boolean
  close(): void
  fail(cause: Error): void
}

/** Takes over a channel that opens just now, with whatever handlers it has. */
export function takeDataChannel(
  channel: RTCDataChannel,
  maxMessageBytes: number,
  owner: DataChannelOwner,
): Channel {
  const inbox = new Inbox()
  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = channelLowWaterBytes
  channel.onbufferedamountlow = null
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (owner.ended) return
    const isFrame = typeof data !== 'string' && data.byteLength <= maxFrameBytes
    if (!isFrame || !inbox.push(new Uint8Array(data))) owner.fail(new Error('Unexpected message'))
  }
  return {
    maxMessageBytes,
    closed: owner.closed,
    get bufferedBytes() {
      return channel.bufferedAmount
    },
    send(message) {
      const isClosed = owner.ended || channel.readyState !== 'open'
      checkSend(message, maxMessageBytes, channel.bufferedAmount, isClosed)
      channel.send(message as Uint8Array<ArrayBuffer>)
    },
    onMessage: (listener) => inbox.listen(listener),
    onDrain(listener) {
      channel.onbufferedamountlow = listener
    },
    close: () => owner.close(),
  }
}
