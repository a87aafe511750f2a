/** The sending end of a channel: what is under way, up to `maxChannelBufferBytes`, and word when there is room again. */

import { HandfastError } from '../base/errors.ts'
import { channelLowWaterBytes, maxChannelBufferBytes } from '../base/limits.ts'

/** What every `Channel.send` checks first. @throws HandfastError `too-large`, `closed`, `queue-full` */
export function checkSend(
  { length }: Uint8Array,
  maxMessageBytes: number,
  bufferedBytes: number,
  isClosed: boolean,
): void {
  if (length > maxMessageBytes) throw new HandfastError('too-large')
  if (isClosed) throw new HandfastError('closed')
  if (bufferedBytes + length > maxChannelBufferBytes) throw new HandfastError('queue-full')
}

export class Outgoing {
  bytes = 0
  #onDrain: (() => void) | undefined

  /** @throws HandfastError as `checkSend` does */
  enter(message: Uint8Array, maxMessageBytes: number, isClosed: boolean): void {
    checkSend(message, maxMessageBytes, this.bytes, isClosed)
    this.bytes += message.length
  }

  /** So many bytes have arrived. */
  leave(bytes: number): void {
    const before = this.bytes
    this.bytes -= bytes
    if (before > channelLowWaterBytes && this.bytes <= channelLowWaterBytes) this.#onDrain?.()
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
}
