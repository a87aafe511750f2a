/**
 * Domain separation: every string that keeps one use of a key apart from another, in one place. [protocol]
 */

/** Opens every prologue. */
export const protocolLabel = 'handfast/1'

/** What a signature is for: each covers `label ‖ 0x00 ‖ message`. */
export const signatureLabels = {
  /** By the issuer of a certificate. */
  certificate: 'handfast/1 certificate',
  /** By the device that a certificate names: it countersigns. */
  device: 'handfast/1 device',
  /** By the root: devices that are no more. */
  revocations: 'handfast/1 revocations',
  ticket: 'handfast/1 ticket',
  card: 'handfast/1 card',
  /** Where a device answers strangers. */
  address: 'handfast/1 address',
  /** By the device that a stranger has asked. */
  answer: 'handfast/1 answer',
  handshake: 'handfast/1 handshake',
  pact: 'handfast/1 pact',
  /** Of the application's own, with a purpose that it names. */
  application: 'handfast/1 application',
} as const

/** What a derived value is for: the message of a keyed hash, or the label of a handshake's exporter. */
export const derivationLabels = {
  /** Network id: BLAKE2b-128 of the label, 0x00 and the network's name. */
  network: 'handfast/1 network',
  /** Handshake psk of a ticket, keyed by the ticket secret. */
  ticketPsk: 'handfast/1 ticket psk',
  /** Mailbox tag of a ticket, keyed by the ticket secret. */
  ticketTag: 'handfast/1 ticket tag',
  /** Mailbox tag of a contact's device, keyed by the pact secret. */
  contactTag: 'handfast/1 tag',
  /** Id of a pact, keyed by the pact secret. */
  pactId: 'handfast/1 pact id',
  /** Exported: key of T packets, initiator to responder. */
  signalInitiator: 'handfast/1 signal initiator',
  /** Exported: key of T packets, responder to initiator. */
  signalResponder: 'handfast/1 signal responder',
  /** Exported, and hashed before anybody sees it. */
  sessionId: 'handfast/1 session id',
  safetyNumber: 'handfast/1 safety number',
  /** The digits that two devices show while one joins the other's identity. */
  pairingCode: 'handfast/1 pairing code',
  pairingCommitment: 'handfast/1 pairing commitment',
} as const

/** What seals a secret at rest, with its name behind: nothing that leaves the browser. */
export const sealLabel = 'handfast/1 key'

export type SignatureLabel = (typeof signatureLabels)[keyof typeof signatureLabels]
