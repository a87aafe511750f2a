/** The letters that introduce each packet. Imported whole, as `packetKinds`. [protocol] `docs/protocol.md`, "Packets". */

/** First contact: message 1 of IKpsk1 to a ticket key. */
export const firstContact = 0x49

/** A known contact: N, which says who is calling, and message 1 of KKpsk0 behind it. */
export const knownContact = 0x4e

/** A stranger asks: message 1 of NK to an address. */
export const query = 0x51

/** Message 2 of any of them. */
export const acknowledge = 0x41

/** Candidates that were found later, or an abort. */
export const transport = 0x54
