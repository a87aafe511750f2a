/**
 * Handshake patterns as data: Noise revision 34, sections 7.4 (one-way), 7.5 (interactive, fundamental) and
 * 9 (the psk modifier, at most one per name).
 */

import { HandfastError } from '../base/errors.ts'

export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk'

/** Pre-message of the initiator, of the responder, then the messages in turn, initiator first; a slash between them. */
const table = {
  N: '/s/e es',
  K: 's/s/e es ss',
  X: '/s/e es s ss',
  NN: '//e/e ee',
  NK: '/s/e es/e ee',
  NX: '//e/e ee s es',
  KN: 's//e/e ee se',
  KK: 's/s/e es ss/e ee se',
  KX: 's//e/e ee se s es',
  XN: '//e/e ee/s se',
  XK: '/s/e es/e ee/s se',
  XX: '//e/e ee s es/s se',
  IN: '//e s/e ee se',
  IK: '/s/e es s ss/e ee se',
  IX: '//e s/e ee se s es',
} as const

type BaseName = keyof typeof table

export type PatternName = BaseName | `${BaseName}psk${0 | 1 | 2 | 3}`

export interface Pattern {
  /** Whether the static key of initiator and responder is known beforehand. */
  readonly preMessages: readonly [initiator: boolean, responder: boolean]
  readonly messages: readonly (readonly Token[])[]
  readonly hasPsk: boolean
}

/** Throws `invalid-argument` on a name that is no pattern. */
export function parsePattern(name: PatternName): Pattern {
  const [, base = '', psk] = /^([A-Z]+)(?:psk(\d))?$/.exec(name) ?? []
  const row = Object.hasOwn(table, base) ? table[base as BaseName] : ''
  const [initiator, responder, ...lines] = row.split('/')
  const messages = lines.map((line) => line.split(' ') as Token[])
  if (!row || Number(psk ?? 0) > messages.length) {
    throw new HandfastError('invalid-argument', 'no such handshake pattern')
  }
  if (psk === '0') messages[0]!.unshift('psk')
  else if (psk) messages[Number(psk) - 1]!.push('psk')
  return { preMessages: [initiator !== '', responder !== ''], messages, hasPsk: Boolean(psk) }
}
