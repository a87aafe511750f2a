/**
 * The registry of data-frame records. A frame's plaintext is a CBOR sequence of them, each an array that begins with its kind. Values of
 * the application travel as byte strings that hold their own CBOR, so that a value one side cannot read spoils nothing
 * else. [protocol] `docs/protocol.md`, "Records".
 */

export const recordKinds = {
  /** `[0, version, log id, run, first held, highest sent, peer's log id or null, highest handled, run of that or null]`: first in every session. */
  hello: 0,
  /** `[1, sequence number, value]`; null for one that was withdrawn. */
  message: 1,
  /** `[2, sequence number]`: all up to it were handled. */
  ack: 2,
  /** `[3, request id, method, params]` */
  request: 3,
  /** `[4, request id, result]` */
  response: 4,
  /** `[5, request id, code, text]` */
  failure: 5,
  /** `[6, request id]`: nobody waits for the response any more. */
  cancel: 6,
  /** `[7, stream id, name]` */
  streamOpen: 7,
  /** `[8, stream id, bytes]` */
  streamData: 8,
  /** `[9, stream id, bytes]`: so many more may be sent. */
  streamCredit: 9,
  /** `[10, stream id]`: no more data this way. */
  streamEnd: 10,
  /** `[11, stream id, code]`: the stream is over both ways. */
  streamReset: 11,
  /** `[12, transfer id, last, bytes]`: a piece of a record too large for one frame. */
  part: 12,
  /** `[13, nonce]` */
  ping: 13,
  /** `[14, nonce]` */
  pong: 14,
  /** `[15, reason]`: last in every session, each way. */
  bye: 15,
  /** `[16, card]`: where to find the sender from now on. */
  card: 16,
  /** `[17, verb, tags]` or `[17, verb, tag, packet]`: signaling for contacts in common. */
  signal: 17,
  /** `[18, revocations]`: which devices of an identity speak for it no more. */
  revocations: 18,
  /** `[19, log id, ends]`: of the messages that the next ack or hello tells of, these stretches were refused. */
  refused: 19,
  /** `[20, peer chain]`: what the receiver is granted from now on. */
  grant: 20,
  /** `[21, peer]`: between two devices of one identity, what the sender knows of a peer. */
  sync: 21,
} as const

/** A record as decoded: an array whose first item is its kind. */
export type Record = readonly [kind: number, ...fields: unknown[]]

/** Bytes of the CBOR head for the argument `n`. */
export function headBytes(n: number): number {
  return n < 24 ? 1 : n < 0x100 ? 2 : n < 0x1_0000 ? 3 : n < 0x1_0000_0000 ? 5 : 9
}

/** Writes a CBOR head at `offset` and returns the offset behind it. */
export function putHead(into: Uint8Array, offset: number, majorType: number, n: number): number {
  const following = headBytes(n) - 1
  into[offset] = (majorType << 5) | (following ? 24 + Math.log2(following) : n)
  // What is stored is rounded down and taken modulo 256.
  for (let i = following, rest = n; i > 0; i--, rest /= 256) into[offset + i] = rest
  return offset + following + 1
}
