/** The dark and light modules of a QR code (ISO/IEC 18004), as small as the text allows, with all the error correction that size has room for. */

import encodeQR from 'qr'

/** The width of the blank border that the standard asks for, in modules. */
const quietZone = 4

const modulesAround = 17
const modulesPerVersion = 4

/** What a code of the largest size holds, in bytes; of digits, capitals and a few signs, 4,296 characters. */
export const maxCodeBytes = 2953

/** True is dark. Throws where the text is longer than any code holds. */
export function codeOf(text: string): boolean[][] {
  const smallest = encodeQR(text, 'raw', { ecc: 'low', border: quietZone })
  const version = (smallest.length - 2 * quietZone - modulesAround) / modulesPerVersion
  for (const ecc of ['high', 'quartile', 'medium'] as const) {
    try {
      return encodeQR(text, 'raw', { ecc, version, border: quietZone })
    } catch {
      // That much does not fit.
    }
  }
  return smallest
}
