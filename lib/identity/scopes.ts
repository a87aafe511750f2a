/**
 * Scopes: what a device may do in its identity's name, and what a peer may do here. Text, from the widest to the narrowest: `*` covers
 * everything, `message` every `message:<topic>`. On the way down a chain of certificates they only shrink. [protocol]
 * `docs/protocol.md`, "Scopes".
 */

import { utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxScopeBytes, maxScopes, maxScopesBytes } from '../base/limits.ts'

/** Rights, each a text of 1 to 80 bytes: at most 16, and 640 bytes in all. `*` is everything, `message` covers `message:pay`, `[]` is nothing. */
export type Scopes = readonly string[]

export const everything: Scopes = ['*']

/** For own devices only. */
export const deviceScopes = {
  /** Issue peer certificates, so: make contacts. */
  introduce: 'introduce',
  /** Certify and renew devices. */
  devices: 'devices',
  /** Answer strangers; one method: `answer:<method>`. */
  answer: 'answer',
  /** Sign for the application; for one purpose: `sign:<purpose>`. */
  sign: 'sign',
} as const

/** Whether one of the scopes held is `*`, the same, or one that `scope` refines. */
export const covers = (held: Scopes, scope: string): boolean =>
  held.some((each) => each === '*' || each === scope || scope.startsWith(`${each}:`))

/** Whether `outer` covers every one of `inner`. */
export const isWithin = (inner: Scopes, outer: Scopes): boolean =>
  inner.every((scope) => covers(outer, scope))

/** What both cover; of more than a certificate holds, the first. */
export function shared(one: Scopes, other: Scopes): Scopes {
  const all = [
    ...one.filter((scope) => covers(other, scope)),
    ...other.filter((scope) => covers(one, scope) && !one.includes(scope)),
  ]
  let length = Math.min(all.length, maxScopes)
  while (bytesOf(all.slice(0, length)) > maxScopesBytes) length--
  return all.slice(0, length)
}

const bytesOf = (scopes: Scopes): number => utf8(scopes.join('')).length

/**
 * Scopes from an application or a certificate: an array of at most 16 texts of 1 to 80 bytes, 640 in all.
 * @throws HandfastError `invalid-argument`
 */
export function parseScopes(value: unknown): Scopes {
  const isScope = (scope: unknown): scope is string =>
    typeof scope === 'string' && scope !== '' && utf8(scope).length <= maxScopeBytes
  const isList = Array.isArray(value) && value.length <= maxScopes && value.every(isScope)
  if (isList && bytesOf(value) <= maxScopesBytes) return [...value]
  throw new HandfastError(
    'invalid-argument',
    `not at most ${maxScopes} scopes of ${maxScopeBytes} bytes, ${maxScopesBytes} in all`,
  )
}

const known = /^(?:\*|signal|introduce|devices|(?:message|request|stream|answer|sign)(?::[^]+)?)$/

/**
 * Scopes that this application gives. One that is not known would be carried along and allow nothing: a slip of the pen.
 * @throws HandfastError `invalid-argument`
 */
export function givenScopes(value: unknown): Scopes {
  const scopes = parseScopes(value)
  const slip = scopes.find((scope) => !known.test(scope))
  if (slip === undefined) return scopes
  throw new HandfastError('invalid-argument', `There is no scope ${slip}`)
}
