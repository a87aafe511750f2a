/**
 * The registry of data-frame records. A frame's plaintext is a CBOR sequence of them, each an array that begins with its kind. Values of
 * the application travel as byte strings that hold their own CBOR, so that a value one side cannot read spoils nothing
 * else. Imported whole, as `recordKinds`. [protocol] `docs/protocol.md`, "Records".
 */

/** `[0, version, log id, run, first held, highest sent, peer's log id or null, highest handled, run of that or null]`: first in every session. */
export const hello = 0

/** `[1, sequence number, value]`; null for one that was withdrawn. */
export const message = 1

/** `[2, sequence number]`: all up to it were handled. */
export const ack = 2

/** `[3, request id, method, params]` */
export const request = 3

/** `[4, request id, result]` */
export const response = 4

/** `[5, request id, code, text]` */
export const failure = 5

/** `[6, request id]`: nobody waits for the response any more. */
export const cancel = 6

/** `[7, stream id, name]` */
export const streamOpen = 7

/** `[8, stream id, bytes]` */
export const streamData = 8

/** `[9, stream id, bytes]`: so many more may be sent. */
export const streamCredit = 9

/** `[10, stream id]`: no more data this way. */
export const streamEnd = 10

/** `[11, stream id, code]`: the stream is over both ways. */
export const streamReset = 11

/** `[12, transfer id, last, bytes]`: a piece of a record too large for one frame. */
export const part = 12

/** `[13, nonce]` */
export const ping = 13

/** `[14, nonce]` */
export const pong = 14

/** `[15, reason]`: last in every session, each way. */
export const bye = 15

/** `[16, card]`: where to find the sender from now on. */
export const card = 16

/** `[17, verb, tags]` or `[17, verb, tag, packet]`: signaling for contacts in common. */
export const signal = 17

/** `[18, revocations]`: which devices of an identity speak for it no more. */
export const revocations = 18

/** `[19, log id, ends]`: of the messages that the next ack or hello tells of, these stretches were refused. */
export const refused = 19

/** `[20, peer chain]`: what the receiver is granted from now on. */
export const grant = 20

/** `[21, peer]`: between two devices of one identity, what the sender knows of a peer. */
export const sync = 21
