/** Names of files, which others choose. */

const maxFileNameLength = 80

/** The end, with what tells the kind of file, is never left out. */
const tailLength = 12

const gap = '…'

/** As much of a claimed name as is fit to show and to save under; what is too long loses its middle. */
export function cleanFileName(claimed: string): string {
  const name = [...claimed.normalize('NFC').replace(/[\p{C}\p{Zl}\p{Zp}/\\]/gu, '')]
  const isLong = name.length > maxFileNameLength
  const head = name.slice(0, isLong ? maxFileNameLength - tailLength - 1 : name.length)
  const tail = isLong ? [gap, ...name.slice(-tailLength)] : []
  return [...head, ...tail].join('').trim() || 'file'
}

/** What may be cut short where there is little room, and what may not. */
export function splitFileName(name: string): [head: string, tail: string] {
  const letters = [...name]
  const at = letters.length > 2 * tailLength ? letters.length - tailLength : letters.length
  return [letters.slice(0, at).join(''), letters.slice(at).join('')]
}
