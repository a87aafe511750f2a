/** A file in the history. */

import type { Picture } from './picture.ts'
import { showValue } from './show-value.ts'

export interface FileNote {
  file: {
    name: string
    size: number
    /** Of those that were received. */
    content?: Blob
    /** If it is a picture that can be shown. */
    picture?: Picture
  }
}

/** What came as a message, as it is kept: never a file, whatever it looks like. */
export const asMessage = (value: unknown): unknown => (isFileNote(value) ? showValue(value) : value)

export const isFileNote = (value: unknown): value is FileNote =>
  typeof value === 'object' && value !== null && 'file' in value && !('length' in value)
