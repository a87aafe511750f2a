/**
 * Finds secrets in whatever text or value something gave out: as they are, or in any of the forms in which bytes are printed, also as a
 * part of something larger.
 */

import { inspect } from 'node:util'
import { base32nopad } from '@scure/base'

/** So many bytes of a secret in a row are a leak. */
const window = 8
/** So many words in a row are. */
const wordWindow = 3

const alphabets = [
  { run: /[0-9a-f]{16,}/gi, decode: (text: string) => Buffer.from(text, 'hex'), group: 2 },
  { run: /[\w+/-]{11,}/g, decode: (text: string) => Buffer.from(text, 'base64'), group: 4 },
  {
    run: /[a-z2-7]{13,}/gi,
    decode: (text: string) => {
      // Whole groups of eight, so that any length can be read.
      const whole = text.slice(0, text.length - (text.length % 8)).toUpperCase()
      return Buffer.from(base32nopad.decode(whole))
    },
    group: 8,
  },
] as const

export class Canaries {
  readonly #bytes = new Map<string, string>()
  readonly #texts = new Map<string, string>()

  get size(): number {
    return this.#bytes.size + this.#texts.size
  }

  addBytes(name: string, secret: Uint8Array): void {
    this.#bytes.set(Buffer.from(secret).toString('latin1'), name)
  }

  /** A passphrase; or words, of which some in a row are a secret already. */
  addText(name: string, secret: string): void {
    const words = secret.split(' ')
    for (let at = 0; at + wordWindow <= words.length; at++) {
      this.#texts.set(words.slice(at, at + wordWindow).join(' '), name)
    }
    if (words.length < wordWindow) this.#texts.set(secret, name)
  }

  /** Names of the secrets in a text. */
  inText(text: string): string[] {
    const found = [...this.#texts]
      .filter(([secret]) => text.includes(secret))
      .map(([, name]) => name)
    for (const bytes of printedBytes(text)) found.push(...this.inBytes(bytes))
    return [...new Set(found)]
  }

  inBytes(bytes: Uint8Array): string[] {
    const text = Buffer.from(bytes).toString('latin1')
    const windows = new Set<string>()
    for (let at = 0; at + window <= text.length; at++) windows.add(text.slice(at, at + window))
    const found: string[] = []
    for (const [secret, name] of this.#bytes) {
      for (let at = 0; at + window <= secret.length; at += window) {
        if (windows.has(secret.slice(at, at + window))) found.push(name)
      }
    }
    const utf8 = Buffer.from(bytes).toString('utf8')
    return [...found, ...[...this.#texts].filter(([text]) => utf8.includes(text)).map(([, n]) => n)]
  }

  /** In what becomes of a value when it is logged, printed, serialised or thrown. */
  inValue(value: unknown): string[] {
    return [...new Set(shown(value).flatMap((text) => this.inText(text)))]
  }
}

/** Whatever an application may make of a value, or find on it. */
function shown(value: unknown, depth = 0): string[] {
  const texts = [
    inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: null, breakLength: 1e6 }),
    safely(() => String(value)),
    safely(
      () =>
        JSON.stringify(value, (_, each: unknown) =>
          typeof each === 'bigint' ? `${each}` : each,
        ) ?? '',
    ),
  ]
  if (value instanceof Error) {
    texts.push(value.message, value.stack ?? '')
    if (depth < 8) texts.push(...shown(value.cause, depth + 1))
  }
  return texts
}

/** A value that refuses to be shown shows nothing. */
function safely(show: () => string): string {
  try {
    return show()
  } catch {
    return ''
  }
}

/** All bytes that a text may spell. */
function* printedBytes(text: string): Generator<Uint8Array> {
  for (const { run, decode, group } of alphabets) {
    for (const [match] of text.matchAll(run)) {
      // What stands in front of it, such as the prefix of a ticket, shifts it.
      for (let from = 0; from < group; from++) {
        try {
          yield decode(match.slice(from).replaceAll('-', '+').replaceAll('_', '/'))
        } catch {
          // Not of this alphabet.
        }
      }
    }
  }
  // `[ 1, 2 ]`, `{"0":1,"1":2}`, `1,2`.
  const numbers = text.replace(/"\d+":/g, ' ').match(/\d+/g) ?? []
  yield Uint8Array.from(numbers, (digits) => (digits.length > 3 ? 0 : Number(digits)))
  yield Buffer.from(text, 'latin1')
}
