/** Hex, as test vectors write bytes. */

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
