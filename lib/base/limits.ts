/**
 * Every size, count and time of the library, with its unit and its reason. Those marked [protocol] are part of
 * `docs/protocol.md` and may not be changed by one side alone; the others are this implementation's choice.
 */

// ── Frames and messages ──────────────────────────────────────────────────────────────────────────────

/** [protocol] A Noise transport message is at most 65,535 bytes, tag included. */
export const maxFrameBytes = 65_535

/** [protocol] What the AEAD adds to each frame. */
export const aeadTagBytes = 16

/** [protocol] Frames between two Noise rekeys, each way. */
export const framesPerRekey = 65_536

/** [protocol] One message, request or response, encoded. A wallet message is small; more belongs on a stream. */
export const maxMessageBytes = 4 * 1024 * 1024

// ── Packets ──────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] A packet on signaling, all included: an offer with every candidate is about 1 KiB. */
export const maxPacketBytes = 16 * 1024

/** [protocol] Mailbox tags. */
export const tagBytes = 16
