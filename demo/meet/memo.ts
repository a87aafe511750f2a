/** The word to the invited: it travels in the ticket, so it has to be short. */

/** Of UTF-8, as the library allows. */
export const maxMemoBytes = 128

export const isMemo = (text: string): boolean =>
  new TextEncoder().encode(text.trim()).length <= maxMemoBytes
