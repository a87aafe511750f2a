/** Domain separation: every string that keeps one use of a key apart from another is here or in the two lists of labels. [protocol] */

import type * as signatureLabels from './signature-labels.ts'

/** Opens every prologue. */
export const protocolLabel = 'handfast/1'

/** What seals a secret at rest, with its name behind: nothing that leaves the browser. */
export const sealLabel = 'handfast/1 key'

export type SignatureLabel = (typeof signatureLabels)[keyof typeof signatureLabels]
