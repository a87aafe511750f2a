/** Why a file did not get to the other side. */

import { codeOf } from '../ui/problems.ts'

export type FileProblemKind =
  | 'away'
  | 'cancelled here'
  | 'cancelled there'
  | 'forbidden'
  | 'lost'
  | 'not kept'
  | 'too large'
  | 'too many'
  | 'unreadable'
  | 'unwanted'

export class FileProblem extends Error {
  readonly kind: FileProblemKind

  constructor(kind: FileProblemKind, cause?: unknown) {
    super(kind, { cause })
    this.kind = kind
  }
}

const kinds: Partial<Record<string, FileProblemKind>> = {
  timeout: 'away',
  'signaling-unavailable': 'away',
  'transport-failed': 'away',
  forbidden: 'forbidden',
  'no-handler': 'unwanted',
  'queue-full': 'too many',
}

export const fileProblemOf = (error: unknown): FileProblem =>
  error instanceof FileProblem
    ? error
    : new FileProblem(kinds[codeOf(error) ?? ''] ?? 'lost', error)

/** `called`: the other side. */
export function fileProblemWords(kind: FileProblemKind, called: string): string {
  switch (kind) {
    case 'away':
      return `${called} was away`
    case 'cancelled here':
      return 'You cancelled it'
    case 'cancelled there':
      return `${called} cancelled it`
    case 'forbidden':
      return `${called} does not take files from you`
    case 'lost':
      return 'The connection ended in the middle'
    case 'not kept':
      return `${called} had no room to keep it`
    case 'too large':
      return 'Files have at most 64 MB'
    case 'too many':
      return 'Too many files at a time'
    case 'unreadable':
      return 'This browser could not read the file'
    case 'unwanted':
      return `The page of ${called} takes no files`
  }
}
