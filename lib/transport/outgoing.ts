/** The sending end of a channel: what is under way, up to `maxChannelBufferBytes`, and word when there is room again. */

import { HandfastError } from '../base/errors.ts'
import { channelLowWaterBytes, maxChannelBufferBytes } from '../base/limits.ts'

export class Outgoing {
  bytes = 0
  #onDrain: (() => void) | undefined

  /** @throws HandfastError `too-large`, `closed`, `queue-full` */
  enter(message: Uint8Array, maxMessageBytes: number, isClosed: boolean): void {
    if (message.length > maxMessageBytes) {
      throw new HandfastError('too-large', `The other side takes ${maxMessageBytes} bytes at most`)
    }
    if (isClosed) throw new HandfastError('closed', 'The channel is closed')
    if (this.bytes + message.length > maxChannelBufferBytes) {
      throw new HandfastError('queue-full', 'Wait for onDrain before sending more')
    }
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
