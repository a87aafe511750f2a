/**
 * The peer of a link as a person: what one calls them, whether one has compared safety numbers, and who may do what. All of it belongs to
 * the PeerId, which is a key: whoever has another is somebody else, and has none of it.
 */

import { HandfastError } from '../base/errors.ts'
import { maxPersonNameLength } from '../base/limits.ts'
import { everything, type Scopes } from '../identity/scopes.ts'

export interface Person {
  /** What one calls them; null where nothing has been said. */
  readonly name: string | null
  readonly verified: boolean
  /** What they may do here. */
  readonly scopes: Scopes
  /** What one may do there, as far as they have said. */
  readonly grantedScopes: Scopes
}

/** Before anything is known. */
export const nobody: Person = {
  name: null,
  verified: false,
  scopes: everything,
  grantedScopes: everything,
}

/** What changes; all else stays. */
export interface PersonChange {
  readonly name?: string | null
  /** The safety number that was compared. */
  readonly verified?: string | null
  readonly scopes?: Scopes
}

export const isSamePerson = (a: Person, b: Person): boolean =>
  a.name === b.name &&
  a.verified === b.verified &&
  isSameList(a.scopes, b.scopes) &&
  isSameList(a.grantedScopes, b.grantedScopes)

export const isSameList = (a: Scopes, b: Scopes): boolean =>
  a.length === b.length && a.every((scope, at) => scope === b[at])

/** Characters that show as nothing, break lines or turn the writing direction; joiners stay, some scripts and signs need them. */
const refused =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u

/** A name as it is kept: in NFC, without spaces around it, null for none. @throws HandfastError `invalid-argument` */
export function checkPersonName(name: string | null): string | null {
  if (name === null) return null
  const isText = typeof name === 'string' && name.length <= 4 * maxPersonNameLength
  const kept = isText ? name.normalize('NFC').trim() : ''
  if (!isText || refused.test(kept) || [...kept].length > maxPersonNameLength) {
    throw new HandfastError(
      'invalid-argument',
      `A name has at most ${maxPersonNameLength} characters, and no control characters`,
    )
  }
  return kept || null
}

/** Whether it is the number, however its digits are grouped. */
export const isSameNumber = (typed: string, number: string): boolean =>
  typeof typed === 'string' && typed.replace(/\s/g, '') === number.replace(/\s/g, '')
