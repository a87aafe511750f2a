/**
 * An entry: one thing that one of two people does in their books, signed. Each names the one before it by the same signer and the latest
 * that the signer had seen of the other: two chains that are braided, with no order between what both did at a time.
 *
 * What is signed is JSON with exactly these fields. An entry's id is the SHA-256 of it, so signing the same again makes no other entry.
 */

import type { PeerId } from 'handfast'
import { readDigits } from './amounts.ts'
import { Refusal } from './refusal.ts'
import {
  maxDecimals,
  maxEntriesPerSide,
  maxNameLength,
  maxNoteLength,
  maxUnitLength,
} from './wallet-limits.ts'

/** SHA-256, base64url. */
export type EntryId = string

export interface Position {
  readonly seq: number
  readonly id: EntryId
}

export interface Terms {
  readonly name: string
  readonly unit: string
  /** How many digits of an amount are behind the point. */
  readonly decimals: number
  /** How much each may owe the other at most, in the smallest unit; first that of the party with the lower PeerId. */
  readonly limits: readonly [bigint, bigint]
}

/** What an entry does. A tally is named by the id of the offer that it began with. */
export type Act =
  | { readonly do: 'offer'; readonly answers: EntryId | null; readonly terms: Terms }
  | { readonly do: 'accept'; readonly offer: EntryId }
  | { readonly do: 'refuse'; readonly offer: EntryId; readonly note: string }
  | {
      readonly do: 'pay'
      readonly tally: EntryId
      readonly amount: bigint
      readonly note: string
      /** What it answers, if anything. */
      readonly request: EntryId | null
    }
  | {
      readonly do: 'request'
      readonly tally: EntryId
      readonly amount: bigint
      readonly note: string
    }
  | {
      readonly do: 'decline'
      readonly tally: EntryId
      readonly request: EntryId
      readonly note: string
    }
  /** Take back an offer or a request of one's own that waits for an answer. */
  | { readonly do: 'withdraw'; readonly entry: EntryId }
  /** Ask to close a settled tally; when both have, it is closed. */
  | { readonly do: 'close'; readonly tally: EntryId }
  /** Not to close it. */
  | { readonly do: 'keep'; readonly tally: EntryId }

export interface EntryBody {
  readonly from: PeerId
  readonly to: PeerId
  /** Counts the signer's entries for this partner, from 1. */
  readonly seq: number
  readonly previous: EntryId | null
  readonly seen: Position | null
  /** What the signer's clock said: for people to read, nothing depends on it. */
  readonly atMs: number
  readonly act: Act
}

export interface Entry extends EntryBody {
  readonly id: EntryId
}

/** Fit to be entered. Without what no name should hold: control, formatting and direction-changing characters, and spaces at the ends. */
export const cleanText = (text: string, maxLength: number): string =>
  [
    ...text
      .normalize('NFC')
      .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
      .trim(),
  ]
    .slice(0, maxLength)
    .join('')
    .trim()

/**
 * What no text in the books may hold: control, formatting and direction-changing characters, halves of characters. Never \p{C}: what
 * is unassigned in one browser's version of Unicode is a letter in another's, and what one takes all have to take.
 */
const unfit =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/u

/** So that a unit never looks like the end of the amount before it. */
export const isUnit = (text: string): boolean => text !== '' && !/^[\d.,'’+\-−]/.test(text)

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')

export async function idOf(message: Uint8Array): Promise<EntryId> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', message.slice())))
}

const version = 1

/** What is to be signed. */
export function encodeEntry({ from, to, seq, previous, seen, atMs, act }: EntryBody): Uint8Array {
  const body = { version, from, to, seq, previous, seen, atMs, act }
  const text = JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  return new TextEncoder().encode(text)
}

/** Reads what `signer` has signed for `partner`; the signature is the caller's to check. @throws Refusal `malformed`, `wrong-party`, `newer` */
export async function readEntry(
  message: Uint8Array,
  signer: PeerId,
  partner: PeerId,
): Promise<Entry> {
  const body = failAsMalformed(() => {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message)
    return bodyFrom(new Reader(JSON.parse(text)))
  })
  if (body.from !== signer || body.to !== partner) throw new Refusal('wrong-party')
  return { ...body, id: await idOf(message) }
}

function failAsMalformed<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('malformed')
  }
}

/** The fields of one object, each of which must be taken. */
class Reader {
  readonly #fields: Map<string, unknown>

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed()
    this.#fields = new Map(Object.entries(value))
  }

  take(name: string): unknown {
    if (!this.#fields.has(name)) throw malformed()
    const value = this.#fields.get(name)
    this.#fields.delete(name)
    return value
  }

  integer(name: string, min: number, max: number): number {
    const value = this.take(name)
    if (!Number.isSafeInteger(value)) throw malformed()
    if ((value as number) < min || (value as number) > max) throw malformed()
    return value as number
  }

  text(name: string, maxLength: number, minLength = 0): string {
    const value = this.take(name)
    if (typeof value !== 'string' || value.length > 2 * maxLength) throw malformed()
    const { length } = [...value]
    if (length > maxLength || length < minLength) throw malformed()
    if (unfit.test(value) || value.trim() !== value) throw malformed()
    return value
  }

  amount(name: string, min: bigint): bigint {
    return amountFrom(this.take(name), min)
  }

  id(name: string): EntryId {
    const value = this.take(name)
    if (typeof value !== 'string' || !/^[\w-]{43}$/.test(value)) throw malformed()
    return value
  }

  peer(name: string): PeerId {
    return this.id(name) as string as PeerId
  }

  nullable<T>(name: string, read: () => T): T | null {
    if (this.#fields.get(name) !== null) return read()
    this.#fields.delete(name)
    return null
  }

  end(): void {
    if (this.#fields.size > 0) throw malformed()
  }
}

const malformed = () => new Refusal('malformed')

function amountFrom(value: unknown, min: bigint): bigint {
  const amount = readDigits(value)
  if (amount === null || amount < min) throw malformed()
  return amount
}

function bodyFrom(fields: Reader): EntryBody {
  if (fields.take('version') !== version) throw malformed()
  const body = {
    from: fields.peer('from'),
    to: fields.peer('to'),
    seq: fields.integer('seq', 1, maxEntriesPerSide),
    previous: fields.nullable('previous', () => fields.id('previous')),
    seen: fields.nullable('seen', () => positionFrom(fields.take('seen'))),
    atMs: fields.integer('atMs', 0, 2 ** 48),
    act: actFrom(new Reader(fields.take('act'))),
  }
  fields.end()
  if ((body.previous === null) !== (body.seq === 1)) throw malformed()
  return body
}

/** Also for what a partner says of its books. @throws Refusal `malformed` */
export function positionFrom(value: unknown): Position {
  const fields = new Reader(value)
  const position = { seq: fields.integer('seq', 1, maxEntriesPerSide), id: fields.id('id') }
  fields.end()
  return position
}

function actFrom(fields: Reader): Act {
  const act = readAct(fields)
  fields.end()
  return act
}

function readAct(fields: Reader): Act {
  const what = fields.take('do')
  switch (what) {
    case 'offer': {
      const answers = fields.nullable('answers', () => fields.id('answers'))
      return { do: what, answers, terms: termsFrom(new Reader(fields.take('terms'))) }
    }
    case 'accept':
      return { do: what, offer: fields.id('offer') }
    case 'refuse':
      return { do: what, offer: fields.id('offer'), note: fields.text('note', maxNoteLength) }
    case 'pay':
    case 'request': {
      const common = {
        tally: fields.id('tally'),
        amount: fields.amount('amount', 1n),
        note: fields.text('note', maxNoteLength),
      }
      if (what === 'request') return { do: what, ...common }
      return {
        do: what,
        ...common,
        request: fields.nullable('request', () => fields.id('request')),
      }
    }
    case 'decline': {
      const [tally, request] = [fields.id('tally'), fields.id('request')]
      return { do: what, tally, request, note: fields.text('note', maxNoteLength) }
    }
    case 'withdraw':
      return { do: what, entry: fields.id('entry') }
    case 'close':
    case 'keep':
      return { do: what, tally: fields.id('tally') }
    default:
      throw typeof what === 'string' ? new Refusal('newer') : malformed()
  }
}

function termsFrom(fields: Reader): Terms {
  const limits = fields.take('limits')
  if (!Array.isArray(limits) || limits.length !== 2) throw malformed()
  const [first, second] = [amountFrom(limits[0], 0n), amountFrom(limits[1], 0n)]
  // Where neither may owe anything, nobody can ever pay.
  if (first + second === 0n) throw malformed()
  const terms = {
    name: fields.text('name', maxNameLength, 1),
    unit: fields.text('unit', maxUnitLength, 1),
    decimals: fields.integer('decimals', 0, maxDecimals),
    limits: [first, second] as const,
  }
  if (!isUnit(terms.unit)) throw malformed()
  fields.end()
  return terms
}
