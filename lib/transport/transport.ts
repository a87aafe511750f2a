/**
 * What carries frames once two peers have exchanged an offer and an answer. Descriptions and candidates are plain CBOR values
 * whose form is the transport's own; they come from the other side, so a transport validates all of it before
 * it touches anything.
 */

import type { Unsubscribe } from '../base/emitter.ts'

/** What connects two peers that have exchanged an offer and an answer. Default: WebRTC. It validates all that comes from the other side before it touches anything. */
export interface Transport {
  /**
   * Begins an attempt as the offering side.
   * @throws HandfastError `unsupported` where the platform cannot do it
   */
  offer(): Attempt
  /** Creates nothing. @throws HandfastError `bad-description` */
  checkOffer(offer: unknown): void
  /**
   * Begins an attempt as the answering side.
   * @throws HandfastError `bad-description`, before anything is created; `unsupported`
   */
  answer(offer: unknown): Attempt
}

/**
 * One try to connect, with a fixed role. Never reused. It has no time limit where the other side never answers: whoever
 * began it closes it. What comes after its end is checked as ever and then ignored.
 */
export interface Attempt {
  /**
   * The offer or answer, with the candidates known by then; it waits for candidates no longer than the transport's
   * own short limit. Rejects with `transport-failed` or `closed`.
   */
  readonly description: Promise<unknown>
  /** Called with the whole list of local candidates so far, whenever it has grown after `description` resolved. */
  onCandidates(listener: (candidates: unknown) => void): Unsubscribe
  /**
   * Offering side, once, after `description`: takes the other side's answer.
   * @throws HandfastError `bad-description`, nothing changed; `wrong-phase`
   */
  accept(answer: unknown): void
  /**
   * Takes the other side's whole list of candidates so far; those known already are ignored.
   * @throws HandfastError `bad-description`, nothing changed
   */
  addCandidates(candidates: unknown): void
  /** Resolves when the channel is open; rejects once with `transport-failed` or `closed`. */
  readonly channel: Promise<Channel>
  /** Ends the attempt and its channel. Idempotent. */
  close(): void
}

/** An open, ordered, reliable, message-preserving channel. */
export interface Channel {
  /** The largest message the other side takes, in bytes. */
  readonly maxMessageBytes: number
  /** Bytes handed to `send` and not yet on their way. The sender paces itself by this and `onDrain`. */
  readonly bufferedBytes: number
  /**
   * Takes a copy. Senders pause at `channelHighWaterBytes` buffered and go on at `onDrain`; one that pauses
   * below `channelLowWaterBytes` waits for ever.
   * @throws HandfastError `too-large`, `closed`, `queue-full` beyond `maxChannelBufferBytes`; nothing was sent
   */
  send(message: Uint8Array): void
  /**
   * One receiver. What arrived before it is set is handed over during the call; `maxEarlyMessages` are kept,
   * then the channel closes. A message belongs to the receiver.
   */
  onMessage(listener: (message: Uint8Array) => void): void
  /** One listener, called when `bufferedBytes` falls to `channelLowWaterBytes`. */
  onDrain(listener: () => void): void
  /** Resolves exactly once, when no more can be sent or will arrive, whoever closed it. Never rejects. */
  readonly closed: Promise<void>
  /** Closes at once; what is still buffered may be lost. Idempotent. */
  close(): void
  /** By which way frames travel now; null where that is not known. */
  route?(): Promise<Route | null>
}

/** As ICE names them: an address of the device itself, as a STUN server or the peer sees it, or of a TURN server. */
export type CandidateKind = 'host' | 'srflx' | 'prflx' | 'relay'

/** The way between two peers, as this side knows it. */
export interface Route {
  /** `turn`: by the TURN server of either side. */
  readonly via: 'direct' | 'turn'
  /** Where frames leave this side. */
  readonly local: CandidateKind
  /** Where they reach the other. */
  readonly remote: CandidateKind
  /** Between this side and the next hop. */
  readonly protocol: 'udp' | 'tcp'
}
