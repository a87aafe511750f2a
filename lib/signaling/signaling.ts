/**
 * What carries sealed packets between two peers that are not connected yet. A relay, another tab, a peer already
 * connected and a pasted string all fit: anything that can carry `publish(tag, bytes)`.
 *
 * Everything that arrives is hostile until opened; a path may lose, repeat, reorder and delay packets.
 */

import type { Unsubscribe } from '../base/emitter.ts'

/** Gets a packet. `path`: by which of several it came, where there are several. */
export type PacketListener = (packet: Uint8Array, path?: Signaling) => void

/** What carries sealed packets between peers that are not connected yet: a relay, another tab, a pasted text. It may lose, repeat, reorder and delay them. */
export interface Signaling {
  /**
   * Hands every packet published to `tag` (16 bytes) to `listener`, from when the path is up, and again after
   * each time it comes back. Takes effect before any later `publish` on the same object.
   * @throws HandfastError `queue-full` beyond the path's number of tags, `closed`
   */
  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe

  /**
   * Sends `packet` to whoever is subscribed to `tag` now. Resolves with how many other parties were, where the path can
   * know, else 0: a hint, never state.
   * @throws HandfastError `signaling-unavailable` when the path did not take it in time, `too-large`, `closed`
   */
  publish(tag: Uint8Array, packet: Uint8Array): Promise<number>

  /** Idempotent. No listener is called afterwards. */
  close(): Promise<void>
}
