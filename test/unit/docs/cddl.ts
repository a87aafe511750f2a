/**
 * As much of CDDL (RFC 8610) as `docs/protocol.md` uses: rules, arrays with occurrences, choices, ranges, literals, and the
 * controls `.size`, `.cbor` and `.regexp`. Whatever else stands in a grammar is an error, not ignored.
 */

import { decode } from '../../../lib/codec/cbor.ts'

type Matcher = (value: unknown) => boolean
type Rules = Map<string, Matcher>

interface Entry {
  readonly min: number
  readonly max: number
  readonly matches: Matcher
}

const tokenPattern =
  /\s+|;[^\n]*|\.\.|\.(?:size|cbor|regexp)\b|-?\d+\*\d+|-?\d+|"[^"]*"|[A-Za-z][\w-]*|[=/()[\],:*?]/gy

const isInteger: Matcher = (value) =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))

/** What the standard calls its prelude. */
const prelude: Rules = new Map<string, Matcher>([
  ['any', () => true],
  ['uint', (value) => isInteger(value) && (value as number) >= 0],
  ['int', isInteger],
  ['float64', (value) => typeof value === 'number'],
  ['bstr', (value) => value instanceof Uint8Array],
  ['tstr', (value) => typeof value === 'string'],
  ['bool', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['null', (value) => value === null],
])

/** @throws Error where the grammar is malformed or names a rule that it does not have */
export class Cddl {
  readonly #tokens: string[]
  readonly #rules: Rules = new Map()
  readonly #named = new Set<string>()
  #position = 0

  constructor(grammar: string) {
    this.#tokens = tokenize(grammar)
    while (this.#position < this.#tokens.length) this.#rule()
    for (const name of this.#named) {
      if (!this.#rules.has(name) && !prelude.has(name)) throw new Error(`no rule ${name}`)
    }
  }

  get names(): string[] {
    return [...this.#rules.keys()]
  }

  matches(name: string, value: unknown): boolean {
    const rule = this.#rules.get(name)
    if (!rule) throw new Error(`no rule ${name}`)
    return rule(value)
  }

  #next(): string {
    const token = this.#tokens[this.#position++]
    if (token === undefined) throw new Error('the grammar ends too early')
    return token
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#position] !== token) return false
    this.#position++
    return true
  }

  #expect(token: string): void {
    const found = this.#next()
    if (found !== token) throw new Error(`${token} expected, not ${found}`)
  }

  #rule(): void {
    const name = this.#next()
    if (!/^[A-Za-z]/.test(name) || this.#rules.has(name)) throw new Error(`rule name: ${name}`)
    this.#expect('=')
    this.#rules.set(name, this.#type())
  }

  #type(): Matcher {
    const choices = [this.#choice()]
    while (this.#takes('/')) choices.push(this.#choice())
    return (value) => choices.some((matches) => matches(value))
  }

  #choice(): Matcher {
    const base = this.#plain()
    if (this.#takes('.size')) {
      const ofSize = this.#plain()
      return (value) => base(value) && ofSize(sizeOf(value))
    }
    if (this.#takes('.cbor')) {
      const inner = this.#plain()
      return (value) => base(value) && inner(decoded(value as Uint8Array))
    }
    if (this.#takes('.regexp')) {
      const pattern = new RegExp(`^(?:${JSON.parse(this.#next())})$`)
      return (value) => base(value) && pattern.test(value as string)
    }
    return base
  }

  #plain(): Matcher {
    const token = this.#next()
    if (token === '(') {
      const inner = this.#type()
      this.#expect(')')
      return inner
    }
    if (token === '[') return this.#array()
    if (token.startsWith('"')) return (value) => value === token.slice(1, -1)
    if (/^-?\d+$/.test(token)) {
      const from = Number(token)
      const to = this.#takes('..') ? Number(this.#next()) : from
      return (value) => isInteger(value) && (value as number) >= from && (value as number) <= to
    }
    if (!/^[A-Za-z]/.test(token)) throw new Error(`a type expected, not ${token}`)
    this.#named.add(token)
    return (value) => (this.#rules.get(token) ?? prelude.get(token)!)(value)
  }

  #array(): Matcher {
    const entries: Entry[] = []
    while (!this.#takes(']')) {
      entries.push(this.#entry())
      if (!this.#takes(',') && this.#tokens[this.#position] !== ']') throw new Error('no comma')
    }
    return (value) => Array.isArray(value) && isCovered(value, entries)
  }

  #entry(): Entry {
    const [, from, to] = /^(\d+)\*(\d+)$/.exec(this.#tokens[this.#position] ?? '') ?? []
    if (from !== undefined) this.#position++
    const optional = this.#takes('?')
    const many = this.#takes('*')
    // A member key of an array only names the position.
    if (this.#tokens[this.#position + 1] === ':') this.#position += 2
    const matches = this.#type()
    if (from !== undefined) return { min: Number(from), max: Number(to), matches }
    return { min: optional || many ? 0 : 1, max: many ? Infinity : 1, matches }
  }
}

/** Greedy, as in CDDL. */
function isCovered(values: unknown[], entries: Entry[]): boolean {
  let position = 0
  for (const { min, max, matches } of entries) {
    let count = 0
    while (count < max && position < values.length && matches(values[position])) {
      count++
      position++
    }
    if (count < min) return false
  }
  return position === values.length
}

const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? new TextEncoder().encode(value).length : (value as Uint8Array).length

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch {
    return Symbol('not CBOR')
  }
}

function tokenize(grammar: string): string[] {
  const tokens: string[] = []
  tokenPattern.lastIndex = 0
  while (tokenPattern.lastIndex < grammar.length) {
    const start = tokenPattern.lastIndex
    const token = tokenPattern.exec(grammar)?.[0]
    if (token === undefined) throw new Error(`not understood: ${grammar.slice(start, start + 20)}`)
    if (!/^[\s;]/.test(token)) tokens.push(token)
  }
  return tokens
}
