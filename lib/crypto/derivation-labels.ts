/** What a derived value is for: the message of a keyed hash, or the label of a handshake's exporter. Imported whole, as `derivationLabels`. [protocol] */

/** Network id: BLAKE2b-128 of the label, 0x00 and the network's name. */
export const network = 'handfast/1 network'

/** Handshake psk of a ticket, keyed by the ticket secret. */
export const ticketPsk = 'handfast/1 ticket psk'

/** Mailbox tag of a ticket, keyed by the ticket secret. */
export const ticketTag = 'handfast/1 ticket tag'

/** Mailbox tag of a contact's device, keyed by the pact secret. */
export const contactTag = 'handfast/1 tag'

/** Id of a pact, keyed by the pact secret. */
export const pactId = 'handfast/1 pact id'

/** Exported: key of T packets, initiator to responder. */
export const signalInitiator = 'handfast/1 signal initiator'

/** Exported: key of T packets, responder to initiator. */
export const signalResponder = 'handfast/1 signal responder'

/** Exported, and hashed before anybody sees it. */
export const sessionId = 'handfast/1 session id'

export const safetyNumber = 'handfast/1 safety number'

/** The digits that two devices show while one joins the other's identity. */
export const pairingCode = 'handfast/1 pairing code'

export const pairingCommitment = 'handfast/1 pairing commitment'
