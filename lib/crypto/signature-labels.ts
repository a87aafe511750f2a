/** What a signature is for: each covers `label ‖ 0x00 ‖ message`. Imported whole, as `signatureLabels`. [protocol] */

/** By the issuer of a certificate. */
export const certificate = 'handfast/1 certificate'

/** By the device that a certificate names: it countersigns. */
export const device = 'handfast/1 device'

/** By the root: devices that are no more. */
export const revocations = 'handfast/1 revocations'

export const ticket = 'handfast/1 ticket'

export const card = 'handfast/1 card'

/** Where a device answers strangers. */
export const address = 'handfast/1 address'

/** By the device that a stranger has asked. */
export const answer = 'handfast/1 answer'

export const handshake = 'handfast/1 handshake'

export const pact = 'handfast/1 pact'

/** Of the application's own, with a purpose that it names. */
export const application = 'handfast/1 application'
